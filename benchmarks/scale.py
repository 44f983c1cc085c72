"""What it costs a node that the network is large: ``python benchmarks/scale.py``; the model is docs/scale.md.

Networks of 125 to 1,000 light nodes, each network in a process of its own: the real market and node records
on simulated links with delays. Each node has as many neighbours as a real one. Offers come one at a time, as
from providers that know nothing of each other, so nothing travels together that would not really.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from statistics import median

import psutil
import structlog
from market import offers
from net import running
from promises import at_most, finish, shown

from golemnet.clock import SystemClock
from golemnet.daemon.market.offer_book import OfferBook
from golemnet.daemon.market.spread import Spread
from golemnet.model.documents import Signed
from golemnet.model.keys import NodeKey
from golemnet.model.node_id import NodeId
from golemnet.net.frames import Answer, Call, Records, encode
from golemnet.net.meeting import WANTED_NEIGHBOURS
from golemnet.net.memory import Faults, MemoryNetwork, MemoryNode
from golemnet.net.record_exchange import RecordExchange
from golemnet.net.records import Place, RecordBook, make_record
from golemnet.net.traffic import total

SIZES = (125, 250, 500, 1000)
AT_A_TIME = 2
OFFERS, RENEWALS = 24, 12
DELAY_S = 0.05
TIMEOUT_S = 60.0
SEED = 1
SPREAD, MESSAGES, BYTES, CPU = (
    "offer known to all",
    "messages for an offer",
    "bytes for an offer",
    "processor",
)
RECORD_MESSAGES, RECORD_BYTES = "messages for a record", "bytes for a record"
COMPARE_BYTES, LATE, MEMORY = "bytes to compare", "one who joins knows all", "memory of a light node"
UNITS = {
    SPREAD: "s",
    MESSAGES: "",
    BYTES: "bytes",
    RECORD_MESSAGES: "",
    RECORD_BYTES: "bytes",
    COMPARE_BYTES: "bytes",
    LATE: "s",
    MEMORY: "KB",
}
GROWTH = f"{MESSAGES}: {SIZES[-1]:,} nodes, as against {SIZES[0]}"


def main() -> None:
    """Measure each size in a process of its own, and print."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        measured = dict(zip(SIZES, pool.map(in_a_process, SIZES), strict=True))
    figures = {
        f"{size:,} nodes: {what}": of_size[what] for what in UNITS for size, of_size in measured.items()
    }
    promises = {name: shown(UNITS[name.partition(": ")[2]]) for name in figures}
    figures[GROWTH] = measured[SIZES[-1]][MESSAGES] / measured[SIZES[0]][MESSAGES]
    finish({**promises, GROWTH: at_most(1.5, "times")}, figures)


