"""What the market costs: how fast offers spread, are matched, and what holding them takes.

``python benchmarks/market.py``. Fifty nodes in two processes on loopback, so that both processors of a small
machine take part. Each node checks each offer's signature itself.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Self

import psutil
import structlog
from net import HOST, running
from promises import at_most, finish, shown

from golemnet.clock import SystemClock
from golemnet.daemon.market.board import Board
from golemnet.daemon.market.messages import OFFER_DOCUMENT
from golemnet.daemon.market.offer_book import MAX_OFFERS_OF_PROVIDER, OfferBook
from golemnet.daemon.market.spread import Spread
from golemnet.model.documents import Signed, sign
from golemnet.model.keys import NodeKey
from golemnet.model.offer import Demand, Offer
from golemnet.net.iroh_network import IrohNetwork

NODES, OFFERS, OFFER_BYTES, STORED, ROUNDS = 50, 1000, 2000, 10_000, 5
TIMEOUT_S, SETTLE_S = 60.0, 2.0
CONSTRAINT = "(&(golem.bench.3=*)(golem.bench.7=*)(golem.bench.11=*)(golem.padding=*)(golem.bench.20>0))"
PROMISES = {
    f"{OFFERS:,} offers of 2 KB known to {NODES} nodes": at_most(2.0, "s"),
    "processor for each offer at each node": shown("us"),
    f"{OFFERS:,} offers known to one who joins": at_most(3.0, "s"),
    "memory of a stored offer of 2 KB": at_most(4.0, "KB"),
    f"{STORED:,} offers matched against a demand": at_most(50.0, "ms"),
}


def main() -> None:
    """Measure and print."""
    memory, match = stored_offers()  # first, while there is no free memory to hide it
    spread, cost, late = asyncio.run(spread_offers())
    finish(PROMISES, dict(zip(PROMISES, (spread, cost, late, memory, match), strict=True)))


def stored_offers() -> tuple[float, float]:
    """Kilobytes that the process has grown for each offer, and milliseconds to match a demand with all."""
    book, now = OfferBook(), datetime.now(UTC)
    documents = offers(200)
    size = sum(len(each.body) for each in documents) / len(documents)
    assert 0.8 * OFFER_BYTES < size < 1.2 * OFFER_BYTES, size
    for document in documents:
        book.admit(document, now)
    before = psutil.Process().memory_info().rss
    for document in offers(STORED):
        book.admit(document, now)
    memory = (psutil.Process().memory_info().rss - before) / STORED / 1000
    return memory, median([match_time(book, now) for _ in range(ROUNDS)]) * 1000


def match_time(book: OfferBook, now: datetime) -> float:
    """Seconds to find the offers that suit a demand, which are all."""
    board = Board(book, lambda _: None)
    demand = Demand.create(NodeKey.generate().node_id, {}, CONSTRAINT, now, now + timedelta(hours=1))
    began = time.perf_counter()
    asyncio.run(board.open(demand))
    seconds = time.perf_counter() - began
    assert len(board.take(demand.demand_id, 2 * STORED)) == len(book)
    return seconds


def offers(count: int) -> list[Signed]:
    """Offers of about 2 KB, of as many providers as are needed."""
    now = datetime.now(UTC)
    made: list[Signed] = []
    while len(made) < count:
        key = NodeKey.generate()
        for number in range(MAX_OFFERS_OF_PROVIDER // 2):
            properties = {f"golem.bench.{field}": f"{number}-" * 20 for field in range(25)}
            properties["golem.padding"] = "x" * (OFFER_BYTES - 1800)
            offer = Offer.create(key.node_id, properties, "()", now, now + timedelta(hours=1))
            made.append(sign(OFFER_DOCUMENT, offer, key))
    return made[:count]


async def spread_offers() -> tuple[float, float, float]:
    """Seconds until all nodes know all offers of one, microseconds of processor, seconds for a late one."""
    async with Nodes() as nodes:
        await nodes.join(NODES // 2)
        documents = offers(OFFERS)
        with OtherNodes(nodes.address) as others:
            await asyncio.sleep(SETTLE_S)  # until the neighbours are found
            cpu, began = others.cpu(), time.monotonic()
            for document in documents:
                nodes.spreads[0].publish(document)
            await asyncio.gather(nodes.know_all(), others.know_all())
            spread, cpu = time.monotonic() - began, others.cpu() - cpu
            began = time.monotonic()
            await nodes.join(1)
            await nodes.know_all()
            return spread, cpu / OFFERS / NODES * 1e6, time.monotonic() - began


class Nodes:
    """Nodes of this process, within an ``async with``; the first is one to join by.

    Args:
        bootstrap: another node to join by.
    """

    def __init__(self, bootstrap: str | None = None) -> None:
        self.address = bootstrap
        self.spreads: list[Spread] = []
        self._books: list[OfferBook] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def join(self, count: int) -> None:
        """So many more."""
        for _ in range(count):
            bootstrap = [self.address] if self.address else []
            network = IrohNetwork(NodeKey.generate(), f"{HOST}:0", bootstrap, SystemClock())
            self._books.append(OfferBook())
            self.spreads.append(Spread(network, SystemClock(), self._books[-1], _ignore, _ignore))
            await self._stack.enter_async_context(running(network.run))
            await self._stack.enter_async_context(running(self.spreads[-1].run))
            self.address = self.address or network.address()

    async def know_all(self) -> None:
        """Wait until every one has all the offers."""
        async with asyncio.timeout(TIMEOUT_S):
            while any(len(book) < OFFERS for book in self._books):
                await asyncio.sleep(0.02)


class OtherNodes:
    """The other half of the nodes, in another process."""

    def __init__(self, bootstrap: str | None) -> None:
        command = [sys.executable, __file__, "nodes", str(bootstrap)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        self._expect("joined")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    async def know_all(self) -> None:
        """Wait until every one of them has all the offers."""
        await asyncio.to_thread(self._expect, "known")

    def cpu(self) -> float:
        """Seconds of processor of both processes."""
        both = (psutil.Process().cpu_times(), psutil.Process(self._process.pid).cpu_times())
        return sum(times.user + times.system for times in both)

    def _expect(self, word: str) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == word


async def other_nodes(bootstrap: str) -> None:
    """The other process, until it is killed."""
    async with Nodes(bootstrap) as nodes:
        await nodes.join(NODES - NODES // 2)
        print("joined", flush=True)
        await nodes.know_all()
        print("known", flush=True)
        await asyncio.Event().wait()


def _ignore(offer: object) -> None:
    """Nobody here trades."""


if __name__ == "__main__":
    # Log lines go to the output, which the other process reads.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    if sys.argv[1:2] == ["nodes"]:
        asyncio.run(other_nodes(sys.argv[2]))
    else:
        main()
