"""What the supervisor of a local network and its users say to each other: a JSON object a line."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from golemnet.local.plan import Choices

MAX_LINE_BYTES = 1024 * 1024


class ProcessState(msgspec.Struct, frozen=True):
    """A process now: ``pid`` while it lives, ``ended`` its status once it does not."""

    name: str
    role: str
    pid: int | None
    ended: int | None
    ready: bool
    env: Mapping[str, str]

    @property
    def state(self) -> str:
        """One word: ready, starting, waiting (for others) or ended."""
        if self.pid is not None:
            return "ready" if self.ready else "starting"
        if self.ended is None:
            return "waiting"
        return f"ended ({self.ended})"


class NetworkState(msgspec.Struct, frozen=True):
    """The whole network now, and the environment that a script needs."""

    choices: Choices
    processes: list[ProcessState]
    environment: Mapping[str, str]


class Request(msgspec.Struct, frozen=True):
    """``do`` is ``state``, ``stop``, or ``restart`` of the process ``name``."""

    do: str
    name: str = ""


class Failure(msgspec.Struct, frozen=True):
    """An error for people, as ``GolemError`` has it."""

    what: str
    why: str = ""
    next_step: str = ""


class Reply(msgspec.Struct, frozen=True):
    """The answer to a request."""

    network: NetworkState | None = None
    failure: Failure | None = None


class Progress(msgspec.Struct, frozen=True):
    """While the network starts: a process is ready, all are, or it failed; ``seconds`` since the start."""

    seconds: float
    process: str = ""
    all_ready: bool = False
    failure: Failure | None = None
