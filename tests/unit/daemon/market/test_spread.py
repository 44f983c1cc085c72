from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from itertools import product

import msgspec
import pytest

from golemnet.daemon.market import offer_book, offer_fetch
from golemnet.daemon.market.book_answers import MAX_LISTINGS_AT_ONCE
from golemnet.daemon.market.book_digest import BUCKETS
from golemnet.daemon.market.messages import (
    ANNOUNCE,
    GET,
    LIST,
    MAX_FETCHED,
    OFFER_DOCUMENT,
    WITHDRAW,
    WITHDRAWAL_DOCUMENT,
    ListFrom,
    OfferIds,
    Offers,
    Withdrawal,
    Withdrawals,
    pack,
)
from golemnet.daemon.market.offer_book import (
    MAX_OFFERS_OF_PROVIDER,
    MIN_EXPIRIES,
    BadOffer,
    OfferBook,
)
from golemnet.daemon.market.store import Kind
from golemnet.model.documents import sign
from golemnet.model.keys import NodeKey
from golemnet.model.offer import Offer
from golemnet.net.errors import RemoteError

NOW = datetime.now(UTC)


async def test_a_new_offer_is_known_everywhere_at_once(join, eventually):
    peers = [await join() for _ in range(4)]
    started = time.monotonic()
    offer_id = await peers[0].offer()
    await eventually(lambda: all(peer.market.book.get(offer_id) for peer in peers))
    assert time.monotonic() - started < 0.3


async def test_a_withdrawn_offer_is_forgotten_everywhere_and_does_not_come_back(join, eventually):
    peers = [await join() for _ in range(3)]
    offer_id = await peers[0].offer()
    await eventually(lambda: all(peer.market.book.get(offer_id) for peer in peers))
    document = peers[1].market.book.get(offer_id).document

    await peers[0].market.publications.withdraw(offer_id, Kind.OFFER)
    await eventually(lambda: not any(peer.market.book.get(offer_id) for peer in peers))
    assert peers[1].market.book.admit(document, datetime.now(UTC)) is None
    late = await join()
    late.market.spread.compare(peers[1].key.node_id)
    await eventually(lambda: late.market.book.digest.whole == peers[1].market.book.digest.whole)
    assert late.market.book.get(offer_id) is None


async def test_who_joins_late_learns_all_that_is_known(join, eventually):
    first = await join()
    offers = [await first.offer(number=number) for number in range(60)]
    late = await join()
    await eventually(lambda: all(late.market.book.get(offer_id) for offer_id in offers))
    assert late.market.book.digest.whole == first.market.book.digest.whole


async def test_a_forged_offer_is_refused_and_its_bearer_ignored(join, network, eventually):
    honest = await join()
    liar = network.node(NodeKey.generate())
    victim = NodeKey.generate()
    forged = sign(OFFER_DOCUMENT, _offer(victim), NodeKey.generate())
    asked = []

    async def hand_out(caller, body):
        asked.append(body)
        return pack(Offers([forged]))

    liar.handle(GET, hand_out)
    running = asyncio.create_task(liar.run(asyncio.Event()))
    await asyncio.sleep(0)
    for offer_id in ("one", "two"):
        await liar.call(honest.key.node_id, ANNOUNCE, pack(OfferIds([offer_id])), timeout_s=1)
        await eventually(lambda: asked)
        await asyncio.sleep(0.01)
    running.cancel()
    assert len(honest.market.book) == 0
    assert len(asked) == 1


async def test_nobody_withdraws_the_offer_of_another(join, network, eventually):
    provider, other = await join(), await join()
    offer_id = await provider.offer()
    await eventually(lambda: other.market.book.get(offer_id))
    liar_key = NodeKey.generate()
    liar = network.node(liar_key)
    running = asyncio.create_task(liar.run(asyncio.Event()))
    await asyncio.sleep(0)
    for name in (liar_key.node_id, provider.key.node_id):
        claim = Withdrawal(offer_id, str(name), datetime.now(UTC) + timedelta(hours=1))
        lie = sign(WITHDRAWAL_DOCUMENT, claim, liar_key)
        await liar.call(other.key.node_id, WITHDRAW, pack(Withdrawals([lie])), timeout_s=1)
    running.cancel()
    assert other.market.book.get(offer_id)


