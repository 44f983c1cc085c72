"""The same call at several providers: what enough of them agree on is the result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from golemnet.requestor.events import Consumer, ProviderDisagreed
from golemnet.sdk.calls import Call, Outcome
from golemnet.sdk.errors import NoAgreement
from golemnet.sdk.pool import Answer, Pool


class Replicas(msgspec.Struct, frozen=True):
    """How sure a result must be.

    ``count`` providers have to agree; when they do not, up to ``more`` others are asked.
    """

    count: int
    more: int
    agree: Callable[[Any, Any], bool] | None
    emit: Consumer

    async def call(self, pool: Pool, call: Call, attempts: int) -> Outcome:
        """The outcome that ``count`` providers agree on; who disagrees gets no more work.

        Raises:
            NoAgreement: no such outcome was found.
            TaskFailed: too many providers have failed.
        """
        asked: set[str] = set()
        flying = {pool.submit(call, attempts, asked) for _ in range(self.count)}
        everybody = set(flying)
        outcomes: list[Outcome] = []
        try:
            while flying:
                done, flying = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
                outcomes += [each.result() for each in done]
                agreed = self._agreed(outcomes)
                if agreed is not None:
                    self._mark(agreed, outcomes, call, pool)
                    return agreed
                flying |= self._ask_more(len(outcomes) + len(flying), flying, pool, call, attempts, asked)
                everybody |= flying
        finally:
            for each in everybody:
                # one that has failed as well has nothing more to tell
                if not each.cancel() and not each.cancelled():
                    each.exception()
        told = ", ".join(f"{each.provider_name}: {_shown(each)}" for each in outcomes)
        raise NoAgreement(f"{len(outcomes)} providers do not agree on {call!r}.", why=f"{told}.")

    def _ask_more(
        self, asked: int, flying: set[Answer], pool: Pool, call: Call, attempts: int, barred: set[str]
    ) -> set[Answer]:
        if flying or asked >= self.count + self.more:
            return set()
        return {pool.submit(call, attempts, barred)}

    def _agreed(self, outcomes: list[Outcome]) -> Outcome | None:
        for one in outcomes:
            if sum(one is other or self._same(one, other) for other in outcomes) >= self.count:
                return one
        return None

    def _mark(self, agreed: Outcome, outcomes: list[Outcome], call: Call, pool: Pool) -> None:
        for other in outcomes:
            if not self._same(agreed, other):
                pool.banned.add(other.provider_id)
                self.emit(
                    ProviderDisagreed(
                        provider_id=other.provider_id,
                        provider_name=other.provider_name,
                        data=repr(call),
                        result=_shown(other),
                        others=_shown(agreed),
                    )
                )

    def _same(self, one: Outcome, other: Outcome) -> bool:
        if one.error is not None or other.error is not None:
            return _told(one.error) == _told(other.error)
        return bool(self.agree(one.value, other.value) if self.agree else one.value == other.value)


def _told(error: BaseException | None) -> tuple[str, str]:
    return type(error).__name__, str(error)


def _shown(outcome: Outcome) -> str:
    text = repr(outcome.value if outcome.error is None else outcome.error)
    return text if len(text) <= 60 else f"{text[:57]}..."
