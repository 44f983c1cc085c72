"""Proposals and their answers, between a requestor's demand and a provider's offer.

The first proposal of each pair is made from a matching offer by ``event_feed``. Every further one is signed
by its issuer and travels to the other node.
A proposal can be answered once, and the answer must fit it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from golemnet.clock import Clock
from golemnet.daemon.market import proposal_store
from golemnet.daemon.market.event_feed import EventFeed
from golemnet.daemon.market.messages import (
    PROPOSAL,
    PROPOSAL_DOCUMENT,
    PROPOSAL_REJECTED,
    PROPOSAL_REJECTION_DOCUMENT,
    ProposalBody,
    ProposalRejection,
    Reason,
    check_reason,
    document_id,
    pack,
)
from golemnet.daemon.market.outgoing import Outgoing
from golemnet.daemon.market.proposal_store import EventKind, StoredProposal
from golemnet.daemon.market.publications import Publications
from golemnet.daemon.market.states import ProposalEvent, ProposalState, Role
from golemnet.database.database import Database
from golemnet.model.documents import sign
from golemnet.model.keys import NodeKey
from golemnet.model.matching import match
from golemnet.model.properties import flatten
from golemnet.rest.errors import BadRequest, NotFound

SENT_FOR = timedelta(seconds=60)
RESEND_REJECTION_FOR = timedelta(minutes=10)


class Content(msgspec.Struct, frozen=True):
    """What a program proposes: flat properties and a constraint."""

    properties: dict[str, Any]
    constraints: str


class Negotiation:
    """Proposals of this node's programs.

    Args:
        key: signs the proposals.
        clock: time.
        database: keeps proposals and events.
        outgoing: carries messages to the other node.
        publications: the subscriptions that proposals belong to.
        feed: tells programs what happened.
    """

    def __init__(
        self,
        key: NodeKey,
        clock: Clock,
        database: Database,
        outgoing: Outgoing,
        publications: Publications,
        feed: EventFeed,
    ) -> None:
        self._key = key
        self._clock = clock
        self._database = database
        self._outgoing = outgoing
        self._publications = publications
        self._feed = feed

    async def get(self, subscription_id: str, proposal_id: str) -> StoredProposal:
        """A proposal of the subscription; NotFound if there is none."""
        return await self._database.read(lambda c: _of_subscription(c, subscription_id, proposal_id))

    async def counter(
        self, subscription_id: str, proposal_id: str, properties: dict[str, Any], constraints: str
    ) -> StoredProposal:
        """Answer a proposal of the other side by one of ours; the new one. It is sent in the background.

        Raises:
            NotFound: no such subscription or proposal.
            BadRequest: the proposal is our own, or the answer does not fit it.
            Gone: it was answered before.
        """
        self._publications.require(subscription_id)
        content = Content(flatten(properties), constraints)
        return await self._database.write(
            lambda connection: self._counter(connection, subscription_id, proposal_id, content)
        )

    def _counter(
        self, connection: Connection, subscription_id: str, proposal_id: str, content: Content
    ) -> StoredProposal:
        answered = _of_subscription(connection, subscription_id, proposal_id)
        _refuse_own(answered)
        check_fit(answered, content)
        proposal_store.move_proposal(connection, answered, ProposalEvent.COUNTERED)
        return self._propose(connection, answered, content)

    def _propose(self, connection: Connection, answered: StoredProposal, content: Content) -> StoredProposal:
        now = self._clock.now()
        # The other node has never seen the initial proposal, which this one made in its name.
        is_first = answered.role is Role.REQUESTOR and answered.previous is None
        body = ProposalBody(
            demand_id=answered.demand_id,
            offer_id=answered.offer_id,
            requestor_id=answered.requestor_id,
            provider_id=answered.provider_id,
            issuer=answered.role,
            previous=None if is_first else answered.proposal_id,
            properties=content.properties,
            constraints=content.constraints,
            created=now,
        )
        document = sign(PROPOSAL_DOCUMENT, body, self._key)
        proposal = stored(body, document_id(document), answered.subscription_id, answered.role)
        proposal = msgspec.structs.replace(proposal, previous=answered.proposal_id)
        proposal_store.add_proposal(connection, proposal)
        self._outgoing.put(
            connection, proposal.proposal_id, proposal.peer_id, PROPOSAL, pack(document), now + SENT_FOR
        )
        return proposal

    async def reject(self, subscription_id: str, proposal_id: str, reason: Reason | None) -> None:
        """Refuse a proposal of the other side.

        Raises:
            NotFound: no such proposal.
            BadRequest: it is our own.
            Gone: it was answered or refused before.
        """
        check_reason(reason)
        await self._database.write(lambda c: self._reject(c, subscription_id, proposal_id, reason))

    def _reject(
        self, connection: Connection, subscription_id: str, proposal_id: str, reason: Reason | None
    ) -> None:
        proposal = _of_subscription(connection, subscription_id, proposal_id)
        _refuse_own(proposal)
        proposal_store.move_proposal(connection, proposal, ProposalEvent.REJECTED)
        if proposal.state is ProposalState.INITIAL:
            return
        document = sign(PROPOSAL_REJECTION_DOCUMENT, ProposalRejection(proposal_id, reason), self._key)
        give_up = self._clock.now() + RESEND_REJECTION_FOR
        self._outgoing.put(
            connection, proposal_id, proposal.peer_id, PROPOSAL_REJECTED, pack(document), give_up
        )

    async def refused(self, proposal_id: str, code: str, why: str) -> None:
        """Our proposal did not reach the other side, or its node refused it: the program learns of it."""
        reason = {"message": why, "golem.proposal.rejection.code": code}
        await self._database.write(lambda c: self.note_rejection(c, proposal_id, reason))

    def note_rejection(self, connection: Connection, proposal_id: str, reason: Reason | None) -> None:
        """Store that our proposal was rejected; one that has moved on meanwhile stays as it is."""
        proposal = proposal_store.find_proposal(connection, proposal_id)
        if proposal is None or proposal.state is not ProposalState.DRAFT:
            return
        proposal_store.move_proposal(connection, proposal, ProposalEvent.REJECTED)
        self._feed.note(
            connection, proposal.subscription_id, EventKind.PROPOSAL_REJECTED, proposal_id, reason
        )


def stored(body: ProposalBody, proposal_id: str, subscription_id: str, role: Role) -> StoredProposal:
    """The row for a proposal that has just been made."""
    return StoredProposal(
        proposal_id=proposal_id,
        subscription_id=subscription_id,
        role=role,
        state=ProposalState.DRAFT,
        offer_id=body.offer_id,
        demand_id=body.demand_id,
        requestor_id=body.requestor_id,
        provider_id=body.provider_id,
        issuer=body.issuer,
        previous=body.previous,
        properties=body.properties,
        constraints=body.constraints,
        created=body.created,
    )


def check_fit(answered: StoredProposal, answer: Content) -> None:
    """Refuse an answer whose constraint or properties do not fit the proposal that it answers.

    Raises:
        BadRequest: naming the constraints that do not hold; ValueError if one cannot be read.
    """
    theirs = Content(answered.properties, answered.constraints)
    demand, offer = (answer, theirs) if answered.issuer is Role.PROVIDER else (theirs, answer)
    result = match(demand.properties, demand.constraints, offer.properties, offer.constraints)
    if not result.matched:
        raise BadRequest(
            "NotMatching: the answer does not fit the proposal.",
            why=f"Not true: {', '.join([*result.refused_by_demand, *result.refused_by_offer][:5])}.",
            proposal_id=answered.proposal_id,
        )


def _of_subscription(connection: Connection, subscription_id: str, proposal_id: str) -> StoredProposal:
    proposal = proposal_store.find_proposal(connection, proposal_id)
    if proposal is None or proposal.subscription_id != subscription_id:
        raise NotFound("The subscription has no such proposal.", proposal_id=proposal_id)
    return proposal


def _refuse_own(proposal: StoredProposal) -> None:
    if proposal.is_own:
        raise BadRequest("The proposal is our own.", proposal_id=proposal.proposal_id)
