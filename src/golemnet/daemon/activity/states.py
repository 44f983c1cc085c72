"""The life of an activity as a table: (state, event) -> new state. Time and I/O are elsewhere.

    New -> Initialized -> Deployed -> Ready -> Terminated
             any live state <-> Unresponsive (its ExeUnit's connection is lost, and may come back)

The ExeUnit says which state it has reached; ``terminate`` in a script takes it back to Initialized. From
Terminated nothing leads out: what is reported afterwards is late and harmless.
"""

from __future__ import annotations

from enum import StrEnum

from golemnet.errors import GolemError


class State(StrEnum):
    """Where an activity is; the values are those of the REST API."""

    NEW = "New"
    INITIALIZED = "Initialized"
    DEPLOYED = "Deployed"
    READY = "Ready"
    UNRESPONSIVE = "Unresponsive"
    TERMINATED = "Terminated"


class Event(StrEnum):
    """What happens to an activity."""

    INITIALIZED = "the ExeUnit is up"
    DEPLOYED = "the image is deployed"
    STARTED = "the runtime is started"
    LOST = "the connection to the ExeUnit broke"
    ENDED = "the activity ended"


class IllegalStep(GolemError):
    """An event that cannot happen in the state."""


LIVE = (State.INITIALIZED, State.DEPLOYED, State.READY, State.UNRESPONSIVE)

STEPS: dict[tuple[State, Event], State] = {
    (State.NEW, Event.INITIALIZED): State.INITIALIZED,
    (State.NEW, Event.ENDED): State.TERMINATED,
    (State.INITIALIZED, Event.DEPLOYED): State.DEPLOYED,
    (State.INITIALIZED, Event.STARTED): State.READY,
    (State.DEPLOYED, Event.DEPLOYED): State.DEPLOYED,
    (State.DEPLOYED, Event.STARTED): State.READY,
    (State.READY, Event.STARTED): State.READY,
    # A unit that comes back says where it is.
    (State.UNRESPONSIVE, Event.DEPLOYED): State.DEPLOYED,
    (State.UNRESPONSIVE, Event.STARTED): State.READY,
    **{(state, Event.INITIALIZED): State.INITIALIZED for state in LIVE},
    **{(state, Event.LOST): State.UNRESPONSIVE for state in LIVE},
    **{(state, Event.ENDED): State.TERMINATED for state in LIVE},
}

# An ExeUnit repeats reports after a reconnection, so an earlier one may come after a later one.
LATE = {(State.TERMINATED, event) for event in Event} | {
    (State.NEW, Event.LOST),
    (State.READY, Event.DEPLOYED),
}

_REPORTS = {
    State.INITIALIZED: Event.INITIALIZED,
    State.DEPLOYED: Event.DEPLOYED,
    State.READY: Event.STARTED,
    State.UNRESPONSIVE: Event.LOST,
    State.TERMINATED: Event.ENDED,
}


def step(state: State, event: Event) -> State:
    """The state after ``event``; the same state if the event comes too late to matter.

    Raises:
        IllegalStep: the event does not fit the state.
    """
    if (state, event) in LATE:
        return state
    if (state, event) not in STEPS:
        raise IllegalStep(f"An activity that is {state} cannot have this happen: {event}.")
    return STEPS[state, event]


def event_of(reported: str) -> Event:
    """The event that a report of the state ``reported`` means.

    Raises:
        IllegalStep: no such state, or one that cannot be reported.
    """
    try:
        return _REPORTS[State(reported)]
    except (ValueError, KeyError) as error:
        raise IllegalStep(f"An activity cannot be reported to be {reported[:50]!r}.") from error
