"""What programs see of proposals, events and agreements: rows turned into bodies of the REST API."""

from __future__ import annotations

import msgspec

from golemnet.daemon.market.agreement_store import (
    AgreementEventKind,
    StoredAgreement,
    StoredAgreementEvent,
)
from golemnet.daemon.market.messages import AgreementBody, Terms
from golemnet.daemon.market.proposal_store import StoredProposal
from golemnet.daemon.market.states import Role, shown
from golemnet.model.documents import Signed
from golemnet.model.offer import Demand, Offer
from golemnet.rest import market as rest

_PREFIX = {Role.REQUESTOR: "R-", Role.PROVIDER: "P-"}


def proposal_name(role: Role, proposal_id: str) -> str:
    """The id that programs see: it says whose copy it is."""
    return _PREFIX[role] + proposal_id


def proposal_id_of(name: str) -> str:
    """The id behind a name that a program gives; quotes around it and a missing prefix are forgiven."""
    return name.strip('"').removeprefix("R-").removeprefix("P-")


def proposal_view(proposal: StoredProposal) -> rest.Proposal:
    """A proposal."""
    previous = proposal.previous
    return rest.Proposal(
        properties=proposal.properties,
        constraints=proposal.constraints,
        proposal_id=proposal_name(proposal.role, proposal.proposal_id),
        issuer_id=proposal.issuer_id,
        state=shown(proposal.state),
        timestamp=proposal.created,
        prev_proposal_id=None if previous is None else proposal_name(proposal.role, previous),
    )


def demand_view(demand: Demand) -> rest.Demand:
    """A published demand."""
    return rest.Demand(
        properties=demand.properties,
        constraints=demand.constraints,
        demand_id=demand.demand_id,
        requestor_id=demand.requestor_id,
        timestamp=demand.created,
    )


def offer_view(offer: Offer) -> rest.Offer:
    """A published offer."""
    return rest.Offer(
        properties=offer.properties,
        constraints=offer.constraints,
        offer_id=offer.offer_id,
        provider_id=offer.provider_id,
        timestamp=offer.created,
    )


def agreement_view(agreement: StoredAgreement) -> rest.Agreement:
    """An agreement with both sides' terms and the signatures there are."""
    body = msgspec.msgpack.decode(agreement.body, type=AgreementBody)
    return rest.Agreement(
        agreement_id=agreement.agreement_id,
        demand=_demand_terms(body.demand),
        offer=_offer_terms(body.offer),
        valid_to=agreement.valid_to,
        state=shown(agreement.state),
        timestamp=agreement.created,
        approved_date=agreement.approved,
        app_session_id=agreement.app_session_id,
        proposed_signature=signature_text(agreement.proposed_signature),
        approved_signature=signature_text(agreement.approved_signature),
        committed_signature=signature_text(agreement.committed_signature),
    )


def agreement_line(agreement: StoredAgreement) -> rest.AgreementListEntry:
    """A line of the list of agreements."""
    return rest.AgreementListEntry(
        id=agreement.agreement_id,
        timestamp=agreement.created,
        approved_date=agreement.approved,
        creation_ts=agreement.created,
        approve_ts=agreement.approved,
        role=agreement.role.value,
        state=shown(agreement.state),
    )


def agreement_event_view(event: StoredAgreementEvent) -> rest.AgreementOperationEvent:
    """An event about an agreement."""
    date, agreement_id, reason = event.at, event.agreement_id, event.reason
    match event.kind:
        case AgreementEventKind.APPROVED:
            return rest.AgreementApprovedEvent(event_date=date, agreement_id=agreement_id)
        case AgreementEventKind.REJECTED:
            return rest.AgreementRejectedEvent(event_date=date, agreement_id=agreement_id, reason=reason)
        case AgreementEventKind.CANCELLED:
            return rest.AgreementCancelledEvent(event_date=date, agreement_id=agreement_id, reason=reason)
        case AgreementEventKind.TERMINATED:
            return rest.AgreementTerminatedEvent(
                event_date=date,
                agreement_id=agreement_id,
                terminator="" if event.terminator is None else event.terminator.value,
                signature=event.signature or "",
                reason=reason,
            )


def signature_text(document: bytes | None) -> str | None:
    """The signature of a stored signed document in hex."""
    return None if document is None else msgspec.msgpack.decode(document, type=Signed).signature.hex()


def _demand_terms(terms: Terms) -> rest.Demand:
    return rest.Demand(
        properties=terms.properties,
        constraints=terms.constraints,
        demand_id=terms.id,
        requestor_id=terms.node_id,
        timestamp=terms.created,
    )


def _offer_terms(terms: Terms) -> rest.Offer:
    return rest.Offer(
        properties=terms.properties,
        constraints=terms.constraints,
        offer_id=terms.id,
        provider_id=terms.node_id,
        timestamp=terms.created,
    )
