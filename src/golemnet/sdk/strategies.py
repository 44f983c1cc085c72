"""Which offers to take first: by price, by what is known of their providers, or so as to be in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from golemnet.model.names import CPU_THREADS
from golemnet.requestor.strategies import (
    NOTHING,
    SCORE_REJECTED,
    SCORE_TRUSTED,
    USUAL,
    CheapestFirst,
    DummyMS,
    MarketStrategy,
    OfferView,
    price_per_hour,
)
from golemnet.sdk.providers import Provider, known_providers

Known = Mapping[str, Provider]
# GLM for an hour: below that, who is quick and reliable counts more than the price.
NEARLY_FREE = 1e-6


class BestValue:
    """Prefers who does most for its price, as far as is known; the default.

    Who is blocked is refused, as is who is dearer than the limit, or absurdly dear without one.

    Args:
        max_price: GLM for an hour.
        known: what is known of providers; by default what earlier runs have seen.
        max_price_for: GLM for a unit of each counter besides time and processors, such as
            ``golem.usage.storage_gib``; others must be free.
    """

    def __init__(
        self,
        max_price: Decimal | None = None,
        known: Known | None = None,
        *,
        max_price_for: Mapping[str, Decimal] = NOTHING,
    ) -> None:
        self._known = known_providers() if known is None else known
        self._limit: MarketStrategy = (
            DummyMS({**USUAL, **max_price_for})
            if max_price is None
            else CheapestFirst(max_price, max_price_for)
        )

    async def score_offer(self, offer: OfferView) -> float:
        """Between neutral and trusted, the more the better."""
        provider = self.provider(offer)
        if provider.is_blocked or await self._limit.score_offer(offer) < 0:
            return SCORE_REJECTED
        value = provider.speed * provider.reliability / (float(price_of(offer)) + NEARLY_FREE)
        return SCORE_TRUSTED * value / (1 + value)

    def provider(self, offer: OfferView) -> Provider:
        """What is known of who offers."""
        return self._known.get(offer.issuer) or Provider(offer.issuer)


class Cheapest(BestValue):
    """Prefers who is cheapest for an hour of all its processors, whatever else is known."""

    async def score_offer(self, offer: OfferView) -> float:
        """The nearer to free, the higher."""
        if await super().score_offer(offer) < 0:
            return SCORE_REJECTED
        return SCORE_TRUSTED / float(1 + price_of(offer))


class InTime(BestValue):
    """Takes the cheapest that are quick enough to be ready in time; others only when there are no better.

    Args:
        until: when the work has to be done.
        work_s: how long one machine of usual speed would work on it, in seconds.
        workers: how many machines share it.
        max_price: GLM for an hour.
        known: what is known of providers.
        now: tells the time.
        max_price_for: GLM for a unit of each counter besides time and processors; others must be free.
    """

    def __init__(
        self,
        until: datetime,
        work_s: float,
        workers: int,
        max_price: Decimal | None = None,
        known: Known | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        max_price_for: Mapping[str, Decimal] = NOTHING,
    ) -> None:
        super().__init__(max_price, known, max_price_for=max_price_for)
        self._until = until
        self._share_s = work_s / workers
        self._now = now

    async def score_offer(self, offer: OfferView) -> float:
        """Over half of the scale for those who will be in time, the cheapest highest."""
        if await super().score_offer(offer) < 0:
            return SCORE_REJECTED
        provider = self.provider(offer)
        left_s = max((self._until - self._now()).total_seconds(), 1.0)
        pace = provider.speed * provider.reliability * left_s / self._share_s
        half = SCORE_TRUSTED / 2
        return half + half / float(1 + price_of(offer)) if pace >= 1 else half * pace


def price_of(offer: OfferView) -> Decimal:
    """GLM for an hour. Raises ValueError if nobody can tell."""
    return price_per_hour(offer.pricing(), max(float(offer.props.get(CPU_THREADS, 1)), 1.0))
