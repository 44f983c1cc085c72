"""What every REST schema shares: camelCase structs, JSON with exact amounts, the error body."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from golemnet.model.money import format_amount

T = TypeVar("T")


class Wire(msgspec.Struct, rename="camel", omit_defaults=False, kw_only=True):
    """A body of the REST API: snake_case here, camelCase on the wire, unknown fields ignored."""


class Amount(Decimal):
    """An amount that is written without an exponent: ``0.00000065``, where a Decimal says ``6.5E-7``."""


class MoneyWire(Wire):
    """A body with amounts; every Decimal in it becomes an :class:`Amount`."""

    def __post_init__(self) -> None:
        # msgspec writes a Decimal itself, a small one with an exponent; only for a subclass does it ask us.
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if type(value) is Decimal:
                setattr(self, name, Amount(value))


class ErrorMessage(Wire):
    """The body of every error answer."""

    message: str | None = None


def encode(value: Any) -> bytes:
    """JSON of a struct, list or plain value. Amounts become plain strings, times RFC 3339 in UTC."""
    return msgspec.json.encode(value, enc_hook=_plain)


def _plain(value: Any) -> str:
    if isinstance(value, Amount):
        return format_amount(value)
    # msgspec takes plain text only, and a node id is a text of its own type.
    if isinstance(value, str):
        return str(value)
    raise NotImplementedError(f"A {type(value).__name__} has no JSON form.")


def decode(data: bytes | str, type_: type[T]) -> T:
    """A value of ``type_`` from JSON.

    Raises:
        msgspec.ValidationError: the JSON has another shape; the text names the field.
        msgspec.DecodeError: it is not JSON, or it is nested too deeply.
    """
    try:
        return msgspec.json.decode(data, type=type_, strict=False)
    except RecursionError as error:
        raise msgspec.DecodeError("The JSON is nested too deeply.") from error


def utc(moment: datetime) -> datetime:
    """The same instant, aware and in UTC (a time without a zone is taken as UTC).

    Raises:
        ValueError: it is before the year 1 or after 9999 there.
    """
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{moment.isoformat()} is outside the years 1 to 9999 in UTC.") from error
