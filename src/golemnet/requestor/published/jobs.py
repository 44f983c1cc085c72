"""One ``execute_tasks``, or one cluster: its demand, its agreements, and what is told of them."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from golemnet.errors import GolemError
from golemnet.model.properties import flatten
from golemnet.requestor import details, market
from golemnet.requestor import events as engine
from golemnet.requestor.demand import DemandText
from golemnet.requestor.published import events
from golemnet.requestor.published.agreements import Agreement, AgreementDetails
from golemnet.requestor.published.demand_builder import DemandBuilder
from golemnet.requestor.published.events import Event, exc_info_of
from golemnet.requestor.published.offers import OfferProposal, Subscription
from golemnet.requestor.published.payloads import Payload
from golemnet.requestor.published.strategies import BaseMarketStrategy
from golemnet.rest.client import Client
from golemnet.rest.market import Proposal

NO_PROPOSALS_AFTER = timedelta(seconds=market.EXPLAIN_AFTER_S)
EventType = TypeVar("EventType", bound=events.JobEvent)
_numbers = itertools.count(1)
log = logging.getLogger("yapapi.engine")


def next_job_id() -> str:
    """A number that no other job of the program has."""
    return str(next(_numbers))


@dataclass(eq=False)
class Job:
    """What is bought for one purpose.

    Args:
        engine: the ``Golem``.
        client: the daemon.
        strategy: of the ``Golem``.
        tell: hears every event.
        expiration_time: when it ends at the latest.
        payload: what is run.
        id: how logs call it.
    """

    engine: Any
    client: Client
    strategy: BaseMarketStrategy
    tell: Callable[[Event], None]
    expiration_time: datetime
    payload: Payload
    demand: DemandBuilder
    id: str = field(default_factory=next_job_id)
    offers_collected: int = 0
    proposals_confirmed: int = 0
    agreements: dict[str, Agreement] = field(default_factory=dict[str, Agreement])
    subscription: Subscription | None = None
    is_finished: bool = False
    _proposals: dict[str, OfferProposal] = field(default_factory=dict[str, OfferProposal])

    def emit(self, event_class: type[EventType], **kwargs: Any) -> EventType:
        """Tell an event of this job to whoever listens."""
        event = event_class(job=self, **kwargs)
        self.tell(event)
        return event

    def finish(self, error: BaseException | None = None) -> None:
        """Tell that it is over, once."""
        if not self.is_finished:
            self.is_finished = True
            self.emit(events.JobFinished, exc_info=None if error is None else exc_info_of(error))

    async def tailor(self, proposal: Proposal) -> DemandText:
        """The demand as the strategy wants it to answer one provider."""
        demand = await self.strategy.respond_to_provider_offer(self.demand, self._offer(proposal))
        return demand.text()

    def _offer(self, proposal: Proposal) -> OfferProposal:
        subscription = self.subscription or Subscription(self.client, "")
        return OfferProposal(subscription, proposal)

    # -- what the engine says, in the words of scripts -----------------------------------------------------

    def hear(self, event: engine.Event) -> None:
        """Translate what people are told."""
        match event:
            case engine.RunStarted():
                self.subscription = Subscription(self.client, event.demand_id)
                self.emit(events.SubscriptionCreated, subscription=self.subscription)
            case engine.NothingMatched():
                log.warning("Nobody has answered the demand: %s", event)
                self.emit(events.NoProposalsConfirmed, timeout=NO_PROPOSALS_AFTER)
            case engine.AgreementSigned():
                self.emit(events.AgreementConfirmed, agreement=self.agreements[event.agreement_id])
            case engine.ProviderRefused() | engine.ProviderGone():
                log.info("%s", event)
            case _:
                return

    def listen(self, detail: details.Detail) -> None:
        """Translate what comes with documents."""
        match detail:
            case details.AgreementProposed():
                self._propose(detail)
            case details.AgreementRefused() if detail.agreement_id in self.agreements:
                self.emit(events.AgreementRejected, agreement=self.agreements[detail.agreement_id])
            case details.AgreementEnded():
                agreement = self.agreements[detail.agreement_id]
                agreement.terminated = True
                self.emit(events.AgreementTerminated, agreement=agreement, reason=detail.reason)
            case _:
                self._listen_to_offers(detail)

    def _listen_to_offers(self, detail: details.Detail) -> None:
        match detail:
            case details.OfferReceived():
                self.offers_collected += 1
                self.emit(events.ProposalReceived, proposal=self._offer(detail.proposal))
            case details.OfferRefused():
                self.emit(
                    events.ProposalRejected, proposal=self._offer(detail.proposal), reason=detail.reason
                )
            case details.OfferAnswered():
                self.emit(events.ProposalResponded, proposal=self._offer(detail.proposal))
            case details.OfferUnanswered():
                why = exc_info_of(detail.error)
                self.emit(events.ProposalFailed, proposal=self._offer(detail.proposal), exc_info=why)
            case details.OfferAgreed():
                self.proposals_confirmed += 1
                proposal = self._proposals[detail.proposal.proposal_id] = self._offer(detail.proposal)
                self.emit(events.ProposalConfirmed, proposal=proposal)
            case _:
                return

    def listen_to_claims(self, detail: details.Detail, agreement: Agreement) -> None:
        """Translate what comes with invoices and debit notes of an agreement."""
        match detail:
            case details.InvoiceReceived():
                self.emit(events.InvoiceReceived, agreement=agreement, invoice=detail.invoice)
            case details.InvoiceAnswered() if not detail.objection:
                self.emit(events.InvoiceAccepted, agreement=agreement, invoice=detail.invoice)
            case details.InvoiceAnswered() | details.DebitNoteRefused():
                error = GolemError(detail.objection)
                self.emit(events.PaymentFailed, agreement=agreement, exc_info=exc_info_of(error))
            case details.DebitNoteReceived():
                self.emit(events.DebitNoteReceived, agreement=agreement, debit_note=detail.note)
            case details.DebitNoteAccepted():
                self.emit(events.DebitNoteAccepted, agreement=agreement, debit_note=detail.note)
            case _:
                return

    def _propose(self, detail: details.AgreementProposed) -> None:
        candidate = detail.candidate
        offer = self._proposals.pop(candidate.proposal_id).props
        described = AgreementDetails(detail.agreement_id, flatten(self.demand.properties), offer)
        agreement = Agreement(self.client, detail.agreement_id, candidate.provider_id, described)
        self.agreements[detail.agreement_id] = agreement
        self.emit(events.AgreementCreated, agreement=agreement)
