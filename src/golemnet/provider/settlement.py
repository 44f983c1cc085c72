"""Following invoices until they are paid.

The daemon says that an invoice is settled only after it has seen the transaction on the chain: payer, payee,
token, amount and confirmations. The agent notes the transactions.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

import structlog

from golemnet.clock import Clock
from golemnet.provider.journal import Journal
from golemnet.provider.polling import POLL_S, follow, insist
from golemnet.provider.records import AgreementRecord, AnyEntry, InvoiceAccepted, InvoiceRejected, Settled
from golemnet.provider.states import FINAL
from golemnet.rest.client import Client
from golemnet.rest.payment import Invoice, InvoiceEvent, Payment

log = structlog.get_logger(__name__)


class Settlement:
    """Keeps the journal up to date with the fate of our invoices."""

    def __init__(self, client: Client, journal: Journal, clock: Clock) -> None:
        self._client = client
        self._journal = journal
        self._clock = clock

    async def run(self, since: datetime) -> None:
        """Catch up, then follow events later than ``since``."""
        await self._catch_up()
        last = since

        async def poll() -> list[InvoiceEvent]:
            return await self._client.payment.invoice_events(timeout_s=POLL_S, after=last)

        async def act(event: InvoiceEvent) -> None:
            nonlocal last
            last = max(last, event.event_date)
            await self._update(event.invoice_id)

        await follow("invoice events", self._clock, poll, act)

    async def _catch_up(self) -> None:
        if all(record.state in FINAL or record.invoice_id is None for record in self._journal.records()):
            return
        for invoice in await insist("invoices", self._clock, self._client.payment.get_invoices):
            await self._note(invoice)

    async def _update(self, invoice_id: str) -> None:
        read = self._client.payment.get_invoice
        await self._note(await insist("invoice", self._clock, lambda: read(invoice_id)))

    async def _note(self, invoice: Invoice) -> None:
        record = self._journal.get(invoice.agreement_id)
        if record is None or record.state in FINAL:
            return
        entry = await self._entry(record, invoice)
        if entry is not None and record.with_entry(entry) != record:
            await self._journal.add(entry)
            log.info(
                f"invoice {invoice.status.lower()}",
                agreement_id=invoice.agreement_id,
                amount=str(invoice.amount),
            )

    async def _entry(self, record: AgreementRecord, invoice: Invoice) -> AnyEntry | None:
        agreement_id, now = record.agreement_id, self._clock.now()
        match invoice.status:
            case "ACCEPTED":
                return InvoiceAccepted(agreement_id=agreement_id, at=now)
            case "REJECTED":
                return InvoiceRejected(agreement_id=agreement_id, at=now, reason="Rejected by the requestor.")
            case "SETTLED":
                transactions = await self._transactions(invoice.invoice_id)
                return Settled(agreement_id=agreement_id, at=now, transactions=transactions)
            case _:
                return None

    async def _transactions(self, invoice_id: str) -> list[str]:
        read = self._client.payment.get_payments_for_invoice
        payments = await insist("payments", self._clock, lambda: read(invoice_id))
        return sorted({transaction_hash(payment) for payment in payments} - {""})


def transaction_hash(payment: Payment) -> str:
    """The hash of the payment's transaction as a chain explorer takes it; empty if it has none."""
    try:
        found = base64.b64decode(payment.details, validate=True)
    except (ValueError, binascii.Error):
        return ""
    return f"0x{found.hex()}" if found else ""