def in_a_process(size: int) -> dict[str, float]:
    """The figures of a network of ``size`` nodes."""
    command = [sys.executable, __file__, "measure", str(size)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


async def measure(size: int) -> dict[str, float]:
    """The same, in this process; what is per node is for each offer, record or comparison."""
    before = psutil.Process().memory_info().rss
    async with AsyncExitStack() as stack:
        network = Links(size)
        for node in network.nodes:
            await stack.enter_async_context(running(node.run))
            await stack.enter_async_context(running(node.spread.run))
        memory = (psutil.Process().memory_info().rss - before) / size / 1000
        figures = await spread_offers(network) | await spread_records(network) | {MEMORY: memory}
        figures[COMPARE_BYTES] = await compare(network)
        network.grow()
        late, began = network.nodes[-1], time.monotonic()
        await stack.enter_async_context(running(late.run))
        await stack.enter_async_context(running(late.spread.run))
        await until(lambda: len(late.book) == OFFERS)
        return figures | {LATE: time.monotonic() - began}


async def spread_offers(network: Links) -> dict[str, float]:
    """One offer after the other, each from another node."""
    seconds: list[float] = []
    count = network.count()
    for number, document in enumerate(offers(OFFERS), start=1):
        began = time.monotonic()
        random.choice(network.nodes).spread.publish(document)
        await until(lambda known=number: all(len(node.book) == known for node in network.nodes))
        seconds.append(time.monotonic() - began)
    messages, size = network.count() - count
    shares = OFFERS * len(network.nodes)
    return {SPREAD: median(seconds), MESSAGES: messages / shares, BYTES: size / shares}


async def spread_records(network: Links) -> dict[str, float]:
    """One node record after the other is renewed."""
    count = network.count()
    for node in random.sample(network.nodes, RENEWALS):
        record = await node.renew_record()
        await until(lambda record=record: all(each.records.has(record) for each in network.nodes))
    messages, size = network.count() - count
    shares = RENEWALS * len(network.nodes)
    return {RECORD_MESSAGES: messages / shares, RECORD_BYTES: size / shares}


async def compare(network: Links) -> float:
    """Bytes that two nodes exchange to find that they know the same."""
    count = network.count()
    for node in network.nodes:
        node.spread.compare(node.neighbours()[0])
    await until(lambda: (network.count() - count)[0] >= 2 * len(network.nodes))
    return (network.count() - count)[1] / len(network.nodes)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():
            await asyncio.sleep(0.01)


class Sent(tuple[int, int]):
    """Messages and bytes."""

    def __sub__(self, earlier: Sent) -> Sent:
        return Sent((self[0] - earlier[0], self[1] - earlier[1]))


class Links(MemoryNetwork):
    """Nodes that have dialled as many others as a real one does, and delays between them."""

    def __init__(self, size: int) -> None:
        super().__init__(SEED, Faults(longest_delay_s=DELAY_S))
        random.seed(SEED)
        self.nodes: list[LightNode] = []
        for _ in range(size):
            self.grow()

    def grow(self) -> None:
        """One node more."""
        node = LightNode(NodeKey.generate(), self)
        for other in random.sample(self.nodes, min(WANTED_NEIGHBOURS, len(self.nodes))):
            node.partners.append(other)
            other.partners.append(node)
        self.nodes.append(node)

    def count(self) -> Sent:
        """What was sent so far."""
        counts = [total(node.traffic.sent) for node in self.nodes]
        return Sent((sum(each.messages for each in counts), sum(each.bytes for each in counts)))


class LightNode(MemoryNode):
    """The market's spread and the node records of one node, counted as frames on the wire."""

    def __init__(self, key: NodeKey, network: Links) -> None:
        super().__init__(key.node_id, network)
        self.partners: list[LightNode] = []
        self.book = OfferBook()
        self.records = RecordBook()
        self.spread = Spread(self, SystemClock(), self.book, _ignore, _ignore)
        self.exchange = RecordExchange(key, SystemClock(), self.records, Sessions(self))  # pyright: ignore
        self._key = key
        self._sessions: dict[NodeId, RecordSession] = {}

    def neighbours(self) -> list[NodeId]:
        """See ``Network``."""
        return [other.node_id for other in self.partners if other.is_running]

    @property
    def is_running(self) -> bool:
        """Whether it takes part."""
        return self.node_id in self._network.running

    def session(self, other: LightNode) -> RecordSession:
        """By which records go to ``other``."""
        return self._sessions.setdefault(other.node_id, RecordSession(self, other))

    async def renew_record(self) -> Signed:
        """Tell all of a new record; what it is."""
        record = make_record(
            self._key, Place(self._key.to_bytes(), ["192.0.2.1:11500"] * 2), datetime.now(UTC)
        )
        self.records.add(record, datetime.now(UTC))
        await self.exchange.spread([record])
        return record

    async def call(self, node: NodeId, method: str, body: bytes, *, timeout_s: float) -> bytes:
        """See ``Network``."""
        self.traffic.count_sent(method, len(encode(Call(1, method, body, timeout_s))))
        return await super().call(node, method, body, timeout_s=timeout_s)

    async def answer(self, caller: NodeId, method: str, body: bytes, timeout_s: float) -> bytes:
        """See ``MemoryNode``."""
        answer = await super().answer(caller, method, body, timeout_s)
        self.traffic.count_sent("answer", len(encode(Answer(1, answer))))
        return answer


class RecordSession:
    """Carries records from one node to another."""

    def __init__(self, source: LightNode, target: LightNode) -> None:
        self.peer = target.node_id
        self._source = source
        self._target = target

    async def send_records(self, frame: Records) -> None:
        """See ``Session``."""
        self._source.traffic.count_sent("records", len(encode(frame)))
        self._target.start(self._deliver(frame))

    async def _deliver(self, frame: Records) -> None:
        await self._source._network.delay()
        await self._target.exchange.take(self._target.session(self._source), frame)  # pyright: ignore


class Sessions:
    """See ``golemnet.net.sessions``."""

    def __init__(self, node: LightNode) -> None:
        self._node = node

    def all(self) -> Sequence[RecordSession]:
        """Those to the neighbours."""
        return [self._node.session(other) for other in self._node.partners if other.is_running]


def _ignore(offer: object) -> None:
    """Nobody here trades."""


if __name__ == "__main__":
    # Log lines go to the output, which the first process reads.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps(asyncio.run(measure(int(sys.argv[2])))))
    else:
        main()