async def test_who_announces_offers_and_withholds_them_delays_nobody_for_long(
    join, network, eventually, monkeypatch
):
    monkeypatch.setattr(offer_fetch, "CALL_TIMEOUT_S", 0.5)
    provider, reader = await join(), await join()
    network.faults.cut(provider.key.node_id, reader.key.node_id)
    offers = [await provider.offer(number=number) for number in range(3)]
    withholder = network.node(NodeKey.generate())
    withholder.handle(GET, _never)
    running = asyncio.create_task(withholder.run(asyncio.Event()))
    await asyncio.sleep(0)
    made_up = [f"{number:032x}" for number in range(12 * MAX_FETCHED)]
    for start in range(0, len(made_up), 500):
        announced = pack(OfferIds(made_up[start : start + 500]))
        await withholder.call(reader.key.node_id, ANNOUNCE, announced, timeout_s=1)
    await withholder.call(reader.key.node_id, ANNOUNCE, pack(OfferIds(offers)), timeout_s=1)
    network.faults.heal()
    announced = pack(OfferIds(offers))
    await provider.network.call(reader.key.node_id, ANNOUNCE, announced, timeout_s=1)
    await eventually(lambda: all(reader.market.book.get(each) for each in offers))
    running.cancel()


async def test_ids_of_offers_that_do_not_exist_fill_no_memory(join, network, eventually, monkeypatch):
    monkeypatch.setattr(offer_fetch, "MAX_WANTED", 50)
    reader, liar = await join(), network.node(NodeKey.generate())
    asked = asyncio.Event()
    liar.handle(GET, lambda *_: _answer_later(asked))
    running = asyncio.create_task(liar.run(asyncio.Event()))
    await asyncio.sleep(0)
    fetch = reader.market.spread._fetch
    for start in range(0, 1000, 100):
        made_up = [f"{start + number:032x}" for number in range(100)]
        await liar.call(reader.key.node_id, ANNOUNCE, pack(OfferIds(made_up)), timeout_s=1)
        assert len(fetch._holders) == 50
    asked.set()
    await eventually(lambda: not fetch._holders)
    running.cancel()


async def test_who_announces_many_offers_that_do_not_exist_is_ignored(join, network, eventually):
    reader, liar = await join(), network.node(NodeKey.generate())
    asked = []

    async def nothing(caller, body):
        asked.append(body)
        return pack(Offers([]))

    liar.handle(GET, nothing)
    running = asyncio.create_task(liar.run(asyncio.Event()))
    await asyncio.sleep(0)
    for start in (0, 100, 200):
        made_up = pack(OfferIds([f"{start + number:032x}" for number in range(100)]))
        await liar.call(reader.key.node_id, ANNOUNCE, made_up, timeout_s=1)
        await eventually(lambda: asked and not reader.market.spread._fetch._holders)
    running.cancel()
    assert len(asked) == 1


async def test_a_flood_of_good_offers_is_taken_in_slowly(join, network, eventually, monkeypatch):
    monkeypatch.setattr(offer_fetch, "MAX_ADDED_AT_ONCE", 5)
    monkeypatch.setattr(offer_fetch, "MAX_ADDED_A_SECOND", 0)
    provider, reader = await join(), await join()
    for number in range(20):
        await provider.offer(number=number)
    await eventually(lambda: len(reader.market.book) == 5)
    reader.market.spread.compare(provider.key.node_id)
    await eventually(lambda: provider.network.node_id not in reader.market.spread._comparing._queues)
    assert len(reader.market.book) == 5


