"""Comparison of a property with the literal of a constraint, by the type of the property.

Three answers: True, False, and None where the property cannot be seen as what the constraint asks for (a
decimal, a version, a time). A literal that cannot be read as the property's type makes the answer False. The
rules are those of the Golem market's resolver.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from golemnet.model.properties import Scalar, Value

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_VERSION = re.compile(
    r"v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_MAX_DIGITS = 100


def compare(value: Value, symbol: str, literal: str, suffix: str) -> bool | None:
    """Whether ``value symbol literal`` holds.

    Args:
        value: of the property.
        symbol: one of ``OPERATORS``.
        literal: the text of the constraint.
        suffix: ``t``, ``v``, ``d`` where the constraint asks for a time, a version, a decimal; else empty.
    """
    if isinstance(value, list):
        return _compare_list(value, symbol, literal, suffix)
    if suffix:
        return _compare_as(value, symbol, literal, suffix)
    return _compare_scalar(value, symbol, literal)


def _compare_scalar(value: Scalar, symbol: str, literal: str) -> bool:
    # A bool is an int to Python, but not to the market.
    if isinstance(value, bool):
        return symbol == "=" and literal.strip() == ("true" if value else "false")
    if isinstance(value, str):
        return _compare_text(value, symbol, literal)
    number = read_number(literal)
    return number is not None and OPERATORS[symbol](float(value), number)


def _compare_text(value: str, symbol: str, literal: str) -> bool:
    if symbol == "=" and "*" in literal:
        return _fits_wildcard(value, literal)
    return OPERATORS[symbol](value, literal)


def _fits_wildcard(value: str, pattern: str) -> bool:
    """Whether ``*`` in ``pattern`` can stand for something in each place so that it becomes ``value``."""
    first, *middle, last = pattern.split("*")
    if len(value) < len(first) + len(last) or not value.startswith(first) or not value.endswith(last):
        return False
    position, end = len(first), len(value) - len(last)
    for part in middle:
        found = value.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def _compare_list(values: list[Scalar], symbol: str, literal: str, suffix: str) -> bool | None:
    if symbol != "=":
        return False
    text = literal.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return any(compare(value, "=", literal, suffix) is True for value in values)
    wanted = [item.strip() for item in text[1:-1].split(",")] if text[1:-1].strip() else []
    if len(wanted) != len(values):
        return False
    has_all = all(any(compare(value, "=", item, suffix) is True for value in values) for item in wanted)
    return has_all and all(
        any(compare(value, "=", item, suffix) is True for item in wanted) for value in values
    )


def _compare_as(value: Scalar, symbol: str, literal: str, suffix: str) -> bool | None:
    read = _READERS[suffix]
    left = None if isinstance(value, bool) else read(str(value))
    if left is None:
        return None
    right = read(literal.strip())
    return right is not None and OPERATORS[symbol](left, right)


@lru_cache(4096)
def read_number(text: str) -> float | None:
    """The number that ``text`` writes, as a double; None if it is none."""
    stripped = text.strip()
    if len(stripped) > _MAX_DIGITS or not _NUMBER.fullmatch(stripped):
        return None
    number = float(stripped)
    return number if math.isfinite(number) else None


def _read_decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text) if len(text) <= _MAX_DIGITS else Decimal("NaN")
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _read_time(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


Version = tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]


def _read_version(text: str) -> Version | None:
    """A semantic version in a form whose order is the order of versions."""
    found = _VERSION.fullmatch(text)
    if found is None:
        return None
    major, minor, patch, label = found.groups()
    numbers = (int(major), int(minor or 0), int(patch or 0))
    # A version without a label comes after all with one; numeric parts of a label before textual ones.
    parts = label.split(".") if label else []
    return numbers, label is None, tuple(_label_part(part) for part in parts)


def _label_part(part: str) -> tuple[bool, int, str]:
    is_number = part.isdecimal() and len(part) <= _MAX_DIGITS
    return (False, int(part), "") if is_number else (True, 0, part)


_READERS: dict[str, Callable[[str], Any]] = {"t": _read_time, "v": _read_version, "d": _read_decimal}
