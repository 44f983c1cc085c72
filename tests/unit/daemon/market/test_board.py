from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import msgspec

from golemnet.daemon.market.board import Board
from golemnet.daemon.market.known_offer import KnownOffer, PropertyReader
from golemnet.daemon.market.offer_book import OfferBook
from golemnet.model.constraints import parse
from golemnet.model.documents import sign
from golemnet.model.keys import NodeKey
from golemnet.model.offer import Demand, Offer

NOW = datetime.now(UTC)
LATER = NOW + timedelta(hours=1)
MANY = 10_000
PROPERTIES = {
    "golem.node.debug.subnet": "public",
    "golem.runtime.name": "vm",
    "golem.runtime.capabilities": ["vpn", "inet"],
    "golem.inf.mem.gib": 8.0,
    "golem.inf.storage.gib": 20.0,
    "golem.inf.cpu.threads": 4,
    "golem.com.pricing.model": "linear",
    "golem.com.payment.platform.erc20-holesky-tglm.address": "0x0",
    "golem.com.payment.protocol.version": 3,
}
CONSTRAINT = """(&(golem.node.debug.subnet=public)
    (golem.com.payment.platform.erc20-holesky-tglm.address=*)
    (golem.com.payment.protocol.version>1)(golem.com.pricing.model=linear)
    (&(golem.inf.mem.gib>=0.5)(golem.inf.storage.gib>=2.0)(golem.inf.cpu.threads>=1)(golem.runtime.name=vm)))"""
ASKED = {"golem.srv.comp.expiration": 1800000000000, "golem.node.debug.subnet": "public"}
ASKS = "(&(golem.srv.comp.expiration>1700000000000)(golem.node.debug.subnet=public))"


def _demand(key):
    return Demand.create(key.node_id, ASKED, CONSTRAINT, NOW, LATER)


def _known(number, **more):
    key = _KEY
    offer = Offer.create(key.node_id, {**PROPERTIES, "number": number, **more}, ASKS, NOW, LATER)
    document = sign("market-offer", offer, key)
    return KnownOffer(number, offer.offer_id, offer.provider_id, LATER, parse(ASKS), document)


_KEY = NodeKey.generate()


class _Book(OfferBook):
    """Offers that are simply there."""

    def __init__(self, known):
        super().__init__()
        self._offers = {each.offer_id: each for each in known}


async def test_offers_are_told_once_in_the_order_of_their_arrival():
    known = [_known(number) for number in range(5)]
    told = []
    board = Board(_Book(known[:3]), told.append)
    demand = _demand(NodeKey.generate())
    await board.open(demand)
    board._book._offers.update({each.offer_id: each for each in known[3:]})
    for each in known[2:]:
        board.offer_arrived(each)
    assert [each.number for each in board.take(demand.demand_id, 2)] == [0, 1]
    assert [each.number for each in board.take(demand.demand_id, 9)] == [2, 3, 4]
    assert board.take(demand.demand_id, 9) == []
    assert told == [demand.demand_id] * 5


async def test_what_is_gone_is_not_told():
    known = _known(1)
    board = Board(_Book([known]), lambda _: None)
    demand = _demand(NodeKey.generate())
    await board.open(demand)
    board.offer_gone(known)
    assert board.take(demand.demand_id, 9) == []


async def test_a_node_does_not_buy_from_itself():
    board = Board(_Book([_known(1)]), lambda _: None)
    demand = _demand(_KEY)
    await board.open(demand)
    assert board.take(demand.demand_id, 9) == []


def test_of_an_offer_only_what_is_asked_for_is_read():
    known = _known(7, **{"golem.runtime.name": "wasm", "odd name": True})
    names = ["golem.runtime.capabilities", "number", "odd name", "missing"]
    assert PropertyReader(names).read(known) == {
        "golem.runtime.capabilities": ["vpn", "inet"],
        "number": 7,
        "odd name": True,
    }
    assert PropertyReader([]).read(known) == {}


async def test_ten_thousand_offers_are_matched_in_moments():
    known = [_known(number) for number in range(20)]
    book = _Book([])
    for number in range(MANY):
        book._offers[str(number)] = msgspec.structs.replace(known[number % 20], offer_id=str(number))
    board = Board(book, lambda _: None)
    demand = _demand(NodeKey.generate())
    started = time.process_time()
    await board.open(demand)
    seconds = time.process_time() - started
    assert len(board.take(demand.demand_id, MANY)) == MANY
    # 0.04 s on an idle core; others may use this one as well.
    assert seconds < 0.2, f"{MANY} offers took {seconds:.3f} s"
