"""The stream of frames between two endpoints: reading one at a time, writing many together."""

from __future__ import annotations

import asyncio

from iroh import BiStream

from golemnet.net.errors import StreamBroken
from golemnet.net.frames import AnyFrame, FrameBuffer, encode, kind_of
from golemnet.net.halves import ReceiveHalf
from golemnet.net.iroh_binding import BINDING_ERRORS, reason_of
from golemnet.net.traffic import Traffic

READ_BYTES = 256 * 1024
MAX_WAITING_BYTES = 8 * 1024 * 1024


class FrameReader:
    """Frames from a receiving stream, counted in ``traffic``."""

    def __init__(self, stream: ReceiveHalf, traffic: Traffic) -> None:
        self._stream = stream
        self._traffic = traffic
        self._buffer = FrameBuffer()

    async def next(self) -> AnyFrame:
        """The next frame.

        Raises:
            StreamBroken: the stream ended or broke.
            ValueError: the other side does not keep to the protocol.
        """
        while (frame := self._buffer.next()) is None:
            try:
                data = await self._stream.read(READ_BYTES)
            except BINDING_ERRORS as error:
                raise StreamBroken("The connection broke.", why=reason_of(error)) from error
            if not data:
                raise StreamBroken("The other side closed the connection.")
            self._buffer.feed(data)
        self._traffic.count_received(kind_of(frame), self._buffer.taken_bytes)
        return frame

    def rest(self) -> bytes:
        """What was received behind the last frame."""
        return self._buffer.rest()


class Control:
    """Both directions of the first stream of a connection, counted in ``traffic``."""

    def __init__(self, stream: BiStream, traffic: Traffic) -> None:
        self._stream = stream.send()
        self.traffic = traffic
        self.reader = FrameReader(stream.recv(), traffic)
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._is_over = False
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()

    async def send(self, frame: AnyFrame) -> None:
        """Queue ``frame``; waits while the other side reads too slowly."""
        data = encode(frame)
        while self.is_congested:
            await self._drained.wait()
        self.push(data, kind_of(frame))

    def release(self) -> None:
        """The connection is over: let go whoever waits to send."""
        self._is_over = True
        self._drained.set()

    def push(self, data: bytes, kind: str) -> None:
        """Queue an encoded frame at once, for small messages that must not wait."""
        if self._is_over:
            return
        self.traffic.count_sent(kind, len(data))
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        self._wake.set()
        if self._waiting_bytes > MAX_WAITING_BYTES and not self._is_over:
            self._drained.clear()

    @property
    def is_congested(self) -> bool:
        """Whether the other side has stopped reading for now."""
        return not self._drained.is_set()

    async def write_queued(self) -> None:
        """Write what is queued, until cancelled. Raises StreamBroken."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            await self._write(data)
            self._drained.set()

    async def _write(self, data: bytes) -> None:
        try:
            await self._stream.write_all(data)
        except BINDING_ERRORS as error:
            raise StreamBroken("The connection broke.", why=reason_of(error)) from error
