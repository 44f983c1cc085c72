"""Market strategies of 0.13.1: which offers are good enough, how they are answered, what is paid."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from inspect import isawaitable
from types import MappingProxyType
from typing import Any, Protocol

from golemnet.model import names
from golemnet.requestor.published.demand_builder import DemandBuilder, DemandDecorator
from golemnet.requestor.published.events import AgreementConfirmed, AgreementRejected, Event
from golemnet.requestor.published.model_base import InvalidPropertiesError
from golemnet.requestor.published.models import (
    PRICE_MODEL,
    Activity,
    BillingScheme,
    ComLinear,
    Counter,
    PriceModel,
)
from golemnet.requestor.strategies import SCORE_NEUTRAL, SCORE_REJECTED, SCORE_TRUSTED
from golemnet.rest.payment import DebitNote, Invoice

PROP_DEBIT_NOTE_INTERVAL_SEC = names.DEBIT_NOTE_INTERVAL_S
PROP_PAYMENT_TIMEOUT_SEC = names.PAYMENT_TIMEOUT_S
PROP_DEBIT_NOTE_ACCEPTANCE_TIMEOUT = names.ACCEPT_TIMEOUT_S
MID_AGREEMENT_PAYMENTS_PROPS = [PROP_DEBIT_NOTE_INTERVAL_SEC, PROP_PAYMENT_TIMEOUT_SEC]
DEFAULT_DEBIT_NOTE_ACCEPTANCE_TIMEOUT_SEC = 30
DEFAULT_DEBIT_NOTE_INTERVAL_SEC = 60
DEFAULT_PAYMENT_TIMEOUT_SEC = 18000
MIN_EXPIRATION_FOR_MID_AGREEMENT_PAYMENTS = DEFAULT_PAYMENT_TIMEOUT_SEC
DEBIT_NOTE_INTERVAL_GRACE_PERIOD = 30

Caps = Mapping[Counter | str, Decimal]
NO_CAP = {Counter.TIME.value: None, Counter.CPU.value: None}
FREE = Decimal(0)
log = logging.getLogger("yapapi.strategy")


class Offer(Protocol):
    """What strategies look at."""

    @property
    def id(self) -> str:
        """The proposal's id."""
        ...

    @property
    def issuer(self) -> str:
        """The provider's node id."""
        ...

    @property
    def is_draft(self) -> bool:
        """Whether it answers our demand."""
        ...

    @property
    def props(self) -> dict[str, Any]:
        """Its properties by their full names."""
        ...


@dataclass
class PropValueRange:
    """From ``min`` to ``max``; None is no bound."""

    min: float | None = None
    max: float | None = None

    def __contains__(self, item: float) -> bool:
        return (self.min is None or item >= self.min) and (self.max is None or item <= self.max)

    def clamp(self, item: float) -> float:
        """The nearest value that is in it. Raises ValueError if there is none."""
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"There is no value between {self.min} and {self.max}.")
        if self.min is not None and item < self.min:
            return self.min
        return self.max if self.max is not None and item > self.max else item

    def __str__(self) -> str:
        return f"({self.min}, {self.max})"


DEFAULT_PROPERTY_VALUE_RANGES = {
    PROP_DEBIT_NOTE_INTERVAL_SEC: PropValueRange(DEFAULT_DEBIT_NOTE_INTERVAL_SEC),
    PROP_PAYMENT_TIMEOUT_SEC: PropValueRange(DEFAULT_PAYMENT_TIMEOUT_SEC),
    PROP_DEBIT_NOTE_ACCEPTANCE_TIMEOUT: PropValueRange(DEFAULT_DEBIT_NOTE_ACCEPTANCE_TIMEOUT_SEC),
}


class BaseMarketStrategy(DemandDecorator, ABC):
    """Everything that a strategy decides."""

    @abstractmethod
    async def score_offer(self, offer: Offer) -> float:
        """The higher, the better; negative is refused."""

    @abstractmethod
    async def respond_to_provider_offer(
        self, our_demand: DemandBuilder, provider_offer: Offer
    ) -> DemandBuilder:
        """The demand as this provider is answered with it."""

    @abstractmethod
    async def invoice_accepted_amount(self, invoice: Invoice) -> Decimal:
        """What we would pay; an invoice of more is not accepted."""

    @abstractmethod
    async def debit_note_accepted_amount(self, debit_note: DebitNote) -> Decimal:
        """What we would pay; a debit note of more is not accepted."""


