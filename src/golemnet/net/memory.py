"""A network of nodes in one process, with faults that repeat from a seed.

The same interface and the same handlers as the real one, without sockets. A lost message costs no time: the
caller gets its ``CallTimeout`` at once, so that tests of repetition are fast.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from golemnet.model.keys import NodeKey
from golemnet.model.node_id import NodeId
from golemnet.net.errors import CallTimeout, Unreachable
from golemnet.net.handlers import Handlers, check_size
from golemnet.net.network import CallHandler, Link, Stream, StreamHandler
from golemnet.net.pipe import pipe, serve_pipe
from golemnet.net.traffic import Traffic


class Faults:
    """What the network does wrong; may be changed while it runs.

    Attributes:
        loss: the share of requests, and of answers, that are lost: 0 to 1.
        longest_delay_s: each message takes up to this, evenly distributed.
    """

    def __init__(self, *, loss: float = 0.0, longest_delay_s: float = 0.0) -> None:
        self.loss = loss
        self.longest_delay_s = longest_delay_s
        self._cut: set[frozenset[NodeId]] = set()

    def cut(self, one: NodeId, other: NodeId) -> None:
        """Nothing passes between the two nodes from now on."""
        self._cut.add(frozenset((one, other)))

    def heal(self) -> None:
        """Undo every cut."""
        self._cut.clear()

    def is_cut(self, one: NodeId, other: NodeId) -> bool:
        """Whether nothing passes between the two."""
        return frozenset((one, other)) in self._cut


class MemoryNetwork:
    """The nodes and what lies between them.

    Args:
        seed: two networks with the same seed lose and delay the same messages.
        faults: what it does wrong; nothing if None.
    """

    def __init__(self, seed: int = 0, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.running: dict[NodeId, MemoryNode] = {}
        self._random = random.Random(seed)

    def node(self, key: NodeKey) -> MemoryNode:
        """A node of this network; it takes part while its ``run`` does."""
        return MemoryNode(key.node_id, self)

    def is_lost(self) -> bool:
        """Whether the next message is lost."""
        return self._random.random() < self.faults.loss

    async def delay(self) -> None:
        """Wait as long as the next message takes."""
        if self.faults.longest_delay_s:
            await asyncio.sleep(self._random.uniform(0, self.faults.longest_delay_s))

    def reach(self, caller: NodeId, node: NodeId) -> MemoryNode:
        """The running node. Raises Unreachable if it is not there for ``caller``."""
        found = self.running.get(node)
        if found is None or caller not in self.running or self.faults.is_cut(caller, node):
            raise Unreachable("The node cannot be reached.", node_id=node)
        return found


class MemoryNode:
    """A ``Network`` in memory."""

    def __init__(self, node_id: NodeId, network: MemoryNetwork) -> None:
        self.node_id = node_id
        self.handlers = Handlers()
        self.traffic = Traffic()
        self._since = datetime.now(UTC)
        self._network = network
        self._tasks: set[asyncio.Task[Any]] = set()

    def handle(self, method: str, handler: CallHandler) -> None:
        """See ``Network``."""
        self.handlers.add_call(method, handler)

    def handle_stream(self, method: str, handler: StreamHandler) -> None:
        """See ``Network``."""
        self.handlers.add_stream(method, handler)

    def on_neighbour(self, callback: Callable[[NodeId], None]) -> None:
        """See ``Network``."""
        self.handlers.add_callback(callback)

    def neighbours(self) -> list[NodeId]:
        """See ``Network``: every node that runs and is not cut off."""
        if self.node_id not in self._network.running:
            return []
        faults = self._network.faults
        others = (node for node in self._network.running if node != self.node_id)
        return [node for node in others if not faults.is_cut(self.node_id, node)]

    def links(self) -> list[Link]:
        """See ``Network``: nothing is counted."""
        return [Link(node, "memory", False, True, self._since, 0.0, 0, 0, 0, 0) for node in self.neighbours()]

    async def ping(self, node: NodeId, *, timeout_s: float) -> float:
        """See ``Network``."""
        self._network.reach(self.node_id, node)
        return 0.0

    async def call(self, node: NodeId, method: str, body: bytes, *, timeout_s: float) -> bytes:
        """See ``Network``."""
        check_size(body, "request")
        if node == self.node_id:
            return await self.answer(self.node_id, method, body, timeout_s)
        other = self._network.reach(self.node_id, node)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exchange(other, method, body, timeout_s)
        except TimeoutError:
            raise CallTimeout(f"No answer to {method} in {timeout_s:g} s.", node_id=node) from None

    async def open_stream(
        self, node: NodeId, method: str, header: bytes, *, timeout_s: float, is_bulk: bool = False
    ) -> Stream:
        """See ``Network``."""
        check_size(header, "header")
        other = self if node == self.node_id else self._network.reach(self.node_id, node)
        near, far = pipe()
        other.start(serve_pipe(far, lambda end: other.handlers.serve(self.node_id, method, header, end)))
        return near

    async def run(self, ready: asyncio.Event) -> None:
        """See ``Network``. Raises ValueError if a node of this id runs already."""
        if self.node_id in self._network.running:
            raise ValueError(f"{self.node_id} runs already")
        self._network.running[self.node_id] = self
        try:
            self._greet()
            ready.set()
            await asyncio.Event().wait()
        finally:
            del self._network.running[self.node_id]
            for task in list(self._tasks):
                task.cancel()

    async def answer(self, caller: NodeId, method: str, body: bytes, timeout_s: float) -> bytes:
        """Answer ``caller`` in a task that ends when this node stops."""
        task = self.start(self.handlers.answer(caller, method, body, timeout_s))
        await asyncio.wait({task})
        if task.cancelled():
            raise Unreachable("The node stopped before it answered.", node_id=self.node_id)
        return task.result()

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run ``work`` as long as this node runs."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _exchange(self, other: MemoryNode, method: str, body: bytes, timeout_s: float) -> bytes:
        network = self._network
        await network.delay()
        self._maybe_lose(method, other.node_id)
        answer = await other.answer(self.node_id, method, body, timeout_s)
        await network.delay()
        self._maybe_lose(method, other.node_id)
        network.reach(self.node_id, other.node_id)
        return answer

    def _maybe_lose(self, method: str, node: NodeId) -> None:
        if self._network.is_lost():
            raise CallTimeout(f"The answer to {method} was lost.", node_id=node)

    def _greet(self) -> None:
        for node in self.neighbours():
            self._network.running[node].handlers.tell_neighbour(self.node_id)
            self.handlers.tell_neighbour(node)
