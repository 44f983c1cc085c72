"""The agent's paperwork: states of activities, debit notes, invoices, and the journal of it all."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

import structlog

from golemnet.clock import Clock
from golemnet.model.names import PROVIDER_CODE, REASON_MESSAGE
from golemnet.provider.billing import Terms
from golemnet.provider.journal import Journal
from golemnet.provider.polling import insist
from golemnet.provider.records import ActivityEnded, Ended, Invoiced
from golemnet.provider.states import State
from golemnet.rest.activity import ActivityState
from golemnet.rest.client import Client
from golemnet.rest.errors import ApiError, Conflict, Gone, NotFound
from golemnet.rest.payment import Invoice, NewDebitNote, NewInvoice

TERMINATED = "Terminated"

log = structlog.get_logger(__name__)


class Bookkeeping:
    """Writes to the daemon and to the journal; each step can be repeated after a crash.

    Args:
        client: the provider's daemon.
        journal: what the agent remembers.
        clock: time.
    """

    def __init__(self, client: Client, journal: Journal, clock: Clock) -> None:
        self._client = client
        self._journal = journal
        self._clock = clock
        self._under_way: set[asyncio.Task[None]] = set()

    async def activity_failed(self, activity_id: str, message: str) -> None:
        """Tell the requestor that an activity has ended, or never began, and why."""
        state = ActivityState(state=(TERMINATED, None), reason="ExeUnit", error_message=message)
        try:
            await self._insist("state", self._client.activity.set_state, activity_id, state)
        except ApiError as error:
            log.warning("state not reported", activity_id=activity_id, why=str(error))

    async def activity_ended(self, agreement_id: str, activity_id: str, terms: Terms, problem: str) -> None:
        """Note what an activity has cost, and send its last debit note."""
        await self.activity_failed(activity_id, problem)
        usage = await self._usage(activity_id)
        cost = terms.cost(usage)
        await self._journal.add(
            ActivityEnded(
                agreement_id=agreement_id,
                at=self._clock.now(),
                activity_id=activity_id,
                usage=usage or [],
                cost=cost,
            )
        )
        log.info("activity ended", activity_id=activity_id, cost=str(cost))
        await self.debit_note(activity_id, terms, None)

    async def debit_note(self, activity_id: str, terms: Terms, due: datetime | None) -> str | None:
        """Send a debit note over what the activity has used; its id, None if there is nothing to claim."""
        usage = await self._usage(activity_id)
        if usage is None:
            return None
        note = NewDebitNote(
            activity_id=activity_id,
            total_amount_due=terms.cost(usage),
            usage_counter_vector=usage,
            payment_due_date=due,
        )
        try:
            issued = await self._insist("debit note", self._client.payment.issue_debit_note, note)
        except ApiError as error:
            log.warning("no debit note", activity_id=activity_id, why=str(error))
            return None
        self._start(self._send("debit note", self._client.payment.send_debit_note, issued.debit_note_id))
        return issued.debit_note_id

    async def close(self, agreement_id: str, terms: Terms, message: str, code: str | None) -> None:
        """End the agreement and send its invoice; ``code`` is None if the requestor has ended it."""
        if code is not None:
            await self._terminate(agreement_id, message, code)
        await self._journal.add(Ended(agreement_id=agreement_id, at=self._clock.now(), reason=message))
        await self.invoice(agreement_id, terms)

    async def invoice(self, agreement_id: str, terms: Terms) -> None:
        """Send the invoice of an agreement that has ended, unless it was sent."""
        record = self._journal.get(agreement_id)
        if record is None or record.state is not State.ENDED:
            return
        new = NewInvoice(
            agreement_id=agreement_id,
            amount=record.cost,
            payment_due_date=terms.invoice_due(self._clock.now()),
            activity_ids=list(record.costs),
        )
        invoice = await self._issue(new)
        if invoice is None:
            return
        await self._send("invoice", self._client.payment.send_invoice, invoice.invoice_id)
        entry = Invoiced(
            agreement_id=agreement_id,
            at=self._clock.now(),
            invoice_id=invoice.invoice_id,
            amount=invoice.amount,
        )
        await self._journal.add(entry)
        log.info("invoice sent", agreement_id=agreement_id, amount=str(invoice.amount))

    async def recover_activity(self, agreement_id: str, activity_id: str, terms: Terms) -> None:
        """Close the books of an activity that another run of the agent has begun."""
        record = self._journal.get(agreement_id)
        if record is not None and activity_id not in record.costs:
            await self.activity_ended(agreement_id, activity_id, terms, "The provider agent was restarted.")

    async def finish(self) -> None:
        """Wait for what is being sent."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _issue(self, new: NewInvoice) -> Invoice | None:
        try:
            return await self._insist("invoice", self._client.payment.issue_invoice, new)
        except Conflict:
            return await self._known_invoice(new.agreement_id)
        except ApiError as error:
            log.error("no invoice", agreement_id=new.agreement_id, why=str(error))
            return None

    async def _known_invoice(self, agreement_id: str) -> Invoice | None:
        """The invoice that was written before a crash, over the counters of that moment."""
        invoices = await self._insist("invoices", self._client.payment.get_invoices)
        return next((each for each in invoices if each.agreement_id == agreement_id), None)

    async def _usage(self, activity_id: str) -> list[float] | None:
        try:
            usage = await self._insist("usage", self._client.activity.get_usage, activity_id)
        except ApiError as error:
            log.warning("usage is not known", activity_id=activity_id, why=str(error))
            return None
        return usage.current_usage

    async def _terminate(self, agreement_id: str, message: str, code: str) -> None:
        reason = {REASON_MESSAGE: message, PROVIDER_CODE: code}
        try:
            await self._insist("agreement", self._client.market.terminate_agreement, agreement_id, reason)
        except (Gone, NotFound):
            return
        except ApiError as error:
            log.warning("agreement not terminated", agreement_id=agreement_id, why=str(error))

    async def _send(self, what: str, send: Any, document_id: str) -> None:
        """Send a document. The daemon sends it again by itself if the requestor is away."""
        try:
            await self._insist(what, send, document_id)
        except ApiError as error:
            log.warning(f"{what} is not delivered yet", id=document_id, why=str(error))

    async def _insist(self, what: str, call: Any, *arguments: Any) -> Any:
        return await insist(what, self._clock, lambda: call(*arguments))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
