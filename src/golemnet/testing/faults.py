"""Kills a node at any moment of its choice: before or after a write, a call of the chain, a message.

A ``Life`` numbers the moments that a node passes and ends at one of them. From then on nothing that the node
still tries has any effect, as if its process had been killed; what it had already done stays done.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from golemnet.database.database import Database
from golemnet.errors import GolemError
from golemnet.model.keys import NodeKey
from golemnet.model.node_id import NodeId
from golemnet.net.memory import MemoryNetwork, MemoryNode

T = TypeVar("T")


class Killed(GolemError):
    """The node is dead; whoever runs in its name comes no further."""


class Life:
    """The life of one process of a node.

    Args:
        ends_at: the names of moments, as ``passed`` gives them: the first that comes is the last of the life.

    Attributes:
        phase: what the node is used for at present, by the word of the test; moments are numbered in each.
        passed: the moments so far: ``note: before write X #2`` is the second time in the phase ``note``
            that X is about to be written.
        over: set when the node is dead.
    """

    def __init__(self, *ends_at: str) -> None:
        self.phase = ""
        self.passed: list[str] = []
        self.over = asyncio.Event()
        self._ends_at = frozenset(ends_at)
        self._times: Counter[str] = Counter()

    def check(self) -> None:
        """Raise ``Killed`` if the node is dead."""
        if self.over.is_set():
            raise Killed("The node was killed.")

    def passing(self, moment: str) -> None:
        """The node comes to ``moment``. Raises ``Killed`` if it is dead, or dies here."""
        self.check()
        moment = f"{self.phase}: {moment}" if self.phase else moment
        self._times[moment] += 1
        name = f"{moment} #{self._times[moment]}"
        self.passed.append(name)
        if name in self._ends_at:
            self.over.set()
            self.check()


class MortalDatabase(Database):
    """The database of a node that may be killed before or after each of its writes."""

    def __init__(self, url: str, life: Life) -> None:
        super().__init__(url)
        self._life = life

    async def write(self, function: Callable[[Connection], T], *, durable: bool = False) -> T:
        """See ``Database``."""
        name = f"write {getattr(function, '__qualname__', '?').replace('.<locals>', '')}"
        self._life.passing(f"before {name}")
        result = await super().write(function, durable=durable)
        self._life.passing(f"after {name}")
        return result

    async def read(self, function: Callable[[Connection], T]) -> T:
        """See ``Database``."""
        self._life.check()
        return await super().read(function)


class MortalNode(MemoryNode):
    """The network of a node that may be killed before or after each message that it sends."""

    def __init__(self, key: NodeKey, network: MemoryNetwork, life: Life) -> None:
        super().__init__(key.node_id, network)
        self._life = life

    async def call(self, node: NodeId, method: str, body: bytes, *, timeout_s: float) -> bytes:
        """See ``Network``."""
        self._life.passing(f"before message {method}")
        answer = await super().call(node, method, body, timeout_s=timeout_s)
        self._life.passing(f"after message {method}")
        return answer
