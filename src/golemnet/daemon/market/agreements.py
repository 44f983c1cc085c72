"""What programs of this node do with agreements, as requestor and as provider.

Every call stores the new state and the message to the other node in one transaction; the message is sent
from there until it has arrived or is of no more use. See ``states`` for how both nodes come to agree.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection

from golemnet.clock import Clock
from golemnet.daemon.market import agreement_store, proposal_store
from golemnet.daemon.market.agreement_content import demand_terms, new_agreement, offer_terms
from golemnet.daemon.market.agreement_records import AgreementRecords
from golemnet.daemon.market.agreement_steps import AgreementSteps, required, signature_of
from golemnet.daemon.market.agreement_store import StoredAgreement
from golemnet.daemon.market.messages import (
    AGREEMENT_APPROVED,
    AGREEMENT_DOCUMENT,
    AGREEMENT_ENDED,
    AGREEMENT_PROPOSED,
    APPROVAL_DOCUMENT,
    ENDING_DOCUMENT,
    AgreementBody,
    Approval,
    Ending,
    Reason,
    check_reason,
    pack,
)
from golemnet.daemon.market.outgoing import Outgoing
from golemnet.daemon.market.proposal_store import StoredProposal
from golemnet.daemon.market.states import (
    AgreementEvent,
    AgreementState,
    ProposalState,
    Role,
    illegal,
    is_late,
)
from golemnet.database.database import Database
from golemnet.model.documents import sign
from golemnet.model.keys import NodeKey
from golemnet.rest.errors import BadRequest, Conflict, Forbidden, Gone

APPROVAL_GRACE = timedelta(minutes=10)
ENDING_SENT_FOR = timedelta(days=7)

_ENDINGS = {
    AgreementEvent.REJECTED: AgreementState.REJECTED,
    AgreementEvent.CANCELLED: AgreementState.CANCELLED,
    AgreementEvent.TERMINATED: AgreementState.TERMINATED,
}


class Agreements:
    """The agreements of this node.

    Args:
        key: signs.
        clock: time.
        database: keeps agreements.
        outgoing: carries messages to the other node.
        steps: moves agreements.
        records: waits for answers.
    """

    def __init__(
        self,
        key: NodeKey,
        clock: Clock,
        database: Database,
        outgoing: Outgoing,
        steps: AgreementSteps,
        records: AgreementRecords,
    ) -> None:
        self._key = key
        self._clock = clock
        self._database = database
        self._outgoing = outgoing
        self._steps = steps
        self._records = records

    # -- requestor -----------------------------------------------------------------------------------------

    async def create(self, proposal_id: str, valid_to: datetime) -> StoredAgreement:
        """Make an agreement of a provider's proposal; nothing is sent yet.

        Raises:
            BadRequest: the proposal is unknown, our own, initial or answered, or ``valid_to`` has passed.
            Conflict: an agreement was made of it already.
        """
        if valid_to <= self._clock.now():
            raise BadRequest("validTo has passed already.", next_step="Give the provider time to approve.")
        return await self._database.write(lambda c: self._create(c, proposal_id, valid_to))

    def _create(self, connection: Connection, proposal_id: str, valid_to: datetime) -> StoredAgreement:
        proposal = _promotable(connection, proposal_id)
        demand = proposal_store.find_proposal(connection, proposal.previous or "")
        assert demand is not None, "a provider's draft answers a proposal of ours"
        body = AgreementBody(
            proposal_id=proposal_id,
            demand=demand_terms(demand),
            offer=offer_terms(proposal),
            valid_to=valid_to,
            created=self._clock.now(),
        )
        document = sign(AGREEMENT_DOCUMENT, body, self._key)
        agreement = new_agreement(body, document, Role.REQUESTOR, AgreementState.PROPOSAL)
        self._steps.add(connection, agreement, proposal)
        return agreement

    async def confirm(self, agreement_id: str, app_session_id: str | None) -> None:
        """Send the agreement, signed, to the provider.

        Raises:
            Conflict: it was sent already; Gone if it has ended.
        """
        await self._database.write(lambda c: self._confirm(c, agreement_id, app_session_id))

    def _confirm(self, connection: Connection, agreement_id: str, app_session_id: str | None) -> None:
        agreement = self._mine(connection, agreement_id, Role.REQUESTOR)
        confirmed = self._steps.apply(
            connection, agreement, AgreementEvent.CONFIRMED, app_session_id=app_session_id
        )
        document = confirmed.proposed_signature or b""
        self._send(connection, confirmed, AGREEMENT_PROPOSED, document, confirmed.valid_to)

    async def wait(self, agreement_id: str, timeout_s: float) -> None:
        """Wait until the agreement is approved.

        Raises:
            Gone: it was rejected or cancelled, or has expired; the text is the state.
            BadRequest: it was not sent, or is terminated.
            RequestTimeout: nothing happened within ``timeout_s``.
        """
        agreement = await self._records.settled(agreement_id, timeout_s)
        if agreement.state in (AgreementState.PROPOSAL, AgreementState.TERMINATED):
            raise BadRequest(f"The agreement is {agreement.state}.", agreement_id=agreement_id)
        if agreement.state is not AgreementState.APPROVED:
            raise Gone(agreement.state.value)

    async def cancel(self, agreement_id: str, reason: Reason | None) -> None:
        """Withdraw an agreement that is not approved yet. Raises Gone if it is too late."""
        await self._end(agreement_id, AgreementEvent.CANCELLED, reason, Role.REQUESTOR)

    # -- provider ------------------------------------------------------------------------------------------

    async def approve(self, agreement_id: str, app_session_id: str | None, timeout_s: float) -> None:
        """Sign an agreement and wait until the requestor has committed to it.

        Raises:
            Gone: it was withdrawn, or has expired.
            RequestTimeout: the requestor did not answer within ``timeout_s``; it is asked further.
        """
        await self._database.write(lambda c: self._approve(c, agreement_id, app_session_id))
        agreement = await self._records.settled(agreement_id, timeout_s)
        if agreement.state is not AgreementState.APPROVED:
            raise Gone(agreement.state.value)

    def _approve(self, connection: Connection, agreement_id: str, app_session_id: str | None) -> None:
        agreement = self._mine(connection, agreement_id, Role.PROVIDER)
        if agreement.state in (AgreementState.APPROVING, AgreementState.APPROVED):
            return
        approval = sign(APPROVAL_DOCUMENT, Approval(agreement_id, self._clock.now()), self._key)
        approving = self._steps.apply(
            connection,
            agreement,
            AgreementEvent.APPROVED,
            app_session_id=app_session_id,
            approved_signature=pack(approval),
        )
        # The requestor may have taken it before the deadline although its answer was lost: go on asking.
        give_up = agreement.valid_to + APPROVAL_GRACE
        self._send(connection, approving, AGREEMENT_APPROVED, pack(approval), give_up)

    async def reject(self, agreement_id: str, reason: Reason | None) -> None:
        """Refuse an agreement. Raises Gone if it was approved or has ended."""
        await self._end(agreement_id, AgreementEvent.REJECTED, reason, Role.PROVIDER)

    # -- either --------------------------------------------------------------------------------------------

    async def terminate(self, agreement_id: str, reason: Reason | None) -> None:
        """End an approved agreement; the other node is told as soon as it can be reached.

        Raises:
            Conflict: it was never sent; Gone if it is not approved, or has ended.
        """
        await self._end(agreement_id, AgreementEvent.TERMINATED, reason, None)

    async def _end(
        self, agreement_id: str, event: AgreementEvent, reason: Reason | None, role: Role | None
    ) -> None:
        check_reason(reason)
        await self._database.write(lambda c: self._end_now(c, agreement_id, event, reason, role))

    def _end_now(
        self,
        connection: Connection,
        agreement_id: str,
        event: AgreementEvent,
        reason: Reason | None,
        role: Role | None,
    ) -> None:
        agreement = self._mine(connection, agreement_id, role)
        if is_late(agreement.role, agreement.state, event):
            raise illegal(agreement.state, event)
        if event is AgreementEvent.TERMINATED and agreement.state is AgreementState.APPROVING:
            raise illegal(agreement.state, event)
        now = self._clock.now()
        document = sign(ENDING_DOCUMENT, Ending(agreement_id, _ENDINGS[event], now, reason), self._key)
        ended = self._steps.apply(
            connection,
            agreement,
            event,
            terminator=agreement.role,
            signature=signature_of(pack(document)),
            reason=reason,
        )
        if agreement.state is not AgreementState.PROPOSAL:
            self._send(connection, ended, AGREEMENT_ENDED, pack(document), now + ENDING_SENT_FOR)

    async def expire(self, now: datetime) -> None:
        """End the agreements whose deadline for approval has passed."""

        waiting = await self._database.read(agreement_store.deadlines)
        due = [agreement_id for agreement_id, valid_to in waiting if valid_to <= now]

        def expire_due(connection: Connection) -> None:
            for agreement_id in due:
                agreement = required(connection, agreement_id)
                if agreement.state in agreement_store.WITH_DEADLINE:
                    self._steps.apply(connection, agreement, AgreementEvent.EXPIRED)

        if due:
            await self._database.write(expire_due)

    # -- shared --------------------------------------------------------------------------------------------

    def _mine(self, connection: Connection, agreement_id: str, role: Role | None) -> StoredAgreement:
        agreement = required(connection, agreement_id)
        if role not in (None, agreement.role):
            raise Forbidden(f"Only the {role} may do this.", agreement_id=agreement_id)
        if agreement.state in agreement_store.WITH_DEADLINE and agreement.valid_to <= self._clock.now():
            # For the alarm, which stores it, is about to ring.
            return msgspec.structs.replace(agreement, state=AgreementState.EXPIRED)
        return agreement

    def _send(
        self, connection: Connection, agreement: StoredAgreement, method: str, body: bytes, until: datetime
    ) -> None:
        self._outgoing.put(connection, agreement.agreement_id, agreement.peer_id, method, body, until)


def _promotable(connection: Connection, proposal_id: str) -> StoredProposal:
    proposal = proposal_store.find_proposal(connection, proposal_id)
    if proposal is None or proposal.role is not Role.REQUESTOR or proposal.is_own:
        raise BadRequest("An agreement is made of a provider's proposal.", proposal_id=proposal_id)
    if proposal.state is ProposalState.ACCEPTED:
        raise Conflict("An agreement was made of the proposal already.", proposal_id=proposal_id)
    if proposal.state is not ProposalState.DRAFT:
        raise BadRequest(f"The proposal is {proposal.state}, not Draft.", proposal_id=proposal_id)
    return proposal
