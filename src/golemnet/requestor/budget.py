"""The budget of a run: what was promised, what may still be promised. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from golemnet.model.money import MAX_AMOUNT
from golemnet.model.names import CPU_COUNTER, DURATION_COUNTER
from golemnet.model.pricing import LinearPricing

GRACE_S = 30.0
TOLERANCE = Decimal("1e-15")


def is_bounded(pricing: LinearPricing) -> bool:
    """Whether time bounds what an activity costs: counters of anything else are free."""
    prices = zip(pricing.usage_vector, pricing.coefficients, strict=True)
    return all(price == 0 or name in (DURATION_COUNTER, CPU_COUNTER) for name, price in prices)


class Meter(msgspec.Struct):
    """What an activity may have cost: measured when asked, assumed the worst since.

    ``began`` and ``ended`` are our own times, so a provider cannot claim more of it.
    """

    pricing: LinearPricing
    threads: float
    began: datetime
    ended: datetime | None = None

    def most(self, now: datetime, grace_s: float = 0.0) -> Decimal:
        """The most that it can cost until ``now``, in GLM; unbounded counters count as the largest amount."""
        seconds = max(((self.ended or now) - self.began).total_seconds(), 0.0) + grace_s
        limits = {DURATION_COUNTER: seconds, CPU_COUNTER: seconds * max(self.threads, 1.0)}
        if not is_bounded(self.pricing):
            return MAX_AMOUNT
        return self.pricing.cost([limits.get(name, 0.0) for name in self.pricing.usage_vector])

    def claims_too_much(self, amount: Decimal, usage: Sequence[float] | None, now: datetime) -> str:
        """Why a claim is not justified; empty if it is."""
        bound = self.most(now, GRACE_S)
        if amount > bound + TOLERANCE:
            return f"{amount} GLM is more than {bound} GLM, the most for the time that passed."
        if usage is None:
            return ""
        try:
            cost = self.pricing.cost(usage)
        except ValueError as error:
            return str(error)
        return (
            f"{amount} GLM is more than the counters cost: {cost} GLM." if amount > cost + TOLERANCE else ""
        )


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
