"""What the run cost: which provider worked how long, and by which transaction it was paid."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from golemnet.errors import GolemError
from golemnet.model.names import DURATION_COUNTER, USAGE_VECTOR
from golemnet.model.properties import flatten
from golemnet.rest.client import Client
from golemnet.rest.payment import DebitNote, Invoice, Payment

PAY_TIMEOUT_S = 90.0
_POLL_S = 5.0
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
    notes = await client.payment.get_debit_notes()
    seconds = [await _seconds(client, invoice, notes) for invoice in ours]
    transactions = {_hash(payment) for payment in payments if payment.payee_id == provider}
    return Deal(provider, sum(seconds), sum((each.amount for each in ours), Decimal(0)), sorted(transactions))


async def _seconds(client: Client, invoice: Invoice, notes: Sequence[DebitNote]) -> float:
    """What the invoice's activities have used, as the debit notes that were accepted say."""
    agreement = await client.market.get_agreement(invoice.agreement_id)
    counters = flatten(agreement.offer.properties).get(USAGE_VECTOR)
    if not isinstance(counters, list) or DURATION_COUNTER not in counters:
        return 0.0
    index, most = counters.index(DURATION_COUNTER), dict.fromkeys(invoice.activity_ids, 0.0)
    for note in notes:
        usage = note.usage_counter_vector or []
        if note.activity_id in most and index < len(usage):
            most[note.activity_id] = max(most[note.activity_id], usage[index])
    return sum(most.values())


def _hash(payment: Payment) -> str:
    return "0x" + base64.b64decode(payment.details).hex()
