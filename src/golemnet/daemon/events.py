"""Wake-ups by key: what a long poll waits on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")


class Signal(Generic[K]):
    """Wakes those who wait for a key; a key that nobody waits for costs nothing.

    It carries no value: who is woken looks at the state again. All of it runs on the event loop; a database
    write fires it by ``after_commit``.
    """

    def __init__(self) -> None:
        self._waiting: dict[K, set[asyncio.Event]] = {}

    def fire(self, key: K) -> None:
        """Wake everybody who waits for ``key`` now."""
        for event in self._waiting.get(key, ()):
            event.set()

    async def wait(self, key: K, timeout_s: float) -> bool:
        """Wait for the next ``fire(key)``; False if ``timeout_s`` passed before it."""
        event = self._add(key)
        try:
            return await _within(event, timeout_s)
        finally:
            self._remove(key, event)

    async def poll(self, key: K, look: Callable[[], Awaitable[T]], timeout_s: float) -> T:
        """The first truthy result of ``look()``, tried now and after every ``fire(key)``.

        No wake-up is lost between a look and the wait after it. When ``timeout_s`` has passed, the last
        (falsy) result.
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        event = self._add(key)
        try:
            while True:
                event.clear()
                if found := await look():
                    return found
                if not await _within(event, deadline - asyncio.get_running_loop().time()):
                    return found
        finally:
            self._remove(key, event)

    def _add(self, key: K) -> asyncio.Event:
        event = asyncio.Event()
        self._waiting.setdefault(key, set()).add(event)
        return event

    def _remove(self, key: K, event: asyncio.Event) -> None:
        waiting = self._waiting[key]
        waiting.discard(event)
        if not waiting:
            del self._waiting[key]


async def _within(event: asyncio.Event, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(max(timeout_s, 0)):
            return await event.wait()
    except TimeoutError:
        return False
