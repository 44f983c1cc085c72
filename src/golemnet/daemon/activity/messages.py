"""What the nodes of requestor and provider say to each other about activities: msgpack structs.

The requestor's node asks, the provider's node answers; each request names the activity, and the provider's
node answers only the requestor of the activity's agreement. Ids are chosen by the asking side, so that a
request that is repeated after a lost answer does nothing twice.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

import msgspec

from golemnet.rest.activity import ExeScriptCommandResult

CREATE = "activity.create"
EXEC = "activity.exec"
RESULTS = "activity.results"
STATE = "activity.state"
USAGE = "activity.usage"
COMMANDS = "activity.commands"
DESTROY = "activity.destroy"
SUSPEND = "activity.suspend"
EVENTS = "activity.events"

MAX_SCRIPT_BYTES = 1024 * 1024
PAGE_BYTES = 1024 * 1024
MAX_EVENT_BYTES = 1024 * 1024

T = TypeVar("T")


class Create(msgspec.Struct, frozen=True):
    """Start an activity under an agreement; the answer is a ``StateView``."""

    activity_id: str
    agreement_id: str
    timeout_s: float


class Exec(msgspec.Struct, frozen=True):
    """Run a batch after those before; the answer is empty."""

    activity_id: str
    batch_id: str
    script: str


class Results(msgspec.Struct, frozen=True):
    """Give the results from ``first`` on; wait for the one of ``wanted`` (None: the last of the batch)."""

    activity_id: str
    batch_id: str
    first: int
    wanted: int | None
    timeout_s: float


class ResultPage(msgspec.Struct, frozen=True):
    """Results in order; ``more`` says that others are there already and did not fit."""

    results: list[ExeScriptCommandResult]
    more: bool = False


class About(msgspec.Struct, frozen=True):
    """Tell the state, usage or commands of an activity, or destroy it."""

    activity_id: str


class Suspend(msgspec.Struct, frozen=True):
    """Stop what runs in an activity, or let it go on; the answer is empty."""

    activity_id: str
    is_on: bool


class StateView(msgspec.Struct, frozen=True):
    """Where the activity is."""

    state: str
    reason: str | None = None
    error_message: str | None = None


class UsageView(msgspec.Struct, frozen=True):
    """The last counters, if there were any."""

    counters: list[float] | None
    at: datetime | None


class CommandView(msgspec.Struct, frozen=True):
    """A command that runs now."""

    batch_id: str
    command: str


class StreamRequest(msgspec.Struct, frozen=True):
    """Header of an event stream: all events of a batch from its first."""

    activity_id: str
    batch_id: str


class StreamedEvent(msgspec.Struct, frozen=True):
    """An event on the stream; ``last`` ends it."""

    index: int
    at: datetime
    kind: dict[str, Any]
    last: bool = False


def encode(message: msgspec.Struct | list[CommandView]) -> bytes:
    """The message as msgpack."""
    return msgspec.msgpack.encode(message)


def decode(data: bytes, type_: type[T]) -> T:
    """A message of ``type_``. Raises ``msgspec.DecodeError``."""
    return msgspec.msgpack.decode(data, type=type_)


class StreamDecoder:
    """Turns the bytes of an event stream into events: each is a 4-byte big-endian length and msgpack."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive(self, data: bytes) -> list[StreamedEvent]:
        """The events that ``data`` completes.

        Raises:
            ValueError: an event is longer than ``MAX_EVENT_BYTES``.
            msgspec.DecodeError: it is none.
        """
        self._buffer += data
        events: list[StreamedEvent] = []
        while (length := self._complete()) is not None:
            events.append(decode(bytes(self._buffer[4 : 4 + length]), StreamedEvent))
            del self._buffer[: 4 + length]
        return events

    def _complete(self) -> int | None:
        if len(self._buffer) < 4:
            return None
        length = int.from_bytes(self._buffer[:4], "big")
        if length > MAX_EVENT_BYTES:
            raise ValueError(f"an event of {length} bytes is too long")
        return length if len(self._buffer) >= 4 + length else None


def encode_event(event: StreamedEvent) -> bytes:
    """The event as it travels on a stream."""
    body = encode(event)
    return len(body).to_bytes(4, "big") + body
