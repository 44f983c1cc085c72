"""Accepting what is justified, rejecting what is not, never more than the budget."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal

import msgspec

from golemnet.clock import Clock
from golemnet.model.money import format_amount
from golemnet.requestor.budget import GRACE_S, Budget, Meter
from golemnet.requestor.details import (
    DebitNoteAccepted,
    DebitNoteReceived,
    DebitNoteRefused,
    InvoiceAnswered,
    InvoiceReceived,
    Listener,
    ignore,
)
from golemnet.requestor.events import ClaimRejected, Consumer, InvoiceAccepted
from golemnet.requestor.market import Deal
from golemnet.requestor.trouble import Trouble
from golemnet.rest.client import Client
from golemnet.rest.errors import ApiError
from golemnet.rest.payment import DebitNote, DebitNoteEvent, Invoice, InvoiceEvent, Rejection
from golemnet.rest.transport import DaemonUnreachable

POLL_S = 15.0
RETRY_S = 1.0
# A provider that cannot be reached may come back for a moment to be paid; waiting longer is in vain.
GONE_S = 3.0
SERVER_ERROR = 500
OPEN, ANSWERED = "RECEIVED", ("ACCEPTED", "SETTLED")

log = logging.getLogger(__name__)


class Account(msgspec.Struct):
    """An agreement as the cashier sees it; ``meters`` by activity.

    Of one that ``is_inherited`` only the invoice counts. With one that ``is_lent`` another program may go on.
    A provider that ``is_gone`` may never send one.
    """

    deal: Deal
    meters: dict[str, Meter] = msgspec.field(default_factory=dict[str, Meter])
    notes: dict[str, Decimal] = msgspec.field(default_factory=dict[str, Decimal])
    since: datetime | None = None
    is_invoiced: bool = False
    is_lent: bool = False
    is_inherited: bool = False
    is_gone: bool = False


class Cashier:
    """Answers debit notes and invoices of the run's agreements.

    Args:
        client: the daemon.
        clock: time.
        budget: what may be promised.
        allocation_id: what is paid from.
        emit: hears what happens.
    """

    def __init__(
        self, client: Client, clock: Clock, budget: Budget, allocation_id: str, emit: Consumer
    ) -> None:
        self._client = client
        self._clock = clock
        self._budget = budget
        self._allocation_id = allocation_id
        self._emit = emit
        self._accounts: dict[str, Account] = {}
        self._changed = asyncio.Event()
        self.tell: Listener = ignore
        # hears that there is an agreement more or less to be paid
        self.on_change: Callable[[], None] = lambda: None
        # more objections to a claim: why it is too much; empty if it is not
        self.objects: Callable[[Invoice | DebitNote], Awaitable[str]] = _no_objection

    def open(self, deal: Deal) -> None:
        """An agreement was signed: it will send an invoice."""
        self._accounts[deal.agreement_id] = Account(deal, since=self._clock.now())
        self.on_change()

    def inherit(self, deal: Deal, began: datetime, ended: datetime) -> None:
        """An agreement of a run that was killed: its provider has worked between these times at most."""
        meter = Meter(deal.candidate.pricing, deal.candidate.threads, began, ended)
        self._accounts[deal.agreement_id] = Account(deal, {"": meter}, since=began, is_inherited=True)
        self.on_change()

    def keep(self, deal: Deal) -> None:
        """An agreement goes on without us; its invoice is somebody else's matter."""
        del self._accounts[deal.agreement_id]
        self._changed.set()
        self.on_change()

    def lend(self, agreement_id: str) -> None:
        """Somebody else may go on with it: whoever winds us up leaves it alone."""
        if agreement_id in self._accounts:
            self._accounts[agreement_id].is_lent = True
            self.on_change()

    def gone(self, deal: Deal) -> None:
        """The provider cannot be reached: its invoice is not waited for as long as those of others."""
        self._accounts[deal.agreement_id].is_gone = True
        self._changed.set()

    def start_meter(self, deal: Deal, activity_id: str, began: datetime) -> None:
        """An activity costs from now on."""
        candidate = deal.candidate
        meter = Meter(candidate.pricing, candidate.threads, began)
        self._accounts[deal.agreement_id].meters[activity_id] = meter

    def stop_meters(self, deal: Deal) -> None:
        """The activities of an agreement have ended."""
        for meter in self._accounts[deal.agreement_id].meters.values():
            meter.ended = meter.ended or self._clock.now()

    def most(self, now: datetime) -> Decimal:
        """The most that the run can have cost until ``now``, in GLM."""
        return sum((self._most_of(account, now) for account in self._accounts.values()), Decimal(0))

    def costs(self) -> dict[str, tuple[str, Decimal]]:
        """What was accepted, by provider's id: its name, and GLM."""
        costs: dict[str, tuple[str, Decimal]] = {}
        for agreement_id, account in self._accounts.items():
            candidate = account.deal.candidate
            _, known = costs.get(candidate.provider_id, ("", Decimal(0)))
            amount = known + self._budget.of(agreement_id)
            costs[candidate.provider_id] = (candidate.provider_name, amount)
        return costs

    def owing(self) -> list[str]:
        """The names of the providers whose invoice has not come."""
        return [each.deal.candidate.provider_name for each in self._accounts.values() if not each.is_invoiced]

    def unpaid(self) -> dict[str, datetime]:
        """The agreements of ours alone whose invoice has not come, with when they were signed."""
        return {
            agreement_id: each.since
            for agreement_id, each in self._accounts.items()
            if not each.is_invoiced and not each.is_lent and each.since is not None
        }

    def left(self) -> Decimal:
        """What those agreements may cost at most, in GLM: all but what the others have cost."""
        return self._budget.left + sum(map(self._budget.of, self.unpaid()), Decimal(0))

    def late(self, now: datetime) -> Decimal:
        """What invoices that have not come may ask for at most, in GLM, besides what was accepted."""
        return min(sum((self._late(each, now) for each in self.unpaid()), Decimal(0)), self._budget.left)

    def _late(self, agreement_id: str, now: datetime) -> Decimal:
        meters = self._accounts[agreement_id].meters.values()
        most = sum((meter.most(now, GRACE_S) for meter in meters), Decimal(0))
        return max(most - self._budget.of(agreement_id), Decimal(0))

    async def run(self, since: datetime) -> None:
        """Answer claims until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_invoices(since))
            group.create_task(self._follow_notes(since))

    async def settle(self, timeout_s: float) -> list[str]:
        """Wait until every agreement has its invoice answered; who is late."""
        began = time.monotonic()
        while self.owing():
            most_s = timeout_s if self._is_expecting() else min(timeout_s, GONE_S)
            self._changed.clear()
            try:
                async with asyncio.timeout(began + most_s - time.monotonic()):
                    await self._changed.wait()
            except TimeoutError:
                log.info("invoices are late providers=%s", self.owing())
                break
        return self.owing()

    def _is_expecting(self) -> bool:
        return any(not each.is_invoiced and not each.is_gone for each in self._accounts.values())

    def _most_of(self, account: Account, now: datetime) -> Decimal:
        agreement_id = account.deal.agreement_id
        if account.is_invoiced:
            return self._budget.of(agreement_id)
        running = sum((meter.most(now) for meter in account.meters.values()), Decimal(0))
        return max(running, self._budget.of(agreement_id))

    async def _follow_invoices(self, last: datetime) -> None:
        trouble = Trouble("invoices cannot be read")
        while True:
            try:
                events: Sequence[InvoiceEvent] = await self._client.payment.invoice_events(
                    timeout_s=POLL_S, after=last
                )
                for event in events:
                    await self._answer(self._invoice_of(event.invoice_id))
                    last = max(last, event.event_date)
                trouble.ends()
            except (ApiError, DaemonUnreachable) as error:
                await self._pause(trouble, error)

    async def _follow_notes(self, last: datetime) -> None:
        trouble = Trouble("debit notes cannot be read")
        while True:
            try:
                events: Sequence[DebitNoteEvent] = await self._client.payment.debit_note_events(
                    timeout_s=POLL_S, after=last
                )
                for event in events:
                    await self._answer(self._note_of(event.debit_note_id))
                    last = max(last, event.event_date)
                trouble.ends()
            except (ApiError, DaemonUnreachable) as error:
                await self._pause(trouble, error)

    async def _answer(self, claim: Awaitable[None]) -> None:
        """One that the daemon does not let us answer, now or ever, shall not be in the way of others."""
        try:
            await claim
        except ApiError as error:
            if error.status >= SERVER_ERROR:
                raise
            log.warning("a claim cannot be answered why=%s", str(error))

    async def _invoice_of(self, invoice_id: str) -> None:
        await self._invoice(await self._client.payment.get_invoice(invoice_id))

    async def _note_of(self, debit_note_id: str) -> None:
        await self._note(await self._client.payment.get_debit_note(debit_note_id))

    async def _pause(self, trouble: Trouble, error: Exception) -> None:
        trouble.begins(error)
        await self._clock.sleep(RETRY_S)

    async def _invoice(self, invoice: Invoice) -> None:
        account = self._accounts.get(invoice.agreement_id)
        if account is not None and account.is_inherited and invoice.status in ANSWERED:
            self._note_answered(account, invoice)
        if account is None or account.is_invoiced or invoice.status != OPEN:
            return
        if not all(meter.is_bounded for meter in account.meters.values()):
            await self._read_notes(invoice.agreement_id)
        self.tell(InvoiceReceived(invoice=invoice))
        why = await self.objects(invoice) or self._objection(account, invoice)
        if why:
            await self._reject_invoice(invoice, why)
        else:
            payment = self._client.payment
            await payment.accept_invoice(invoice.invoice_id, invoice.amount, self._allocation_id)
            self._emit_accepted(account, invoice)
        self.tell(InvoiceAnswered(invoice=invoice, objection=why))
        self._close(account)

    def _note_answered(self, account: Account, invoice: Invoice) -> None:
        """What a killed run has left was answered by it, or by another script since then."""
        self._budget.promise(invoice.agreement_id, invoice.amount)
        self._emit_accepted(account, invoice)
        self._close(account)

    def _emit_accepted(self, account: Account, invoice: Invoice) -> None:
        name = account.deal.candidate.provider_name
        self._emit(
            InvoiceAccepted(agreement_id=invoice.agreement_id, provider_name=name, amount=invoice.amount)
        )

    def _close(self, account: Account) -> None:
        account.is_invoiced = True
        self._changed.set()
        self.on_change()

    def _objection(self, account: Account, invoice: Invoice) -> str:
        now = self._clock.now()
        meters = account.meters
        bound = sum((meter.most(now, grace_s=30.0) for meter in meters.values()), Decimal(0))
        # nobody has noted what a killed run has used: there the budget alone is the bound
        is_known = not account.is_inherited or all(meter.is_bounded for meter in meters.values())
        if is_known and invoice.amount > bound:
            return f"{invoice.amount} GLM is more than {bound} GLM, the most for the time that passed."
        if not self._budget.promise(invoice.agreement_id, invoice.amount):
            return f"The budget has {format_amount(self._budget.left)} GLM left."
        return ""

    async def _read_notes(self, agreement_id: str) -> None:
        """Answer the last debit notes first, which say what time does not bound."""
        for note in await self._client.payment.get_debit_notes():
            if note.agreement_id == agreement_id:
                with suppress(ApiError):
                    await self._note(note)

    async def _reject_invoice(self, invoice: Invoice, why: str) -> None:
        rejection = Rejection("INCORRECT_AMOUNT", Decimal(0), why)
        self._emit(ClaimRejected(agreement_id=invoice.agreement_id, amount=invoice.amount, reason=why))
        await self._client.payment.reject_invoice(invoice.invoice_id, rejection)

    async def _note(self, note: DebitNote) -> None:
        """Debit notes are cumulative for an activity; the invoice counts what they sum up to."""
        account = self._accounts.get(note.agreement_id)
        if account is None or account.is_invoiced or account.is_inherited or note.status != OPEN:
            return
        self.tell(DebitNoteReceived(note=note))
        why = await self.objects(note) or self._objection_to_note(account, note)
        payment = self._client.payment
        if not why:
            await payment.accept_debit_note(note.debit_note_id, note.total_amount_due, self._allocation_id)
            if note.usage_counter_vector is not None:
                account.meters[note.activity_id].state(note.usage_counter_vector)
            self.tell(DebitNoteAccepted(note=note))
            return
        self._emit(ClaimRejected(agreement_id=note.agreement_id, amount=note.total_amount_due, reason=why))
        self.tell(DebitNoteRefused(note=note, objection=why))
        rejection = Rejection("INCORRECT_AMOUNT", Decimal(0), why)
        await payment.reject_debit_note(note.debit_note_id, rejection)

    def _objection_to_note(self, account: Account, note: DebitNote) -> str:
        meter = account.meters.get(note.activity_id)
        if meter is None:
            return "The activity is not one of ours."
        now = self._clock.now()
        why = meter.claims_too_much(note.total_amount_due, note.usage_counter_vector, now)
        if why:
            return why
        # a smaller note that comes later takes nothing back
        known = account.notes.get(note.activity_id, Decimal(0))
        notes = {**account.notes, note.activity_id: max(known, note.total_amount_due)}
        if not self._budget.promise(note.agreement_id, sum(notes.values(), Decimal(0))):
            return f"The budget has {format_amount(self._budget.left)} GLM left."
        account.notes = notes
        return ""


async def _no_objection(claim: Invoice | DebitNote) -> str:
    return ""