class MarketStrategy(BaseMarketStrategy, ABC):
    """Base of strategies that only score offers: what is claimed is paid, as far as it is justified."""

    @property
    def acceptable_prop_value_ranges(self) -> dict[str, PropValueRange]:
        """What we accept of properties that can be negotiated."""
        overrides = getattr(self, "acceptable_prop_value_range_overrides", {})
        return {**DEFAULT_PROPERTY_VALUE_RANGES, **overrides}

    async def decorate_demand(self, demand: DemandBuilder) -> None:
        """Nothing is added."""

    async def respond_to_provider_offer(
        self, our_demand: DemandBuilder, provider_offer: Offer
    ) -> DemandBuilder:
        """Take over what the provider proposes, as far as it is acceptable."""
        demand = deepcopy(our_demand)
        is_long = _expires_in(our_demand) >= MIN_EXPIRATION_FOR_MID_AGREEMENT_PAYMENTS
        pays_midway = is_long and PROP_DEBIT_NOTE_INTERVAL_SEC in provider_offer.props
        for key, accepted in self.acceptable_prop_value_ranges.items():
            proposed = provider_offer.props.get(key)
            if proposed is not None and (pays_midway or key not in MID_AGREEMENT_PAYMENTS_PROPS):
                demand.properties[key] = accepted.clamp(proposed)
        return demand

    async def invoice_accepted_amount(self, invoice: Invoice) -> Decimal:
        """All of it."""
        return invoice.amount

    async def debit_note_accepted_amount(self, debit_note: DebitNote) -> Decimal:
        """All of it."""
        return debit_note.total_amount_due


def _expires_in(demand: DemandBuilder) -> float:
    expiration = Activity.from_properties(demand.properties).expiration
    return (expiration - datetime.now(UTC)).total_seconds() if expiration else 0.0


class LeastExpensiveLinearPayuMS(MarketStrategy):
    """Prefers who is cheapest for an activity of a given length, and refuses who is dearer than a cap.

    Args:
        expected_time_secs: how long an activity is expected to be.
        max_fixed_price: GLM for an activity.
        max_price_for: GLM for a unit of a counter; time and processors have no cap if they are not named, and
            what time does not bound must be free then.
    """

    def __init__(
        self,
        expected_time_secs: int = 60,
        max_fixed_price: Decimal = Decimal("Infinity"),
        max_price_for: Caps = MappingProxyType({}),
    ) -> None:
        self._expected_time_secs = expected_time_secs
        self._max_fixed_price = max_fixed_price
        self._max_price_for = _by_name(max_price_for)

    async def decorate_demand(self, demand: DemandBuilder) -> None:
        """Ask for a linear price."""
        demand.ensure(f"({PRICE_MODEL}={PriceModel.LINEAR.value})")

    async def score_offer(self, offer: Offer) -> float:
        """Between neutral and trusted: the nearer to free, the higher."""
        price = _price(offer)
        if price is None or not _is_within(price.fixed_price, self._max_fixed_price):
            return SCORE_REJECTED
        caps, prices = self._max_price_for, price.price_for.items()
        if not all(_is_within(each, caps.get(name, NO_CAP.get(name, FREE))) for name, each in prices):
            return SCORE_REJECTED
        cost = price.calculate_cost([float(self._expected_time_secs)] * len(price.usage_vector))
        return SCORE_TRUSTED / (cost + 1.01)


class DummyMS(MarketStrategy):
    """Takes whoever is not dearer than a cap; counters that are not named must be free.

    Args:
        max_fixed_price: GLM for an activity.
        max_price_for: GLM for a unit of a counter.
        activity: more to be asked of an activity.
    """

    def __init__(
        self,
        max_fixed_price: Decimal = Decimal("0.05"),
        max_price_for: Caps = MappingProxyType({}),
        activity: Activity | None = None,
    ) -> None:
        usual: Caps = {Counter.TIME: Decimal("0.002"), Counter.CPU: Decimal("0.02")}
        self._max_fixed_price = max_fixed_price
        self._max_price_for = _by_name(max_price_for or usual)
        self._activity = activity

    async def decorate_demand(self, demand: DemandBuilder) -> None:
        """Ask for a linear price."""
        demand.ensure(f"({PRICE_MODEL}={PriceModel.LINEAR.value})")
        if self._activity is not None:
            demand.add(self._activity)

    async def score_offer(self, offer: Offer) -> float:
        """Neutral, or refused."""
        price = _price(offer)
        if price is None or not _is_within(price.fixed_price, self._max_fixed_price):
            return SCORE_REJECTED
        caps = self._max_price_for
        is_cheap = all(_is_within(each, caps.get(name, Decimal(0))) for name, each in price.price_for.items())
        return SCORE_NEUTRAL if is_cheap else SCORE_REJECTED


