"""Why a demand matches what it matches: every known offer compared with it, and the refusals counted."""

from __future__ import annotations

import asyncio
from collections import Counter

from golemnet.daemon.market.board import YIELD_EVERY, OpenDemand
from golemnet.daemon.market.known_offer import KnownOffer
from golemnet.daemon.market.offer_book import OfferBook
from golemnet.model.names import SUBNET
from golemnet.rest.market import MatchingReport, Refusal

MAX_SUBNETS = 20
MAX_REFUSALS = 50
OWN_OFFER = "an offer of the requestor's own node"


class _Tally:
    """What is counted over the offers."""

    def __init__(self) -> None:
        self.seen = 0
        self.matched = 0
        self.subnets: Counter[str] = Counter()
        self.by_demand: Counter[str] = Counter()
        self.by_offers: Counter[str] = Counter()

    def add(self, entry: OpenDemand, known: KnownOffer) -> None:
        """Compare one offer."""
        self.seen += 1
        properties = known.offer.properties
        self.subnets[str(properties.get(SUBNET, ""))] += 1
        if entry.demand.requestor_id == known.provider_id:
            self.by_demand[OWN_OFFER] += 1
            return
        wants = entry.constraint.evaluate(properties)
        asks = known.constraint.evaluate(entry.demand.properties)
        self.by_demand.update(set(wants.refusals) if wants.value is not True else ())
        self.by_offers.update(set(asks.refusals) if asks.value is not True else ())
        self.matched += wants.value is True and asks.value is True


async def explain(entry: OpenDemand, book: OfferBook) -> MatchingReport:
    """Compare the demand with every known offer and say what refused how many, the most frequent first."""
    tally = _Tally()
    for known in book:
        tally.add(entry, known)
        if tally.seen % YIELD_EVERY == 0:
            await asyncio.sleep(0)
    return MatchingReport(
        demand_id=entry.demand.demand_id,
        offers_seen=tally.seen,
        offers_matched=tally.matched,
        subnets=dict(tally.subnets.most_common(MAX_SUBNETS)),
        refused_by_demand=_refusals(tally.by_demand),
        refused_by_offers=_refusals(tally.by_offers),
    )


def _refusals(counts: Counter[str]) -> list[Refusal]:
    return [Refusal(constraint=text, offers=offers) for text, offers in counts.most_common(MAX_REFUSALS)]
