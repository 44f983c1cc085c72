from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
import pytest

from golemnet.model.keys import NodeKey
from golemnet.net import lan
from golemnet.net.lan import LanDiscovery
from golemnet.net.records import Place, make_record

TIMEOUT_S = 20.0


@pytest.fixture(autouse=True)
def port(monkeypatch):
    """A port of this test alone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setattr(lan, "PORT", port)
    monkeypatch.setattr(lan, "ANSWER_WITHIN_S", 0.05)
    return port


class Participant:
    """A node as far as its LAN goes."""

    def __init__(self):
        key = NodeKey.generate()
        self.record = make_record(key, Place(bytes(32), ["10.0.0.1:1"]), datetime.now(UTC))
        self.heard = []
        self.calls = 0
        self.discovery = LanDiscovery(lambda: self.record, self._take)

    async def _take(self, record):
        self.calls += 1
        is_news = record != self.record and record not in self.heard
        self.heard += [record] if is_news else []
        return is_news

    async def hears(self, count):
        """Wait until it has heard so many datagrams; the first is its own."""
        async with asyncio.timeout(TIMEOUT_S):
            while self.discovery._heard < count:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def knows(self, other):
        async with asyncio.timeout(TIMEOUT_S):
            while other.record not in self.heard:  # noqa: ASYNC110
                await asyncio.sleep(0.005)


@pytest.fixture
async def join():
    tasks = []

    def join():
        participant = Participant()
        tasks.append(asyncio.create_task(participant.discovery.run()))
        return participant

    yield join
    for task in tasks:
        assert not task.done()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def say(data, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        for number, _ in socket.if_nameindex():
            link.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, lan._request(number))
            with suppress(OSError):
                link.sendto(data, (lan.GROUP, port))


async def test_who_comes_is_known_and_learns_who_is_there(join, monkeypatch):
    monkeypatch.setattr(lan, "AGAIN_S", ())
    first = join()
    await first.hears(1)
    second = join()
    await first.knows(second)
    await second.knows(first)


async def test_a_record_that_changes_is_told(join, monkeypatch):
    monkeypatch.setattr(lan, "AGAIN_S", ())
    one, other = join(), join()
    await other.knows(one)
    one.record = Participant().record
    one.discovery.announce()
    await other.knows(one)


async def test_garbage_is_passed_over(join, port):
    one = join()
    await one.hears(1)
    for data in (b"", b"\0" * 100, lan._MAGIC, lan._MAGIC + b"\xc1", lan._MAGIC + b"\x93\x01\x02\x03"):
        say(data, port)
    other = join()
    await one.knows(other)
    assert one.heard == [other.record]


async def test_of_a_flood_only_some_is_looked_at(join, port, monkeypatch):
    monkeypatch.setattr(lan, "MAX_CHECKED_A_SECOND", 3)
    one = join()
    await one.hears(1)
    for _ in range(30):
        say(lan._MAGIC + msgspec.msgpack.encode(Participant().record), port)
    await one.hears(30)
    assert 1 <= one.calls <= 6
