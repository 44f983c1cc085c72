"""What a program and its daemon say to each other about shared files: msgpack frames on a WebSocket.

The program says which files it shares (``Bind``), the daemon asks for their content, or hands over what
arrives, while other nodes want it. When the program goes, its files are gone.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

CHUNK_BYTES = 256 * 1024
SMALL_BYTES = 64 * 1024
MAX_FRAME_BYTES = CHUNK_BYTES + 4096
READ = "read"
WRITE = "write"


class _Message(msgspec.Struct, frozen=True, array_like=True):
    """Base of all frames; ``number`` joins an answer to its question."""


class Bind(_Message, frozen=True, tag=0):
    """Program: I share this file, to be read or to be written. A small one to be read comes along."""

    number: int
    file_id: str
    mode: str
    content: bytes | None = None


class Unbind(_Message, frozen=True, tag=1):
    """Program: I share this file no longer."""

    file_id: str


class Done(_Message, frozen=True, tag=2):
    """Program: the answer to a question; a size, a chunk, or nothing."""

    number: int
    value: int | bytes | None = None


class Failed(_Message, frozen=True, tag=3):
    """Either side: that was not possible."""

    number: int
    message: str


class Welcome(_Message, frozen=True, tag=4):
    """Daemon, first of all: which node this is."""

    node_id: str


class Bound(_Message, frozen=True, tag=5):
    """Daemon: other nodes can reach the file now."""

    number: int


class AskSize(_Message, frozen=True, tag=6):
    """Daemon: how many bytes has it?"""

    number: int
    file_id: str


class AskChunk(_Message, frozen=True, tag=7):
    """Daemon: what are these bytes?"""

    number: int
    file_id: str
    offset: int
    size: int


class PutChunk(_Message, frozen=True, tag=8):
    """Daemon: these bytes arrived; chunks come in order, and offset 0 begins anew."""

    number: int
    file_id: str
    offset: int
    content: bytes


class PutEnd(_Message, frozen=True, tag=9):
    """Daemon: these bytes were the last; with them the whole has this SHA-256 (hex)."""

    number: int
    file_id: str
    offset: int
    content: bytes
    content_hash: str


Ask = AskSize | AskChunk | PutChunk | PutEnd
FromProgram = Bind | Unbind | Done | Failed
FromDaemon = Welcome | Bound | Failed | Ask

T = TypeVar("T")
_from_program = msgspec.msgpack.Decoder(FromProgram)
_from_daemon = msgspec.msgpack.Decoder(FromDaemon)
_encoder = msgspec.msgpack.Encoder()


def encode(message: FromProgram | FromDaemon) -> bytes:
    """``message`` as a frame."""
    return _encoder.encode(message)


def from_program(data: bytes) -> FromProgram:
    """Read a frame that a program sent. Raises msgspec.DecodeError."""
    return _from_program.decode(data)


def from_daemon(data: bytes) -> FromDaemon:
    """Read a frame that a daemon sent. Raises msgspec.DecodeError."""
    return _from_daemon.decode(data)