async def test_a_full_book_takes_in_little_of_each_neighbour(join, network, eventually, monkeypatch):
    monkeypatch.setattr(offer_book, "MAX_OFFERS", 20)
    monkeypatch.setattr(offer_fetch, "MAX_REPLACED_A_SECOND", 0)
    provider, reader = await join(), await join()
    first = [await provider.offer(number=number) for number in range(20)]
    await eventually(lambda: len(reader.market.book) == 20)
    more = [await provider.offer(number=number) for number in range(20, 60)]
    known = lambda ids: sum(reader.market.book.get(each) is not None for each in ids)  # noqa: E731
    await eventually(lambda: known(more) == offer_fetch.MAX_REPLACED_AT_ONCE)
    assert known(first) == 20 - offer_fetch.MAX_REPLACED_AT_ONCE


async def test_a_parted_network_becomes_one_again(join, network, eventually):
    peers = [await join() for _ in range(4)]
    halves = peers[:2], peers[2:]
    withdrawn = await peers[0].offer(number=0)
    await eventually(lambda: all(peer.market.book.get(withdrawn) for peer in peers))
    for one, other in product(*halves):
        network.faults.cut(one.key.node_id, other.key.node_id)
    for half in halves:
        await half[0].offer(number=1)
    await peers[0].market.publications.withdraw(withdrawn, Kind.OFFER)
    assert peers[2].market.book.get(withdrawn)
    network.faults.heal()
    for peer in peers:
        peer.market.spread._compare_with_one()
        peer.market.spread.compare(halves[peer in halves[0]][0].key.node_id)
    await eventually(lambda: len({peer.market.book.digest.whole for peer in peers}) == 1)
    assert [len(peer.market.book) for peer in peers] == [2] * 4


async def test_lost_messages_are_made_up_for(join, network, eventually):
    peers = [await join() for _ in range(3)]
    network.faults.loss = 0.4
    offers = [await peers[0].offer(number=number) for number in range(5)]
    await asyncio.sleep(0.05)
    network.faults.loss = 0.0
    for peer in peers[1:]:
        peer.market.spread.compare(peers[0].key.node_id)
    await eventually(lambda: all(peer.market.book.get(each) for peer in peers for each in offers))


async def _never(caller, body):
    await asyncio.Event().wait()


async def _answer_later(gate):
    await gate.wait()
    return pack(Offers([]))


# -- the book alone ----------------------------------------------------------------------------------------


def _offer(key, created=NOW, life=timedelta(hours=1), **properties):
    return Offer.create(key.node_id, properties, "()", created, created + life)


def _document(key, **more):
    return sign(OFFER_DOCUMENT, _offer(key, **more), key)


def test_an_offer_that_was_changed_is_refused():
    key = NodeKey.generate()
    changed = msgspec.structs.replace(_offer(key), constraints="(a=1)")
    with pytest.raises(BadOffer):
        OfferBook().admit(sign(OFFER_DOCUMENT, changed, key), NOW)


@pytest.mark.parametrize(
    "more",
    [{"created": NOW + timedelta(hours=1)}, {"life": timedelta(days=30)}],
    ids=["from the future", "for ever"],
)
def test_an_offer_that_breaks_the_rules_is_refused(more):
    with pytest.raises(BadOffer):
        OfferBook().admit(_document(NodeKey.generate(), **more), NOW)


def test_garbage_is_refused():
    signed = _document(NodeKey.generate())
    with pytest.raises(BadOffer):
        OfferBook().admit(msgspec.structs.replace(signed, body=b"\xc1"), NOW)


def test_one_provider_cannot_fill_the_book():
    book, key = OfferBook(), NodeKey.generate()
    for number in range(MAX_OFFERS_OF_PROVIDER + 10):
        book.admit(_document(key, number=number), NOW)
    assert len(book) == MAX_OFFERS_OF_PROVIDER


def test_a_provider_that_keeps_replacing_its_offers_fills_no_memory():
    book, key = OfferBook(), NodeKey.generate()
    for number in range(500):
        book.admit(_document(key, number=number), NOW)
    assert len(book._expiries) <= 2 * MAX_OFFERS_OF_PROVIDER + MIN_EXPIRIES
    assert len(book.expire(NOW + timedelta(hours=1))) == MAX_OFFERS_OF_PROVIDER


