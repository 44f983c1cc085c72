"""Whom a node connects to without being asked: those it joins by, and a few others that it has heard of.

The few others keep the network in one piece when a bootstrap node goes away.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from typing import Protocol

import structlog

from golemnet.model.node_id import NodeId
from golemnet.net.bootstrap import BootstrapAddress
from golemnet.net.errors import Unreachable
from golemnet.net.home_relay import answers
from golemnet.net.records import Place, RecordBook
from golemnet.net.session import Session
from golemnet.net.sessions import Sessions

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 10.0
LONGEST_NEIGHBOUR_DELAY_S = 120.0
WANTED_NEIGHBOURS = 6

log = structlog.get_logger(__name__)


class Meets(Protocol):
    """What is asked of the network."""

    @property
    def sessions(self) -> Sessions:
        """The sessions that are open."""
        ...

    @property
    def records(self) -> RecordBook:
        """The nodes that were heard of."""
        ...

    def known_nodes(self) -> list[NodeId]:
        """Every node that was heard of, without this one."""
        ...

    async def session_with(self, node: NodeId) -> Session:
        """An open session with ``node``. Raises Unreachable."""
        ...

    async def session_at(self, place: Place) -> Session:
        """A session with an endpoint. Raises Unreachable."""
        ...

    async def joined(self, session: Session) -> None:
        """A session with a node that the user named is open."""
        ...


class Meeting:
    """Keeps the node connected, with growing pauses between attempts that fail."""

    def __init__(self, bootstrap: list[BootstrapAddress], network: Meets) -> None:
        self._bootstrap = bootstrap
        self._network = network
        self._pauses: dict[NodeId, float] = {}
        self._not_before: dict[NodeId, float] = {}

    async def run(self) -> None:
        """Connect and reconnect until cancelled."""
        async with asyncio.TaskGroup() as group:
            for address in self._bootstrap:
                group.create_task(self._stay_with(address))
            group.create_task(self._keep_neighbours())

    # -- bootstrap -----------------------------------------------------------------------------------------

    async def _stay_with(self, address: BootstrapAddress) -> None:
        delay = FIRST_DELAY_S
        while True:
            session = await self._join(address)
            if session is not None:
                delay = FIRST_DELAY_S
                await self._network.joined(session)
                await session.closed.wait()
            # Spread out, so that the nodes of a network do not all come back at the same moment.
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))
            delay = min(delay * 2, LONGEST_DELAY_S)

    async def _join(self, address: BootstrapAddress) -> Session | None:
        session = self._network.sessions.of_endpoint(address.endpoint_id)
        if session is not None:
            return session
        try:
            return await self._dial(address)
        except (Unreachable, OSError) as error:
            log.debug("bootstrap node not reached", address=str(address), why=str(error))
            return None

    async def _dial(self, address: BootstrapAddress) -> Session:
        """Directly, or where UDP does not pass by the relay that a bootstrap node runs at the same port."""
        addresses = await address.addresses()
        try:
            return await self._network.session_at(Place(address.endpoint_id, addresses))
        except Unreachable:
            if not await answers(address.relay):
                raise
            return await self._network.session_at(Place(address.endpoint_id, addresses, address.relay))

    # -- neighbours ----------------------------------------------------------------------------------------

    async def _keep_neighbours(self) -> None:
        while True:
            news = (self._network.sessions.news(), self._network.records.news())
            candidates = self._candidates()
            if candidates:
                await self._try(random.choice(candidates))
            else:
                await _any_of(news, self._next_attempt())

    def _candidates(self) -> list[NodeId]:
        if len(self._network.sessions.all()) >= WANTED_NEIGHBOURS:
            return []
        now = asyncio.get_running_loop().time()
        return [
            node
            for node in self._network.known_nodes()
            if self._network.sessions.best(node) is None and self._not_before.get(node, 0.0) <= now
        ]

    async def _try(self, node: NodeId) -> None:
        now = asyncio.get_running_loop().time()
        try:
            await self._network.session_with(node)
            self._pauses.pop(node, None)
            self._not_before[node] = now + FIRST_DELAY_S
        except Unreachable:
            pause = min(self._pauses.get(node, FIRST_DELAY_S) * 2, LONGEST_NEIGHBOUR_DELAY_S)
            self._pauses[node] = pause
            self._not_before[node] = now + pause * random.uniform(0.5, 1.0)

    def _next_attempt(self) -> float | None:
        """Seconds until a node may be tried again; None if only news can change anything."""
        if len(self._network.sessions.all()) >= WANTED_NEIGHBOURS:
            return None
        known = set(self._network.known_nodes())
        self._not_before = {node: at for node, at in self._not_before.items() if node in known}
        now = asyncio.get_running_loop().time()
        waits = [
            at - now for node, at in self._not_before.items() if self._network.sessions.best(node) is None
        ]
        return max(min(waits), FIRST_DELAY_S) if waits else None


async def _any_of(events: Iterable[asyncio.Event], timeout_s: float | None) -> None:
    """Wait until one of ``events`` is set, or for ``timeout_s``."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
