"""Bytes in pieces that fit a message of a WebSocket."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

WEBSOCKET_CHUNK_LIMIT = 2**16
DEFAULT_TIMEOUT = 300.0

BufferType = TypeVar("BufferType", bytes, memoryview)


def chunks(data: BufferType, chunk_limit: int) -> Generator[BufferType, None, None]:
    """``data`` in pieces of ``chunk_limit`` bytes; the last one may be shorter.

    Raises:
        ValueError: the limit is none.
    """
    if chunk_limit < 1:
        raise ValueError(f"a piece has 1 byte or more, not {chunk_limit}")
    for start in range(0, len(data), chunk_limit):
        yield data[start : start + chunk_limit]
