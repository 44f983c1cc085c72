"""What scripts hear of jobs, proposals, agreements and money; the objects themselves are in the events."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from golemnet.requestor.published.agreements import Agreement
    from golemnet.requestor.published.jobs import Job
    from golemnet.requestor.published.models import NodeInfo
    from golemnet.requestor.published.offers import OfferProposal, Subscription
    from golemnet.rest.payment import DebitNote, Invoice

_UNSEEN = ("exc_info", "timestamp")

ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def exc_info_of(error: BaseException) -> ExcInfo:
    """An exception as events carry it."""
    return type(error), error, error.__traceback__


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, eq=False, repr=False)
class Event:
    """Something that has happened; ``exc_info`` is the exception behind it, if there is one."""

    exc_info: ExcInfo | None = field(default=None, kw_only=True)
    timestamp: datetime = field(init=False, default_factory=_now)

    @property
    def exception(self) -> BaseException | None:
        """The exception behind it."""
        return self.exc_info[1] if self.exc_info else None

    def __repr__(self) -> str:
        shown = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in _UNSEEN}
        if self.exception is not None:
            shown["exception"] = self.exception
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


@dataclass(frozen=True, eq=False, repr=False)
class ExecutionInterrupted(Event):
    """The script is being cancelled."""


@dataclass(frozen=True, eq=False, repr=False)
class ShutdownFinished(Event):
    """Golem has ended, and everything that can be paid is accepted."""


# -- jobs --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class JobEvent(Event, ABC):
    """Of one ``execute_tasks`` or one cluster."""

    job: Job

    @property
    def job_id(self) -> str:
        """Which job."""
        return self.job.id


@dataclass(frozen=True, eq=False, repr=False)
class JobStarted(JobEvent):
    """A job begins."""


@dataclass(frozen=True, eq=False, repr=False)
class JobFinished(JobEvent):
    """A job has ended, or failed."""


@dataclass(frozen=True, eq=False, repr=False)
class SubscriptionFailed(JobEvent):
    """The demand could not be published."""

    reason: str


@dataclass(frozen=True, eq=False, repr=False)
class NoProposalsConfirmed(JobEvent):
    """For so long nobody has answered the demand."""

    timeout: timedelta


@dataclass(frozen=True, eq=False, repr=False)
class SubscriptionEvent(JobEvent, ABC):
    """Of a demand on the market."""

    subscription: Subscription


@dataclass(frozen=True, eq=False, repr=False)
class SubscriptionCreated(SubscriptionEvent):
    """The demand is on the market."""


@dataclass(frozen=True, eq=False, repr=False)
class CollectFailed(SubscriptionEvent):
    """The market cannot be read."""

    reason: str


# -- proposals ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
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


@dataclass(frozen=True, eq=False, repr=False)
class ProposalReceived(ProposalEvent):
    """An offer matches the demand."""


@dataclass(frozen=True, eq=False, repr=False)
class ProposalRejected(ProposalEvent):
    """We do not want it."""

    reason: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class ProposalResponded(ProposalEvent):
    """We have answered it."""


@dataclass(frozen=True, eq=False, repr=False)
class ProposalConfirmed(ProposalEvent):
    """The provider would sign."""


@dataclass(frozen=True, eq=False, repr=False)
class ProposalFailed(ProposalEvent):
    """It could not be answered."""


# -- agreements and money ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
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


@dataclass(frozen=True, eq=False, repr=False)
class AgreementCreated(AgreementEvent):
    """It was sent to the provider."""


@dataclass(frozen=True, eq=False, repr=False)
class AgreementConfirmed(AgreementEvent):
    """The provider has signed."""


@dataclass(frozen=True, eq=False, repr=False)
class AgreementRejected(AgreementEvent):
    """The provider has not signed."""


@dataclass(frozen=True, eq=False, repr=False)
class AgreementTerminated(AgreementEvent):
    """It has ended."""

    reason: dict[str, Any]


@dataclass(frozen=True, eq=False, repr=False)
class PaymentFailed(AgreementEvent):
    """An invoice or a debit note was not accepted."""


@dataclass(frozen=True, eq=False, repr=False)
class WorkerStarted(AgreementEvent):
    """A worker begins under it."""


@dataclass(frozen=True, eq=False, repr=False)
class ActivityCreateFailed(AgreementEvent):
    """The provider has not set up an activity."""


@dataclass(frozen=True, eq=False, repr=False)
class InvoiceEvent(AgreementEvent, ABC):
    """Of one invoice."""

    invoice: Invoice

    @property
    def amount(self) -> Decimal:
        """In GLM."""
        return self.invoice.amount


@dataclass(frozen=True, eq=False, repr=False)
class InvoiceReceived(InvoiceEvent):
    """It has come."""


@dataclass(frozen=True, eq=False, repr=False)
class InvoiceAccepted(InvoiceEvent):
    """It will be paid."""


@dataclass(frozen=True, eq=False, repr=False)
class DebitNoteEvent(AgreementEvent, ABC):
    """Of one debit note."""

    debit_note: DebitNote

    @property
    def amount(self) -> Decimal:
        """In GLM, since the activity began."""
        return self.debit_note.total_amount_due


@dataclass(frozen=True, eq=False, repr=False)
class DebitNoteReceived(DebitNoteEvent):
    """It has come."""


@dataclass(frozen=True, eq=False, repr=False)
class DebitNoteAccepted(DebitNoteEvent):
    """It was justified."""
