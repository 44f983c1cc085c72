"""What scripts hear: every event carries the objects that it is about."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from golemnet.requestor.published.agreements import Activity, Agreement
    from golemnet.requestor.published.commands import Command
    from golemnet.requestor.published.jobs import Job
    from golemnet.requestor.published.models import NodeInfo
    from golemnet.requestor.published.offers import OfferProposal, Subscription
    from golemnet.requestor.published.script import Script
    from golemnet.requestor.published.service import Service
    from golemnet.requestor.published.service_state import ServiceState
    from golemnet.requestor.published.tasks import Task
    from golemnet.rest.payment import DebitNote, Invoice

ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def exc_info_of(error: BaseException) -> ExcInfo:
    """An exception as events carry it."""
    return type(error), error, error.__traceback__


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, eq=False)
class Event:
    """Something that has happened; ``exc_info`` is the exception behind it, if there is one."""

    exc_info: ExcInfo | None = field(default=None, kw_only=True)
    timestamp: datetime = field(init=False, default_factory=_now)

    @property
    def exception(self) -> BaseException | None:
        """The exception behind it."""
        return self.exc_info[1] if self.exc_info else None


@dataclass(frozen=True, eq=False)
class ExecutionInterrupted(Event):
    """The script is being cancelled."""


@dataclass(frozen=True, eq=False)
class ShutdownFinished(Event):
    """Golem has ended, and everything that can be paid is accepted."""


# -- jobs --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class JobEvent(Event, ABC):
    """Of one ``execute_tasks`` or one cluster."""

    job: Job

    @property
    def job_id(self) -> str:
        """Which job."""
        return self.job.id


@dataclass(frozen=True, eq=False)
class JobStarted(JobEvent):
    """A job begins."""


@dataclass(frozen=True, eq=False)
class JobFinished(JobEvent):
    """A job has ended, or failed."""


@dataclass(frozen=True, eq=False)
class SubscriptionFailed(JobEvent):
    """The demand could not be published."""

    reason: str


@dataclass(frozen=True, eq=False)
class NoProposalsConfirmed(JobEvent):
    """For so long nobody has answered the demand."""

    timeout: timedelta


@dataclass(frozen=True, eq=False)
class SubscriptionEvent(JobEvent, ABC):
    """Of a demand on the market."""

    subscription: Subscription


@dataclass(frozen=True, eq=False)
class SubscriptionCreated(SubscriptionEvent):
    """The demand is on the market."""


@dataclass(frozen=True, eq=False)
class CollectFailed(SubscriptionEvent):
    """The market cannot be read."""

    reason: str


# -- proposals ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ProposalEvent(JobEvent, ABC):
    """Of one provider's proposal."""

    proposal: OfferProposal

    @property
    def prop_id(self) -> str:
        """Which proposal."""
        return self.proposal.id

    @property
    def provider_id(self) -> str:
        """Whose proposal."""
        return self.proposal.issuer


@dataclass(frozen=True, eq=False)
class ProposalReceived(ProposalEvent):
    """An offer matches the demand."""


@dataclass(frozen=True, eq=False)
class ProposalRejected(ProposalEvent):
    """We do not want it."""

    reason: str | None = None


@dataclass(frozen=True, eq=False)
class ProposalResponded(ProposalEvent):
    """We have answered it."""


@dataclass(frozen=True, eq=False)
class ProposalConfirmed(ProposalEvent):
    """The provider would sign."""


@dataclass(frozen=True, eq=False)
class ProposalFailed(ProposalEvent):
    """It could not be answered."""


# -- agreements and money ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class AgreementEvent(JobEvent, ABC):
    """Of one agreement."""

    agreement: Agreement

    @property
    def agr_id(self) -> str:
        """Which agreement."""
        return self.agreement.id

    @property
    def provider_id(self) -> str:
        """With whom."""
        return self.agreement.provider_id

    @property
    def provider_info(self) -> NodeInfo:
        """What the provider says of its node."""
        return self.agreement.details.provider_node_info


@dataclass(frozen=True, eq=False)
class AgreementCreated(AgreementEvent):
    """It was sent to the provider."""


@dataclass(frozen=True, eq=False)
class AgreementConfirmed(AgreementEvent):
    """The provider has signed."""


@dataclass(frozen=True, eq=False)
class AgreementRejected(AgreementEvent):
    """The provider has not signed."""


@dataclass(frozen=True, eq=False)
class AgreementTerminated(AgreementEvent):
    """It has ended."""

    reason: dict[str, Any]


@dataclass(frozen=True, eq=False)
class PaymentFailed(AgreementEvent):
    """An invoice or a debit note was not accepted."""


