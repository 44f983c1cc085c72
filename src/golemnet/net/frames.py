"""The messages between two endpoints, and their framing. Pure.

A frame is its length (4 bytes, big-endian) and the msgpack of one of the structs below. The first stream of
a connection, opened by the dialler, carries frames both ways, starting with a ``Hello`` each. Every further
stream starts with an ``Open`` from its opener and an ``Accepted`` or a ``Refused`` from the other side; raw
bytes follow.
"""

from __future__ import annotations

import msgspec

from golemnet.model.documents import Signed
from golemnet.net.network import MAX_BODY_BYTES

LENGTH_BYTES = 4
MAX_FRAME_BYTES = MAX_BODY_BYTES + 4096
MAX_RECORDS_OF_FRAME = 200


class Frame(msgspec.Struct, frozen=True, array_like=True, tag_field="kind"):
    """Base of all messages."""


class Hello(Frame, frozen=True, tag=0):
    """Who is there: its node record, and a random mark of this run of it.

    ``seen_at`` is the address by which the other side has come, as far as it can be seen; ``relays`` are URLs
    of relays that nodes may use who join by this one.
    """

    record: Signed
    instance: bytes
    seen_at: str = ""
    relays: list[str] = []


class Call(Frame, frozen=True, tag=1):
    """A request; ``number`` is the sender's, to match the answer."""

    number: int
    method: str
    body: bytes
    timeout_s: float


class Answer(Frame, frozen=True, tag=2):
    """The answer to the call ``number``."""

    number: int
    body: bytes


class Refused(Frame, frozen=True, tag=3):
    """The error that answers the call ``number``, or a stream (0)."""

    number: int
    code: str
    message: str


class Records(Frame, frozen=True, tag=4):
    """Node records that the receiver may not know."""

    records: list[Signed]


class Ping(Frame, frozen=True, tag=5):
    """Are you there?"""


class Pong(Frame, frozen=True, tag=6):
    """Yes."""


class Open(Frame, frozen=True, tag=7):
    """What a stream is for."""

    method: str
    header: bytes


class Accepted(Frame, frozen=True, tag=8):
    """The stream's handler has begun to answer; its bytes follow."""


AnyFrame = Hello | Call | Answer | Refused | Records | Ping | Pong | Open | Accepted


def kind_of(frame: AnyFrame) -> str:
    """The name under which a frame is counted: the method of a call or stream, else what it is."""
    return frame.method if isinstance(frame, Call | Open) else type(frame).__name__.lower()


_decoder = msgspec.msgpack.Decoder(AnyFrame)
_encoder = msgspec.msgpack.Encoder()


def encode(frame: Frame) -> bytes:
    """``frame`` with its length. Raises ValueError above ``MAX_FRAME_BYTES``."""
    body = _encoder.encode(frame)
    if len(body) > MAX_FRAME_BYTES:
        raise ValueError(f"a frame has {len(body)} bytes; {MAX_FRAME_BYTES} are allowed")
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


class FrameBuffer:
    """Bytes in as they arrive, frames out; ``taken_bytes`` is the size of the last one."""

    def __init__(self) -> None:
        self._data = bytearray()
        self.taken_bytes = 0

    def feed(self, data: bytes) -> None:
        """More bytes from the other side."""
        self._data += data

    def next(self) -> AnyFrame | None:
        """The next complete frame; None if more bytes are needed.

        Raises:
            ValueError: the bytes are no frame, or a frame above the bound is announced.
        """
        if len(self._data) < LENGTH_BYTES:
            return None
        size = int.from_bytes(self._data[:LENGTH_BYTES], "big")
        if size > MAX_FRAME_BYTES:
            raise ValueError(f"a frame of {size} bytes is announced; {MAX_FRAME_BYTES} are allowed")
        if len(self._data) < LENGTH_BYTES + size:
            return None
        body = bytes(memoryview(self._data)[LENGTH_BYTES : LENGTH_BYTES + size])
        self.taken_bytes = LENGTH_BYTES + size
        del self._data[: self.taken_bytes]
        return _decoded(body)

    def rest(self) -> bytes:
        """What follows the frames taken so far."""
        rest = bytes(self._data)
        self._data.clear()
        return rest


def _decoded(body: bytes) -> AnyFrame:
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not a frame: {error}") from error
