"""Our streams over those of iroh: a frame says what one is for, a frame answers, raw bytes follow.

Each call of the binding costs two changes of thread, so a frame goes out together with the bytes that follow
it, and whoever reads a few bytes is given them from a larger read.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from golemnet.net.control import FrameReader
from golemnet.net.errors import RemoteError, StreamBroken
from golemnet.net.frames import Accepted, Frame, Open, Refused, encode
from golemnet.net.halves import BothWays
from golemnet.net.iroh_binding import BINDING_ERRORS, reason_of
from golemnet.net.traffic import OTHER, Traffic

ABORTED = 1
MIN_READ_BYTES = 64 * 1024
MAX_READ_BYTES = 1024 * 1024
ABORT_TIMEOUT_S = 1.0


class _IrohStream:
    """What both ends share."""

    def __init__(self, stream: BothWays, traffic: Traffic) -> None:
        self._send = stream.send()
        self._receive = stream.recv()
        self._traffic = traffic
        self._kind = OTHER
        self._unsent = b""
        self._received = b""
        self._is_finished = False
        self._has_ended = False

    async def write(self, data: bytes) -> None:
        """See ``Stream``."""
        self._traffic.count_sent(self._kind, len(data), messages=0)
        await self._flush(data)

    async def finish(self) -> None:
        """See ``Stream``; a second time does nothing."""
        if self._is_finished:
            return
        self._is_finished = True
        await self._flush()
        try:
            await self._send.finish()
        except BINDING_ERRORS as error:
            raise StreamBroken("The stream broke.", why=reason_of(error)) from error

    async def abort(self) -> None:
        """See ``Stream``; does nothing to a direction that has ended by itself."""
        was_finished, self._is_finished = self._is_finished, True
        with suppress(*BINDING_ERRORS, TimeoutError):
            async with asyncio.timeout(ABORT_TIMEOUT_S):
                if not (was_finished and self._has_ended):
                    await self._send.reset(ABORTED)
                if not self._has_ended:
                    await self._receive.stop(ABORTED)

    async def read(self, max_bytes: int) -> bytes:
        """See ``Stream``."""
        await self._flush()
        if not self._received and not self._has_ended:
            self._received = await self._read(min(max(max_bytes, MIN_READ_BYTES), MAX_READ_BYTES))
        if len(self._received) <= max_bytes:
            taken, self._received = self._received, b""
        else:
            taken, self._received = self._received[:max_bytes], self._received[max_bytes:]
        return taken

    async def _read(self, max_bytes: int) -> bytes:
        try:
            data = await self._receive.read(max_bytes)
        except BINDING_ERRORS as error:
            raise StreamBroken("The stream broke.", why=reason_of(error)) from error
        self._has_ended = not data
        self._traffic.count_received(self._kind, len(data), messages=0)
        return data

    async def _flush(self, data: bytes = b"") -> None:
        unsent, self._unsent = self._unsent, b""
        if not unsent and not data:
            return
        try:
            await self._send.write_all(unsent + data if unsent else data)
        except BINDING_ERRORS as error:
            raise StreamBroken("The stream broke.", why=reason_of(error)) from error

    def _keep_rest(self, reader: FrameReader) -> None:
        self._received = reader.rest()
        self._traffic.count_received(self._kind, len(self._received), messages=0)


class OpenedStream(_IrohStream):
    """The end of the node that opened it."""

    def __init__(self, stream: BothWays, traffic: Traffic) -> None:
        super().__init__(stream, traffic)
        self._reader: FrameReader | None = FrameReader(self._receive, traffic)

    def start(self, method: str, header: bytes) -> None:
        """Say what it is for, with the first bytes that are written, or before the first are read."""
        self._kind = method
        self._unsent = encode(Open(method, header))
        self._traffic.count_sent(method, len(self._unsent))

    async def read(self, max_bytes: int) -> bytes:
        """See ``Stream``; the first time learns whether the other node accepts."""
        if self._reader is not None:
            await self._flush()
            await self._learn(self._reader)
        return await super().read(max_bytes)

    async def _learn(self, reader: FrameReader) -> None:
        frame = await _expected(reader)
        if isinstance(frame, Refused):
            raise RemoteError(frame.code, frame.message)
        if not isinstance(frame, Accepted):
            raise StreamBroken("The other side does not keep to the protocol.")
        self._keep_rest(reader)
        self._reader = None


class AcceptedStream(_IrohStream):
    """The end of the node that serves it."""

    def __init__(self, stream: BothWays, traffic: Traffic) -> None:
        super().__init__(stream, traffic)
        self._is_accepted = False

    async def purpose(self) -> Open:
        """What it is for. Raises StreamBroken."""
        reader = FrameReader(self._receive, self._traffic)
        frame = await _expected(reader)
        if not isinstance(frame, Open):
            raise StreamBroken("The other side does not keep to the protocol.")
        self._kind = frame.method
        self._keep_rest(reader)
        return frame

    async def write(self, data: bytes) -> None:
        """See ``Stream``."""
        self._accept()
        await super().write(data)

    async def finish(self) -> None:
        """See ``Stream``."""
        if not self._is_finished:
            self._accept()
        await super().finish()

    async def refuse(self, error: RemoteError) -> None:
        """Answer an error, or break the stream off if bytes were sent already. Never raises."""
        if self._is_accepted:
            return await self.abort()
        self._is_accepted = True
        with suppress(StreamBroken):
            await super().write(encode(Refused(0, error.code, error.message)))
            await super().finish()

    def _accept(self) -> None:
        if not self._is_accepted:
            self._is_accepted = True
            self._unsent = encode(Accepted())
            self._traffic.count_sent(self._kind, len(self._unsent), messages=0)


async def _expected(reader: FrameReader) -> Frame:
    try:
        return await reader.next()
    except ValueError as error:
        raise StreamBroken("The other side does not keep to the protocol.", why=str(error)) from error
