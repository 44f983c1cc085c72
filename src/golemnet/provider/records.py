"""What the agent remembers of an agreement, built from the entries of its journal. Pure.

An entry is a fact with an instant; a record is the sum of the facts about one agreement. Entries may be
repeated after a crash, or come too late: such a one changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from golemnet.provider.states import Event, State, after


class Entry(msgspec.Struct, frozen=True, tag_field="kind", kw_only=True):
    """A line of the journal."""

    agreement_id: str
    at: datetime


class Approved(Entry, frozen=True, tag="approved"):
    """Both sides have signed."""

    requestor_id: str
    requestor_name: str = ""


class ActivityEnded(Entry, frozen=True, tag="activity-ended"):
    """An activity is over; ``cost`` in GLM is what its ``usage`` costs by the agreement's prices."""

    activity_id: str
    usage: list[float]
    cost: Decimal


class Ended(Entry, frozen=True, tag="ended"):
    """The agreement is over; ``reason`` is for people."""

    reason: str


class Invoiced(Entry, frozen=True, tag="invoiced"):
    """The invoice is written and sent."""

    invoice_id: str
    amount: Decimal


class InvoiceAccepted(Entry, frozen=True, tag="accepted"):
    """The requestor will pay."""


class InvoiceRejected(Entry, frozen=True, tag="rejected"):
    """The requestor will not pay; ``reason`` is theirs."""

    reason: str


class Settled(Entry, frozen=True, tag="settled"):
    """Paid; ``transactions`` are the hashes that the daemon has verified on the chain."""

    transactions: list[str]


AnyEntry = Approved | ActivityEnded | Ended | Invoiced | InvoiceAccepted | InvoiceRejected | Settled

_EVENTS: dict[type[Entry], Event] = {
    Ended: Event.END,
    Invoiced: Event.INVOICE,
    InvoiceAccepted: Event.ACCEPT,
    InvoiceRejected: Event.REJECT,
    Settled: Event.SETTLE,
}


class AgreementRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one agreement; ``costs`` in GLM by activity."""

    agreement_id: str
    approved_at: datetime
    requestor_id: str
    requestor_name: str = ""
    state: State = State.OPEN
    costs: dict[str, Decimal] = msgspec.field(default_factory=dict[str, Decimal])
    reason: str = ""
    invoice_id: str | None = None
    amount: Decimal | None = None
    transactions: list[str] = msgspec.field(default_factory=list[str])

    @property
    def cost(self) -> Decimal:
        """What all activities cost so far, in GLM."""
        return sum(self.costs.values(), Decimal(0))

    def with_entry(self, entry: AnyEntry) -> AgreementRecord:
        """The record after one more fact."""
        event = _EVENTS.get(type(entry))
        state = self.state if event is None else after(self.state, event)
        if event is not None and state is self.state:
            return self
        moved = msgspec.structs.replace(self, state=state)
        match entry:
            case ActivityEnded():
                return msgspec.structs.replace(moved, costs={**self.costs, entry.activity_id: entry.cost})
            case Invoiced():
                return msgspec.structs.replace(moved, invoice_id=entry.invoice_id, amount=entry.amount)
            case Ended() | InvoiceRejected():
                return msgspec.structs.replace(moved, reason=entry.reason)
            case Settled():
                return msgspec.structs.replace(moved, transactions=entry.transactions)
            case _:
                return moved


def record_after(known: AgreementRecord | None, entry: AnyEntry) -> AgreementRecord | None:
    """The record of an agreement after one more fact; None as long as it has no beginning."""
    if known is not None:
        return known.with_entry(entry)
    if not isinstance(entry, Approved):
        return None
    return AgreementRecord(
        agreement_id=entry.agreement_id,
        approved_at=entry.at,
        requestor_id=entry.requestor_id,
        requestor_name=entry.requestor_name,
    )


def replay(entries: Iterable[AnyEntry]) -> dict[str, AgreementRecord]:
    """The records that a journal adds up to, by agreement; entries without a beginning are left out."""
    records: dict[str, AgreementRecord] = {}
    for entry in entries:
        record = record_after(records.get(entry.agreement_id), entry)
        if record is not None:
            records[entry.agreement_id] = record
    return records
