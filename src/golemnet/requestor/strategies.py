"""Which offers are good enough, and which is the best. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from golemnet.model.names import CPU_COUNTER, CPU_THREADS, DURATION_COUNTER
from golemnet.model.pricing import LinearPricing
from golemnet.requestor.budget import is_bounded

SCORE_REJECTED = -1.0
SCORE_NEUTRAL = 0.0
SCORE_TRUSTED = 100.0


class OfferView(msgspec.Struct, frozen=True):
    """An offer as a strategy sees it: who made it, its flat properties, and whether it answers our demand."""

    issuer: str
    props: dict[str, Any]
    id: str = ""
    is_draft: bool = False

    def pricing(self) -> LinearPricing:
        """Its prices. Raises ValueError if it has none that are linear."""
        return LinearPricing.from_properties(self.props)


class MarketStrategy(Protocol):
    """Scores offers; the highest score is bought first."""

    async def score_offer(self, offer: OfferView) -> float:
        """A negative score refuses the offer."""
        ...


class DummyMS:
    """Takes whoever is not dearer than a cap.

    Args:
        max_for_counter: GLM for a unit of each counter; other counters must be free.
        max_fixed: GLM for an activity.
    """

    def __init__(
        self, max_for_counter: Mapping[Any, Decimal] | None = None, max_fixed: Decimal = Decimal("0.05")
    ) -> None:
        usual = {DURATION_COUNTER: Decimal("0.002"), CPU_COUNTER: Decimal("0.02")}
        caps = usual if max_for_counter is None else max_for_counter
        self._caps = {str(getattr(name, "value", name)): Decimal(cap) for name, cap in caps.items()}
        self._max_fixed = Decimal(max_fixed)

    async def score_offer(self, offer: OfferView) -> float:
        """Neutral, or refused."""
        return SCORE_NEUTRAL if self._is_cheap(offer) else SCORE_REJECTED

    def _is_cheap(self, offer: OfferView) -> bool:
        try:
            pricing = offer.pricing()
        except ValueError:
            return False
        prices = zip(pricing.usage_vector, pricing.coefficients, strict=True)
        return pricing.fixed <= self._max_fixed and all(
            price <= self._caps.get(name, Decimal(0)) for name, price in prices
        )


class LeastExpensiveLinearPayuMS:
    """Prefers who is cheapest for an activity of a given length.

    Args:
        expected_time_secs: how long an activity is expected to be, in seconds of time and of processor.
    """

    def __init__(self, expected_time_secs: int = 60) -> None:
        self._seconds = expected_time_secs

    async def score_offer(self, offer: OfferView) -> float:
        """Between neutral and trusted: the nearer to free, the higher."""
        try:
            pricing = offer.pricing()
        except ValueError:
            return SCORE_REJECTED
        known = {DURATION_COUNTER, CPU_COUNTER}
        usage = [float(self._seconds) if name in known else 0.0 for name in pricing.usage_vector]
        return SCORE_TRUSTED / float(1 + pricing.cost(usage))


class CheapestFirst:
    """Prefers who is cheapest for an hour of all its processors, and refuses who is dearer than a limit.

    Args:
        max_price: GLM for an hour, the price of beginning included.
    """

    def __init__(self, max_price: Decimal) -> None:
        self._max_price = max_price

    async def score_offer(self, offer: OfferView) -> float:
        """Between neutral and trusted: the nearer to free, the higher."""
        try:
            price = price_per_hour(offer.pricing(), _threads(offer))
        except ValueError:
            return SCORE_REJECTED
        return SCORE_REJECTED if price > self._max_price else SCORE_TRUSTED / float(1 + price)


def price_per_hour(pricing: LinearPricing, threads: float) -> Decimal:
    """GLM for an hour in which all processors work. Raises ValueError if time does not bound it."""
    limits = {DURATION_COUNTER: 3600.0, CPU_COUNTER: 3600.0 * threads}
    if not is_bounded(pricing):
        raise ValueError("it has a price for something that time does not bound")
    return pricing.cost([limits.get(name, 0.0) for name in pricing.usage_vector])


def _threads(offer: OfferView) -> float:
    threads = offer.props.get(CPU_THREADS, 1)
    if isinstance(threads, bool) or not isinstance(threads, int | float):
        raise ValueError(f"{threads!r:.50} is no number of processors")
    return max(float(threads), 1.0)
