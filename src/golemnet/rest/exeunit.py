"""The link between a provider's daemon and one ExeUnit: msgpack frames on a WebSocket.

The ExeUnit connects to ``GET /activity-api/v1/activity/{id}/exeunit`` under the provider's app key.
It answers each frame that it has worked off by its own frames; frames may be repeated after a
reconnection and both sides take a repeated one as the same (by batch id and index).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from golemnet.rest.activity import ExeScriptCommandResult

MAX_FRAME_BYTES = 4 * 1024 * 1024


class ExecBatch(msgspec.Struct, tag="exec", frozen=True):
    """Daemon to unit: run this script after those that were sent before."""

    batch_id: str
    script_json: str


class Stop(msgspec.Struct, tag="stop", frozen=True):
    """Daemon to unit: kill what runs, remove everything, end."""

    reason: str = ""


class Suspend(msgspec.Struct, tag="suspend", frozen=True):
    """Daemon to unit: stop what runs until it is told to go on, or let it go on."""

    is_on: bool


class Hello(msgspec.Struct, tag="hello", frozen=True):
    """Unit to daemon, first frame of each connection: its state and the batches that it knows."""

    activity_id: str
    state: str
    batches: list[str]


class StateChanged(msgspec.Struct, tag="state", frozen=True):
    """Unit to daemon: the activity is now in ``state``."""

    state: str
    reason: str | None = None
    error_message: str | None = None


class Usage(msgspec.Struct, tag="usage", frozen=True):
    """Unit to daemon, each second while active: counters in the order of the usage vector."""

    counters: list[float]
    at: datetime


class Event(msgspec.Struct, tag="event", frozen=True):
    """Unit to daemon: something happened while a command ran (``kind`` as in the streaming API)."""

    batch_id: str
    index: int
    at: datetime
    kind: dict[str, Any]


class Result(msgspec.Struct, tag="result", frozen=True):
    """Unit to daemon: a command has ended."""

    batch_id: str
    result: ExeScriptCommandResult


ToUnit = ExecBatch | Stop | Suspend
FromUnit = Hello | StateChanged | Usage | Event | Result


def encode_frame(frame: ToUnit | FromUnit) -> bytes:
    """The frame as msgpack."""
    return msgspec.msgpack.encode(frame)


def decode_to_unit(data: bytes) -> ToUnit:
    """A frame that a daemon sent. Raises ``msgspec.DecodeError``."""
    return msgspec.msgpack.decode(data, type=ToUnit)


def decode_from_unit(data: bytes) -> FromUnit:
    """A frame that an ExeUnit sent. Raises ``msgspec.DecodeError``."""
    return msgspec.msgpack.decode(data, type=FromUnit)
