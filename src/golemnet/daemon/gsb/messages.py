"""What nodes say to each other about files: a header each way, then raw bytes.

``gsb.file.read``: header ``ReadFile``; the answer is the size (8 bytes, big-endian) and the content from the
offset on, as much as is wanted. ``gsb.file.write``: header ``WriteFile``; the content follows in pieces, each
with its length (4 bytes), a piece of length 0, and the SHA-256 of the whole, so that a sender that gave up is
told from one that finished. The answer is the empty end of the stream, or the refusal.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from golemnet.gftp.messages import CHUNK_BYTES
from golemnet.net.errors import RemoteError, StreamBroken
from golemnet.net.network import Stream

READ = "gsb.file.read"
WRITE = "gsb.file.write"
SIZE_BYTES = 8
LENGTH_BYTES = 4
HASH_BYTES = 32

T = TypeVar("T")


class ReadFile(msgspec.Struct, frozen=True):
    """Which file, from where on, and how much of it at most."""

    file_id: str
    offset: int = 0
    at_most: int | None = None


class WriteFile(msgspec.Struct, frozen=True):
    """To which place."""

    file_id: str


def encode(header: ReadFile | WriteFile) -> bytes:
    """A header as bytes."""
    return msgspec.msgpack.encode(header)


def decode(data: bytes, type_: type[T]) -> T:
    """The header in ``data``. Raises RemoteError."""
    try:
        return msgspec.msgpack.decode(data, type=type_)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RemoteError("bad-request", "The header cannot be read.") from error


class PieceReader:
    """The pieces of a ``gsb.file.write`` stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def next(self) -> bytes:
        """The next piece; ``b""`` after the last. Raises StreamBroken, RemoteError."""
        size = int.from_bytes(await exactly(self._stream, LENGTH_BYTES), "big")
        if size > CHUNK_BYTES:
            raise RemoteError("too-large", f"A piece has at most {CHUNK_BYTES} bytes.")
        return await exactly(self._stream, size)

    async def content_hash(self) -> str:
        """What the sender says the whole is, hex; comes after the last piece."""
        return (await exactly(self._stream, HASH_BYTES)).hex()


def piece(content: bytes) -> bytes:
    """``content`` with its length."""
    return len(content).to_bytes(LENGTH_BYTES, "big") + content


async def exactly(stream: Stream, size: int) -> bytes:
    """The next ``size`` bytes. Raises StreamBroken when the stream ends before."""
    data = bytearray()
    while len(data) < size:
        more = await stream.read(size - len(data))
        if not more:
            raise StreamBroken("The stream ended too early.")
        data += more
    return bytes(data)