def test_a_withdrawal_is_remembered_until_the_offer_would_have_expired():
    book, key = OfferBook(), NodeKey.generate()
    known = book.admit(_document(key), NOW)
    withdrawal = Withdrawal(known.offer_id, known.provider_id, known.expires)
    assert book.withdraw(sign(WITHDRAWAL_DOCUMENT, withdrawal, key), NOW) == (True, known)
    assert book.admit(known.document, NOW) is None
    assert len(book.withdrawals()) == 1
    assert book.expire(NOW + timedelta(hours=1)) == []
    assert book.withdrawals() == []
    assert book.digest.whole == OfferBook().digest.whole


def test_a_flood_of_made_up_providers_displaces_itself(monkeypatch):
    monkeypatch.setattr(offer_book, "MAX_OFFERS", 30)
    book, first = OfferBook(), []
    for number in range(10):
        first.append(book.admit(_document(NodeKey.generate()), NOW, f"neighbour {number % 2}"))
    for _ in range(60):
        book.admit(_document(NodeKey.generate()), NOW, "liar")
    assert len(book) == 30
    assert all(book.get(known.offer_id) for known in first)
    late = book.admit(_document(NodeKey.generate()), NOW, "neighbour 0")
    assert book.get(late.offer_id)
    assert len(book) == 30
    assert len(book.expire(NOW + timedelta(hours=2))) == 30
    assert not book._sources


def test_an_expired_offer_is_gone():
    book, key = OfferBook(), NodeKey.generate()
    known = book.admit(_document(key), NOW)
    assert book.expire(NOW + timedelta(minutes=59)) == []
    assert book.next_expiry == known.expires
    assert book.expire(NOW + timedelta(hours=1)) == [known]
    assert len(book) == 0
    assert book.digest.whole == OfferBook().digest.whole
    assert book.admit(known.document, NOW + timedelta(hours=1)) is None


def test_the_digest_does_not_depend_on_the_order():
    documents = [_document(NodeKey.generate()) for _ in range(5)]
    one, other = OfferBook(), OfferBook()
    for document in documents:
        one.admit(document, NOW)
    for document in reversed(documents):
        assert one.digest.whole != other.digest.whole
        other.admit(document, NOW)
    assert one.digest.whole == other.digest.whole


def test_only_what_differs_is_listed():
    documents = [_document(NodeKey.generate()) for _ in range(40)]
    one, other = OfferBook(), OfferBook()
    for document in documents:
        one.admit(document, NOW)
    for document in documents[1:]:
        other.admit(document, NOW)
    differing = other.digest.differing(one.digest.buckets)
    assert len(differing) == 1
    listed, more = one.page("", 100, differing)
    [lacking] = [known.offer_id for known in one if other.get(known.offer_id) is None]
    assert lacking in listed
    assert len(listed) < 10
    assert not more
    assert len(one.page("", 100)[0]) == 40
    assert other.digest.differing([]) == list(range(BUCKETS))


async def test_who_asks_for_lists_all_the_time_is_refused(join, network):
    peer, other = await join(), network.node(NodeKey.generate())
    running = asyncio.create_task(other.run(asyncio.Event()))
    await asyncio.sleep(0)
    request = pack(ListFrom(list(range(10_000))))

    async def ask_again_and_again():
        for _ in range(MAX_LISTINGS_AT_ONCE + 5):
            await other.call(peer.key.node_id, LIST, request, timeout_s=1)

    with pytest.raises(RemoteError, match="often enough"):
        await ask_again_and_again()
    running.cancel()


def test_pages_cover_all_ids_once():
    book = OfferBook()
    for _ in range(7):
        book.admit(_document(NodeKey.generate()), NOW)
    seen, after, more = [], "", True
    while more:
        page, more = book.page(after, 3)
        seen += page
        after = page[-1]
    assert seen == sorted(known.offer_id for known in book)
