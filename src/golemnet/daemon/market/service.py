"""The market service of a node: offers and demands, negotiation, agreements, for both sides.

``publications``, ``negotiation``, ``agreements``, ``records`` (of agreements) and ``scans`` are what programs
use; this module builds them, runs what has to run, and answers the other services of the node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from golemnet.clock import Clock
from golemnet.daemon.events import Signal
from golemnet.daemon.market import agreement_store, peers, proposal_store
from golemnet.daemon.market.agreement_receiver import AgreementReceiver
from golemnet.daemon.market.agreement_records import AgreementRecords
from golemnet.daemon.market.agreement_steps import ENDED_KIND, AgreementSteps
from golemnet.daemon.market.agreements import Agreements
from golemnet.daemon.market.alarm import Alarm
from golemnet.daemon.market.board import Board
from golemnet.daemon.market.event_feed import EventFeed
from golemnet.daemon.market.event_views import event_views
from golemnet.daemon.market.explain import explain
from golemnet.daemon.market.known_offer import KnownOffer
from golemnet.daemon.market.negotiation import Negotiation
from golemnet.daemon.market.offer_book import OfferBook
from golemnet.daemon.market.outgoing import KIND, Follow, Outgoing
from golemnet.daemon.market.proposal_receiver import ProposalReceiver
from golemnet.daemon.market.publications import Publications
from golemnet.daemon.market.scan import Scans
from golemnet.daemon.market.spread import Spread
from golemnet.daemon.market.views import agreement_view
from golemnet.database.database import Database
from golemnet.database.outbox import Handler, Outbox
from golemnet.model.keys import NodeKey
from golemnet.net.network import Network
from golemnet.rest.errors import NotFound
from golemnet.rest.market import Agreement, MatchingReport, NegotiationEvent

PROPOSALS_KEPT = timedelta(days=1)
AGREEMENTS_KEPT = timedelta(days=90)
CLEAN_EVERY = timedelta(hours=4)

OnEnded = Callable[[str], Awaitable[None]]


class Market:
    """The market as one node sees it.

    Args:
        clock: time.
        key: signs offers, proposals and agreements.
        database: keeps this node's side of everything.
        outbox: delivers what was promised; it has to be run with ``effects``.
        network: to the other nodes.
    """

    def __init__(
        self, *, clock: Clock, key: NodeKey, database: Database, outbox: Outbox, network: Network
    ) -> None:
        self._clock = clock
        self._database = database
        self._on_ended: list[OnEnded] = []
        self._alarm = Alarm(clock)
        changed: Signal[str] = Signal()
        self.book = OfferBook()
        self.board = Board(self.book, changed.fire)
        self.scans = Scans(self.book, clock)
        self.spread = Spread(network, clock, self.book, self._offer_arrived, self.board.offer_gone)
        self.publications = Publications(key, clock, database, self.board, self.spread, self._alarm, changed)
        follows: dict[str, Follow] = {}
        self._outgoing = Outgoing(network, outbox, clock, follows)
        feed = self._feed = EventFeed(key.node_id, clock, database, self.publications, self.board, changed)
        self.negotiation = Negotiation(key, clock, database, self._outgoing, self.publications, feed)
        steps = AgreementSteps(clock, outbox, self.board, self._alarm)
        self.records = AgreementRecords(database, steps.changed)
        self.agreements = Agreements(key, clock, database, self._outgoing, steps, self.records)
        proposals = ProposalReceiver(key.node_id, database, self.negotiation, feed, self.publications)
        receiver = AgreementReceiver(key, clock, database, steps, feed, self.publications)
        follows.update(peers.follow_ups(self.negotiation, receiver))
        peers.serve(network, proposals, receiver, lambda: self.publications.is_loaded)

    def effects(self) -> dict[str, Handler]:
        """What the outbox hands to this service."""
        return {KIND: self._outgoing.deliver, ENDED_KIND: self._tell_ended}

    async def run(self, ready: asyncio.Event) -> None:
        """Spread offers and watch deadlines until cancelled; continues with what was stored before."""
        async with asyncio.TaskGroup() as group:
            spreading = asyncio.Event()
            group.create_task(self.spread.run(spreading))
            await spreading.wait()
            await self.publications.load()
            for _, valid_to in await self._database.read(agreement_store.deadlines):
                self._alarm.at(valid_to)
            self._alarm.at(self._clock.now())
            group.create_task(self._watch())
            ready.set()

    # -- for the node's other services ---------------------------------------------------------------------

    async def agreement(self, agreement_id: str) -> Agreement | None:
        """The agreement as the REST API shows it; None if this node has no part in it."""
        agreement = await self.records.find(agreement_id)
        return None if agreement is None else agreement_view(agreement)

    async def committed_agreement(self, agreement_id: str) -> Agreement | None:
        """As ``agreement``, once a commitment to it that may be on its way has arrived."""
        agreement = await self.records.committed(agreement_id)
        return None if agreement is None else agreement_view(agreement)

    def on_agreement_ended(self, callback: OnEnded) -> None:
        """Have ``callback`` called with the id of every approved agreement that ends.

        It is called at least once, after a restart if need be, and again later if it raises.
        """
        self._on_ended.append(callback)

    async def _tell_ended(self, agreement_id: str, _: bytes) -> None:
        for callback in self._on_ended:
            await callback(agreement_id)

    async def events(self, subscription_id: str, timeout_s: float, limit: int) -> list[NegotiationEvent]:
        """What happened to a subscription, each event given once; waits for the first.

        Raises:
            NotFound: there is no such subscription, or it ends while this waits.
        """
        taken = await self._feed.take(subscription_id, timeout_s, limit)
        return await self._database.read(lambda connection: event_views(connection, taken)) if taken else []

    async def explain(self, demand_id: str) -> MatchingReport:
        """Why a demand matches what it matches; NotFound if there is no such demand."""
        entry = self.board.find(demand_id)
        if entry is None:
            raise NotFound("There is no such demand.", demand_id=demand_id)
        return await explain(entry, self.book)

    # -- time ----------------------------------------------------------------------------------------------

    def _offer_arrived(self, known: KnownOffer) -> None:
        # To the second: a crowd of offers shall not ring for each.
        self._alarm.at(known.expires.replace(microsecond=0) + timedelta(seconds=1))
        self.board.offer_arrived(known)
        self.scans.offer_arrived()

    async def _watch(self) -> None:
        next_cleaning = self._clock.now()
        while True:
            now = await self._alarm.ring()
            await self._expire(now)
            if now >= next_cleaning:
                await self._database.write(partial(_clean, now=now))
                next_cleaning = now + CLEAN_EVERY
                self._alarm.at(next_cleaning)

    async def _expire(self, now: datetime) -> None:
        for known in self.book.expire(now):
            self.board.offer_gone(known)
        await self.publications.expire(now)
        await self.agreements.expire(now)


def _clean(connection: Connection, now: datetime) -> None:
    proposal_store.remove_old_proposals(connection, now - PROPOSALS_KEPT)
    agreement_store.remove_old_agreements(connection, now - AGREEMENTS_KEPT)
