"""One step of an agreement, with everything that belongs to it in the same transaction.

Programs and peers both move agreements; both do it here: the new state, the event that programs see, what
becomes of the proposal, and who is to be told that an approved agreement has ended.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection

from golemnet.clock import Clock
from golemnet.daemon.events import Signal
from golemnet.daemon.market import agreement_store, proposal_store
from golemnet.daemon.market.agreement_store import (
    AgreementEventKind,
    StoredAgreement,
    StoredAgreementEvent,
)
from golemnet.daemon.market.alarm import Alarm
from golemnet.daemon.market.board import Board
from golemnet.daemon.market.proposal_store import StoredProposal
from golemnet.daemon.market.states import (
    FAILED,
    AgreementEvent,
    AgreementState,
    ProposalEvent,
    ProposalState,
    Role,
    step_agreement,
)
from golemnet.daemon.market.views import signature_text
from golemnet.database.database import after_commit
from golemnet.database.outbox import Outbox
from golemnet.rest.errors import NotFound

ENDED_KIND = "market.ended"
ANY_AGREEMENT = "any agreement"

EVENTS = {
    AgreementState.APPROVED: AgreementEventKind.APPROVED,
    AgreementState.REJECTED: AgreementEventKind.REJECTED,
    AgreementState.CANCELLED: AgreementEventKind.CANCELLED,
    AgreementState.TERMINATED: AgreementEventKind.TERMINATED,
}


class AgreementSteps:
    """Moves agreements.

    Args:
        clock: time of the events.
        outbox: keeps the news of an end until the other services have taken it.
        board: offers a pair for negotiation again.
        alarm: rings when an agreement expires.
    """

    def __init__(self, clock: Clock, outbox: Outbox, board: Board, alarm: Alarm) -> None:
        self._clock = clock
        self._outbox = outbox
        self._board = board
        self._alarm = alarm
        self.changed: Signal[str] = Signal()

    def add(self, connection: Connection, agreement: StoredAgreement, proposal: StoredProposal) -> None:
        """Store a new agreement that is made of ``proposal``; its deadline counts from now on."""
        proposal_store.move_proposal(connection, proposal, ProposalEvent.PROMOTED)
        agreement_store.add_agreement(connection, agreement)
        after_commit(connection, lambda: self._alarm.at(agreement.valid_to))

    def apply(
        self,
        connection: Connection,
        agreement: StoredAgreement,
        event: AgreementEvent,
        *,
        terminator: Role | None = None,
        signature: str | None = None,
        **changes: Any,
    ) -> StoredAgreement:
        """The agreement after ``event``, stored with ``changes`` to its fields; unchanged if it comes late.

        Raises:
            Conflict, Gone: the event does not fit.
        """
        state = step_agreement(agreement.role, agreement.state, event)
        if state is agreement.state:
            return agreement
        moved = msgspec.structs.replace(agreement, state=state, **changes)
        agreement_store.save_agreement(connection, moved)
        self._note(connection, moved, terminator, signature)
        if state in FAILED:
            self._release(connection, moved)
        if state is AgreementState.TERMINATED:
            self._ended(connection, moved)
        after_commit(connection, lambda: self._wake(moved))
        return moved

    def _note(
        self,
        connection: Connection,
        agreement: StoredAgreement,
        terminator: Role | None,
        signature: str | None,
    ) -> None:
        kind = EVENTS.get(agreement.state)
        if kind is None:
            return
        event = StoredAgreementEvent(
            agreement_id=agreement.agreement_id,
            kind=kind,
            at=self._clock.now(),
            app_session_id=agreement.app_session_id,
            terminator=terminator,
            signature=signature,
            reason=agreement.reason,
        )
        agreement_store.add_agreement_event(connection, event)

    def _release(self, connection: Connection, agreement: StoredAgreement) -> None:
        """The proposal can be negotiated further when its agreement came to nothing."""
        proposal = proposal_store.find_proposal(connection, agreement.proposal_id)
        if proposal is not None and proposal.state is ProposalState.ACCEPTED:
            proposal_store.move_proposal(connection, proposal, ProposalEvent.AGREEMENT_FAILED)

    def _ended(self, connection: Connection, agreement: StoredAgreement) -> None:
        self._outbox.put(connection, ENDED_KIND, agreement.agreement_id, b"")
        proposal = proposal_store.find_proposal(connection, agreement.proposal_id)
        if proposal is not None and proposal.role is Role.REQUESTOR:
            demand_id, offer_id = proposal.demand_id, proposal.offer_id
            after_commit(connection, lambda: self._board.announce_again(demand_id, offer_id))

    def _wake(self, agreement: StoredAgreement) -> None:
        self.changed.fire(agreement.agreement_id)
        self.changed.fire(ANY_AGREEMENT)


def required(connection: Connection, agreement_id: str) -> StoredAgreement:
    """The agreement; NotFound if this node has no part in one of that id."""
    agreement = agreement_store.find_agreement(connection, agreement_id)
    if agreement is None:
        raise NotFound("There is no such agreement.", agreement_id=agreement_id)
    return agreement


def signature_of(document: bytes) -> str:
    """The signature of a stored signed document, as programs see it."""
    return signature_text(document) or ""
