"""Proposals and rejections that arrive from other nodes: verified, stored, and told to the program.

Nothing in them is believed before the signature is that of the caller, and the caller is the side that it
says it is. What was taken before is answered as if it were new.
"""

from __future__ import annotations

from sqlalchemy import Connection

from golemnet.daemon.market import proposal_store
from golemnet.daemon.market.event_feed import EventFeed
from golemnet.daemon.market.messages import (
    BUSY,
    EXPIRED,
    NOT_FOUND,
    PROPOSAL_DOCUMENT,
    PROPOSAL_REJECTION_DOCUMENT,
    REFUSED,
    ProposalBody,
    ProposalRejection,
    check_reason,
    document_id,
)
from golemnet.daemon.market.negotiation import Content, Negotiation, check_fit, stored
from golemnet.daemon.market.proposal_store import EventKind, StoredProposal
from golemnet.daemon.market.publications import Publications
from golemnet.daemon.market.states import ProposalEvent, ProposalState, Role
from golemnet.database.database import Database
from golemnet.model.documents import Signed, open_signed
from golemnet.model.matching import match
from golemnet.model.node_id import NodeId
from golemnet.model.properties import flatten
from golemnet.net.errors import RemoteError
from golemnet.rest.errors import NotFound

MAX_WAITING_EVENTS = 1000


class ProposalReceiver:
    """Takes proposals of other nodes.

    Args:
        node_id: this node.
        database: keeps proposals.
        negotiation: notes rejections.
        feed: tells programs what happened.
        publications: the subscriptions that proposals belong to.
    """

    def __init__(
        self,
        node_id: NodeId,
        database: Database,
        negotiation: Negotiation,
        feed: EventFeed,
        publications: Publications,
    ) -> None:
        self._node_id = node_id
        self._database = database
        self._negotiation = negotiation
        self._feed = feed
        self._publications = publications

    async def proposed(self, caller: NodeId, document: Signed) -> None:
        """Take a proposal.

        Raises:
            RemoteError: it is not by the caller, does not fit, or comes too late.
        """
        body = open_signed(document, PROPOSAL_DOCUMENT, ProposalBody, caller)
        role = body.issuer.other
        self._check_sides(caller, body)
        subscription_id = body.offer_id if role is Role.PROVIDER else body.demand_id
        self._check_open(subscription_id)
        proposal = stored(body, document_id(document), subscription_id, role)
        if flatten(body.properties) != body.properties:
            raise RemoteError(REFUSED, "The properties are not flat.")
        await self._database.write(lambda connection: self._take(connection, proposal))

    def _check_sides(self, caller: NodeId, body: ProposalBody) -> None:
        sides = (body.requestor_id, body.provider_id)
        expected = (caller, self._node_id) if body.issuer is Role.REQUESTOR else (self._node_id, caller)
        if sides != expected:
            raise RemoteError(REFUSED, "The proposal is not between the two of us.")

    def _check_open(self, subscription_id: str) -> None:
        try:
            self._publications.require(subscription_id)
        except NotFound as error:
            raise RemoteError(EXPIRED, "The subscription has ended.") from error

    def _take(self, connection: Connection, proposal: StoredProposal) -> None:
        if proposal_store.find_proposal(connection, proposal.proposal_id) is not None:
            return
        if proposal_store.waiting_events(connection, proposal.subscription_id) >= MAX_WAITING_EVENTS:
            raise RemoteError(BUSY, "Too many proposals wait for an answer.")
        if proposal.previous is None:
            self._check_first(proposal)
        else:
            self._answer(connection, proposal, proposal.previous)
        proposal_store.add_proposal(connection, proposal)
        self._feed.note(connection, proposal.subscription_id, EventKind.PROPOSAL, proposal.proposal_id)

    def _check_first(self, proposal: StoredProposal) -> None:
        offer = self._publications.own_offer(proposal.offer_id)
        if offer is None or proposal.role is not Role.PROVIDER:
            raise RemoteError(NOT_FOUND, "There is no such offer.")
        fits = match(proposal.properties, proposal.constraints, offer.properties, offer.constraints)
        if not fits.matched:
            raise RemoteError(REFUSED, "The proposal does not match the offer.")

    def _answer(self, connection: Connection, proposal: StoredProposal, previous: str) -> None:
        answered = proposal_store.find_proposal(connection, previous)
        if answered is None or not answered.is_own or not _same_negotiation(answered, proposal):
            raise RemoteError(NOT_FOUND, "There is no such proposal to answer.")
        check_fit(answered, Content(proposal.properties, proposal.constraints))
        proposal_store.move_proposal(connection, answered, ProposalEvent.COUNTERED)

    async def rejected(self, caller: NodeId, document: Signed) -> None:
        """Take the rejection of a proposal of ours; one that comes late changes nothing.

        Raises:
            RemoteError: it is not by the caller, or not about a proposal to the caller.
        """
        rejection = open_signed(document, PROPOSAL_REJECTION_DOCUMENT, ProposalRejection, caller)
        reason = check_reason(rejection.reason)

        def take(connection: Connection) -> None:
            proposal = proposal_store.find_proposal(connection, rejection.proposal_id)
            if proposal is None or not proposal.is_own or proposal.peer_id != caller:
                raise RemoteError(NOT_FOUND, "There is no such proposal.")
            if proposal.state is ProposalState.DRAFT:
                self._negotiation.note_rejection(connection, proposal.proposal_id, reason)

        await self._database.write(take)


def _same_negotiation(one: StoredProposal, other: StoredProposal) -> bool:
    return (one.offer_id, one.demand_id, one.peer_id) == (other.offer_id, other.demand_id, other.peer_id)
