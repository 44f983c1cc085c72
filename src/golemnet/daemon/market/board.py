"""The demands of this node, matched with the known offers as either arrives. No I/O.

A demand keeps the ids of matching offers that its program has not seen yet; a poll takes from there and never
compares anything again. Demands stay on the requestor's node.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable

import msgspec

from golemnet.daemon.market.known_offer import KnownOffer, PropertyReader
from golemnet.daemon.market.offer_book import OfferBook
from golemnet.model.constraints import Constraint, parse
from golemnet.model.offer import Demand

YIELD_EVERY = 250


class OpenDemand(msgspec.Struct):
    """A demand, its parsed constraint, and the matching offers: those seen, and those still to be told of.

    ``reader`` reads what the constraint asks about.
    """

    demand: Demand
    constraint: Constraint
    reader: PropertyReader
    announced: set[str]
    waiting: OrderedDict[str, None]


class Board:
    """Open demands and what matches them.

    Args:
        book: the known offers.
        on_match: called with a demand's id when there is something new for it.
    """

    def __init__(self, book: OfferBook, on_match: Callable[[str], None]) -> None:
        self._book = book
        self._on_match = on_match
        self._demands: dict[str, OpenDemand] = {}

    def find(self, demand_id: str) -> OpenDemand | None:
        """The open demand, or None."""
        return self._demands.get(demand_id)

    @property
    def demands(self) -> list[Demand]:
        """All open demands."""
        return [entry.demand for entry in self._demands.values()]

    async def open(self, demand: Demand, announced: Iterable[str] = ()) -> None:
        """Match a demand from now on, with the offers known already first.

        Args:
            demand: of this node.
            announced: offers that its program was told of before.
        """
        constraint = parse(demand.constraints)
        reader = PropertyReader(constraint.names())
        entry = OpenDemand(demand, constraint, reader, set(announced), OrderedDict())
        self._demands[demand.demand_id] = entry
        for count, known in enumerate(self._book, start=1):
            self._try(entry, known)
            if count % YIELD_EVERY == 0:
                await asyncio.sleep(0)

    def close(self, demand_id: str) -> None:
        """Match a demand no more."""
        self._demands.pop(demand_id, None)

    def offer_arrived(self, known: KnownOffer) -> None:
        """Match a new offer with every open demand."""
        for entry in self._demands.values():
            self._try(entry, known)

    def offer_gone(self, known: KnownOffer) -> None:
        """Tell no program of an offer that is over."""
        for entry in self._demands.values():
            entry.waiting.pop(known.offer_id, None)

    def announce_again(self, demand_id: str, offer_id: str) -> None:
        """Tell the program of an offer once more: a negotiation that came to nothing can begin anew."""
        entry, known = self._demands.get(demand_id), self._book.get(offer_id)
        if entry is not None and known is not None:
            entry.announced.discard(offer_id)
            self._try(entry, known)

    def take(self, demand_id: str, limit: int) -> list[KnownOffer]:
        """Up to ``limit`` matching offers that the program was not told of yet; they count as told now."""
        entry = self._demands.get(demand_id)
        taken: list[KnownOffer] = []
        while entry is not None and entry.waiting and len(taken) < limit:
            offer_id, _ = entry.waiting.popitem(last=False)
            known = self._book.get(offer_id)
            if known is not None:
                taken.append(known)
        return taken

    def _try(self, entry: OpenDemand, known: KnownOffer) -> None:
        offer_id = known.offer_id
        if offer_id in entry.announced or not fits(entry, known):
            return
        entry.announced.add(offer_id)
        entry.waiting[offer_id] = None
        self._on_match(entry.demand.demand_id)


def fits(entry: OpenDemand, known: KnownOffer) -> bool:
    """Whether demand and offer fit each other. One node's demand and offer never do."""
    if entry.demand.requestor_id == known.provider_id:
        return False
    if known.constraint.holds(entry.demand.properties) is not True:
        return False
    return entry.constraint.holds(entry.reader.read(known)) is True
