from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from itertools import combinations

import msgspec
import pytest

from golemnet.clock import SystemClock
from golemnet.model.keys import NodeKey
from golemnet.net import record_search
from golemnet.net.budget import Budget
from golemnet.net.errors import Unreachable
from golemnet.net.memory import MemoryNetwork
from golemnet.net.record_search import FIND, Find, Found, RecordSearch
from golemnet.net.records import Place, RecordBook, make_record


class Member:
    """A node that others may ask."""

    def __init__(self, network):
        self.network = network.node(NodeKey.generate())
        self.book = RecordBook()
        self.search = RecordSearch(self.network, self.book, SystemClock())


@pytest.fixture
async def row():
    """Five nodes in a row: each has the one before and the one behind it as neighbours."""
    network = MemoryNetwork(1)
    members = [Member(network) for _ in range(5)]
    for (one, first), (other, second) in combinations(enumerate(members), 2):
        if other - one > 1:
            network.faults.cut(first.network.node_id, second.network.node_id)
    async with AsyncExitStack() as stack:
        for member in members:
            ready = asyncio.Event()
            task = asyncio.create_task(member.network.run(ready))
            stack.callback(task.cancel)
            await ready.wait()
        yield members


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(record_search, "STEP_TIMEOUT_S", 0.2)


def record_of(key):
    return make_record(key, Place(bytes(32), ["192.0.2.1:1"]), datetime.now(UTC))


async def test_neighbours_of_neighbours_are_asked(row):
    key = NodeKey.generate()
    row[2].book.add(record_of(key), datetime.now(UTC))
    assert (await row[0].search.find(key.node_id)).node_id == key.node_id
    assert row[1].book.get(key.node_id, datetime.now(UTC))


async def test_nobody_farther_away_is_asked(row):
    key = NodeKey.generate()
    row[3].book.add(record_of(key), datetime.now(UTC))
    with pytest.raises(Unreachable):
        await row[0].search.find(key.node_id)


async def test_a_record_that_comes_meanwhile_will_do(row):
    key = NodeKey.generate()
    asyncio.get_running_loop().call_later(0.05, row[0].book.add, record_of(key), datetime.now(UTC))
    assert (await row[0].search.find(key.node_id)).node_id == key.node_id


async def test_the_record_of_another_is_no_answer(row):
    wanted, other = NodeKey.generate(), NodeKey.generate()
    answer = msgspec.msgpack.encode(Found(record_of(other)))

    async def lie(caller, body):
        return answer

    row[1].network.handlers._calls[FIND] = lie
    with pytest.raises(Unreachable):
        await row[0].search.find(wanted.node_id)


async def test_for_others_a_node_asks_so_much_and_no_more(row):
    key = NodeKey.generate()
    row[2].book.add(record_of(key), datetime.now(UTC))
    row[1].search._for_others = Budget(0, 0)
    request = msgspec.msgpack.encode(Find(str(key.node_id), 1))
    data = await row[0].network.call(row[1].network.node_id, FIND, request, timeout_s=1)
    assert msgspec.msgpack.decode(data, type=Found).record is None
