"""Getting the offers that others announce: each from one holder at a time, and from the next if that fails.

A holder that does not deliver what it has announced loses everything else that was to come from it, so that
it holds nothing up for longer than one call takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from golemnet.daemon.market.bans import Bans
from golemnet.daemon.market.messages import GET, MAX_FETCHED, OfferIds, Offers, pack, unpack
from golemnet.daemon.market.offer_book import MAX_OFFERS, OfferBook
from golemnet.daemon.market.peer_budgets import PeerBudgets
from golemnet.daemon.market.peer_queues import PeerQueues
from golemnet.model.documents import Signed
from golemnet.model.node_id import NodeId
from golemnet.net.errors import NetError
from golemnet.net.network import Network

MAX_HOLDERS = 8
MAX_WANTED = 2 * MAX_OFFERS
MAX_WANTED_OF_PEER = MAX_OFFERS
# Of a neighbour: a full book when it comes, then more than an honest network of any size brings.
MAX_ADDED_AT_ONCE, MAX_ADDED_A_SECOND = MAX_OFFERS, 50
# Of a neighbour, while each further offer takes the place of one.
MAX_REPLACED_AT_ONCE, MAX_REPLACED_A_SECOND = 10, 0.1
# Offers may have ended since they were announced, but not so many at a time.
SUSPICIOUS_BATCH = 16
CALL_TIMEOUT_S = 10.0
# A batch that takes longer, in however many answers, counts as not delivered.
BATCH_TIMEOUT_S = 30.0

log = structlog.get_logger(__name__)


class OfferFetch:
    """What is wanted, and who has it.

    Args:
        network: to the holders.
        book: what is known.
        bans: of those who hand on what no honest node does.
        on_documents: takes what a holder has delivered.
    """

    def __init__(
        self,
        network: Network,
        book: OfferBook,
        bans: Bans,
        on_documents: Callable[[NodeId, Sequence[Signed]], Awaitable[None]],
    ) -> None:
        self._network = network
        self._book = book
        self._bans = bans
        self._on_documents = on_documents
        self._holders: dict[str, list[NodeId]] = {}
        self._adding = PeerBudgets(MAX_ADDED_AT_ONCE, MAX_ADDED_A_SECOND)
        self._replacing = PeerBudgets(MAX_REPLACED_AT_ONCE, MAX_REPLACED_A_SECOND)
        self.queues = PeerQueues[str](self._fetch, batch=MAX_FETCHED, capacity=MAX_WANTED_OF_PEER)

    def want(self, offer_ids: Sequence[str], holder: NodeId) -> None:
        """Fetch from ``holder`` what is news, or keep it in mind in case the fetch from another fails."""
        fresh: list[str] = []
        for offer_id in offer_ids:
            holders = self._holders.get(offer_id)
            if holders is None:
                if self._book.is_news(offer_id):
                    fresh.append(offer_id)
            elif len(holders) < MAX_HOLDERS and holder not in holders:
                holders.append(holder)
        fresh = fresh[: max(MAX_WANTED - len(self._holders), 0)]
        budgets = self._replacing if self._book.is_full else self._adding
        self._ask(holder, fresh[: budgets.take(holder, len(fresh))])

    def has(self, holder: NodeId, offer_id: str) -> bool:
        """Whether ``holder`` has announced the offer, which is being fetched."""
        return holder in self._holders.get(offer_id, ())

    def _ask(self, holder: NodeId, offer_ids: Sequence[str]) -> None:
        for offer_id in offer_ids[: self.queues.put(holder, *offer_ids)]:
            self._holders[offer_id] = [holder]

    async def _fetch(self, holder: NodeId, offer_ids: list[str]) -> None:
        delivered = False
        try:
            async with asyncio.timeout(BATCH_TIMEOUT_S):
                delivered = not self._bans.has(holder) and await self._get_all(holder, offer_ids)
        except (NetError, TimeoutError) as error:
            log.debug("offers not fetched", node=holder, why=str(error))
        waiting = [] if delivered else self.queues.take_all(holder)
        for offer_id in (*offer_ids, *waiting):
            self._next_holder(offer_id)

    async def _get_all(self, holder: NodeId, offer_ids: list[str]) -> bool:
        """Whether something of it has come. An answer has a greatest size, so one may not be enough."""
        missing = [offer_id for offer_id in offer_ids if self._book.is_news(offer_id)]
        before = len(missing)
        while missing:
            if not await self._get(holder, missing) and len(missing) >= SUSPICIOUS_BATCH:
                self._bans.add(holder, "It has announced many offers that it does not have.")
            left = [offer_id for offer_id in missing if self._book.is_news(offer_id)]
            if len(left) == len(missing):
                break
            missing = left
        return not missing or len(missing) < before

    async def _get(self, holder: NodeId, offer_ids: list[str]) -> int:
        """How many have come."""
        request = pack(OfferIds(offer_ids))
        answer = unpack(await self._network.call(holder, GET, request, timeout_s=CALL_TIMEOUT_S), Offers)
        await self._on_documents(holder, answer.offers[:MAX_FETCHED])
        return len(answer.offers)

    def _next_holder(self, offer_id: str) -> None:
        holders = self._holders.pop(offer_id, [])[1:]
        if holders and self._book.is_news(offer_id):
            self._ask(holders[0], [offer_id])
            for holder in holders[1:]:
                self.want([offer_id], holder)
