"""The budget of a run: what was promised, what may still be promised. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from golemnet.model.names import CPU_COUNTER, DURATION_COUNTER
from golemnet.model.pricing import LinearPricing

GRACE_S = 30.0
TOLERANCE = Decimal("1e-15")


def unbounded_prices(pricing: LinearPricing) -> dict[str, Decimal]:
    """The prices of counters that time does not bound; those that are free are none."""
    prices = zip(pricing.usage_vector, pricing.coefficients, strict=True)
    return {name: price for name, price in prices if price and name not in (DURATION_COUNTER, CPU_COUNTER)}


def most_used(seconds: float, threads: float) -> dict[str, float]:
    """What an activity can use at most in a time, by the counters that time bounds."""
    return {DURATION_COUNTER: seconds, CPU_COUNTER: seconds * threads}


def most_in(seconds: float, pricing: LinearPricing, threads: float) -> Decimal:
    """GLM for an activity in which all processors work, besides what time does not bound."""
    limits = most_used(seconds, threads)
    return pricing.cost([limits.get(name, 0.0) for name in pricing.usage_vector])


class Meter(msgspec.Struct):
    """What an activity may have cost: measured when asked, assumed the worst since.

    ``began`` and ``ended`` are our own times, so a provider cannot claim more of it. What time does not bound
    is taken from its debit notes: ``stated`` are these counters in those that were accepted.
    """

    pricing: LinearPricing
    threads: float
    began: datetime
    ended: datetime | None = None
    stated: dict[str, float] = {}

    @property
    def is_bounded(self) -> bool:
        """Whether time bounds what it costs."""
        return not unbounded_prices(self.pricing)

    def most(self, now: datetime, grace_s: float = 0.0) -> Decimal:
        """The most that it can cost until ``now``, in GLM, besides what no debit note has stated yet."""
        limits = {**self.stated, **self._limits(now, grace_s)}
        return self.pricing.cost([limits.get(name, 0.0) for name in self.pricing.usage_vector])

    def state(self, usage: Sequence[float]) -> None:
        """A debit note with these counters was accepted."""
        named = dict(zip(self.pricing.usage_vector, usage, strict=True))
        priced = {name: named[name] for name in unbounded_prices(self.pricing)}
        self.stated = {name: max(used, self.stated.get(name, 0.0)) for name, used in priced.items()}

    def claims_too_much(self, amount: Decimal, usage: Sequence[float] | None, now: datetime) -> str:
        """Why a claim is not justified; empty if it is."""
        if usage is None and not self.is_bounded:
            return "The debit note does not say what was used."
        try:
            bound = self._most_of(usage, now)
            cost = bound if usage is None else self.pricing.cost(usage)
        except ValueError as error:
            return str(error)
        if amount > bound + TOLERANCE:
            return f"{amount} GLM is more than {bound} GLM, the most for the time that passed."
        return (
            f"{amount} GLM is more than the counters cost: {cost} GLM." if amount > cost + TOLERANCE else ""
        )

    def _most_of(self, usage: Sequence[float] | None, now: datetime) -> Decimal:
        """The most that may be claimed with these counters, which are believed where time sets no bound."""
        if usage is None or self.is_bounded:
            return self.most(now, GRACE_S)
        limits = self._limits(now, GRACE_S)
        named = zip(self.pricing.usage_vector, usage, strict=False)
        return self.pricing.cost([min(used, limits.get(name, used)) for name, used in named])

    def _limits(self, now: datetime, grace_s: float) -> dict[str, float]:
        seconds = max(((self.ended or now) - self.began).total_seconds(), 0.0) + grace_s
        return most_used(seconds, max(self.threads, 1.0))


class Budget:
    """Promises never exceed the total.

    Args:
        total: in GLM.
    """

    def __init__(self, total: Decimal) -> None:
        self.total = total
        self._promised: dict[str, Decimal] = {}

    @property
    def promised(self) -> Decimal:
        """The sum of what was accepted, in GLM."""
        return sum(self._promised.values(), Decimal(0))

    @property
    def left(self) -> Decimal:
        """What may still be accepted, in GLM."""
        return self.total - self.promised

    def promise(self, agreement_id: str, amount: Decimal) -> bool:
        """Accept that an agreement costs ``amount`` in all, or more already; False if that is too much."""
        known = self._promised.get(agreement_id, Decimal(0))
        if amount - known > self.left:
            return False
        self._promised[agreement_id] = max(known, amount)
        return True

    def of(self, agreement_id: str) -> Decimal:
        """What was promised for an agreement, in GLM."""
        return self._promised.get(agreement_id, Decimal(0))
