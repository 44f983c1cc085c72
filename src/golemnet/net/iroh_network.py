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
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import structlog
from iroh import Endpoint, Incoming

from golemnet.clock import Clock
from golemnet.model.documents import Signed
from golemnet.model.keys import BadSignature, NodeKey, sha3_256
from golemnet.model.node_id import NodeId
from golemnet.net.bootstrap import BootstrapAddress, parse_bootstrap
from golemnet.net.errors import CallTimeout, Unreachable
from golemnet.net.frames import MAX_RECORDS_OF_FRAME, Hello, Records
from golemnet.net.handlers import Handlers, check_size
from golemnet.net.handshake import Greeted, dial, receive
from golemnet.net.iroh_binding import BINDING_ERRORS, addresses_of, endpoint_id_of, open_endpoint
from golemnet.net.meeting import Meeting
from golemnet.net.network import CallHandler, Stream, StreamHandler
from golemnet.net.pipe import pipe, serve_pipe
from golemnet.net.records import NodeRecord, RecordBook, make_record
from golemnet.net.session import Session
from golemnet.net.sessions import MAX_SESSIONS, Sessions

RECORD_WAIT_S = 1.0
RECORD_CHECK_EVERY_S = 30.0
RECORD_RENEW_EVERY_S = 1200.0
CLOSE_TIMEOUT_S = 0.5
MAX_GREETINGS = 64
INSTANCE_BYTES = 16
_ENDPOINT_DOMAIN = b"golem/1/endpoint\0"

log = structlog.get_logger(__name__)


