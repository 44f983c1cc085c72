"""Node records: what is believed, and what is newer."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from golemnet.model.documents import sign
from golemnet.model.keys import BadSignature, NodeKey
from golemnet.net import record_exchange, records
from golemnet.net.bootstrap import BadBootstrapAddress, BootstrapAddress, parse_bootstrap
from golemnet.net.budget import Budget
from golemnet.net.frames import Records
from golemnet.net.record_exchange import RecordExchange
from golemnet.net.records import (
    KIND,
    MAX_ADDRESSES,
    NodeRecord,
    Place,
    RecordBook,
    make_record,
    read_record,
)
from golemnet.testing.clock import ManualClock

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ENDPOINT = bytes(range(32))


@pytest.fixture
def key():
    return NodeKey.generate()


def test_a_record_is_read_back(key):
    record = read_record(make_record(key, Place(ENDPOINT, ["127.0.0.1:1", "[::1]:2"]), NOW), NOW)
    assert (record.node_id, record.endpoint_key) == (key.node_id, ENDPOINT)
    assert record.addresses == ["127.0.0.1:1", "[::1]:2"]


def test_nobody_makes_the_record_of_another(key):
    record = read_record(make_record(key, Place(ENDPOINT, []), NOW), NOW)
    with pytest.raises(BadSignature):
        read_record(sign(KIND, record, NodeKey.generate()), NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"expires": int(NOW.timestamp())},
        {"expires": int(NOW.timestamp()) + 10**6},
        {"sequence": int(NOW.timestamp() * 1000) + 10**6},
        {"endpoint_key": b"short"},
        {"addresses": ["127.0.0.1"]},
        {"addresses": ["example.org:1"]},
        {"addresses": ["127.0.0.1:0"]},
        {"addresses": ["127.0.0.1:1"] * (MAX_ADDRESSES + 1)},
    ],
)
def test_records_that_make_no_sense_are_refused(key, change):
    good = read_record(make_record(key, Place(ENDPOINT, ["127.0.0.1:1"]), NOW), NOW)
    fields = {name: getattr(good, name) for name in good.__struct_fields__}
    with pytest.raises(ValueError):
        read_record(sign(KIND, NodeRecord(**{**fields, **change}), key), NOW)


def test_the_newest_record_counts(key):
    book = RecordBook()
    old = make_record(key, Place(ENDPOINT, ["127.0.0.1:1"]), NOW)
    new = make_record(key, Place(ENDPOINT, ["127.0.0.1:2"]), NOW + timedelta(seconds=1))
    news = book.news()
    assert book.add(new, NOW)
    assert news.is_set()
    assert book.has(new)
    assert book.add(old, NOW) is None
    assert book.add(new, NOW) is None
    known = book.get(key.node_id, NOW)
    assert known
    assert known.addresses == ["127.0.0.1:2"]
    assert book.get(key.node_id, NOW + timedelta(hours=2)) is None
    assert book.all(NOW + timedelta(hours=2)) == []


def test_who_makes_up_nodes_crowds_out_his_own(monkeypatch):
    monkeypatch.setattr(records, "MAX_RECORDS", 20)
    book, honest = RecordBook(), [NodeKey.generate() for _ in range(8)]
    for number, key in enumerate(honest):
        book.add(make_record(key, Place(ENDPOINT, []), NOW), NOW, f"neighbour {number % 2}")
    for _ in range(40):
        book.add(make_record(NodeKey.generate(), Place(ENDPOINT, []), NOW), NOW, "liar")
    assert len(book.all(NOW)) == 20
    assert all(book.get(key.node_id, NOW) for key in honest)


async def test_of_records_that_come_in_floods_few_are_looked_at_and_passed_on(key, monkeypatch):
    monkeypatch.setattr(record_exchange, "MAX_CHECKED_AT_ONCE", 5)
    monkeypatch.setattr(record_exchange, "MAX_PASSED_ON_AT_ONCE", 3)
    book, told = RecordBook(), _Neighbour()
    exchange = RecordExchange(key, ManualClock(NOW), book, _Sessions([told]))
    flood = [make_record(NodeKey.generate(), Place(ENDPOINT, []), NOW) for _ in range(20)]
    source = _Neighbour()
    await exchange.take(source, Records(flood))
    assert len(book.all(NOW)) == 5
    assert told.records == flood[:3]
    await exchange.take(source, Records(flood[:5]))
    assert len(book.all(NOW)) == 5


async def test_what_is_heard_in_the_lan_is_passed_on_once_and_a_forgery_never(key):
    book, told = RecordBook(), _Neighbour()
    exchange = RecordExchange(key, ManualClock(NOW), book, _Sessions([told]))
    good = make_record(NodeKey.generate(), Place(ENDPOINT, []), NOW)
    forged = sign(KIND, read_record(good, NOW), NodeKey.generate())
    assert not await exchange.hear(forged)
    assert await exchange.hear(good)
    assert not await exchange.hear(good)
    assert told.records == [good]


async def test_a_budget_fills_up_again():
    budget = Budget(10, 1000)
    assert budget.take(6) == 6
    assert budget.take(6) < 6
    await asyncio.sleep(0.02)
    assert budget.take(20) == 10


class _Neighbour:
    def __init__(self):
        self.peer = NodeKey.generate().node_id
        self.records = []

    async def send_records(self, frame):
        self.records += frame.records


class _Sessions:
    def __init__(self, sessions):
        self._sessions = sessions

    def all(self):
        return self._sessions


def test_bootstrap_addresses():
    text = f"{ENDPOINT.hex()}@example.org:11500"
    assert parse_bootstrap(text) == BootstrapAddress(ENDPOINT, "example.org", 11500)
    assert str(parse_bootstrap(text)) == text


@pytest.mark.parametrize("text", ["", "x@h:1", f"{ENDPOINT.hex()}@h", f"{ENDPOINT.hex()}@h:99999", "@:"])
def test_texts_that_are_no_bootstrap_addresses(text):
    with pytest.raises(BadBootstrapAddress):
        parse_bootstrap(text)


async def test_a_bootstrap_host_is_resolved():
    address = BootstrapAddress(ENDPOINT, "127.0.0.1", 5)
    assert await address.addresses() == ["127.0.0.1:5"]
