"""Two connections made one: what comes by either goes out by the other, up to the end of both."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

BUFFER_BYTES: Final = 64 * 1024
LINGER_S: Final = 60.0
"""How long nothing may be said after one side has ended. Whether it still listens cannot be seen."""

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def join_streams(one: Stream, other: Stream) -> None:
    """Copy both ways until both sides have ended, and close them.

    Raises:
        TimeoutError: one has ended, and the other says or takes nothing.
        ExceptionGroup: of the OSErrors by which they broke.
    """
    async with asyncio.timeout(None) as limit:
        async with asyncio.TaskGroup() as group:
            group.create_task(_pass_on(one[0], other[1], limit))
            group.create_task(_pass_on(other[0], one[1], limit))
        for _, writer in (one, other):
            writer.close()
        for _, writer in (one, other):
            await writer.wait_closed()  # what is still to be written is written before


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: asyncio.Timeout
) -> None:
    """Copy to the end, and say that it is the end; never more is read than the other side takes."""
    while data := await reader.read(BUFFER_BYTES):
        if limit.when() is not None:
            _linger(limit)
        writer.write(data)
        await writer.drain()
    _linger(limit)
    with contextlib.suppress(OSError):
        writer.write_eof()


def _linger(limit: asyncio.Timeout) -> None:
    if not limit.expired():
        limit.reschedule(asyncio.get_running_loop().time() + LINGER_S)
