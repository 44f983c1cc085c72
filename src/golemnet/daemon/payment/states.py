"""The life of a claim (a debit note or an invoice), the same on both sides.

The provider's copy begins ISSUED, the requestor's RECEIVED. A rejected claim may still be accepted; an
accepted one is never rejected or cancelled. SETTLED and CANCELLED are ends. A payment that arrives before
the message of its acceptance settles the claim at once, and that message is then late and harmless.
"""

from __future__ import annotations

from enum import StrEnum

from golemnet.rest.errors import Conflict


class State(StrEnum):
    """Where a claim is; the values are those of the REST API."""

    ISSUED = "ISSUED"
    RECEIVED = "RECEIVED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    SETTLED = "SETTLED"
    CANCELLED = "CANCELLED"


class Event(StrEnum):
    """What happens to a claim."""

    DELIVERED = "delivered"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    PAID = "paid"


STEPS: dict[tuple[State, Event], State] = {
    (State.ISSUED, Event.DELIVERED): State.RECEIVED,
    (State.ISSUED, Event.ACCEPTED): State.ACCEPTED,
    (State.ISSUED, Event.REJECTED): State.REJECTED,
    (State.ISSUED, Event.CANCELLED): State.CANCELLED,
    (State.ISSUED, Event.PAID): State.SETTLED,
    (State.RECEIVED, Event.ACCEPTED): State.ACCEPTED,
    (State.RECEIVED, Event.REJECTED): State.REJECTED,
    (State.RECEIVED, Event.CANCELLED): State.CANCELLED,
    (State.RECEIVED, Event.PAID): State.SETTLED,
    (State.REJECTED, Event.ACCEPTED): State.ACCEPTED,
    (State.REJECTED, Event.CANCELLED): State.CANCELLED,
    (State.ACCEPTED, Event.PAID): State.SETTLED,
}
"""Every step that changes something."""

LATE: frozenset[tuple[State, Event]] = frozenset(
    {
        (State.RECEIVED, Event.DELIVERED),
        (State.ACCEPTED, Event.DELIVERED),
        (State.ACCEPTED, Event.ACCEPTED),
        (State.REJECTED, Event.DELIVERED),
        (State.REJECTED, Event.REJECTED),
        (State.SETTLED, Event.DELIVERED),
        (State.SETTLED, Event.ACCEPTED),
        (State.SETTLED, Event.PAID),
        (State.CANCELLED, Event.DELIVERED),
        (State.CANCELLED, Event.CANCELLED),
    }
)
"""Known repetitions and late arrivals: they change nothing."""


class IllegalStep(Conflict):
    """The claim has come to a state in which this cannot happen."""


def step(state: State, event: Event) -> State:
    """The state after ``event``; the same one if the event is late. Raises ``IllegalStep``."""
    if (state, event) in LATE:
        return state
    if (state, event) not in STEPS:
        raise IllegalStep(f"A claim that is {state} cannot be {event}.")
    return STEPS[state, event]
