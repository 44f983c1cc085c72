"""What the run cost: which provider worked how long, and by which transaction it was paid."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from golemnet.errors import GolemError
from golemnet.rest.client import Client
from golemnet.rest.errors import ApiError
from golemnet.rest.payment import Invoice, Payment

PAY_TIMEOUT_S = 90.0
_POLL_S = 5.0
_DURATION = "golem.usage.duration_sec"
_OPEN = ("ISSUED", "RECEIVED", "ACCEPTED")


@dataclass(frozen=True)
class Deal:
    """What happened with one provider: seconds of use, GLM, hashes of the transactions that paid it."""

    provider_id: str
    seconds: float
    price: Decimal
    transactions: Sequence[str]


async def settle(client: Client) -> list[Deal]:
    """Wait until every agreement of this node is invoiced and paid, then say what it was.

    Raises:
        GolemError: an invoice was not paid in ``PAY_TIMEOUT_S``.
    """
    try:
        async with asyncio.timeout(PAY_TIMEOUT_S):
            invoices = await _paid_invoices(client)
    except TimeoutError as error:
        raise GolemError(
            f"Not every provider was paid within {PAY_TIMEOUT_S:.0f} s.", next_step="See: golem local logs"
        ) from error
    payments = await client.payment.get_payments()
    return [await _deal(client, provider, invoices, payments) for provider in sorted(_providers(invoices))]


async def _paid_invoices(client: Client) -> list[Invoice]:
    since = datetime.fromtimestamp(0, UTC)
    while True:
        invoices = await client.payment.get_invoices()
        agreements = [entry.id for entry in await client.market.list_agreements() if entry.approved_date]
        invoiced = {invoice.agreement_id for invoice in invoices}
        if invoiced.issuperset(agreements) and not any(invoice.status in _OPEN for invoice in invoices):
            return invoices
        events = await client.payment.invoice_events(timeout_s=_POLL_S, after=since)
        since = max([since, *(event.event_date for event in events)])


def _providers(invoices: Sequence[Invoice]) -> set[str]:
    return {invoice.issuer_id for invoice in invoices}


async def _deal(
    client: Client, provider: str, invoices: Sequence[Invoice], payments: Sequence[Payment]
) -> Deal:
    ours = [invoice for invoice in invoices if invoice.issuer_id == provider]
    seconds = [await _seconds(client, invoice) for invoice in ours]
    transactions = {_hash(payment) for payment in payments if payment.payee_id == provider}
    return Deal(provider, sum(seconds), sum((each.amount for each in ours), Decimal(0)), sorted(transactions))


async def _seconds(client: Client, invoice: Invoice) -> float:
    agreement = await client.market.get_agreement(invoice.agreement_id)
    counters = agreement.offer.properties.get("golem.com.usage.vector", [])
    if _DURATION not in counters:
        return 0.0
    index, total = counters.index(_DURATION), 0.0
    for activity in invoice.activity_ids:
        try:
            usage = (await client.activity.get_usage(activity)).current_usage or []
        except ApiError:
            # The provider may forget an activity once it is paid.
            continue
        total += usage[index] if index < len(usage) else 0.0
    return total


def _hash(payment: Payment) -> str:
    return "0x" + base64.b64decode(payment.details).hex()
