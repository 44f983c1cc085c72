"""Waiting for the next of many deadlines, without looking at the clock in between."""

from __future__ import annotations

import asyncio
import heapq
from datetime import datetime

from golemnet.clock import Clock

LONGEST_SLEEP_S = 3600.0


class Alarm:
    """Instants at which something is due."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._moments: list[datetime] = []
        self._known: set[datetime] = set()
        self._sooner = asyncio.Event()

    def at(self, moment: datetime) -> None:
        """Ring at ``moment`` too."""
        if moment in self._known:
            return
        self._known.add(moment)
        if not self._moments or moment < self._moments[0]:
            self._sooner.set()
        heapq.heappush(self._moments, moment)

    async def ring(self) -> datetime:
        """Wait until an instant has passed; the time it is then."""
        while True:
            self._sooner.clear()
            now = self._clock.now()
            if self._moments and self._moments[0] <= now:
                self._drop(now)
                return now
            await self._sleep(now)

    def _drop(self, now: datetime) -> None:
        while self._moments and self._moments[0] <= now:
            self._known.remove(heapq.heappop(self._moments))

    async def _sleep(self, now: datetime) -> None:
        left = (self._moments[0] - now).total_seconds() if self._moments else LONGEST_SLEEP_S
        sleeping = asyncio.ensure_future(self._clock.sleep(min(left, LONGEST_SLEEP_S)))
        changed = asyncio.ensure_future(self._sooner.wait())
        try:
            await asyncio.wait({sleeping, changed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            changed.cancel()
