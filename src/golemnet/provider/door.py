"""The door of a provider: open at the hours, and at the load of the machine, that its owner has chosen."""

from __future__ import annotations

import os

import structlog

from golemnet.clock import Clock
from golemnet.provider.deals import Deals
from golemnet.provider.rules import Rules

LOOK_S = 10.0

log = structlog.get_logger(__name__)


class Door:
    """Shuts and opens the market for new agreements; those in force are served to their end.

    Args:
        rules: of the owner.
        deals: what is to be shut.
        clock: time; the hours are those of the machine's own time zone.
    """

    def __init__(self, rules: Rules, deals: Deals, clock: Clock) -> None:
        self._rules = rules
        self._deals = deals
        self._clock = clock

    async def run(self) -> None:
        """Look for ever. Nothing announces that a machine is idle."""
        while True:
            self.look()
            await self._clock.sleep(LOOK_S)

    def look(self) -> None:
        """Open or shut."""
        is_open = self._rules.is_open(self._clock.now().astimezone().time(), self._load())
        if is_open == self._deals.is_shut:
            log.info("door opened" if is_open else "door shut")
            self._deals.shut(not is_open)

    def _load(self) -> float:
        """Of each processor; nothing while our own work would count."""
        return 0.0 if self._deals.count else os.getloadavg()[0] / len(os.sched_getaffinity(0))
