"""What the daemon must still be told: results until the end, events while they fit.

A result is sent again after each reconnection, because nothing tells whether the daemon had stored
it when the connection broke; it takes a repeated one as the same. Events are sent once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from golemnet.rest.exeunit import Event, FromUnit, Result, Usage

MAX_WAITING_EVENTS: Final = 2000
MAX_KEPT_RESULTS: Final = 4000


class Journal:
    """Frames in the order in which they came up. One reader."""

    def __init__(self) -> None:
        self._waiting: deque[FromUnit] = deque()
        self._events_waiting = 0
        self._sent_results: deque[Result] = deque(maxlen=MAX_KEPT_RESULTS)
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, frame: FromUnit) -> None:
        """Add a frame; an event that finds too many others waiting is dropped, old usage is replaced."""
        if isinstance(frame, Usage) and self._waiting and isinstance(self._waiting[-1], Usage):
            self._waiting[-1] = frame
            return
        if isinstance(frame, Event):
            if self._events_waiting >= MAX_WAITING_EVENTS:
                return
            self._events_waiting += 1
        self._waiting.append(frame)
        self._news.set()
        self._idle.clear()

    def rewind(self) -> None:
        """A new connection: every result goes again, before what has not been sent."""
        self._waiting.extendleft(reversed(self._sent_results))
        self._sent_results.clear()
        if self._waiting:
            self._news.set()
            self._idle.clear()

    async def next(self) -> FromUnit:
        """The next frame to send, which stays until ``sent`` is called."""
        while not self._waiting:
            self._news.clear()
            self._idle.set()
            await self._news.wait()
        return self._waiting[0]

    def sent(self) -> None:
        """The frame that ``next`` gave is on its way."""
        frame = self._waiting.popleft()
        if isinstance(frame, Event):
            self._events_waiting -= 1
        if isinstance(frame, Result):
            self._sent_results.append(frame)

    async def wait_until_sent(self) -> None:
        """Return when nothing waits."""
        await self._idle.wait()
