"""What an agreement is made of: the two last proposals of a negotiation. Pure."""

from __future__ import annotations

from golemnet.daemon.market.agreement_store import StoredAgreement
from golemnet.daemon.market.messages import AgreementBody, Terms, document_id, pack
from golemnet.daemon.market.proposal_store import StoredProposal
from golemnet.daemon.market.states import AgreementState, Role
from golemnet.model.documents import Signed


def new_agreement(
    body: AgreementBody, document: Signed, role: Role, state: AgreementState
) -> StoredAgreement:
    """The row for an agreement that has just been made; ``document`` is the signed body."""
    return StoredAgreement(
        agreement_id=document_id(document),
        role=role,
        state=state,
        proposal_id=body.proposal_id,
        body=document.body,
        proposed_signature=pack(document),
        requestor_id=body.demand.node_id,
        provider_id=body.offer.node_id,
        valid_to=body.valid_to,
        created=body.created,
    )


def demand_terms(proposal: StoredProposal) -> Terms:
    """What the requestor's proposal brings into an agreement."""
    return Terms(
        id=proposal.demand_id,
        node_id=proposal.requestor_id,
        properties=proposal.properties,
        constraints=proposal.constraints,
        created=proposal.created,
    )


def offer_terms(proposal: StoredProposal) -> Terms:
    """What the provider's proposal brings into an agreement."""
    return Terms(
        id=proposal.offer_id,
        node_id=proposal.provider_id,
        properties=proposal.properties,
        constraints=proposal.constraints,
        created=proposal.created,
    )
