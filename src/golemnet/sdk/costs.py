"""What a job may cost, and what it has cost: by provider and by task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import ROUND_UP, Decimal
from statistics import median

import msgspec

from golemnet.requestor.candidates import Candidate
from golemnet.requestor.strategies import price_per_hour
from golemnet.sdk.calls import Call, Outcome
from golemnet.sdk.providers import Provider

HOUR_S = 3600
MAX_SPEED = 10.0
GUESSED_TO = Decimal("1e-9")


class Estimate(msgspec.Struct, frozen=True):
    """What a job may cost: prices in GLM an hour, costs in GLM, ``seconds`` from its start to its end.

    ``providers`` would work for it now; ``cost`` is expected, at ``most`` if the dearest do all of it.
    """

    providers: int
    cheapest_per_hour: Decimal
    median_per_hour: Decimal
    cost: Decimal
    most: Decimal
    seconds: float


def estimate(candidates: Sequence[Candidate], tasks: int, seconds: float, workers: int) -> Estimate | None:
    """What ``tasks`` of ``seconds`` each may cost, the cheapest ``workers`` first; None if nobody offers."""
    prices = sorted(price_per_hour(each.pricing, each.threads) for each in candidates)
    if not prices:
        return None
    used = prices[: min(workers, tasks)]
    hours = Decimal(tasks) * Decimal(str(seconds)) / HOUR_S
    begun = sum((each.pricing.fixed for each in candidates[: len(used)]), Decimal(0))
    return Estimate(
        providers=len(prices),
        cheapest_per_hour=_rounded(prices[0]),
        median_per_hour=_rounded(median(prices)),
        cost=_rounded(sum(used, Decimal(0)) / len(used) * hours + begun),
        most=_rounded(prices[-1] * hours + begun),
        seconds=round(-(-tasks // len(used)) * seconds, 3),
    )


def _rounded(amount: Decimal) -> Decimal:
    """An amount that is a guess anyway, to nine digits after the point, and up."""
    return amount.quantize(GUESSED_TO, rounding=ROUND_UP)


class ProviderLine(msgspec.Struct):
    """What a provider has done, and for how much in GLM."""

    provider_id: str
    provider: str
    tasks: int = 0
    failed: int = 0
    seconds: float = 0.0
    cost: Decimal = Decimal(0)


class TaskLine(msgspec.Struct):
    """What was done of one function or command; ``cost`` is its share of what its providers cost."""

    task: str
    count: int = 0
    errors: int = 0
    seconds: float = 0.0
    cost: Decimal = Decimal(0)


class CostReport(msgspec.Struct, frozen=True):
    """What everything has cost; ``spent`` in GLM is what was accepted, and will be paid."""

    spent: Decimal
    providers: Sequence[ProviderLine]
    tasks: Sequence[TaskLine]


class Book:
    """Counts what is done where."""

    def __init__(self) -> None:
        self._providers: dict[str, ProviderLine] = {}
        self._seconds: dict[tuple[str, str], float] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._disputes: Counter[str] = Counter()
        self._tasks: dict[str, TaskLine] = {}

    def note(self, call: Call, outcome: Outcome) -> None:
        """A call was done."""
        at = self._at(outcome.provider_id, outcome.provider_name)
        of = self._tasks.setdefault(call.kind.name, TaskLine(call.kind.name))
        at.tasks += 1
        of.count += 1
        of.errors += outcome.error is not None
        at.seconds += outcome.seconds
        of.seconds += outcome.seconds
        key = (outcome.provider_id, call.kind.name)
        self._seconds[key] = self._seconds.get(key, 0.0) + outcome.seconds
        self._counts[key] += 1

    def note_failure(self, provider_id: str, provider_name: str) -> None:
        """A provider has failed a call."""
        self._at(provider_id, provider_name).failed += 1

    def note_dispute(self, provider_id: str, provider_name: str) -> None:
        """A provider has another result than others."""
        self._at(provider_id, provider_name)
        self._disputes[provider_id] += 1

    def seen(self) -> dict[str, Provider]:
        """What there is to be learnt of the providers, after the report."""
        return {
            key: Provider(
                key,
                name=line.provider,
                done=line.tasks,
                failed=line.failed,
                disputes=self._disputes[key],
                seconds=line.seconds,
                spent=Decimal(line.cost),
                speed=self._speed(key),
            )
            for key, line in self._providers.items()
        }

    def _speed(self, provider_id: str) -> float:
        """How much quicker than usual it was, over all that others have done as well."""
        paces = [
            median(self._paces(kind).values()) / own
            for kind in self._tasks
            if (own := self._paces(kind).get(provider_id, 0.0)) > 0
        ]
        return min(max(sum(paces) / len(paces), 1 / MAX_SPEED), MAX_SPEED) if paces else 1.0

    def _paces(self, kind: str) -> dict[str, float]:
        """What a call of a kind takes at each provider, in seconds."""
        return {
            provider: seconds / self._counts[provider, each]
            for (provider, each), seconds in self._seconds.items()
            if each == kind
        }

    def report(self, costs: Mapping[str, tuple[str, Decimal]], spent: Decimal) -> CostReport:
        """What it has cost.

        Args:
            costs: by provider's id, its name and what was accepted.
            spent: the sum.
        """
        for provider_id, (name, cost) in costs.items():
            self._at(provider_id, name).cost = cost
        for line in self._tasks.values():
            line.cost = sum((self._share(each, line.task) for each in self._providers.values()), Decimal(0))
        return CostReport(spent, list(self._providers.values()), list(self._tasks.values()))

    def _at(self, provider_id: str, name: str) -> ProviderLine:
        return self._providers.setdefault(provider_id, ProviderLine(provider_id, name))

    def _share(self, provider: ProviderLine, task: str) -> Decimal:
        seconds = self._seconds.get((provider.provider_id, task), 0.0)
        if not seconds or not provider.seconds:
            return Decimal(0)
        return provider.cost * Decimal(str(seconds / provider.seconds))
