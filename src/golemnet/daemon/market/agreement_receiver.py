"""What other nodes say about agreements: each document verified, then taken as one step."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from golemnet.clock import Clock
from golemnet.daemon.market import agreement_store, proposal_store
from golemnet.daemon.market.agreement_content import demand_terms, new_agreement, offer_terms
from golemnet.daemon.market.agreement_steps import AgreementSteps, signature_of
from golemnet.daemon.market.agreement_store import StoredAgreement
from golemnet.daemon.market.event_feed import EventFeed
from golemnet.daemon.market.messages import (
    AGREEMENT_DOCUMENT,
    APPROVAL_DOCUMENT,
    CANCELLED,
    COMMITMENT_DOCUMENT,
    ENDING_DOCUMENT,
    EXPIRED,
    NOT_FOUND,
    REFUSED,
    AgreementBody,
    Approval,
    Commitment,
    Ending,
    check_reason,
    pack,
    unpack,
)
from golemnet.daemon.market.outgoing import UNDELIVERED
from golemnet.daemon.market.proposal_store import EventKind, StoredProposal
from golemnet.daemon.market.publications import Publications
from golemnet.daemon.market.states import (
    AgreementEvent,
    AgreementState,
    ProposalState,
    Role,
    is_late,
)
from golemnet.database.database import Database
from golemnet.model.documents import Signed, open_signed
from golemnet.model.documents import sign as sign_document
from golemnet.model.keys import NodeKey
from golemnet.model.node_id import NodeId
from golemnet.net.errors import RemoteError

# Who may say what about an agreement, by its own role in it.
_ENDINGS = {
    (Role.PROVIDER, "Rejected"): AgreementEvent.REJECTED,
    (Role.REQUESTOR, "Cancelled"): AgreementEvent.CANCELLED,
    (Role.PROVIDER, "Terminated"): AgreementEvent.TERMINATED,
    (Role.REQUESTOR, "Terminated"): AgreementEvent.TERMINATED,
}
_REFUSALS = {
    AgreementState.CANCELLED: CANCELLED,
    AgreementState.EXPIRED: EXPIRED,
}


class AgreementReceiver:
    """Takes what other nodes say about agreements.

    Args:
        key: signs commitments.
        clock: time.
        database: keeps agreements.
        steps: moves agreements.
        feed: tells programs what happened.
        publications: the offers that agreements are about.
    """

    def __init__(
        self,
        key: NodeKey,
        clock: Clock,
        database: Database,
        steps: AgreementSteps,
        feed: EventFeed,
        publications: Publications,
    ) -> None:
        self._key = key
        self._clock = clock
        self._database = database
        self._steps = steps
        self._feed = feed
        self._publications = publications

    # -- at the provider -----------------------------------------------------------------------------------

    async def proposed(self, caller: NodeId, document: Signed) -> None:
        """Take an agreement that a requestor has signed; RemoteError if it is not what was negotiated."""
        body = open_signed(document, AGREEMENT_DOCUMENT, AgreementBody, caller)
        if (body.demand.node_id, body.offer.node_id) != (caller, self._key.node_id):
            raise RemoteError(REFUSED, "The agreement is not between the two of us.")
        if body.valid_to <= self._clock.now():
            raise RemoteError(EXPIRED, "The deadline of the agreement has passed.")
        await self._database.write(lambda connection: self._take(connection, document, body))

    def _take(self, connection: Connection, document: Signed, body: AgreementBody) -> None:
        agreement = new_agreement(body, document, Role.PROVIDER, AgreementState.PENDING)
        if agreement_store.find_agreement(connection, agreement.agreement_id) is not None:
            return
        proposal = self._negotiated(connection, body)
        self._steps.add(connection, agreement, proposal)
        self._feed.note(connection, proposal.subscription_id, EventKind.AGREEMENT, agreement.agreement_id)

    def _negotiated(self, connection: Connection, body: AgreementBody) -> StoredProposal:
        """Our proposal that the agreement is made of, if the agreement is what was negotiated."""
        proposal = proposal_store.find_proposal(connection, body.proposal_id)
        if proposal is None or not proposal.is_own or proposal.role is not Role.PROVIDER:
            raise RemoteError(NOT_FOUND, "There is no such proposal.")
        answered = proposal_store.find_proposal(connection, proposal.previous or "")
        if answered is None or (demand_terms(answered), offer_terms(proposal)) != (body.demand, body.offer):
            raise RemoteError(REFUSED, "The agreement is not what was negotiated.")
        if self._publications.own_offer(proposal.offer_id) is None:
            raise RemoteError(EXPIRED, "The offer has ended.")
        if proposal.state is not ProposalState.DRAFT:
            raise RemoteError(REFUSED, f"The proposal is {proposal.state}.")
        return proposal

    async def committed(self, agreement_id: str, answer: bytes) -> None:
        """The requestor has taken our approval; ``answer`` is its signed commitment."""
        document = unpack(answer, Signed)

        def take(connection: Connection) -> None:
            agreement = agreement_store.find_agreement(connection, agreement_id)
            if agreement is None:
                return
            commitment = open_signed(
                document, COMMITMENT_DOCUMENT, Commitment, NodeId.parse(agreement.requestor_id)
            )
            if commitment != Commitment(agreement_id, _signature(agreement.approved_signature)):
                raise RemoteError(REFUSED, "The commitment is not to our approval.")
            self._commit(connection, agreement, pack(document))

        await self._database.write(take)

    def _commit(self, connection: Connection, agreement: StoredAgreement, document: bytes) -> None:
        self._steps.apply(
            connection,
            agreement,
            AgreementEvent.COMMITTED,
            approved=_approved_at(agreement.approved_signature),
            committed_signature=document,
        )

    async def approval_refused(self, agreement_id: str, code: str, why: str) -> None:
        """The requestor does not take our approval: it has withdrawn, it is too late, or nobody is there."""
        event = AgreementEvent.EXPIRED if code in (EXPIRED, UNDELIVERED) else AgreementEvent.CANCELLED
        await self._failed(agreement_id, event, why)

    # -- at the requestor ----------------------------------------------------------------------------------

    async def approved(self, caller: NodeId, document: Signed) -> Signed:
        """Take a provider's approval; our commitment.

        Raises:
            RemoteError: ``CANCELLED`` or ``EXPIRED`` if it comes too late.
        """
        approval = open_signed(document, APPROVAL_DOCUMENT, Approval, caller)
        return await self._database.write(lambda c: self._approved(c, caller, approval, document))

    def _approved(
        self, connection: Connection, caller: NodeId, approval: Approval, document: Signed
    ) -> Signed:
        agreement = self._with_peer(connection, approval.agreement_id, caller, Role.REQUESTOR)
        if agreement.committed_signature is not None:
            # The answer was lost; the provider asks again.
            return msgspec.msgpack.decode(agreement.committed_signature, type=Signed)
        self._refuse_late(agreement)
        commitment = sign_document(
            COMMITMENT_DOCUMENT, Commitment(agreement.agreement_id, document.signature), self._key
        )
        self._steps.apply(
            connection,
            agreement,
            AgreementEvent.COMMITTED,
            approved=approval.approved,
            approved_signature=pack(document),
            committed_signature=pack(commitment),
        )
        return commitment

    def _refuse_late(self, agreement: StoredAgreement) -> None:
        late = agreement.valid_to <= self._clock.now()
        code = EXPIRED if late else _REFUSALS.get(agreement.state, REFUSED)
        if late or agreement.state is not AgreementState.PENDING:
            raise RemoteError(code, f"The agreement is {agreement.state}.")

    async def proposal_refused(self, agreement_id: str, code: str, why: str) -> None:
        """The provider's node does not take the agreement that we sent."""
        event = AgreementEvent.EXPIRED if code in (EXPIRED, UNDELIVERED) else AgreementEvent.REJECTED
        await self._failed(agreement_id, event, why)

    # -- at either -----------------------------------------------------------------------------------------

    async def ended(self, caller: NodeId, document: Signed) -> None:
        """Take the other side's rejection, withdrawal or termination; one that comes late changes nothing.

        Raises:
            RemoteError: the caller may not say this about the agreement.
        """
        ending = open_signed(document, ENDING_DOCUMENT, Ending, caller)
        check_reason(ending.reason)
        await self._database.write(lambda c: self._ended(c, caller, ending, document))

    def _ended(self, connection: Connection, caller: NodeId, ending: Ending, document: Signed) -> None:
        agreement = self._with_peer(connection, ending.agreement_id, caller, None)
        event = _ENDINGS.get((agreement.role.other, ending.state))
        if event is None:
            raise RemoteError(REFUSED, "The caller cannot end the agreement like this.")
        self._steps.apply(
            connection,
            agreement,
            event,
            terminator=agreement.role.other,
            signature=signature_of(pack(document)),
            reason=ending.reason,
        )

    async def _failed(self, agreement_id: str, event: AgreementEvent, why: str) -> None:
        def take(connection: Connection) -> None:
            agreement = agreement_store.find_agreement(connection, agreement_id)
            if agreement is None or agreement.state not in agreement_store.UNDECIDED:
                return
            if not is_late(agreement.role, agreement.state, event):
                self._steps.apply(connection, agreement, event, reason={"message": why})

        await self._database.write(take)

    def _with_peer(
        self, connection: Connection, agreement_id: str, caller: NodeId, role: Role | None
    ) -> StoredAgreement:
        agreement = agreement_store.find_agreement(connection, agreement_id)
        if agreement is None or agreement.peer_id != caller or role not in (None, agreement.role):
            raise RemoteError(NOT_FOUND, "There is no such agreement.")
        return agreement


def _signature(document: bytes | None) -> bytes:
    return b"" if document is None else msgspec.msgpack.decode(document, type=Signed).signature


def _approved_at(document: bytes | None) -> object:
    if document is None:
        return None
    signed = msgspec.msgpack.decode(document, type=Signed)
    return msgspec.msgpack.decode(signed.body, type=Approval).approved
