"""Between a loop's streams and code that blocks: a pipe of the kernel, closed by whoever has enough."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import BinaryIO

Content = AsyncIterator[bytes]
CHUNK_BYTES = 256 * 1024


async def consume(content: Content, work: Callable[[BinaryIO], None]) -> None:
    """Run ``work`` in a thread on the bytes of ``content``; what either raises is raised."""
    read, write = os.pipe()
    working = asyncio.create_task(asyncio.to_thread(_with_file, read, "rb", work))
    try:
        await _feed(content, write, working)
    finally:
        os.close(write)
        await asyncio.wait({working})
        failure = working.exception()
    if failure is not None:
        raise failure


async def _feed(content: Content, write: int, working: asyncio.Task[None]) -> None:
    """What is behind the end of the work is read, too: it may have to be checked."""
    async for chunk in content:
        view = memoryview(chunk)
        while view and not working.done():
            try:
                view = view[await asyncio.to_thread(os.write, write, view) :]
            except BrokenPipeError:
                break  # the work says why
        if working.done() and working.exception() is not None:
            return


async def produce(work: Callable[[BinaryIO], None]) -> AsyncGenerator[bytes, None]:
    """What ``work`` writes in a thread; what it raises is raised at the end."""
    read, write = os.pipe()
    working = asyncio.create_task(asyncio.to_thread(_with_file, write, "wb", work))
    try:
        while chunk := await asyncio.to_thread(os.read, read, CHUNK_BYTES):
            yield chunk
    finally:
        os.close(read)
        await asyncio.wait({working})
        failure = working.exception()
    if failure is not None:
        raise failure


def _with_file(descriptor: int, mode: str, work: Callable[[BinaryIO], None]) -> None:
    with os.fdopen(descriptor, mode) as file:
        work(file)  # type: ignore[arg-type]
