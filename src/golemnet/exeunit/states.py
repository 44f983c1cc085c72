"""Where an activity is, and which command leads where: a table.

``deploy`` fetches and mounts the image, ``start`` brings the environment up, then commands run.
Files can be moved as soon as the volumes exist. ``terminate`` fits every living state. An unlisted
pair is the requestor's mistake, and the error names the command that is expected.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from golemnet.exeunit.errors import IllegalCommand


class State(StrEnum):
    """States of an activity as the REST API spells them."""

    NEW = "New"
    INITIALIZED = "Initialized"
    DEPLOYED = "Deployed"
    READY = "Ready"
    TERMINATED = "Terminated"


STEPS: Final[dict[tuple[State, str], State]] = {
    (State.INITIALIZED, "deploy"): State.DEPLOYED,
    (State.DEPLOYED, "start"): State.READY,
    (State.DEPLOYED, "transfer"): State.DEPLOYED,
    (State.READY, "transfer"): State.READY,
    (State.READY, "run"): State.READY,
    (State.INITIALIZED, "sign"): State.INITIALIZED,
    (State.DEPLOYED, "sign"): State.DEPLOYED,
    (State.READY, "sign"): State.READY,
    (State.INITIALIZED, "terminate"): State.TERMINATED,
    (State.DEPLOYED, "terminate"): State.TERMINATED,
    (State.READY, "terminate"): State.TERMINATED,
}

_EXPECTED: Final = {
    State.NEW: "nothing",
    State.INITIALIZED: "deploy",
    State.DEPLOYED: "start",
    State.READY: "run, transfer or terminate",
    State.TERMINATED: "nothing",
}


def after(state: State, command: str) -> State:
    """The state that ``command`` leads to when it succeeds.

    Raises:
        IllegalCommand: it does not fit ``state``.
    """
    try:
        return STEPS[state, command]
    except KeyError as error:
        raise IllegalCommand(
            f"The command {command} does not fit an activity that is {state}.",
            next_step=f"The command that is expected now: {_EXPECTED[state]}.",
        ) from error
