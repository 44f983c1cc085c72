"""What happens in a run, for whoever wants to hear it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that has happened."""


class RunStarted(Event, frozen=True):
    """The demand is on the market; ``budget`` in GLM."""

    demand_id: str
    budget: Decimal
    platform: str


class NothingMatched(Event, frozen=True):
    """Nobody is to be had for the demand; ``reasons`` say why, one a line.

    By what offers say of themselves, ``offers_matched`` of them would suit.
    """

    demand_id: str
    offers_seen: int
    reasons: list[str]
    offers_matched: int = 0

    def __str__(self) -> str:
        beginning = "nobody is to be had" if self.offers_matched else "no offer suits"
        return "; ".join([f"{beginning}, of {self.offers_seen} seen", *self.reasons])


class ProviderRefused(Event, frozen=True):
    """A provider does not want to work for us now."""

    provider_id: str
    reason: str


class AgreementSigned(Event, frozen=True):
    """A provider works for us."""

    agreement_id: str
    provider_id: str
    provider_name: str


class AgreementFailed(Event, frozen=True):
    """A provider has not signed."""

    provider_id: str
    provider_name: str
    reason: str


class ActivityStarted(Event, frozen=True):
    """A container is being set up at a provider."""

    activity_id: str
    provider_name: str


class TaskStarted(Event, frozen=True):
    """A provider begins with a task."""

    data: str
    provider_name: str


class TaskAccepted(Event, frozen=True):
    """A task is done; ``seconds`` it took."""

    data: str
    provider_name: str
    seconds: float


class TaskDoubled(Event, frozen=True):
    """A task takes so long at a provider that another one tries it as well; the first result counts."""

    data: str
    provider_name: str
    seconds: float


class TaskRecalled(Event, frozen=True):
    """A task was done before its run was killed, and is not done again."""

    data: str


class TaskRetried(Event, frozen=True):
    """A task did not succeed at a provider, where it was for so many ``seconds``."""

    data: str
    provider_name: str
    problem: str
    provider_id: str = ""
    seconds: float = 0.0


class ProviderDisagreed(Event, frozen=True):
    """A provider has another result than the others; it gets no more work."""

    provider_id: str
    provider_name: str
    data: str
    result: str
    others: str


class WorkerEnded(Event, frozen=True):
    """A worker has ended before it took a task."""

    provider_name: str
    problem: str


class ProviderGone(Event, frozen=True):
    """A provider is lost; its task goes elsewhere."""

    provider_name: str
    problem: str


class WorkerSaid(Event, frozen=True):
    """The script's worker has a message."""

    provider_name: str
    text: str


class InstanceReady(Event, frozen=True):
    """An instance of a service runs, and is healthy; ``seconds`` after its command was started."""

    data: str
    provider_name: str
    seconds: float


class InstanceFailed(Event, frozen=True):
    """An instance of a service is not well; unless it has to be given up, another provider gets it."""

    data: str
    provider_name: str
    problem: str


class InstancesMissing(Event, frozen=True):
    """Of the instances of a service that are ``wanted``, only some are ``ready``; ``reasons`` say why."""

    data: str
    ready: int
    wanted: int
    reasons: list[str]

    def __str__(self) -> str:
        return "; ".join([f"{self.ready} of {self.wanted} instances are ready", *self.reasons])


class ClaimRejected(Event, frozen=True):
    """A provider asks for what is not justified, or for more than is left."""

    agreement_id: str
    amount: Decimal
    reason: str


class InvoiceAccepted(Event, frozen=True):
    """An invoice will be paid; ``amount`` in GLM."""

    agreement_id: str
    provider_name: str
    amount: Decimal


class RunEnded(Event, frozen=True):
    """Everything is over; ``spent`` in GLM, ``unpaid`` the providers whose invoice did not come.

    What these may ask for stays reserved for a day; the next script of the node pays them.
    """

    seconds: float
    accepted: int
    spent: Decimal
    unpaid: list[str]


Consumer = Callable[[Event], None]
