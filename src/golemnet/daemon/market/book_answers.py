"""What other nodes may ask about the offers that this one knows."""

from __future__ import annotations

from golemnet.daemon.market.book_digest import BUCKETS
from golemnet.daemon.market.messages import (
    BUSY,
    GET,
    LIST,
    MAX_FETCHED,
    MAX_LISTED,
    SUMMARY,
    Comparison,
    ListFrom,
    Listing,
    OfferIds,
    Offers,
    Summary,
    pack,
    unpack,
)
from golemnet.daemon.market.offer_book import OfferBook
from golemnet.daemon.market.peer_budgets import PeerBudgets
from golemnet.model.documents import Signed
from golemnet.model.node_id import NodeId
from golemnet.net.errors import RemoteError
from golemnet.net.network import Network

# As many as it takes to list a full book twice, then as many as comparing takes; each takes milliseconds.
MAX_LISTINGS_AT_ONCE, MAX_LISTINGS_A_SECOND = 40, 1
MAX_ANSWER_BYTES = 512 * 1024


def serve_book(network: Network, book: OfferBook) -> None:
    """Answer ``GET``, ``SUMMARY`` and ``LIST`` from ``book``, whoever asks: offers are public."""

    async def get(_: NodeId, body: bytes) -> bytes:
        return pack(Offers(_documents(book, unpack(body, OfferIds).offer_ids[:MAX_FETCHED])))

    async def summary(_: NodeId, body: bytes) -> bytes:
        is_equal = unpack(body, Comparison).digest == book.digest.whole
        return pack(Summary(len(book), book.digest.whole, [] if is_equal else book.digest.buckets))

    listings = PeerBudgets(MAX_LISTINGS_AT_ONCE, MAX_LISTINGS_A_SECOND)

    async def listing(caller: NodeId, body: bytes) -> bytes:
        asked = unpack(body, ListFrom)
        if not listings.take(caller, 1):
            raise RemoteError(BUSY, "The node has listed its offers to you often enough.")
        buckets = asked.buckets[:BUCKETS]
        offer_ids, more = book.page(asked.after, MAX_LISTED, buckets)
        withdrawals = [] if asked.after else book.withdrawals(buckets)[-MAX_LISTED:]
        return pack(Listing(offer_ids, more, withdrawals))

    network.handle(GET, get)
    network.handle(SUMMARY, summary)
    network.handle(LIST, listing)


def _documents(book: OfferBook, offer_ids: list[str]) -> list[Signed]:
    """The offers of these ids, as many as fit into an answer; who asks comes again for the others."""
    documents: list[Signed] = []
    size = 0
    for offer_id in offer_ids:
        known = book.get(offer_id)
        size += 0 if known is None else len(known.document.body)
        if known is not None and (size <= MAX_ANSWER_BYTES or not documents):
            documents.append(known.document)
    return documents
