"""Packets that wait, and the streams that they go on."""

from __future__ import annotations

import asyncio

import pytest

from golemnet.daemon.vpn import carrier as carriers
from golemnet.daemon.vpn.carrier import Carrier
from golemnet.daemon.vpn.messages import PACKETS, PacketHeader, decode
from golemnet.daemon.vpn.packet_queue import PacketQueue
from golemnet.model.keys import NodeKey
from golemnet.model.packets import Splitter
from golemnet.net.errors import RemoteError
from golemnet.net.memory import MemoryNetwork

HEADER = PacketHeader("0x" + "1" * 40, "net")


async def test_what_does_not_fit_is_dropped_and_the_rest_keeps_its_order():
    queue = PacketQueue(max_bytes=10)
    queue.put([b"12345", b"123456", b"1234", b"12"])
    assert queue.dropped == 2
    assert await queue.get() == [b"12345", b"1234"]
    queue.put([b"1234567890"])
    assert await queue.get() == [b"1234567890"]
    queue.put([b"1"])
    queue.clear()
    assert queue.dropped == 3
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 0.01)


@pytest.fixture
async def pair():
    network = MemoryNetwork()
    nodes = [network.node(NodeKey.generate()) for _ in range(2)]
    tasks = []
    for node in nodes:
        ready = asyncio.Event()
        tasks.append(asyncio.create_task(node.run(ready)))
        await ready.wait()
    yield nodes
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Taker:
    """The other node: what came on each stream; refuses the first ``refused`` of them."""

    def __init__(self, node, refused: int = 0) -> None:
        self.streams: list[list[bytes]] = []
        self.news = asyncio.Event()
        self._refused = refused
        node.handle_stream(PACKETS, self._take)

    async def _take(self, caller, header, stream) -> None:
        assert decode(header, PacketHeader) == HEADER
        taken: list[bytes] = []
        self.streams.append(taken)
        if len(self.streams) <= self._refused:
            raise RemoteError("403", "not in the network")
        splitter = Splitter()
        while data := await stream.read(1000):
            taken += splitter.feed(data)
            self.news.set()

    async def takes(self, packets: list[bytes]) -> None:
        async with asyncio.timeout(20):
            while self.streams[-1:] != [packets]:
                self.news.clear()
                await self.news.wait()


async def test_packets_go_on_one_stream_which_ends_when_nothing_comes(pair, monkeypatch):
    monkeypatch.setattr(carriers, "IDLE_S", 0.2)
    one, other = pair
    taker, carrier = Taker(other), Carrier(one, other.node_id, HEADER)
    carrier.queue.put([b"a" * 20, b"b" * 20])
    running = asyncio.create_task(carrier.run())
    await taker.takes([b"a" * 20, b"b" * 20])
    carrier.queue.put([b"c" * 3000])
    await taker.takes([b"a" * 20, b"b" * 20, b"c" * 3000])
    await asyncio.wait_for(running, 20)
    assert len(taker.streams) == 1


async def test_a_node_that_refuses_is_asked_again_when_there_is_more(pair, monkeypatch):
    monkeypatch.setattr(carriers, "PAUSE_S", 0.01)
    one, other = pair
    taker, carrier = Taker(other, refused=2), Carrier(one, other.node_id, HEADER)
    running = asyncio.create_task(carrier.run())
    for streams in (1, 2):
        carrier.queue.put([b"lost"])
        async with asyncio.timeout(20):
            while len(taker.streams) < streams:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert len(taker.streams) == streams, "nobody is asked for nothing"
    carrier.queue.put([b"a" * 20])
    await taker.takes([b"a" * 20])
    running.cancel()
