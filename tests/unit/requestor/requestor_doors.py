"""Stand-ins for the doors of a requestor's daemon, and documents that come through them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from golemnet.model.pricing import LinearPricing
from golemnet.requestor.candidates import Candidate
from golemnet.requestor.market import Deal
from golemnet.rest.activity import ExeScriptCommandResult
from golemnet.rest.errors import ApiError, GatewayTimeout, Gone
from golemnet.rest.market import MatchingReport, NegotiationEvent, Proposal, ProposalEvent
from golemnet.rest.payment import DebitNote, DebitNoteEvent, Invoice, InvoiceEvent, Rejection

NOW = datetime(2030, 1, 1, tzinfo=UTC)
WAIT_S = 20.0
COUNTERS = ["golem.usage.duration_sec", "golem.usage.cpu_sec"]
PRICING = LinearPricing(COUNTERS, [Decimal("0.01"), Decimal("0.02")], Decimal("0.5"))
_PARTIES = {
    "issuer_id": "0xp",
    "recipient_id": "0xr",
    "payee_addr": "0xp",
    "payer_addr": "0xr",
    "payment_platform": "erc20-local-tglm",
    "timestamp": NOW,
}


def deal(agreement_id: str, pricing: LinearPricing = PRICING, provider: str = "ann") -> Deal:
    return Deal(agreement_id, Candidate("proposal", f"0x{provider}", provider, pricing, 1.0))


class PaymentDoor:
    """Payments of one daemon: hands out claims, and notes the answers as the daemon counts them."""

    def __init__(self):
        self.accepted: list[DebitNote | Invoice] = []
        self.rejected: dict[str, Rejection] = {}
        self.troubles: list[ApiError] = []
        self._documents: dict[str, DebitNote | Invoice] = {}
        self._events: dict[type, list] = {DebitNoteEvent: [], InvoiceEvent: []}
        self._asked_after = {DebitNoteEvent: NOW, InvoiceEvent: NOW}
        self._changed = asyncio.Event()

    async def claim_note(self, agreement_id: str, activity_id: str, amount, usage=None) -> str:
        """A debit note comes in, and is dealt with; its id."""
        note_id = self.keep_note(agreement_id, activity_id, amount, usage)
        await self._tell(DebitNoteEvent, "DebitNoteReceivedEvent", debit_note_id=note_id)
        return note_id

    def keep_note(self, agreement_id: str, activity_id: str, amount, usage=None) -> str:
        """A debit note comes in, and its event has not been read yet; its id."""
        note_id = f"note {len(self._documents)}"
        self._documents[note_id] = DebitNote(
            debit_note_id=note_id,
            agreement_id=agreement_id,
            activity_id=activity_id,
            total_amount_due=Decimal(amount),
            usage_counter_vector=usage,
            status="RECEIVED",
            **_PARTIES,
        )
        return note_id

    async def claim_invoice(self, agreement_id: str, amount, status: str = "RECEIVED") -> str:
        """An invoice comes in, and is dealt with; its id."""
        invoice_id = self._invoice(agreement_id, amount, status)
        await self._tell(InvoiceEvent, "InvoiceReceivedEvent", invoice_id=invoice_id)
        return invoice_id

    def keep_invoice(self, agreement_id: str, amount) -> None:
        """An invoice comes in, and whoever asks next hears of it."""
        invoice_id = self._invoice(agreement_id, amount, "RECEIVED")
        self._note(InvoiceEvent, "InvoiceReceivedEvent", invoice_id=invoice_id)

    def _invoice(self, agreement_id: str, amount, status: str) -> str:
        invoice_id = f"invoice {len(self._documents)}"
        self._documents[invoice_id] = Invoice(
            invoice_id=invoice_id,
            agreement_id=agreement_id,
            activity_ids=[],
            amount=Decimal(amount),
            payment_due_date=NOW,
            status=status,
            **_PARTIES,
        )
        return invoice_id

    def owed(self) -> Decimal:
        """What will be paid: an invoice, else the largest note of each activity, over all agreements."""
        agreements = {each.agreement_id for each in self.accepted}
        return sum((self._owed_for(each) for each in agreements), Decimal(0))

    def _owed_for(self, agreement_id: str) -> Decimal:
        claims = [each for each in self.accepted if each.agreement_id == agreement_id]
        invoices = [each.amount for each in claims if isinstance(each, Invoice)]
        notes: dict[str, Decimal] = {}
        for each in claims:
            if isinstance(each, DebitNote):
                notes[each.activity_id] = max(notes.get(each.activity_id, Decimal(0)), each.total_amount_due)
        return max(sum(invoices, Decimal(0)), sum(notes.values(), Decimal(0)))

    async def _tell(self, kind: type, name: str, **of: str) -> None:
        date = self._note(kind, name, **of)
        async with asyncio.timeout(WAIT_S):
            while self._asked_after[kind] < date:
                await self._next_change()

    def _note(self, kind: type, name: str, **of: str) -> datetime:
        date = NOW + timedelta(seconds=len(self._documents))
        self._events[kind].append(kind(event_type=name, event_date=date, **of))
        self._changed.set()
        return date

    async def _poll(self, kind: type, after: datetime) -> list:
        self._asked_after[kind] = after
        self._changed.set()
        while not (new := [each for each in self._events[kind] if each.event_date > after]):
            await self._next_change()
        return new

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    # -- the door ------------------------------------------------------------------------------------------

    async def debit_note_events(self, *, timeout_s, after):
        return await self._poll(DebitNoteEvent, after)

    async def invoice_events(self, *, timeout_s, after):
        return await self._poll(InvoiceEvent, after)

    async def get_debit_note(self, debit_note_id):
        return self._documents[debit_note_id]

    async def get_debit_notes(self):
        return [each for each in self._documents.values() if isinstance(each, DebitNote)]

    async def get_invoice(self, invoice_id):
        return self._documents[invoice_id]

    async def accept_debit_note(self, debit_note_id, amount, allocation_id):
        self._accept(debit_note_id, amount, self._documents[debit_note_id].total_amount_due)

    async def accept_invoice(self, invoice_id, amount, allocation_id):
        self._accept(invoice_id, amount, self._documents[invoice_id].amount)

    async def reject_debit_note(self, debit_note_id, rejection):
        self.rejected[debit_note_id] = rejection

    async def reject_invoice(self, invoice_id, rejection):
        self.rejected[invoice_id] = rejection

    def _accept(self, document_id, amount, claimed):
        assert amount == claimed, "the accepted amount must be the document's"
        if self.troubles:
            raise self.troubles.pop(0)
        self.accepted.append(self._documents[document_id])


class MarketDoor:
    """The market of one daemon. Its providers agree to every demand; the refusing ones do not sign.

    A provider offers again as soon as its agreement has ended, unless it is one that leaves.
    """

    def __init__(self, *providers: str, refusing: tuple[str, ...] = ()):
        self.refusing, self.leaving = refusing, tuple[str, ...]()
        self.rejected: dict[str, dict] = {}
        self.countered: list[str] = []
        self.ended: list[str] = []
        self.withdrawn: list[str] = []
        self.report: MatchingReport | None = None
        self._proposals: dict[str, Proposal] = {}
        self._events: asyncio.Queue[NegotiationEvent] = asyncio.Queue()
        self._agreements: dict[str, str] = {}
        self.idle, self.explained = asyncio.Event(), asyncio.Event()
        for name in providers:
            self.offer(name)

    def offer(self, name: str, state: str = "Initial", **properties) -> str:
        """A provider's proposal comes in; its id."""
        proposal_id = f"{state} {name} {len(self._proposals)}"
        self._proposals[proposal_id] = proposal = Proposal(
            proposal_id=proposal_id,
            issuer_id=f"0x{name}",
            state=state,
            timestamp=NOW,
            constraints="()",
            properties={"golem.node.id.name": name, **PRICING.to_properties(), **properties},
        )
        self.tell(ProposalEvent(event_date=NOW, proposal=proposal))
        return proposal_id

    def tell(self, event: NegotiationEvent) -> None:
        """Something happens to the demand."""
        self.idle.clear()
        self._events.put_nowait(event)

    def provider_of(self, agreement_id: str) -> str:
        """The name of who has signed."""
        return self._agreements[agreement_id]

    # -- the door ------------------------------------------------------------------------------------------

    async def subscribe_demand(self, properties, constraints):
        return "demand"

    async def unsubscribe_demand(self, demand_id):
        self.withdrawn.append(demand_id)

    async def demand_events(self, demand_id, *, timeout_s):
        if self._events.empty():
            self.idle.set()
        return [await self._events.get()]

    async def list_agreements(self, *, state):
        return []

    async def explain_demand(self, demand_id):
        self.explained.set()
        return self.report

    async def reject_proposal_offer(self, demand_id, proposal_id, reason):
        self.rejected[proposal_id] = reason

    async def counter_proposal_demand(self, demand_id, proposal_id, properties, constraints):
        self.countered.append(proposal_id)
        proposal = self._proposals[proposal_id]
        self.tell(ProposalEvent(event_date=NOW, proposal=msgspec.structs.replace(proposal, state="Draft")))
        return "counter"

    async def create_agreement(self, proposal_id, valid_to):
        agreement_id = f"agreement {len(self._agreements)}"
        self._agreements[agreement_id] = self._proposals[proposal_id].issuer_id.removeprefix("0x")
        return agreement_id

    async def confirm_agreement(self, agreement_id):
        pass

    async def wait_for_approval(self, agreement_id, timeout_s):
        if self.provider_of(agreement_id) in self.refusing:
            raise Gone("No capacity.")

    async def cancel_agreement(self, agreement_id, reason):
        raise Gone("It was approved.")

    async def terminate_agreement(self, agreement_id, reason):
        self.ended.append(agreement_id)
        if self.provider_of(agreement_id) not in self.leaving:
            self.offer(self.provider_of(agreement_id))


