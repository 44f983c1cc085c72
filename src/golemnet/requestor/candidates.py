"""Providers that would sign an agreement, the best first."""

from __future__ import annotations

import asyncio
import itertools
from bisect import insort
from collections.abc import Callable, Collection

import msgspec

from golemnet.model.pricing import LinearPricing

MAX_KEPT = 1000


class Candidate(msgspec.Struct, frozen=True):
    """A provider that would sign: the last word is its own proposal."""

    proposal_id: str
    provider_id: str
    provider_name: str
    pricing: LinearPricing
    threads: float


class Candidates:
    """Those that wait for an agreement. More than ``MAX_KEPT`` are not kept."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Candidate]] = []
        self._numbers = itertools.count()
        self._more = asyncio.Event()

    def add(self, score: float, candidate: Candidate) -> None:
        """A provider would sign; the highest ``score`` is the best."""
        if len(self._waiting) < MAX_KEPT:
            insort(self._waiting, (-score, next(self._numbers), candidate))
            self._more.set()

    def waiting(self) -> list[Candidate]:
        """Who waits, the best first."""
        return [candidate for _, _, candidate in self._waiting]

    def has_other_than(self, provider_ids: Collection[str]) -> bool:
        """Whether one waits that is none of these."""
        return any(candidate.provider_id not in provider_ids for _, _, candidate in self._waiting)

    async def take(
        self, suits: Callable[[str], bool], allows: Callable[[str], bool] = lambda provider_id: True
    ) -> Candidate:
        """The best whose provider id ``suits``, else the best that is allowed; waits for one."""
        while (chosen := self._best(suits, allows)) is None:
            self._more.clear()
            await self._more.wait()
        self._waiting.remove(chosen)
        return chosen[2]

    def _best(
        self, suits: Callable[[str], bool], allows: Callable[[str], bool]
    ) -> tuple[float, int, Candidate] | None:
        allowed = [each for each in self._waiting if allows(each[2].provider_id)]
        return next((each for each in allowed if suits(each[2].provider_id)), next(iter(allowed), None))
