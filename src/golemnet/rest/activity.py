"""Bodies of the activity API (``/activity-api/v1``), named as in its OpenAPI file."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from golemnet.rest.wire import Wire

PREFIX = "/activity-api/v1"


class CreateActivityRequest(Wire):
    """The modern form of the request; the form of 2020 is the agreement id as a bare JSON string."""

    agreement_id: str
    requestor_pub_key: str | None = None


class CreateActivityResult(Wire, omit_defaults=True):
    """The answer to the modern form; ``credentials`` exist on SGX nodes only."""

    activity_id: str
    credentials: dict[str, Any] | None = None


class ExeScriptRequest(Wire):
    """A batch: ``text`` is a JSON array of commands, as a string."""

    text: str


class ExeScriptCommandResult(Wire, omit_defaults=True):
    """The outcome of one command of a batch; ``result`` is Ok or Error.

    ``stdout`` and ``stderr`` are a text, or a list of byte values where binary capture was asked for.
    """

    index: int
    event_date: datetime
    result: str
    stdout: str | list[int] | None = None
    stderr: str | list[int] | None = None
    message: str | None = None
    # By a factory: a default value would be left out.
    is_batch_finished: bool = msgspec.field(default_factory=bool)


class RuntimeEvent(Wire, rename=None):
    """An event of a streamed batch; ``kind`` has one key: started, stdout, stderr, progress or finished."""

    batch_id: str
    index: int
    timestamp: datetime
    kind: dict[str, Any]


class ActivityState(Wire, omit_defaults=True):
    """``state`` is [current, next or null] of New, Initialized, Deployed, Ready, Terminated, Unresponsive."""

    state: tuple[str, str | None]
    reason: str | None = None
    error_message: str | None = None

    @property
    def current(self) -> str:
        """The state that the activity is in."""
        return self.state[0]


class ActivityUsage(Wire, omit_defaults=True):
    """Counters in the order of the agreement's usage vector; ``timestamp`` in seconds since 1970."""

    current_usage: list[float] | None = None
    timestamp: int = msgspec.field(default_factory=int)


class ExeScriptCommandState(Wire, omit_defaults=True):
    """A command that is running now."""

    batch_id: str
    command: str
    progress: str | None = None
    params: list[str] | None = None


class ProviderEvent(Wire):
    """What a provider agent is told; ``event_type`` is {"CreateActivity": {}} or {"DestroyActivity": {}}."""

    activity_id: str
    agreement_id: str
    event_type: dict[str, Any] | str
    event_date: datetime

    @property
    def kind(self) -> str:
        """``CreateActivity`` or ``DestroyActivity``."""
        return self.event_type if isinstance(self.event_type, str) else next(iter(self.event_type))
