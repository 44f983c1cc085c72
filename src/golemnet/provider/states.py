"""The life of an agreement as a provider sees it: from approval to money on the chain, as one table."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where an agreement is."""

    OPEN = "open"  # approved; activities may run
    ENDED = "ended"  # nothing runs any more; the invoice is to be written
    INVOICED = "invoiced"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SETTLED = "settled"  # paid, and the payment verified


class Event(StrEnum):
    """What moves an agreement on."""

    END = "end"
    INVOICE = "invoice"
    ACCEPT = "accept"
    REJECT = "reject"
    SETTLE = "settle"


# A requestor may accept what it has rejected.
FINAL = frozenset({State.SETTLED})

TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.OPEN, Event.END): State.ENDED,
    (State.ENDED, Event.INVOICE): State.INVOICED,
    (State.INVOICED, Event.ACCEPT): State.ACCEPTED,
    (State.INVOICED, Event.REJECT): State.REJECTED,
    (State.REJECTED, Event.ACCEPT): State.ACCEPTED,
    # Events can be told late, after a daemon's restart: what is paid is paid.
    (State.INVOICED, Event.SETTLE): State.SETTLED,
    (State.ACCEPTED, Event.SETTLE): State.SETTLED,
    (State.REJECTED, Event.SETTLE): State.SETTLED,
}


def after(state: State, event: Event) -> State:
    """The state after ``event``; the same one where the event says nothing new."""
    return TRANSITIONS.get((state, event), state)
