"""What scripts hear of work: activities, tasks, services, scripts and commands."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from golemnet.requestor.published.deal_events import AgreementEvent

if TYPE_CHECKING:
    from golemnet.requestor.published.agreements import Activity
    from golemnet.requestor.published.commands import Command
    from golemnet.requestor.published.script import Script
    from golemnet.requestor.published.service import Service
    from golemnet.requestor.published.service_state import ServiceState
    from golemnet.requestor.published.tasks import Task


@dataclass(frozen=True, eq=False, repr=False)
class ActivityEvent(AgreementEvent, ABC):
    """Of one activity."""

    activity: Activity


@dataclass(frozen=True, eq=False, repr=False)
class ActivityCreated(ActivityEvent):
    """A provider has set it up."""


@dataclass(frozen=True, eq=False, repr=False)
class WorkerFinished(ActivityEvent):
    """The worker has ended, or failed."""


@dataclass(frozen=True, eq=False, repr=False)
class TaskEvent(ActivityEvent, ABC):
    """Of one task."""

    task: Task[Any, Any]

    @property
    def task_id(self) -> str:
        """Which task."""
        return self.task.id

    @property
    def task_data(self) -> Any:
        """What it is about."""
        return self.task.data


@dataclass(frozen=True, eq=False, repr=False)
class TaskStarted(TaskEvent):
    """A worker begins with it."""


@dataclass(frozen=True, eq=False, repr=False)
class TaskFinished(TaskEvent):
    """The worker is done with it."""


@dataclass(frozen=True, eq=False, repr=False)
class TaskAccepted(TaskEvent):
    """It is done."""

    @property
    def result(self) -> Any:
        """With this result."""
        return self.task.result


@dataclass(frozen=True, eq=False, repr=False)
class TaskRejected(TaskEvent):
    """Its result is no good."""

    reason: str | None


@dataclass(frozen=True, eq=False, repr=False)
class ServiceEvent(ActivityEvent, ABC):
    """Of one instance of a service."""

    service: Service


@dataclass(frozen=True, eq=False, repr=False)
class ServiceFinished(ServiceEvent):
    """The instance has left its activity."""


@dataclass(frozen=True, eq=False, repr=False)
class ServiceStateChanged(ServiceEvent):
    """It is in another state."""

    old: ServiceState
    new: ServiceState


# -- scripts and commands ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class ScriptEvent(ActivityEvent, ABC):
    """Of one script."""

    script: Script

    @property
    def script_id(self) -> int:
        """Which script."""
        return self.script.id

    @property
    def cmds(self) -> list[dict[str, Any]]:
        """Its commands as they are sent."""
        return self.script.commands()


@dataclass(frozen=True, eq=False, repr=False)
class ScriptSent(ScriptEvent):
    """It is at the provider."""


@dataclass(frozen=True, eq=False, repr=False)
class GettingResults(ScriptEvent):
    """Its results are waited for."""


@dataclass(frozen=True, eq=False, repr=False)
class ScriptFinished(ScriptEvent):
    """All its commands have succeeded."""


@dataclass(frozen=True, eq=False, repr=False)
class CommandEvent(ScriptEvent, ABC):
    """Of one command."""

    command: Command


@dataclass(frozen=True, eq=False, repr=False)
class CommandStarted(CommandEvent):
    """It begins (with streamed output only)."""


@dataclass(frozen=True, eq=False, repr=False)
class CommandStdOut(CommandEvent):
    """It has written (with streamed output only)."""

    output: str


@dataclass(frozen=True, eq=False, repr=False)
class CommandStdErr(CommandEvent):
    """It has written (with streamed output only)."""

    output: str


@dataclass(frozen=True, eq=False, repr=False)
class CommandExecuted(CommandEvent):
    """It has ended."""

    success: bool
    message: str
    stdout: str | None = None
    stderr: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class CommandProgress(CommandEvent):
    """How far it is: ``progress`` is (done, of how many or None) in ``unit``."""

    step: tuple[int, int]
    message: str | None
    progress: tuple[int, int | None]
    unit: str | None


@dataclass(frozen=True, eq=False, repr=False)
class DownloadStarted(CommandEvent):
    """A file or bytes come to us."""

    @property
    def path(self) -> str:
        """Of the file at the provider."""
        return _source(self.command)


@dataclass(frozen=True, eq=False, repr=False)
class DownloadFinished(CommandEvent):
    """They are here."""

    @property
    def path(self) -> str:
        """Where they are; the provider's path if they are no file here."""
        return str(getattr(self.command, "_dst_path", None) or _source(self.command))


def _source(command: Command) -> str:
    return str(getattr(command, "_src_path", ""))
