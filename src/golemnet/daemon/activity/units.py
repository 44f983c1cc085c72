"""The connections to the ExeUnits of this node's activities."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from golemnet.rest.exeunit import ExecBatch, ToUnit

Send = Callable[[ToUnit], Awaitable[None]]


class UnitLink:
    """One connection. Batches go out in their order, and none before the unit has said what it knows."""

    def __init__(self, send: Send, close: Callable[[], Awaitable[None]]) -> None:
        self._send = send
        self.close = close
        self._greeted = False
        self._order = asyncio.Lock()

    async def greet(self, pending: Callable[[], Awaitable[Iterable[ExecBatch]]]) -> None:
        """Send what is ``pending``; from now on new batches go out at once."""
        async with self._order:
            self._greeted = True
            for batch in await pending():
                await self._send(batch)

    async def send(self, frame: ToUnit) -> None:
        """Send a frame after those that are under way; before the greeting, it waits in the database."""
        async with self._order:
            if self._greeted:
                await self._send(frame)


class Units:
    """The connection of each activity whose ExeUnit is connected."""

    def __init__(self) -> None:
        self._links: dict[str, UnitLink] = {}

    def attach(self, activity_id: str, link: UnitLink) -> UnitLink | None:
        """Take ``link`` for the activity's; the one that it replaces, which the caller closes."""
        previous = self._links.get(activity_id)
        self._links[activity_id] = link
        return previous

    def detach(self, activity_id: str, link: UnitLink) -> bool:
        """Forget ``link``; False if another one has taken its place."""
        if self._links.get(activity_id) is not link:
            return False
        del self._links[activity_id]
        return True

    def is_connected(self, activity_id: str) -> bool:
        """Whether the activity's ExeUnit is connected."""
        return activity_id in self._links

    async def send(self, activity_id: str, frame: ToUnit) -> None:
        """Send to the activity's ExeUnit if it is connected; a broken connection will be replaced."""
        link = self._links.get(activity_id)
        if link is None:
            return
        try:
            await link.send(frame)
        except (ConnectionError, RuntimeError):
            # The reader of the same connection sees its end and deals with it.
            return
