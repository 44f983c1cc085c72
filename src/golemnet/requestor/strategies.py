"""Which offers are good enough, and which is the best. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Protocol

import msgspec

from golemnet.model.names import CPU_COUNTER, CPU_THREADS, DURATION_COUNTER
from golemnet.model.pricing import LinearPricing
from golemnet.requestor.budget import most_in, unbounded_prices

SCORE_REJECTED = -1.0
SCORE_NEUTRAL = 0.0
SCORE_TRUSTED = 100.0
# DummyMS takes nobody who is dearer, in GLM for a second; elsewhere, counters have no usual price.
USUAL: Mapping[str, Decimal] = {DURATION_COUNTER: Decimal("0.002"), CPU_COUNTER: Decimal("0.02")}
NOTHING: Mapping[str, Decimal] = MappingProxyType({})


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
        caps = USUAL if max_for_counter is None else max_for_counter
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
        if not others_are_within(pricing, {}):
            return SCORE_REJECTED
        known = {DURATION_COUNTER, CPU_COUNTER}
        usage = [float(self._seconds) if name in known else 0.0 for name in pricing.usage_vector]
        return SCORE_TRUSTED / float(1 + pricing.cost(usage))


class CheapestFirst:
    """Prefers who is cheapest for an hour of all its processors, and refuses who is dearer than a limit.

    Args:
        max_price: GLM for an hour, the price of beginning included.
        max_price_for: GLM for a unit of each counter besides time and processors; others must be free.
    """

    def __init__(self, max_price: Decimal, max_price_for: Mapping[str, Decimal] = NOTHING) -> None:
        self._max_price = max_price
        self._max_price_for = max_price_for

    async def score_offer(self, offer: OfferView) -> float:
        """Between neutral and trusted: the nearer to free, the higher."""
        try:
            pricing = offer.pricing()
            price = price_per_hour(pricing, _threads(offer))
        except ValueError:
            return SCORE_REJECTED
        is_cheap = price <= self._max_price and others_are_within(pricing, self._max_price_for)
        return SCORE_TRUSTED / float(1 + price) if is_cheap else SCORE_REJECTED


def price_per_hour(pricing: LinearPricing, threads: float) -> Decimal:
    """GLM for an hour in which all processors work, besides what time does not bound."""
    return most_in(3600.0, pricing, threads)


def others_are_within(pricing: LinearPricing, caps: Mapping[str, Decimal]) -> bool:
    """Whether counters that time does not bound are free, or not dearer than their cap."""
    return all(price <= caps.get(name, 0) for name, price in unbounded_prices(pricing).items())


def _threads(offer: OfferView) -> float:
    threads = offer.props.get(CPU_THREADS, 1)
    if isinstance(threads, bool) or not isinstance(threads, int | float):
        raise ValueError(f"{threads!r:.50} is no number of processors")
    return max(float(threads), 1.0)
