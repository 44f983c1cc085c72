"""What every REST schema shares: camelCase structs, JSON with exact amounts, the error body."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


class Wire(msgspec.Struct, rename="camel", omit_defaults=False, kw_only=True):
    """A body of the REST API: snake_case here, camelCase on the wire, unknown fields ignored."""


class ErrorMessage(Wire):
    """The body of every error answer."""

    message: str | None = None


def encode(value: Any) -> bytes:
    """JSON of a struct, list or plain value. Amounts (Decimal) become strings, times RFC 3339 in UTC."""
    return msgspec.json.encode(value, enc_hook=_plain)


def _plain(value: Any) -> str:
    # msgspec takes plain text only, and a node id is a text of its own type.
    if isinstance(value, str):
        return str(value)
    raise NotImplementedError(f"A {type(value).__name__} has no JSON form.")


def decode(data: bytes | str, type_: type[T]) -> T:
    """A value of ``type_`` from JSON.

    Raises:
        msgspec.ValidationError: the JSON has another shape; the text names the field.
        msgspec.DecodeError: it is not JSON.
    """
    return msgspec.json.decode(data, type=type_, strict=False)


def utc(moment: datetime) -> datetime:
    """The same instant, aware and in UTC (a time without a zone is taken as UTC)."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
