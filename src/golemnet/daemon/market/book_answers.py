"""What other nodes may ask about the offers that this one knows."""

from __future__ import annotations

from golemnet.daemon.market.messages import (
    GET,
    LIST,
    MAX_FETCHED,
    MAX_LISTED,
    SUMMARY,
    ListFrom,
    Listing,
    OfferIds,
    Offers,
    Summary,
    pack,
    unpack,
)
from golemnet.daemon.market.offer_book import OfferBook
from golemnet.model.documents import Signed
from golemnet.model.node_id import NodeId
from golemnet.net.network import Network

MAX_ANSWER_BYTES = 512 * 1024


def serve_book(network: Network, book: OfferBook) -> None:
    """Answer ``GET``, ``SUMMARY`` and ``LIST`` from ``book``, whoever asks: offers are public."""

    async def get(_: NodeId, body: bytes) -> bytes:
        return pack(Offers(_documents(book, unpack(body, OfferIds).offer_ids[:MAX_FETCHED])))

    async def summary(_: NodeId, body: bytes) -> bytes:
        return pack(Summary(len(book), book.digest))

    async def listing(_: NodeId, body: bytes) -> bytes:
        after = unpack(body, ListFrom).after
        offer_ids, more = book.page(after, MAX_LISTED)
        withdrawals = [] if after else book.withdrawals[-MAX_LISTED:]
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
