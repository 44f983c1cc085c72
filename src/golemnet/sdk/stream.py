"""A stream of calls: as many on their way as are allowed, handed out in order or as they are done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def items_of(source: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    """What a plain or an asynchronous iterable yields. The loop gets its turn between plain ones."""
    if isinstance(source, AsyncIterable):
        async for item in source:
            yield item
        return
    for number, item in enumerate(source):
        if number % 100 == 99:
            await asyncio.sleep(0)
        yield item


class Stream:
    """Starts calls as long as fewer than ``window`` of them are not handed out yet.

    Args:
        source: read no further than the window reaches.
        start: makes a future of an item.
        window: how many at most are between the source and the user; memory is bounded by it.
        ordered: hand out in the order of the source; else as they are done.
    """

    def __init__(
        self,
        source: Iterable[Any] | AsyncIterable[Any],
        start: Callable[[Any], asyncio.Future[Any]],
        window: int,
        ordered: bool,
    ) -> None:
        self._source = source
        self._start = start
        self._ordered = ordered
        self._room = asyncio.Semaphore(window)
        self._flying: set[asyncio.Future[Any]] = set()
        self._landed: asyncio.Queue[asyncio.Future[Any] | None] = asyncio.Queue()
        self._is_read = False

    async def results(self) -> AsyncGenerator[asyncio.Future[Any], None]:
        """The futures, done. What is not handed out when this is closed is cancelled."""
        reading = asyncio.create_task(self._read())
        try:
            while (future := await self._next(reading)) is not None:
                self._room.release()
                yield future
        finally:
            reading.cancel()
            for future in self._flying:
                future.cancel()
            await asyncio.wait({reading})

    async def _read(self) -> None:
        try:
            async for item in items_of(self._source):
                await self._room.acquire()
                future = self._start(item)
                self._flying.add(future)
                if self._ordered:
                    self._landed.put_nowait(future)
                else:
                    future.add_done_callback(self._landed.put_nowait)
        finally:
            self._landed.put_nowait(None)

    async def _next(self, reading: asyncio.Task[None]) -> asyncio.Future[Any] | None:
        while self._flying or not self._is_read:
            future = await self._landed.get()
            if future is None:
                self._is_read = True
                continue
            if self._ordered:
                await asyncio.wait({future})
            self._flying.discard(future)
            return future
        await reading  # what the source has raised comes after the results of what it gave
        return None
