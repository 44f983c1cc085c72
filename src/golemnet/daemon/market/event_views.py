"""Events of subscriptions as programs see them, with the proposals and agreements that they are about."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from golemnet.daemon.market.agreement_store import find_agreement
from golemnet.daemon.market.proposal_store import EventKind, StoredEvent, find_proposal
from golemnet.daemon.market.views import agreement_view, proposal_name, proposal_view
from golemnet.rest.market import AgreementEvent, NegotiationEvent, ProposalEvent, ProposalRejectedEvent


def event_views(connection: Connection, events: Sequence[StoredEvent]) -> list[NegotiationEvent]:
    """The events in their order, without those whose document is forgotten."""
    views = (_view(connection, event) for event in events)
    return [view for view in views if view is not None]


def _view(connection: Connection, event: StoredEvent) -> NegotiationEvent | None:
    if event.kind is EventKind.AGREEMENT:
        agreement = find_agreement(connection, event.about)
        return agreement and AgreementEvent(event_date=event.at, agreement=agreement_view(agreement))
    proposal = find_proposal(connection, event.about)
    if proposal is None:
        return None
    if event.kind is EventKind.PROPOSAL:
        return ProposalEvent(event_date=event.at, proposal=proposal_view(proposal))
    name = proposal_name(proposal.role, proposal.proposal_id)
    return ProposalRejectedEvent(event_date=event.at, proposal_id=name, reason=event.reason)
