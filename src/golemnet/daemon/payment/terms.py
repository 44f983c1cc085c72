"""What an agreement says about money, and which claims it justifies. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from golemnet.daemon.payment.platforms import DEFAULT_PLATFORM
from golemnet.model.node_id import NodeId
from golemnet.model.pricing import LinearPricing
from golemnet.model.properties import flatten
from golemnet.rest.errors import BadRequest
from golemnet.rest.market import Agreement

CHOSEN_PLATFORM = "golem.com.payment.chosen-platform"
THREADS = "golem.inf.cpu.threads"
DURATION = "golem.usage.duration_sec"
CPU = "golem.usage.cpu_sec"
NO_ADDRESS = "0x" + "00" * 20
GRACE_S = 30.0
MAX_THREADS = 4096.0
TOLERANCE = Decimal("1e-15")


class ActivityFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a node knows of an activity by itself: when it began and ended."""

    activity_id: str
    started: datetime
    ended: datetime | None = None


class Deals(Protocol):
    """What payments ask of the market and the activities of their own node."""

    async def agreement(self, agreement_id: str) -> Agreement | None:
        """The agreement; None if this node has no part in it."""
        ...

    async def agreement_of(self, activity_id: str) -> str | None:
        """The id of the agreement that the activity belongs to; None if it is unknown."""
        ...

    async def activities(self, agreement_id: str) -> list[ActivityFacts]:
        """All activities that there were under the agreement."""
        ...


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Who pays whom on which platform by which prices."""

    agreement_id: str
    provider_id: str
    requestor_id: str
    platform: str
    payee_addr: str
    payer_addr: str
    pricing: LinearPricing
    threads: float
    approved: datetime
    app_session_id: str | None = None


def terms_of(agreement: Agreement) -> Terms:
    """The terms of an approved agreement.

    Where the demand names no platform (clients of 2020 name none) the default one is meant, and where a
    side names no address its node id is.

    Raises:
        BadRequest: it was never approved, or a side's address is none.
        ValueError: its offer has no linear price.
    """
    if agreement.approved_date is None:
        raise BadRequest("The agreement was never approved.", agreement_id=agreement.agreement_id)
    demand, offer = flatten(agreement.demand.properties), flatten(agreement.offer.properties)
    platform = str(demand.get(CHOSEN_PLATFORM) or DEFAULT_PLATFORM)
    return Terms(
        agreement_id=agreement.agreement_id,
        provider_id=str(agreement.offer.provider_id),
        requestor_id=str(agreement.demand.requestor_id),
        platform=platform,
        payee_addr=_address(offer, platform, agreement.offer.provider_id),
        payer_addr=_address(demand, platform, agreement.demand.requestor_id),
        pricing=LinearPricing.from_properties(offer),
        threads=_threads(offer),
        approved=agreement.approved_date,
        app_session_id=agreement.app_session_id,
    )


def _threads(offer: Mapping[str, object]) -> float:
    """How many processors an activity can keep busy; one where the offer says nothing that makes sense."""
    threads = offer.get(THREADS)
    if isinstance(threads, bool) or not isinstance(threads, (int, float)) or not math.isfinite(threads):
        return 1.0
    return min(max(float(threads), 1.0), MAX_THREADS)


def _address(properties: Mapping[str, Any], platform: str, node_id: str) -> str:
    """Where a side pays from or is paid to. A bad one would spoil the transaction of all who share it."""
    named = str(properties.get(f"golem.com.payment.platform.{platform}.address") or node_id)
    try:
        address = str(NodeId.parse(named))
    except ValueError as error:
        raise BadRequest(f"The agreement names {named[:60]!r}, which is no address.") from error
    if address == NO_ADDRESS:
        raise BadRequest("The agreement names the zero address.")
    return address


def justified_note(terms: Terms, usage: Sequence[float] | None, lifetime: timedelta) -> Decimal | None:
    """The most that a debit note may ask for; None where the agreement sets no bound.

    It is the price of the usage that the note states, and time used is at most time passed.

    Args:
        terms: of the agreement.
        usage: the counters of the note; None if it has none.
        lifetime: how long the activity has lived by our own records.
    """
    bound = most_usage(terms, lifetime)
    if usage is None:
        return None if bound is None else terms.pricing.cost(bound)
    if len(usage) != len(terms.pricing.usage_vector):
        return Decimal(0)
    limits = _limits(terms, lifetime)
    names = terms.pricing.usage_vector
    return terms.pricing.cost(
        [min(used, limits.get(name, used)) for name, used in zip(names, usage, strict=True)]
    )


def justified_invoice(terms: Terms, lifetimes: Sequence[timedelta]) -> Decimal | None:
    """The most that an invoice may ask for activities of these lifetimes; None where there is no bound."""
    bounds = [most_usage(terms, lifetime) for lifetime in lifetimes]
    if any(bound is None for bound in bounds):
        return None
    return sum((terms.pricing.cost(bound) for bound in bounds if bound is not None), Decimal(0))


def most_usage(terms: Terms, lifetime: timedelta) -> list[float] | None:
    """The highest counters that an activity can have; None if one with a price is not bounded by time."""
    limits = _limits(terms, lifetime)
    vector, prices = terms.pricing.usage_vector, terms.pricing.coefficients
    if any(name not in limits and price > 0 for name, price in zip(vector, prices, strict=True)):
        return None
    return [limits.get(name, 0.0) for name in vector]


def _limits(terms: Terms, lifetime: timedelta) -> dict[str, float]:
    seconds = max(lifetime.total_seconds(), 0.0) + GRACE_S
    return {DURATION: seconds, CPU: seconds * max(terms.threads, 1.0)}


def exceeds(amount: Decimal, justified: Decimal | None) -> bool:
    """Whether ``amount`` is more than ``justified``, beyond the rounding of a client's arithmetic."""
    return justified is not None and amount > justified + TOLERANCE