class WrappingMarketStrategy(BaseMarketStrategy, ABC):
    """Does what another strategy does; subclasses change a part of it."""

    def __init__(self, base_strategy: BaseMarketStrategy) -> None:
        self.base_strategy = base_strategy

    async def decorate_demand(self, demand: DemandBuilder) -> None:
        """As the other."""
        await self.base_strategy.decorate_demand(demand)

    async def score_offer(self, offer: Offer) -> float:
        """As the other."""
        return await self.base_strategy.score_offer(offer)

    async def respond_to_provider_offer(
        self, our_demand: DemandBuilder, provider_offer: Offer
    ) -> DemandBuilder:
        """As the other."""
        return await self.base_strategy.respond_to_provider_offer(our_demand, provider_offer)

    async def invoice_accepted_amount(self, invoice: Invoice) -> Decimal:
        """As the other."""
        return await self.base_strategy.invoice_accepted_amount(invoice)

    async def debit_note_accepted_amount(self, debit_note: DebitNote) -> Decimal:
        """As the other."""
        return await self.base_strategy.debit_note_accepted_amount(debit_note)


class DecreaseScoreForUnconfirmedAgreement(WrappingMarketStrategy):
    """Likes those less who have not signed the last agreement.

    Args:
        base_strategy: scores.
        factor: what the score of such a provider is multiplied by.
    """

    def __init__(self, base_strategy: BaseMarketStrategy, factor: float) -> None:
        super().__init__(base_strategy)
        self.factor = factor
        self._rejecting_providers: set[str] = set()

    def on_event(self, event: Event) -> None:
        """Note who signs; it is an event consumer."""
        if isinstance(event, AgreementConfirmed):
            self._rejecting_providers.discard(event.provider_id)
        elif isinstance(event, AgreementRejected):
            self._rejecting_providers.add(event.provider_id)

    async def score_offer(self, offer: Offer) -> float:
        """The other's score, or a part of it."""
        score = await self.base_strategy.score_offer(offer)
        return score * self.factor if score > 0 and offer.issuer in self._rejecting_providers else score


class ProviderFilter(WrappingMarketStrategy):
    """Refuses all providers that are not allowed.

    Args:
        base_strategy: scores the others.
        is_allowed: a function of a node id, which may be asynchronous.
    """

    def __init__(
        self,
        base_strategy: BaseMarketStrategy,
        is_allowed: Callable[[str], bool] | Callable[[str], Awaitable[bool]],
    ) -> None:
        super().__init__(base_strategy)
        self._is_allowed = is_allowed

    async def score_offer(self, offer: Offer) -> float:
        """Refused, or the other's score."""
        answer = self._is_allowed(offer.issuer)
        allowed = await answer if isawaitable(answer) else answer
        return await self.base_strategy.score_offer(offer) if allowed else SCORE_REJECTED


class Scoring:
    """A strategy as the engine uses it: one that fails refuses the offer, and is told of in the log."""

    def __init__(self, strategy: Callable[[], BaseMarketStrategy]) -> None:
        self._strategy = strategy

    async def score_offer(self, offer: Offer) -> float:
        """The strategy's score."""
        try:
            return float(await self._strategy().score_offer(offer))
        except Exception:
            log.exception("the strategy failed on an offer of %s", offer.issuer)
            return SCORE_REJECTED


def default_strategy() -> DecreaseScoreForUnconfirmedAgreement:
    """What a ``Golem`` without one uses."""
    caps: Caps = {Counter.CPU: Decimal("0.2"), Counter.TIME: Decimal("0.1")}
    cheapest = LeastExpensiveLinearPayuMS(max_fixed_price=Decimal("1.0"), max_price_for=caps)
    return DecreaseScoreForUnconfirmedAgreement(cheapest, 0.5)


def _price(offer: Offer) -> ComLinear | None:
    try:
        price = ComLinear.from_properties(offer.props)
    except InvalidPropertiesError as error:
        log.debug("offer %s has no price: %s", offer.id, error)
        return None
    return price if price.scheme is BillingScheme.PAYU else None


def _is_within(price: float, cap: Decimal | None) -> bool:
    return price >= 0 and (cap is None or price <= cap)


def _by_name(caps: Caps) -> dict[str, Decimal]:
    return {name.value if isinstance(name, Counter) else name: cap for name, cap in caps.items()}