class ActivityDoor:
    """Activities; each batch ends as ``fate`` says for the name of its provider: ok, fails or lost."""

    def __init__(self, market: MarketDoor, fate=lambda provider: "ok"):
        self._market, self._fate = market, fate
        self._providers: dict[str, str] = {}
        self._batches: dict[str, list[dict]] = {}
        self._begun: set[str] = set()
        self.created: list[str] = []
        self.destroyed: list[str] = []

    async def create_activity(self, agreement_id, *, timeout_s):
        activity_id = f"activity {len(self.created)}"
        self._providers[activity_id] = self._market.provider_of(agreement_id)
        self.created.append(activity_id)
        return activity_id

    async def exec(self, activity_id, commands):
        is_first = activity_id not in self._begun
        assert ({"deploy": {}} in commands) is is_first, "a container is set up once"
        self._begun.add(activity_id)
        batch_id = f"batch {len(self._batches)}"
        self._batches[batch_id] = commands
        return batch_id

    async def batch_results(self, activity_id, batch_id, *, timeout_s, command_index):
        await asyncio.sleep(0)
        commands = self._batches[batch_id]
        assert command_index == len(commands) - 1
        match self._fate(self._providers[activity_id]):
            case "lost":
                raise GatewayTimeout("The provider does not answer.")
            case "fails":
                last = _result(command_index, "Error", stderr="no such file", last=True)
            case _:
                last = _result(command_index, "Ok", stdout="done", last=True)
        return [*(_result(index, "Ok") for index in range(command_index)), last]

    async def destroy_activity(self, activity_id, *, timeout_s):
        self.destroyed.append(activity_id)


def _result(index: int, result: str, *, stdout="", stderr="", last=False) -> ExeScriptCommandResult:
    return ExeScriptCommandResult(
        index=index, event_date=NOW, result=result, stdout=stdout, stderr=stderr, is_batch_finished=last
    )
