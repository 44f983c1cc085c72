"""What an agreement says about money and time, and when the next debit note is due. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from golemnet.model import names
from golemnet.model.pricing import LinearPricing
from golemnet.model.properties import flatten
from golemnet.provider.negotiation import expiration
from golemnet.rest.market import Agreement

DEFAULT_NOTE_INTERVAL = timedelta(seconds=120)
INVOICE_DUE = timedelta(days=1)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The terms of one agreement.

    ``payment_timeout`` and ``accept_timeout`` are None where they were not agreed: then debit notes are not
    payable before the invoice, and need not be accepted.
    """

    pricing: LinearPricing
    expires: datetime | None
    multi_activity: bool
    note_interval: timedelta = DEFAULT_NOTE_INTERVAL
    payment_timeout: timedelta | None = None
    accept_timeout: timedelta | None = None

    def cost(self, usage: Sequence[float] | None) -> Decimal:
        """What an activity with these counters costs in GLM; one that has never counted costs nothing."""
        return Decimal(0) if usage is None else self.pricing.cost(usage)

    def invoice_due(self, now: datetime) -> datetime:
        """When an invoice written ``now`` has to be paid."""
        return now + (self.payment_timeout or INVOICE_DUE)


def terms_of(agreement: Agreement) -> Terms:
    """The terms that both sides have signed. Raises ValueError if the offer has no linear price."""
    offer, demand = flatten(agreement.offer.properties), flatten(agreement.demand.properties)
    return Terms(
        pricing=LinearPricing.from_properties(offer),
        expires=expiration(demand),
        multi_activity=bool(offer.get(names.MULTI_ACTIVITY) and demand.get(names.MULTI_ACTIVITY)),
        note_interval=_seconds(offer, demand, names.DEBIT_NOTE_INTERVAL_S) or DEFAULT_NOTE_INTERVAL,
        payment_timeout=_seconds(offer, demand, names.PAYMENT_TIMEOUT_S),
        accept_timeout=_seconds(offer, demand, names.ACCEPT_TIMEOUT_S),
    )


def payable_until(terms: Terms, last_payable: datetime, now: datetime) -> datetime | None:
    """The due date of a debit note written ``now``; None if it is not to be paid before the invoice."""
    timeout = terms.payment_timeout
    return now + timeout if timeout is not None and now - last_payable >= timeout else None


def _seconds(offer: Mapping[str, Any], demand: Mapping[str, Any], name: str) -> timedelta | None:
    """A duration that both sides name alike."""
    value = offer.get(name)
    if value is None or demand.get(name) != value or not isinstance(value, int | float):
        return None
    return timedelta(seconds=value)
