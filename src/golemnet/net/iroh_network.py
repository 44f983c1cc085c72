"""The real network: sessions over iroh (QUIC and TLS 1.3, dialled by key), found by signed node records.

records       which endpoint belongs to a node id
handshake     a connection, and the proof of who is there
session       calls and streams on one connection
sessions      all of them
meeting       whom to connect to without being asked: bootstrap nodes and some neighbours
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import structlog
from iroh import Endpoint, Incoming

from golemnet.clock import Clock
from golemnet.model.documents import Signed
from golemnet.model.keys import BadSignature, NodeKey
from golemnet.model.node_id import NodeId
from golemnet.net.bootstrap import BootstrapAddress, parse_bootstrap
from golemnet.net.bulk import BulkConnections
from golemnet.net.endpoint_key import endpoint_id_of, endpoint_secret
from golemnet.net.errors import CallTimeout, Unreachable
from golemnet.net.frames import Hello, Records
from golemnet.net.handlers import Handlers, check_size
from golemnet.net.handshake import Greeted, dial, receive
from golemnet.net.home_relay import MAX_RELAYS, HomeRelay
from golemnet.net.iroh_binding import (
    BINDING_ERRORS,
    bound_hosts,
    is_loopback,
    open_endpoint,
    place_of,
)
from golemnet.net.lan import LanDiscovery
from golemnet.net.meeting import Meeting
from golemnet.net.moves import Moves
from golemnet.net.network import CallHandler, Link, Stream, StreamHandler
from golemnet.net.outside import OutsideAddress
from golemnet.net.pipe import pipe, serve_pipe
from golemnet.net.record_exchange import RENEW_EVERY_S, RecordExchange
from golemnet.net.record_search import RecordSearch
from golemnet.net.records import NodeRecord, Place, RecordBook
from golemnet.net.relay_policy import RelayPolicy
from golemnet.net.session import Session
from golemnet.net.sessions import MAX_SESSIONS, Sessions
from golemnet.net.traffic import Traffic

CLOSE_TIMEOUT_S = 0.5
MAX_GREETINGS = 64
INSTANCE_BYTES = 16

log = structlog.get_logger(__name__)


class IrohNetwork:
    """A ``Network`` over UDP.

    Args:
        key: the node's key; the endpoint's key is derived from it, so the node's address stays.
        bind: UDP ``host:port`` to listen on; port 0 takes a free one.
        bootstrap: ``<endpoint id>@host:port`` of nodes to join by; this node's own is ignored.
        clock: dates records.
        relays: URLs of relays to be reached by; those that the nodes joined by offer are used as well.
        lan: whether to find the nodes of the LAN, and be found; never on loopback.

    Raises:
        BadBootstrapAddress: one of ``bootstrap`` cannot be read.
    """

    def __init__(
        self,
        key: NodeKey,
        bind: str,
        bootstrap: list[str],
        clock: Clock,
        relays: Sequence[str] = (),
        *,
        lan: bool = False,
    ) -> None:
        self.node_id = key.node_id
        self._bind = bind
        self._clock = clock
        self._secret = endpoint_secret(key)
        self._endpoint_id = endpoint_id_of(self._secret)
        self._instance = os.urandom(INSTANCE_BYTES)
        self._handlers = Handlers()
        self._records = RecordBook()
        self._sessions = Sessions()
        self._exchange = RecordExchange(key, clock, self._records, self._sessions)
        self._search = RecordSearch(self, self._records, clock)
        self.traffic = Traffic()
        self._meeting = Meeting(self._others(bootstrap), self)
        self._outside = OutsideAddress()
        self._home = HomeRelay(relays)
        self._relays = RelayPolicy(lambda: self._home.known)
        self._lan = LanDiscovery(lambda: self._signed, self._exchange.hear)
        self._is_on_lan = lan and not is_loopback(bind)
        self._bulk = BulkConnections(self._handlers, self.traffic)
        self._greetings = asyncio.Semaphore(MAX_GREETINGS)
        self._dialling: dict[bytes, asyncio.Task[Session]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._endpoint: Endpoint | None = None
        self._own: Hello | None = None
        self._signed: Signed | None = None

    # -- the interface -------------------------------------------------------------------------------------

    def handle(self, method: str, handler: CallHandler) -> None:
        """See ``Network``."""
        self._handlers.add_call(method, handler)

    def handle_stream(self, method: str, handler: StreamHandler) -> None:
        """See ``Network``."""
        self._handlers.add_stream(method, handler)

    def on_neighbour(self, callback: Callable[[NodeId], None]) -> None:
        """See ``Network``."""
        self._handlers.add_callback(callback)

    def neighbours(self) -> list[NodeId]:
        """See ``Network``."""
        return [session.peer for session in self._sessions.all()]

    @property
    def outside_address(self) -> str | None:
        """Where the world sees this node, if an address translator stands between."""
        return self._outside.address or None

    @property
    def relay(self) -> str | None:
        """The URL of the relay by which this node can be reached now."""
        return self._home.current or None

    def links(self) -> list[Link]:
        """See ``Network``."""
        return [session.link() for session in self._sessions.each()]

    async def ping(self, node: NodeId, *, timeout_s: float) -> float:
        """See ``Network``."""
        try:
            async with asyncio.timeout(timeout_s):
                return await (await self.session_with(node)).ping()
        except TimeoutError:
            raise CallTimeout(f"No answer in {timeout_s:g} s.", node_id=node) from None

    def address(self) -> str:
        """``<endpoint id>@host:port``: what others name to join by this node, once it runs."""
        place = self._exchange.place
        host, _, port = (place.addresses[0] if place and place.addresses else self._bind).rpartition(":")
        return str(BootstrapAddress(self._endpoint_id, host, int(port)))

    async def call(self, node: NodeId, method: str, body: bytes, *, timeout_s: float) -> bytes:
        """See ``Network``."""
        check_size(body, "request")
        if node == self.node_id:
            return await self._handlers.answer(node, method, body, timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                session = await self.session_with(node)
                return await session.call(method, body, timeout_s)
        except TimeoutError:
            raise CallTimeout(f"No answer to {method} in {timeout_s:g} s.", node_id=node) from None

    async def open_stream(
        self, node: NodeId, method: str, header: bytes, *, timeout_s: float, is_bulk: bool = False
    ) -> Stream:
        """See ``Network``."""
        check_size(header, "header")
        if node == self.node_id:
            return self._local_stream(method, header)
        try:
            async with asyncio.timeout(timeout_s):
                session = await self.session_with(node)
                beside = await self._bulk.open(session, method, header) if is_bulk else None
                return beside or await session.open_stream(method, header)
        except TimeoutError:
            raise CallTimeout(f"No stream for {method} in {timeout_s:g} s.", node_id=node) from None

    async def run(self, ready: asyncio.Event) -> None:
        """See ``Network``. Raises CannotListen."""
        # Not kept in a variable: the port is free only when nothing refers to the endpoint any more, and
        # a cancelled task refers to this frame.
        self._endpoint = await open_endpoint(self._secret, self._bind)
        try:
            self._renew_record()
            log.info("network ready", address=self.address(), node_id=self.node_id)
            ready.set()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._accept())
                group.create_task(self._keep_record_fresh())
                group.create_task(self._meeting.run())
                group.create_task(self._home.run(self._endpoint))
                group.create_task(self._bulk.run(*bound_hosts(self._endpoint)))
                if self._is_on_lan:
                    group.create_task(self._lan.run())
        finally:
            await self._close()

    # -- finding others ------------------------------------------------------------------------------------

    @property
    def sessions(self) -> Sessions:
        """The sessions that are open."""
        return self._sessions

    @property
    def records(self) -> RecordBook:
        """The nodes that were heard of."""
        return self._records

    def known_nodes(self) -> list[NodeId]:
        """Every node that was heard of, without this one."""
        known = (NodeId(each.record.node_id) for each in self._records.all(self._clock.now()))
        return [node for node in known if node != self.node_id]

    async def session_with(self, node: NodeId) -> Session:
        """An open session with ``node``, dialled if there is none. Raises Unreachable."""
        while True:
            session = self._sessions.best(node)
            if session is not None:
                return session
            record = self._records.get(node, self._clock.now()) or await self._search.find(node)
            try:
                return self._is(node, await self.session_at(await self._place_of(record)))
            except Unreachable:
                # It may have come to us meanwhile, or said where it is now.
                known = self._records.get(node, self._clock.now())
                if self._sessions.best(node) is None and known is record:
                    raise

    async def session_at(self, place: Place) -> Session:
        """A session with the endpoint at ``place``; callers at the same time share one dialling."""
        task = self._dialling.get(place.endpoint_key)
        if task is None:
            task = asyncio.create_task(self._dial(place))
            self._dialling[place.endpoint_key] = task
            task.add_done_callback(lambda done: self._dialled(place.endpoint_key, done))
        return await asyncio.shield(task)

    async def _place_of(self, record: NodeRecord) -> Place:
        relay = await self._relays.usable(record.relay)
        return Place(record.endpoint_key, record.addresses, relay)

    @staticmethod
    def _is(node: NodeId, session: Session) -> Session:
        if session.peer != node:
            raise Unreachable("Another node answers in its place.", node_id=node)
        return session

    async def _dial(self, place: Place) -> Session:
        if self._endpoint is None or self._own is None:
            raise Unreachable("The network does not run.")
        return self._admit(await dial(self._endpoint, place, self._own, self._clock.now(), self.traffic))

    def _dialled(self, endpoint_id: bytes, task: asyncio.Task[Session]) -> None:
        self._dialling.pop(endpoint_id, None)
        if not task.cancelled():
            # Whoever waited has seen it; nobody may have.
            task.exception()

    # -- others find us ------------------------------------------------------------------------------------

    async def _accept(self) -> None:
        while self._endpoint is not None:
            incoming = await self._endpoint.accept_next()
            if incoming is None:
                raise Unreachable("The endpoint was closed.")
            await self._greetings.acquire()
            self._start(self._greet(incoming))

    async def _greet(self, incoming: Incoming) -> None:
        try:
            if self._own is None or len(self._sessions) >= MAX_SESSIONS:
                with suppress(*BINDING_ERRORS):
                    await incoming.refuse()
                return
            self._admit(await receive(incoming, self._own, self._clock.now(), self.traffic))
        except Unreachable as error:
            log.debug("connection refused", why=error.why)
        finally:
            self._greetings.release()

    def _admit(self, greeted: Greeted) -> Session:
        if greeted.peer == self.node_id:
            greeted.connection.close(1, b"that is me")
            raise Unreachable("The node at this address is this one.")
        session = Session(
            greeted.connection,
            greeted.control,
            greeted.peer,
            greeted.hello,
            self._handlers,
            self._clock.now(),
            self._exchange.take,
        )
        is_new = self._sessions.add(session)
        self._start(self._serve(session, greeted.hello.record))
        if is_new:
            log.info("node connected", peer=session.peer, sessions=len(self._sessions))
            self._handlers.tell_neighbour(session.peer)
        return session

    async def _serve(self, session: Session, record: Signed) -> None:
        try:
            await self._exchange.take(session, Records([record]))
            await self._exchange.tell_all(session)
            await session.run()
        except BadSignature as error:
            log.warning("forged node record", peer=session.peer, why=str(error))
        finally:
            session.close("the session is over")
            self._sessions.remove(session)

    # -- where this node is --------------------------------------------------------------------------------

    async def joined(self, session: Session) -> None:
        """Learn from a node that the user named where it sees this one, and which relays there are."""
        assert self._endpoint is not None
        await self._outside.learn(self._endpoint, session.hello.seen_at)
        for url in session.hello.relays[:MAX_RELAYS]:
            self.offer_relay(url)

    async def _keep_record_fresh(self) -> None:
        assert self._endpoint is not None
        moves, renewed_at = Moves(self._endpoint), self._clock.now()
        try:
            while self._endpoint is not None:
                await moves.next(self._clock)
                age = (self._clock.now() - renewed_at).total_seconds()
                if place_of(self._endpoint) != self._exchange.place or age >= RENEW_EVERY_S:
                    renewed_at = self._clock.now()
                    await self._exchange.spread([self._renew_record()])
        finally:
            await moves.stop()

    def offer_relay(self, url: str) -> None:
        """Tell those who join by this node of the relay at ``url``."""
        self._home.offer([url])
        self._greet_with_relays()

    def _renew_record(self) -> Signed:
        assert self._endpoint is not None
        self._signed = self._exchange.renew(self._endpoint)
        self._lan.announce()
        self._greet_with_relays()
        return self._signed

    def _greet_with_relays(self) -> None:
        if self._signed is not None:
            self._own = Hello(self._signed, self._instance, relays=self._home.known)

    # -- the rest ------------------------------------------------------------------------------------------

    def _others(self, bootstrap: list[str]) -> list[BootstrapAddress]:
        parsed = [parse_bootstrap(text) for text in bootstrap]
        return [each for each in parsed if each.endpoint_id != self._endpoint_id]

    def _local_stream(self, method: str, header: bytes) -> Stream:
        near, far = pipe()
        self._start(serve_pipe(far, lambda end: self._handlers.serve(self.node_id, method, header, end)))
        return near

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close(self) -> None:
        endpoint, self._endpoint, self._own, self._signed = self._endpoint, None, None, None
        self._sessions.close()
        for task in (*self._tasks, *self._dialling.values()):
            task.cancel()
        if endpoint is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await endpoint.close()