class IrohNetwork:
    """A ``Network`` over UDP.

    Args:
        key: the node's key; the endpoint's key is derived from it, so the node's address stays.
        bind: UDP ``host:port`` to listen on; port 0 takes a free one.
        bootstrap: ``<endpoint id>@host:port`` of nodes to join by; this node's own is ignored.
        clock: dates records.

    Raises:
        BadBootstrapAddress: one of ``bootstrap`` cannot be read.
    """

    def __init__(self, key: NodeKey, bind: str, bootstrap: list[str], clock: Clock) -> None:
        self.node_id = key.node_id
        self._key = key
        self._bind = bind
        self._clock = clock
        self._secret = _endpoint_secret(key)
        self._endpoint_id = endpoint_id_of(self._secret)
        self._instance = os.urandom(INSTANCE_BYTES)
        self._handlers = Handlers()
        self._records = RecordBook()
        self._sessions = Sessions()
        self._meeting = Meeting(self._others(bootstrap), self)
        self._greetings = asyncio.Semaphore(MAX_GREETINGS)
        self._dialling: dict[bytes, asyncio.Task[Session]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._endpoint: Endpoint | None = None
        self._own: Hello | None = None
        self._addresses: list[str] = []

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

    def address(self) -> str:
        """``<endpoint id>@host:port``: what others name to join by this node, once it runs."""
        place = self._addresses[0] if self._addresses else self._bind
        host, _, port = place.rpartition(":")
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

    async def open_stream(self, node: NodeId, method: str, header: bytes, *, timeout_s: float) -> Stream:
        """See ``Network``."""
        check_size(header, "header")
        if node == self.node_id:
            return self._local_stream(method, header)
        try:
            async with asyncio.timeout(timeout_s):
                return await (await self.session_with(node)).open_stream(method, header)
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
            record = self._records.get(node, self._clock.now()) or await self._heard_of(node)
            try:
                return self._is(node, await self.session_at(record.endpoint_key, record.addresses))
            except Unreachable:
                # It may have come to us meanwhile, or said where it is now.
                known = self._records.get(node, self._clock.now())
                if self._sessions.best(node) is None and known is record:
                    raise

    async def session_at(self, endpoint_id: bytes, addresses: list[str]) -> Session:
        """A session with the endpoint at ``addresses``; callers at the same time share one dialling."""
        task = self._dialling.get(endpoint_id)
        if task is None:
            task = asyncio.create_task(self._dial(endpoint_id, addresses))
            self._dialling[endpoint_id] = task
            task.add_done_callback(lambda done: self._dialled(endpoint_id, done))
        return await asyncio.shield(task)

    async def _heard_of(self, node: NodeId) -> NodeRecord:
        """The record of ``node``, if it comes within a second."""
        with suppress(TimeoutError):
            async with asyncio.timeout(RECORD_WAIT_S):
                while (record := self._records.get(node, self._clock.now())) is None:
                    await self._records.news().wait()
                return record
        raise Unreachable(
            "The node is not known in this network.",
            why=f"{len(self.neighbours())} nodes are connected; none has heard of it.",
            node_id=node,
        )

    @staticmethod
    def _is(node: NodeId, session: Session) -> Session:
        if session.peer != node:
            raise Unreachable("Another node answers in its place.", node_id=node)
        return session

    async def _dial(self, endpoint_id: bytes, addresses: list[str]) -> Session:
        if self._endpoint is None or self._own is None:
            raise Unreachable("The network does not run.")
        return self._admit(await dial(self._endpoint, endpoint_id, addresses, self._own, self._clock.now()))

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
            self._admit(await receive(incoming, self._own, self._clock.now()))
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
            self._take_records,
        )
        is_new = self._sessions.add(session)
        self._start(self._serve(session, greeted.hello.record))
        if is_new:
            log.info("node connected", peer=session.peer, sessions=len(self._sessions))
            self._handlers.tell_neighbour(session.peer)
        return session

    async def _serve(self, session: Session, record: Signed) -> None:
        try:
            await self._take_records(session, Records([record]))
            await self._tell_records(session)
            await session.run()
        except BadSignature as error:
            log.warning("forged node record", peer=session.peer, why=str(error))
        finally:
            session.close("the session is over")
            self._sessions.remove(session)

    # -- records -------------------------------------------------------------------------------------------

    async def _take_records(self, session: Session, frame: Records) -> None:
        """Keep what is new of a peer's records and pass it on to the others. BadSignature ends it."""
        fresh = [each for each in frame.records[:MAX_RECORDS_OF_FRAME] if self._is_news(each)]
        if fresh:
            await self._spread(fresh, session)

    def _is_news(self, signed: Signed) -> bool:
        try:
            return not self._records.has(signed) and self._records.add(signed, self._clock.now()) is not None
        except BadSignature:
            raise
        except ValueError as error:
            # Expired on its way, or of a later version: not the bearer's fault.
            log.debug("node record not taken", why=str(error))
            return False

    async def _tell_records(self, session: Session) -> None:
        known = [each.signed for each in self._records.all(self._clock.now())]
        for start in range(0, len(known), MAX_RECORDS_OF_FRAME):
            await session.send_records(Records(known[start : start + MAX_RECORDS_OF_FRAME]))

    async def _spread(self, records: list[Signed], source: Session | None) -> None:
        for session in self._sessions.all():
            if source is None or session.peer != source.peer:
                await session.send_records(Records(records))

    async def _keep_record_fresh(self) -> None:
        age = 0.0
        while True:
            await self._clock.sleep(RECORD_CHECK_EVERY_S)
            age += RECORD_CHECK_EVERY_S
            endpoint = self._endpoint
            moved = endpoint is not None and addresses_of(endpoint) != self._addresses
            if moved or age >= RECORD_RENEW_EVERY_S:
                age = 0.0
                await self._spread([self._renew_record()], None)

    def _renew_record(self) -> Signed:
        assert self._endpoint is not None
        self._addresses = addresses_of(self._endpoint)
        now = self._clock.now()
        signed = make_record(self._key, self._endpoint_id, self._addresses, now)
        self._records.add(signed, now)
        self._own = Hello(signed, self._instance)
        return signed

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
        endpoint, self._endpoint, self._own = self._endpoint, None, None
        self._sessions.close()
        for task in (*self._tasks, *self._dialling.values()):
            task.cancel()
        if endpoint is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await endpoint.close()


def address_of(key: NodeKey, bind: str) -> str:
    """The bootstrap address that a node with ``key`` will have when it listens on ``bind``."""
    host, _, port = bind.rpartition(":")
    return str(BootstrapAddress(endpoint_id_of(_endpoint_secret(key)), host, int(port)))


def _endpoint_secret(key: NodeKey) -> bytes:
    return sha3_256(_ENDPOINT_DOMAIN + key.to_bytes())
