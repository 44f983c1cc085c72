"""Work per peer: one worker for each peer with something to do, in batches, within bounds.

A slow or silent peer delays only what is meant for it, and can make nobody's memory grow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Generic, TypeVar

import structlog

from golemnet.model.node_id import NodeId

MAX_PEERS = 512

T = TypeVar("T")

log = structlog.get_logger(__name__)


class PeerQueues(Generic[T]):
    """Items to be worked off per peer; an item that is queued already is not queued twice.

    Args:
        work: does a batch. It handles the errors that it expects; others are logged, and cost the batch.
        batch: the most items in one call of ``work``.
        capacity: the most items that wait per peer; more are dropped.
    """

    def __init__(
        self, work: Callable[[NodeId, list[T]], Awaitable[None]], *, batch: int, capacity: int
    ) -> None:
        self._work = work
        self._batch = batch
        self._capacity = capacity
        self._queues: dict[NodeId, dict[T, None]] = {}
        self._group: asyncio.TaskGroup | None = None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Work in ``group`` from now on; what was put before is dropped."""
        self._group = group

    def stop(self) -> None:
        """Take no more items."""
        self._group = None

    def put(self, peer: NodeId, *items: T) -> int:
        """Queue ``items`` for ``peer``; returns for how many, the first ones, there was room."""
        if self._group is None or not items:
            return 0
        queue = self._queues.get(peer)
        if queue is None:
            if len(self._queues) >= MAX_PEERS:
                return 0
            queue = self._queues[peer] = {}
            self._group.create_task(self._run(peer, queue))
        taken = items[: max(self._capacity - len(queue), 0)]
        queue.update(dict.fromkeys(taken))
        return len(taken)

    def take_all(self, peer: NodeId) -> list[T]:
        """Take what is queued for ``peer`` out of its queue."""
        queue = self._queues.get(peer, {})
        items = list(queue)
        queue.clear()
        return items

    async def _run(self, peer: NodeId, queue: dict[T, None]) -> None:
        try:
            # What is put in one turn of the event loop travels together.
            await asyncio.sleep(0)
            while queue:
                items = list(islice(queue, self._batch))
                for item in items:
                    del queue[item]
                await self._try(peer, items)
        finally:
            del self._queues[peer]

    async def _try(self, peer: NodeId, items: list[T]) -> None:
        try:
            await self._work(peer, items)
        except Exception:
            # What a stranger sends must not be able to end this node.
            log.exception("work for a peer failed", node=peer)
