"""The events that programs take from their subscriptions, each once.

Proposals that arrive and the like wait in the database. Matching offers wait on the board: when a program
takes one, the requestor's node makes the initial proposal of it, in the provider's name.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from golemnet.clock import Clock
from golemnet.daemon.events import Signal
from golemnet.daemon.market import proposal_store
from golemnet.daemon.market.board import Board
from golemnet.daemon.market.known_offer import KnownOffer
from golemnet.daemon.market.messages import Reason
from golemnet.daemon.market.proposal_store import EventKind, StoredEvent, StoredProposal
from golemnet.daemon.market.publications import Publications
from golemnet.daemon.market.states import ProposalState, Role
from golemnet.daemon.market.store import Kind
from golemnet.database.database import Database, after_commit
from golemnet.model.keys import sha3_256
from golemnet.model.node_id import NodeId


class EventFeed:
    """What happened to the subscriptions of this node.

    Args:
        node_id: this node.
        clock: time of the events.
        database: keeps events until they are taken.
        publications: the subscriptions.
        board: has the matching offers.
        changed: fired with a subscription's id when it has an event.
    """

    def __init__(
        self,
        node_id: NodeId,
        clock: Clock,
        database: Database,
        publications: Publications,
        board: Board,
        changed: Signal[str],
    ) -> None:
        self._node_id = node_id
        self._clock = clock
        self._database = database
        self._publications = publications
        self._board = board
        self._changed = changed

    def note(
        self,
        connection: Connection,
        subscription_id: str,
        kind: EventKind,
        about: str,
        reason: Reason | None = None,
    ) -> None:
        """Store an event for a program and wake it."""
        event = StoredEvent(subscription_id, kind, about, self._clock.now(), reason)
        proposal_store.add_event(connection, event)
        after_commit(connection, lambda: self._changed.fire(subscription_id))

    async def take(self, subscription_id: str, timeout_s: float, limit: int) -> list[StoredEvent]:
        """Up to ``limit`` events of a subscription, waiting for the first; they are not given again.

        Raises:
            NotFound: the subscription has ended, perhaps while this waited.
        """
        return await self._changed.poll(
            subscription_id, lambda: self._take(subscription_id, limit), timeout_s
        )

    async def _take(self, subscription_id: str, limit: int) -> list[StoredEvent]:
        subscription = self._publications.require(subscription_id)
        events = await self._take_stored(subscription_id, limit)
        if subscription.kind is Kind.DEMAND and len(events) < limit:
            offers = self._board.take(subscription_id, limit - len(events))
            events += await self._announce(offers, subscription_id)
        return events

    async def _take_stored(self, subscription_id: str, limit: int) -> list[StoredEvent]:
        if not await self._database.read(lambda c: proposal_store.has_events(c, subscription_id)):
            return []
        return await self._database.write(lambda c: proposal_store.take_events(c, subscription_id, limit))

    async def _announce(self, offers: list[KnownOffer], demand_id: str) -> list[StoredEvent]:
        """Make and store the initial proposals of matching offers."""
        now = self._clock.now()
        proposals = [self._initial(known, demand_id, now) for known in offers]

        def store(connection: Connection) -> None:
            for proposal in proposals:
                proposal_store.add_proposal(connection, proposal)

        if proposals:
            await self._database.write(store)
        return [StoredEvent(demand_id, EventKind.PROPOSAL, each.proposal_id, now) for each in proposals]

    def _initial(self, known: KnownOffer, demand_id: str, now: datetime) -> StoredProposal:
        offer = known.offer
        text = f"{demand_id} {offer.offer_id} {now.isoformat()}"
        return StoredProposal(
            proposal_id=sha3_256(text.encode()).hex(),
            subscription_id=demand_id,
            role=Role.REQUESTOR,
            state=ProposalState.INITIAL,
            offer_id=offer.offer_id,
            demand_id=demand_id,
            requestor_id=str(self._node_id),
            provider_id=offer.provider_id,
            issuer=Role.PROVIDER,
            previous=None,
            properties=offer.properties,
            constraints=offer.constraints,
            created=now,
        )
