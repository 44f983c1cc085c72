"""Content on its way: cut into chunks, read ahead, checked against its hash. No network, no disk."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from golemnet.daemon.gsb.sharing import GONE, Source
from golemnet.gftp.content_names import hash_for, is_named
from golemnet.gftp.messages import CHUNK_BYTES
from golemnet.net.errors import RemoteError


async def read_ahead(source: Source, offset: int, size: int) -> AsyncIterator[bytes]:
    """The bytes of ``source`` from ``offset`` up to ``size``, with a few chunks asked for in advance.

    Raises:
        RemoteError: the program cannot answer, or the file has become shorter.
    """
    waiting: deque[asyncio.Task[bytes]] = deque()
    starts = iter(range(offset, size, CHUNK_BYTES))
    try:
        while True:
            while len(waiting) < source.ahead and (start := next(starts, None)) is not None:
                waiting.append(asyncio.create_task(_whole(source, start, min(CHUNK_BYTES, size - start))))
            if not waiting:
                return
            yield await waiting.popleft()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def _whole(source: Source, offset: int, size: int) -> bytes:
    content = await source.chunk(offset, size)
    while len(content) < size:
        more = await source.chunk(offset + len(content), size - len(content))
        if not more:
            raise RemoteError(GONE, "The file became shorter while it was read.")
        content += more
    return content


async def verified(content: AsyncIterator[bytes], name: str) -> AsyncIterator[bytes]:
    """``content``, whose last chunk comes only if the whole is what its name says (``content_names``).

    Raises:
        RemoteError: it has not.
    """
    found = hash_for(name)
    held: bytes | None = None
    async for chunk in content:
        found.update(chunk)
        if held is not None:
            yield held
        held = chunk
    if not is_named(found, name):
        raise RemoteError(GONE, "The content is not what its address promises.")
    if held is not None:
        yield held
