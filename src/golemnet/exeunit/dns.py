"""Answers to questions for the addresses of names (DNS, RFC 1035), as far as programs ask them. Pure."""

from __future__ import annotations

import struct
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Final

MAX_QUESTION_BYTES: Final = 512
TTL_S: Final = 60
_HEADER: Final = struct.Struct("!HHHHHH")
_IS_RESPONSE: Final = 0x8000
_OPERATION: Final = 0x7800
_RECURSION_DESIRED: Final = 0x0100
_RECURSION_AVAILABLE: Final = 0x0080
_NO_SUCH_NAME: Final = 3
_A: Final = 1
_INTERNET: Final = 1
# a name that stands before in the message: that of the question, behind the header
_SAME_NAME: Final = 0xC000 | _HEADER.size

Lookup = Callable[[str], IPv4Address | None]
"""The address of a name in lower case; None if there is no such name."""


def answer(message: bytes, lookup: Lookup) -> bytes | None:
    """The reply to a question; None to what is none. A name has an IPv4 address or nothing."""
    try:
        number, flags, questions, *_ = _HEADER.unpack_from(message)
        if len(message) > MAX_QUESTION_BYTES or flags & (_IS_RESPONSE | _OPERATION) or questions != 1:
            return None
        name, end = _name(message, _HEADER.size)
        kind, family = struct.unpack_from("!HH", message, end)
    except (struct.error, ValueError, IndexError):
        return None
    address = lookup(name)
    found = address.packed if address is not None and (kind, family) == (_A, _INTERNET) else b""
    status = _NO_SUCH_NAME if address is None else 0
    flags = _IS_RESPONSE | flags & _RECURSION_DESIRED | _RECURSION_AVAILABLE | status
    header = _HEADER.pack(number, flags, 1, 1 if found else 0, 0, 0)
    return header + message[_HEADER.size : end + 4] + (_record(found) if found else b"")


def _name(message: bytes, position: int) -> tuple[str, int]:
    """The name that is written there, and where it ends. Raises ValueError, IndexError."""
    labels: list[str] = []
    while length := message[position]:
        label = message[position + 1 : position + 1 + length]
        if length > 63 or len(label) != length:
            raise ValueError("no label")
        labels.append(label.decode("ascii").lower())
        position += 1 + length
    return ".".join(labels), position + 1


def _record(address: bytes) -> bytes:
    return struct.pack("!HHHIH", _SAME_NAME, _A, _INTERNET, TTL_S, len(address)) + address
