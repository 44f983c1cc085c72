"""Bodies of the market API (``/market-api/v1``), named as in its OpenAPI file."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from golemnet.rest.wire import Wire

PREFIX = "/market-api/v1"


class DemandOfferBase(Wire):
    """What a program publishes or answers with: properties (flat or nested) and a constraint text."""

    properties: dict[str, Any]
    constraints: str


class Demand(DemandOfferBase):
    """A requestor's published demand."""

    demand_id: str
    requestor_id: str
    timestamp: datetime


class Offer(DemandOfferBase):
    """A provider's published offer."""

    offer_id: str
    provider_id: str
    timestamp: datetime


class Proposal(DemandOfferBase, omit_defaults=True):
    """One step of a negotiation; ``state`` is Initial, Draft, Rejected, Accepted or Expired."""

    proposal_id: str
    issuer_id: str
    state: str
    timestamp: datetime
    prev_proposal_id: str | None = None


class AgreementProposal(Wire):
    """The request to turn a proposal into an agreement; ``valid_to`` is the deadline of its approval."""

    proposal_id: str
    valid_to: datetime


class Agreement(Wire, omit_defaults=True):
    """An agreement; ``state`` is Proposal, Pending, Cancelled, Rejected, Approved, Expired or Terminated."""

    agreement_id: str
    demand: Demand
    offer: Offer
    valid_to: datetime
    state: str
    timestamp: datetime
    approved_date: datetime | None = None
    app_session_id: str | None = None
    proposed_signature: str | None = None
    approved_signature: str | None = None
    committed_signature: str | None = None


class AgreementListEntry(Wire, omit_defaults=True):
    """A line of ``GET /agreements``; ``role`` is Requestor or Provider.

    The specification describes the first pair of times, and calls another one required: both are there.
    """

    id: str
    timestamp: datetime
    role: str
    approved_date: datetime | None = None
    creation_ts: datetime | msgspec.UnsetType = msgspec.UNSET
    approve_ts: datetime | msgspec.UnsetType | None = msgspec.UNSET
    state: str | None = None


class ProposalEvent(Wire, tag_field="eventType", tag="ProposalEvent"):
    """A proposal has arrived."""

    event_date: datetime
    proposal: Proposal


class ProposalRejectedEvent(Wire, omit_defaults=True, tag_field="eventType", tag="ProposalRejectedEvent"):
    """The other side has rejected our proposal."""

    event_date: datetime
    proposal_id: str
    reason: dict[str, Any] | None = None


class AgreementEvent(Wire, tag_field="eventType", tag="AgreementEvent"):
    """A requestor asks the provider to approve an agreement (among the events of an offer)."""

    event_date: datetime
    agreement: Agreement


NegotiationEvent = ProposalEvent | ProposalRejectedEvent | AgreementEvent


class AgreementApprovedEvent(Wire, tag_field="eventType", tag="AgreementApprovedEvent"):
    """Both sides have signed."""

    event_date: datetime
    agreement_id: str


class AgreementRejectedEvent(Wire, omit_defaults=True, tag_field="eventType", tag="AgreementRejectedEvent"):
    """The provider has refused the agreement."""

    event_date: datetime
    agreement_id: str
    reason: dict[str, Any] | None = None


class AgreementCancelledEvent(Wire, omit_defaults=True, tag_field="eventType", tag="AgreementCancelledEvent"):
    """The requestor has withdrawn the agreement before its approval."""

    event_date: datetime
    agreement_id: str
    reason: dict[str, Any] | None = None


class AgreementTerminatedEvent(
    Wire, omit_defaults=True, tag_field="eventType", tag="AgreementTerminatedEvent"
):
    """An approved agreement has ended; ``terminator`` is Requestor or Provider."""

    event_date: datetime
    agreement_id: str
    terminator: str
    signature: str
    reason: dict[str, Any] | None = None


AgreementOperationEvent = (
    AgreementApprovedEvent | AgreementRejectedEvent | AgreementCancelledEvent | AgreementTerminatedEvent
)


class NewScan(Wire):
    """A request to list what is on the market; ``timeout`` in seconds of disuse."""

    type: str = "offer"
    constraints: str | None = None
    timeout: float | None = None


class Refusal(Wire):
    """A constraint that refused offers, and how many."""

    constraint: str
    offers: int


class MatchingReport(Wire):
    """Why a demand matches what it matches (``GET /demands/{id}/matching``, an extension of ours).

    ``refused_by_demand`` counts offers by the demand's own constraint that they fail,
    ``refused_by_offers`` by the constraint of theirs that the demand fails.
    """

    demand_id: str
    offers_seen: int
    offers_matched: int
    subnets: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    refused_by_demand: list[Refusal] = msgspec.field(default_factory=list[Refusal])
    refused_by_offers: list[Refusal] = msgspec.field(default_factory=list[Refusal])