@dataclass(frozen=True, eq=False)
class WorkerStarted(AgreementEvent):
    """A worker begins under it."""


@dataclass(frozen=True, eq=False)
class ActivityCreateFailed(AgreementEvent):
    """The provider has not set up an activity."""


@dataclass(frozen=True, eq=False)
class InvoiceEvent(AgreementEvent, ABC):
    """Of one invoice."""

    invoice: Invoice

    @property
    def amount(self) -> Decimal:
        """In GLM."""
        return self.invoice.amount


@dataclass(frozen=True, eq=False)
class InvoiceReceived(InvoiceEvent):
    """It has come."""


@dataclass(frozen=True, eq=False)
class InvoiceAccepted(InvoiceEvent):
    """It will be paid."""


@dataclass(frozen=True, eq=False)
class DebitNoteEvent(AgreementEvent, ABC):
    """Of one debit note."""

    debit_note: DebitNote

    @property
    def amount(self) -> Decimal:
        """In GLM, since the activity began."""
        return self.debit_note.total_amount_due


@dataclass(frozen=True, eq=False)
class DebitNoteReceived(DebitNoteEvent):
    """It has come."""


@dataclass(frozen=True, eq=False)
class DebitNoteAccepted(DebitNoteEvent):
    """It was justified."""


# -- activities: workers, tasks, services ------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ActivityEvent(AgreementEvent, ABC):
    """Of one activity."""

    activity: Activity


@dataclass(frozen=True, eq=False)
class ActivityCreated(ActivityEvent):
    """A provider has set it up."""


@dataclass(frozen=True, eq=False)
class WorkerFinished(ActivityEvent):
    """The worker has ended, or failed."""


@dataclass(frozen=True, eq=False)
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


@dataclass(frozen=True, eq=False)
class TaskStarted(TaskEvent):
    """A worker begins with it."""


@dataclass(frozen=True, eq=False)
class TaskFinished(TaskEvent):
    """The worker is done with it."""


@dataclass(frozen=True, eq=False)
class TaskAccepted(TaskEvent):
    """It is done."""

    @property
    def result(self) -> Any:
        """With this result."""
        return self.task.result


@dataclass(frozen=True, eq=False)
class TaskRejected(TaskEvent):
    """Its result is no good."""

    reason: str | None


@dataclass(frozen=True, eq=False)
class ServiceEvent(ActivityEvent, ABC):
    """Of one instance of a service."""

    service: Service


@dataclass(frozen=True, eq=False)
class ServiceFinished(ServiceEvent):
    """The instance has left its activity."""


@dataclass(frozen=True, eq=False)
class ServiceStateChanged(ServiceEvent):
    """It is in another state."""

    old: ServiceState
    new: ServiceState


# -- scripts and commands ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
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


@dataclass(frozen=True, eq=False)
class ScriptSent(ScriptEvent):
    """It is at the provider."""


@dataclass(frozen=True, eq=False)
class GettingResults(ScriptEvent):
    """Its results are waited for."""


@dataclass(frozen=True, eq=False)
class ScriptFinished(ScriptEvent):
    """All its commands have succeeded."""


@dataclass(frozen=True, eq=False)
class CommandEvent(ScriptEvent, ABC):
    """Of one command."""

    command: Command


@dataclass(frozen=True, eq=False)
class CommandStarted(CommandEvent):
    """It begins (with streamed output only)."""


@dataclass(frozen=True, eq=False)
class CommandStdOut(CommandEvent):
    """It has written (with streamed output only)."""

    output: str


@dataclass(frozen=True, eq=False)
class CommandStdErr(CommandEvent):
    """It has written (with streamed output only)."""

    output: str


@dataclass(frozen=True, eq=False)
class CommandExecuted(CommandEvent):
    """It has ended."""

    success: bool
    message: str
    stdout: str | None = None
    stderr: str | None = None


@dataclass(frozen=True, eq=False)
class CommandProgress(CommandEvent):
    """How far it is: ``progress`` is (done, of how many or None) in ``unit``."""

    step: tuple[int, int]
    message: str | None
    progress: tuple[int, int | None]
    unit: str | None


@dataclass(frozen=True, eq=False)
class DownloadStarted(CommandEvent):
    """A file or bytes come to us."""

    @property
    def path(self) -> str:
        """Of the file at the provider."""
        return _source(self.command)


@dataclass(frozen=True, eq=False)
class DownloadFinished(CommandEvent):
    """They are here."""

    @property
    def path(self) -> str:
        """Where they are; the provider's path if they are no file here."""
        return str(getattr(self.command, "_dst_path", None) or _source(self.command))


def _source(command: Command) -> str:
    return str(getattr(command, "_src_path", ""))
