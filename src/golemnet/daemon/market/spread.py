"""How offers reach every node: ids are flooded to neighbours, content is fetched from who announced it.

Three ways, each repairing the one before: a new offer's id goes to the neighbours at once, and from them on;
when a session to a neighbour comes up, and with one neighbour now and then, both compare what they know and
fetch what they lack. Withdrawals are small and travel whole.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

import structlog

from golemnet.clock import Clock
from golemnet.daemon.market.bans import Bans
from golemnet.daemon.market.book_answers import serve_book
from golemnet.daemon.market.known_offer import KnownOffer
from golemnet.daemon.market.messages import (
    ANNOUNCE,
    LIST,
    MAX_ANNOUNCED,
    MAX_LISTED,
    SUMMARY,
    WITHDRAW,
    Comparison,
    ListFrom,
    Listing,
    OfferIds,
    Summary,
    Withdrawals,
    pack,
    unpack,
)
from golemnet.daemon.market.offer_book import MAX_OFFERS, BadOffer, OfferBook
from golemnet.daemon.market.offer_fetch import OfferFetch
from golemnet.daemon.market.peer_budgets import PeerBudgets
from golemnet.daemon.market.peer_queues import PeerQueues
from golemnet.model.documents import Signed
from golemnet.model.node_id import NodeId
from golemnet.net.errors import NetError
from golemnet.net.network import Network

FAN_OUT = 8
COMPARE_EVERY_S = 60.0
CALL_TIMEOUT_S = 10.0
# Of a neighbour.
MAX_WITHDRAWN_AT_ONCE, MAX_WITHDRAWN_A_SECOND = 1000, 10
# Checking so many takes about as long as other work of the node may wait.
YIELD_EVERY = 16

log = structlog.get_logger(__name__)


class Spread:
    """Keeps an ``OfferBook`` equal to those of the neighbours.

    Args:
        network: to the neighbours.
        clock: time.
        book: what is known.
        on_offer: called with every offer that becomes known.
        on_gone: called with every offer that is withdrawn.
    """

    def __init__(
        self,
        network: Network,
        clock: Clock,
        book: OfferBook,
        on_offer: Callable[[KnownOffer], None],
        on_gone: Callable[[KnownOffer], None],
    ) -> None:
        self._network = network
        self._clock = clock
        self._book = book
        self._on_offer = on_offer
        self._on_gone = on_gone
        self._bans = Bans(clock)
        self._outgoing = PeerQueues[str](self._announce, batch=MAX_ANNOUNCED, capacity=4 * MAX_LISTED)
        self._withdrawing = PeerQueues[Signed](self._withdraw, batch=MAX_ANNOUNCED, capacity=MAX_LISTED)
        self._withdrawals = PeerBudgets(MAX_WITHDRAWN_AT_ONCE, MAX_WITHDRAWN_A_SECOND)
        self._fetch = OfferFetch(network, book, self._bans, self._learn_all)
        self._comparing = PeerQueues[None](self._compare, batch=1, capacity=1)
        network.handle(ANNOUNCE, self._on_announce)
        network.handle(WITHDRAW, self._on_withdraw)
        network.on_neighbour(self.compare)
        serve_book(network, book)

    async def run(self, ready: asyncio.Event) -> None:
        """Spread and collect offers until cancelled."""
        all_queues = (self._outgoing, self._withdrawing, self._fetch.queues, self._comparing)
        async with asyncio.TaskGroup() as group:
            for queues in all_queues:
                queues.start(group)
            try:
                await self._keep_comparing(ready)
            finally:
                for queues in all_queues:
                    queues.stop()

    async def _keep_comparing(self, ready: asyncio.Event) -> None:
        for neighbour in self._network.neighbours():
            self.compare(neighbour)
        ready.set()
        while True:
            await self._clock.sleep(COMPARE_EVERY_S * random.uniform(0.8, 1.2))
            self._compare_with_one()

    def _compare_with_one(self) -> None:
        neighbours = self._network.neighbours()
        if neighbours:
            self.compare(random.choice(neighbours))

    def compare(self, neighbour: NodeId) -> None:
        """Find out what a neighbour knows that we do not."""
        self._comparing.put(neighbour, None)

    # -- giving --------------------------------------------------------------------------------------------

    def publish(self, document: Signed) -> KnownOffer | None:
        """Take in and spread an offer; None if it is no news."""
        known = self._learn(document, source="")
        if known is not None:
            self._pass_on([known.offer_id], source=None)
        return known

    def withdraw(self, document: Signed) -> None:
        """Take in and spread a withdrawal."""
        self._unlearn(document, source=None)

    def _targets(self, source: NodeId | None) -> Sequence[NodeId]:
        others = [node for node in self._network.neighbours() if node != source]
        return others if len(others) <= FAN_OUT else random.sample(others, FAN_OUT)

    def _learn(self, document: Signed, source: str) -> KnownOffer | None:
        known = self._book.admit(document, self._clock.now(), source)
        if known is not None:
            self._on_offer(known)
        return known

    def _pass_on(self, offer_ids: list[str], source: NodeId | None) -> None:
        """Announce them to neighbours that have not done so themselves."""
        for target in self._targets(source):
            self._outgoing.put(target, *(each for each in offer_ids if not self._fetch.has(target, each)))

    def _unlearn(self, document: Signed, source: NodeId | None) -> None:
        is_news, known = self._book.withdraw(document, self._clock.now())
        if known is not None:
            self._on_gone(known)
        if is_news:
            for target in self._targets(source):
                self._withdrawing.put(target, document)

    async def _announce(self, neighbour: NodeId, offer_ids: list[str]) -> None:
        await self._tell(neighbour, ANNOUNCE, pack(OfferIds(offer_ids)))

    async def _withdraw(self, neighbour: NodeId, documents: list[Signed]) -> None:
        await self._tell(neighbour, WITHDRAW, pack(Withdrawals(documents)))

    async def _tell(self, neighbour: NodeId, method: str, body: bytes) -> None:
        try:
            await self._network.call(neighbour, method, body, timeout_s=CALL_TIMEOUT_S)
        except NetError as error:
            log.debug("neighbour not told", node=neighbour, method=method, why=str(error))

    # -- collecting ----------------------------------------------------------------------------------------

    async def _learn_all(self, holder: NodeId, documents: Sequence[Signed]) -> None:
        """Take in what a neighbour has delivered, up to the first that is bad, and pass it on."""
        learned: list[str] = []
        try:
            for count, document in enumerate(documents, start=1):
                known = self._learn(document, holder)
                learned += [] if known is None else [known.offer_id]
                if count % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
        except BadOffer as error:
            self._bans.add(holder, str(error))
        finally:
            self._pass_on(learned, holder)

    async def _compare(self, neighbour: NodeId, _: list[None]) -> None:
        request, digest = pack(Comparison(self._book.digest.whole)), self._book.digest
        try:
            data = await self._network.call(neighbour, SUMMARY, request, timeout_s=CALL_TIMEOUT_S)
            summary = unpack(data, Summary)
            # A full book takes in what is announced, little by little.
            if summary.digest != digest.whole and not self._book.is_full:
                await self._collect(neighbour, digest.differing(summary.buckets))
        except NetError as error:
            log.debug("neighbour not compared with", node=neighbour, why=str(error))

    async def _collect(self, neighbour: NodeId, buckets: list[int]) -> None:
        after, more, seen = "", bool(buckets), 0
        while more and seen < MAX_OFFERS:
            request = pack(ListFrom(buckets, after))
            data = await self._network.call(neighbour, LIST, request, timeout_s=CALL_TIMEOUT_S)
            page = unpack(data, Listing)
            self._take_page(neighbour, page)
            # A page that does not lead on would keep us here for ever.
            more = page.more and bool(page.offer_ids) and page.offer_ids[-1] > after
            after, seen = page.offer_ids[-1] if page.offer_ids else after, seen + len(page.offer_ids)

    def _take_page(self, neighbour: NodeId, page: Listing) -> None:
        self._take_withdrawals(neighbour, page.withdrawals)
        self._fetch.want(page.offer_ids[:MAX_LISTED], neighbour)

    def _take_withdrawals(self, source: NodeId, documents: Sequence[Signed]) -> None:
        try:
            for document in documents[: self._withdrawals.take(source, len(documents))]:
                self._unlearn(document, source)
        except BadOffer as error:
            self._bans.add(source, str(error))

    # -- answering -----------------------------------------------------------------------------------------

    async def _on_announce(self, caller: NodeId, body: bytes) -> bytes:
        offer_ids = unpack(body, OfferIds).offer_ids[:MAX_ANNOUNCED]
        if not self._bans.has(caller):
            self._fetch.want(offer_ids, caller)
        return b""

    async def _on_withdraw(self, caller: NodeId, body: bytes) -> bytes:
        documents = unpack(body, Withdrawals).withdrawals[:MAX_ANNOUNCED]
        if not self._bans.has(caller):
            self._take_withdrawals(caller, documents)
        return b""
