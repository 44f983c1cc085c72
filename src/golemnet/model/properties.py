"""Properties of demands and offers: nested JSON as programs write it, flat names as the market uses them.

``{"golem": {"inf": {"mem": {"gib": 1.5}}}}`` and ``{"golem.inf.mem.gib": 1.5}`` mean the same, and may be
mixed. A name that has a value and is a prefix of others carries its value under ``@tag`` in nested form. The
form is that of the Golem standards; what has no value there (``null``, an object inside a list) is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, cast

import msgspec

MAX_BYTES = 64 * 1024
MAX_DEPTH = 16
MAX_KEYS = 1000
MAX_INTEGER = 2**63
TAG = "@tag"

Scalar: TypeAlias = str | int | float | bool
Value: TypeAlias = Scalar | list[Scalar]


def flatten(properties: Mapping[str, Any]) -> dict[str, Value]:
    """Properties by their full names, in the order in which they were written.

    Args:
        properties: nested, flat or mixed. A later value for the same name replaces an earlier one.

    Raises:
        ValueError: a name is not text, a number is out of range, or there are more than 1000 names, 16
            levels or 64 KiB.
    """
    flat: dict[str, Value] = {}
    for name, value in _leaves("", properties, MAX_DEPTH):
        flat[name] = value
        if len(flat) > MAX_KEYS:
            raise ValueError(f"more than {MAX_KEYS} properties")
    size = len(msgspec.json.encode(flat))
    if size > MAX_BYTES:
        raise ValueError(f"the properties have {size} bytes; {MAX_BYTES} are allowed")
    return flat


def _leaves(prefix: str, properties: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Value]]:
    if depth == 0:
        raise ValueError(f"properties are nested deeper than {MAX_DEPTH} levels")
    for key, value in properties.items():
        name = _joined(prefix, key)
        if isinstance(value, Mapping):
            yield from _leaves(name, cast(Mapping[str, Any], value), depth - 1)
        elif (checked := _checked(name, value)) is not None:
            yield name, checked


def _joined(prefix: str, key: Any) -> str:
    if not isinstance(key, str):
        raise ValueError(f"the name of a property is text, not {key!r:.50}")
    if key == TAG and prefix:
        return prefix
    return f"{prefix}.{key}" if prefix else key


def _checked(name: str, value: Any) -> Value | None:
    """The value if it is one that the market knows, None if it is to be left out."""
    if isinstance(value, list):
        items = cast(list[Any], value)
        scalars = [item for item in items if _is_scalar(name, item)]
        return scalars if len(scalars) == len(items) else None
    return value if _is_scalar(name, value) else None


def _is_scalar(name: str, value: Any) -> bool:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} is not a finite number")
    if isinstance(value, int) and abs(value) >= MAX_INTEGER:
        raise ValueError(f"{name} is too large a number")
    return isinstance(value, (str, int, float))


def expand(flat: Mapping[str, Value]) -> dict[str, Any]:
    """The nested form of flat properties; the inverse of :func:`flatten`."""
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        *parents, last = name.split(".")
        branch = nested
        for parent in parents:
            branch = _branch(branch, parent)
        _put(branch, last, value)
    return nested


def _branch(nested: dict[str, Any], key: str) -> dict[str, Any]:
    """The object under ``key``; a value that stands there moves under ``@tag``."""
    there = nested.get(key)
    if not isinstance(there, dict):
        nested[key] = {} if there is None else {TAG: there}
    return nested[key]


def _put(nested: dict[str, Any], key: str, value: Value) -> None:
    there = nested.get(key)
    if isinstance(there, dict):
        there[TAG] = value
    else:
        nested[key] = value
