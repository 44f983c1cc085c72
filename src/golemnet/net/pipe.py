"""A stream within one process: two ends joined by bounded buffers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from golemnet.net.errors import NetError, RemoteError, StreamBroken

BUFFER_BYTES = 1024 * 1024


class _Channel:
    """Bytes in one direction."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.finished = False
        self.failure: NetError | None = None
        self.changed = asyncio.Condition()

    async def set(self, *, finished: bool = False, failure: NetError | None = None) -> None:
        async with self.changed:
            self.finished = self.finished or finished
            self.failure = self.failure or failure
            self.changed.notify_all()


class PipeEnd:
    """One end; a ``Stream``."""

    def __init__(self, incoming: _Channel, outgoing: _Channel) -> None:
        self._incoming = incoming
        self._outgoing = outgoing

    async def read(self, max_bytes: int) -> bytes:
        """See ``Stream``."""
        channel = self._incoming
        async with channel.changed:
            await channel.changed.wait_for(lambda: channel.data or channel.finished or channel.failure)
            if channel.failure:
                raise channel.failure
            taken = bytes(channel.data[:max_bytes])
            del channel.data[:max_bytes]
            channel.changed.notify_all()
            return taken

    async def write(self, data: bytes) -> None:
        """See ``Stream``."""
        channel = self._outgoing
        async with channel.changed:
            await channel.changed.wait_for(lambda: len(channel.data) < BUFFER_BYTES or channel.failure)
            if channel.failure or channel.finished:
                raise StreamBroken("The stream is closed.")
            channel.data += data
            channel.changed.notify_all()

    async def finish(self) -> None:
        """See ``Stream``."""
        await self._outgoing.set(finished=True)

    async def abort(self) -> None:
        """See ``Stream``."""
        await self.fail(StreamBroken("The other side gave the stream up."))

    async def fail(self, error: NetError) -> None:
        """Break both directions; the other end reads ``error``."""
        await self._outgoing.set(failure=error)
        if not self._incoming.finished:
            await self._incoming.set(failure=StreamBroken("The stream was given up."))


def pipe() -> tuple[PipeEnd, PipeEnd]:
    """Two ends of a new stream."""
    one, other = _Channel(), _Channel()
    return PipeEnd(one, other), PipeEnd(other, one)


async def serve_pipe(end: PipeEnd, serve: Callable[[PipeEnd], Awaitable[None]]) -> None:
    """Run ``serve`` on ``end``; a refusal reaches the other end."""
    try:
        await serve(end)
    except RemoteError as error:
        await end.fail(error)
    except asyncio.CancelledError:
        await end.abort()
        raise
