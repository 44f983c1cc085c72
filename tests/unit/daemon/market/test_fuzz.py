"""Nonsense from strangers: every message of the market, and every answer that a node asks for."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.daemon.market.messages import (
    AGREEMENT_APPROVED,
    AGREEMENT_ENDED,
    AGREEMENT_PROPOSED,
    ANNOUNCE,
    GET,
    LIST,
    OFFER_DOCUMENT,
    PROPOSAL,
    PROPOSAL_REJECTED,
    SUMMARY,
    WITHDRAW,
    WITHDRAWAL_DOCUMENT,
    Comparison,
    ListFrom,
    Listing,
    OfferIds,
    Offers,
    Summary,
    Withdrawal,
    Withdrawals,
    pack,
    unpack,
)
from golemnet.daemon.market.offer_book import BadOffer, OfferBook
from golemnet.model.documents import sign
from golemnet.model.keys import NodeKey
from golemnet.model.offer import Offer
from golemnet.net.errors import INTERNAL, RemoteError

NOW = datetime.now(UTC)
KEY = NodeKey.generate()
LATER = NOW + timedelta(hours=1)
OFFER = sign(OFFER_DOCUMENT, Offer.create(KEY.node_id, {"a": 1, "b": ["x"]}, "(c>1)", NOW, LATER), KEY)
ENDED = sign(WITHDRAWAL_DOCUMENT, Withdrawal("f" * 32, str(KEY.node_id), LATER), KEY)
MESSAGES = [
    OfferIds(["1", "2"]),
    Offers([OFFER]),
    Withdrawals([ENDED]),
    Comparison(bytes(32)),
    Summary(1, bytes(range(32)), [bytes(8)] * 256),
    ListFrom([0, 255], "f"),
    Listing(["a", "b"], True, [ENDED]),
    OFFER,
]
METHODS = [
    *(ANNOUNCE, GET, WITHDRAW, SUMMARY, LIST),
    *(PROPOSAL, PROPOSAL_REJECTED, AGREEMENT_PROPOSED, AGREEMENT_APPROVED, AGREEMENT_ENDED),
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(MESSAGES), st.data())
def test_messages_with_bytes_changed(message, data):
    wire = bytearray(pack(message))
    for _ in range(data.draw(st.integers(1, 3))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    for each in MESSAGES:
        with suppress(RemoteError):
            assert isinstance(unpack(bytes(wire), type(each)), type(each))


@given(VALUES)
def test_offers_and_withdrawals_of_any_shape(value):
    book = OfferBook()
    for kind, take in ((OFFER_DOCUMENT, book.admit), (WITHDRAWAL_DOCUMENT, book.withdraw)):
        with pytest.raises(BadOffer):
            take(sign(kind, value, KEY), NOW)
    assert len(book) == 0


@given(st.dictionaries(st.text(max_size=20), VALUES, max_size=4), st.text(max_size=40))
def test_offers_with_any_properties_and_constraint(properties, constraints):
    now = datetime.now(UTC)
    try:
        offer = Offer.create(KEY.node_id, properties, constraints, now, now + timedelta(hours=1))
        document = sign(OFFER_DOCUMENT, offer, KEY)
    except (ValueError, OverflowError):
        return
    try:
        known = OfferBook().admit(document, now)
    except BadOffer:
        return
    assert known
    assert known.offer.offer_id == offer.offer_id


async def test_a_node_survives_strangers_that_send_nonsense(join, network, eventually):
    chance = random.Random(7)
    honest, friend = await join(), await join()
    stranger = network.node(NodeKey.generate())

    async def nonsense(caller, body):
        return _nonsense(chance)

    for method in (GET, SUMMARY, LIST):
        stranger.handle(method, nonsense)
    running = asyncio.create_task(stranger.run(asyncio.Event()))
    await asyncio.sleep(0)
    refusals = Counter()
    for _ in range(300):
        try:
            method = chance.choice(METHODS)
            await stranger.call(honest.key.node_id, method, _nonsense(chance), timeout_s=5)
        except RemoteError as error:
            refusals[error.code] += 1
        honest.market.spread.compare(stranger.node_id)
    running.cancel()
    assert refusals["refused"] > 50
    assert not refusals[INTERNAL]
    offer_id = await friend.offer()
    await eventually(lambda: honest.market.book.get(offer_id))


def _nonsense(chance: random.Random) -> bytes:
    """Random bytes, a message out of place, or one with a byte changed."""
    if chance.random() < 0.2:
        return chance.randbytes(chance.randrange(60))
    wire = bytearray(pack(chance.choice(MESSAGES)))
    if chance.random() < 0.6:
        wire[chance.randrange(len(wire))] = chance.randrange(256)
    return bytes(wire)


def test_an_offer_nested_deep_is_refused():
    deep = b"\x81\xaaproperties\x81\xa1a" + b"\x91" * 100_000
    with pytest.raises(BadOffer):
        OfferBook().admit(sign(OFFER_DOCUMENT, msgspec.Raw(deep), KEY), NOW)
