"""Finding a node whose record is not known here: the neighbours are asked, and they ask theirs.

In a network larger than a book of records each node knows a part of the others. Two steps reach about 150
books, which together hold most of a large network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import msgspec
import structlog

from golemnet.clock import Clock
from golemnet.model.documents import Signed
from golemnet.model.node_id import NodeId
from golemnet.net.budget import Budget
from golemnet.net.errors import MALFORMED, NetError, RemoteError, Unreachable
from golemnet.net.network import Network
from golemnet.net.records import NodeRecord, RecordBook

FIND = "net.find"
STEPS = 2
# For each step that follows.
STEP_TIMEOUT_S = 1.0
MAX_ASKED = 12
# What others make this node ask of third ones.
MAX_FOR_OTHERS_AT_ONCE, MAX_FOR_OTHERS_A_SECOND = 60, 10

log = structlog.get_logger(__name__)


class Find(msgspec.Struct, frozen=True):
    """Who knows this node? With ``steps`` left, whoever does not know asks on."""

    node_id: str
    steps: int


class Found(msgspec.Struct, frozen=True):
    """The answer: its record, if it was found."""

    record: Signed | None


class RecordSearch:
    """Asks, and answers others.

    Args:
        network: to the neighbours.
        book: what is known here, and where what is found goes.
        clock: time.
    """

    def __init__(self, network: Network, book: RecordBook, clock: Clock) -> None:
        self._network = network
        self._book = book
        self._clock = clock
        self._for_others = Budget(MAX_FOR_OTHERS_AT_ONCE, MAX_FOR_OTHERS_A_SECOND)
        network.handle(FIND, self._answer)

    async def find(self, node: NodeId) -> NodeRecord:
        """The record of ``node``, from the neighbours or as it becomes known. Raises Unreachable."""
        neighbours = self._network.neighbours()
        asking = asyncio.create_task(self._ask(node, neighbours, STEPS))
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(STEPS * STEP_TIMEOUT_S):
                    while (record := self._book.get(node, self._clock.now())) is None:
                        await self._book.news().wait()
                    return record
        finally:
            asking.cancel()
        raise Unreachable(
            "The node is not known in this network.",
            why=f"{len(neighbours)} nodes are connected; none has heard of it.",
            node_id=node,
        )

    async def _ask(self, node: NodeId, neighbours: Sequence[NodeId], steps: int) -> None:
        """Ask until one has brought the record into the book."""
        request = msgspec.msgpack.encode(Find(str(node), steps - 1))
        others = [each for each in neighbours if each != node][:MAX_ASKED]
        asked = {asyncio.create_task(self._ask_one(each, request, steps)) for each in others}
        try:
            while asked and self._book.get(node, self._clock.now()) is None:
                _, asked = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in asked:
                task.cancel()

    async def _ask_one(self, neighbour: NodeId, request: bytes, steps: int) -> None:
        try:
            data = await self._network.call(neighbour, FIND, request, timeout_s=steps * STEP_TIMEOUT_S)
            found = msgspec.msgpack.decode(data, type=Found)
            if found.record is not None:
                self._book.add(found.record, self._clock.now(), neighbour)
        except (NetError, ValueError) as error:
            log.debug("neighbour did not help to find a node", node=neighbour, why=str(error))

    async def _answer(self, caller: NodeId, body: bytes) -> bytes:
        try:
            wanted = msgspec.msgpack.decode(body, type=Find)
            node = NodeId.parse(wanted.node_id)
        except ValueError as error:
            raise RemoteError(MALFORMED, f"The message cannot be read: {error}.") from error
        is_known = self._book.signed(node, self._clock.now()) is not None
        if not is_known and wanted.steps > 0 and self._for_others.take(1):
            others = [each for each in self._network.neighbours() if each != caller]
            with suppress(TimeoutError):
                async with asyncio.timeout(STEP_TIMEOUT_S):
                    await self._ask(node, others, 1)
        return msgspec.msgpack.encode(Found(self._book.signed(node, self._clock.now())))
