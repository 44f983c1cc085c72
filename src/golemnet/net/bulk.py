"""Connections beside the sessions for what is large: TLS over TCP takes a quarter of QUIC's processor time.

Who wants one asks over the session, where both nodes have proved who they are. The answer is an invitation: a
port, the hash of the certificate that will be shown there, and a secret that is good for one connection and a
few seconds. So the one that connects knows whom it reaches, and the other one who comes. Where no TCP gets
through (relays, firewalls, address translators), streams go over the session as all others do.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import socket
import ssl
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack, suppress
from hashlib import sha256
from typing import Any, Final
from weakref import WeakSet

import msgspec
import structlog

from golemnet.model.node_id import NodeId
from golemnet.net.certificates import Certificate, anonymous_context, new_certificate
from golemnet.net.errors import BUSY, NetError, RemoteError, StreamBroken
from golemnet.net.handlers import Handlers
from golemnet.net.iroh_stream import AcceptedStream, OpenedStream
from golemnet.net.session import PURPOSE_TIMEOUT_S, Session
from golemnet.net.tcp_stream import TcpStream
from golemnet.net.traffic import Traffic

METHOD: Final = "net.bulk"
SECRET_BYTES: Final = 32
CALL_TIMEOUT_S: Final = 5.0
CONNECT_TIMEOUT_S: Final = 2.0
GREETING_TIMEOUT_S: Final = 5.0
INVITED_FOR_S: Final = 10.0
MAX_INVITED_OF_PEER: Final = 100
MAX_CONNECTIONS: Final = 500
MAX_GREETINGS: Final = 64
ACCEPT_PAUSE_S: Final = 1.0

log = structlog.get_logger(__name__)


class Invitation(msgspec.Struct, frozen=True, array_like=True):
    """Where to connect to, what is shown there, and what to say."""

    port: int
    certificate_hash: bytes
    secret: bytes


class BulkConnections:
    """Invites, lets in and serves those who were invited, and goes where others invite.

    Args:
        handlers: serve the streams; the one for invitations is added here.
        traffic: counts what goes through.
    """

    def __init__(self, handlers: Handlers, traffic: Traffic) -> None:
        self._handlers = handlers
        self._traffic = traffic
        self._door: tuple[int, bytes] | None = None
        self._is_wanted, self._is_open = asyncio.Event(), asyncio.Event()
        self._invited: dict[bytes, NodeId] = {}
        self._greetings = asyncio.Semaphore(MAX_GREETINGS)
        self._not_reached: WeakSet[Session] = WeakSet()
        self._tasks: set[asyncio.Task[None]] = set()
        handlers.add_call(METHOD, self._invite)

    async def run(self, hosts: Sequence[str], port: int) -> None:
        """From the first invitation on, let in those who were invited, until cancelled."""
        await self._is_wanted.wait()
        try:
            with ExitStack() as stack:
                listening = [stack.enter_context(each) for each in _listening(hosts, port)]
                await self._let_in(listening, await asyncio.to_thread(new_certificate))
        except OSError as error:
            log.warning("no connections beside the sessions", why=str(error))
        finally:
            self._door = None
            self._is_open.set()
            for task in self._tasks:
                task.cancel()

    async def open(self, session: Session, method: str, header: bytes) -> OpenedStream | None:
        """A stream to the peer of ``session`` on a connection of its own; None where there is no way."""
        link = session.link()
        if link.is_relayed or not link.address or session in self._not_reached:
            return None
        try:
            answer = await session.call(METHOD, b"", CALL_TIMEOUT_S)
            invitation = msgspec.msgpack.decode(answer, type=Invitation)
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                connection = await _connect(link.address.rpartition(":")[0].strip("[]"), invitation)
        except (NetError, OSError, TimeoutError, ValueError) as error:
            log.debug("no connection beside the session", peer=session.peer, why=str(error))
            if not isinstance(error, RemoteError) or error.code != BUSY:
                self._not_reached.add(session)
            return None
        stream = OpenedStream(connection, self._traffic)
        stream.start(method, header)
        return stream

    # -- those who come ------------------------------------------------------------------------------------

    async def _let_in(self, listening: Sequence[socket.socket], certificate: Certificate) -> None:
        self._door = (listening[0].getsockname()[1], certificate.hash)
        self._is_open.set()
        async with asyncio.TaskGroup() as group:
            for each in listening:
                group.create_task(self._accept_all(each, certificate.context))

    async def _accept_all(self, listening: socket.socket, context: ssl.SSLContext) -> None:
        while True:
            await self._accept(listening, context)

    async def _accept(self, listening: socket.socket, context: ssl.SSLContext) -> None:
        await self._greetings.acquire()
        try:
            came, _ = await asyncio.get_running_loop().sock_accept(listening)
        except OSError as error:
            self._greetings.release()
            log.warning("no connection can be accepted", why=str(error))
            return await asyncio.sleep(ACCEPT_PAUSE_S)  # too many files are open: no event tells of fewer
        self._start(self._greet(came, context))

    async def _invite(self, caller: NodeId, _body: bytes) -> bytes:
        of_caller = sum(each == caller for each in self._invited.values())
        self._is_wanted.set()
        await self._is_open.wait()
        expected = len(self._invited) + len(self._tasks)
        if self._door is None or of_caller >= MAX_INVITED_OF_PEER or expected >= MAX_CONNECTIONS:
            raise RemoteError(BUSY, "No connections beside the session now.")
        secret = secrets.token_bytes(SECRET_BYTES)
        self._invited[secret] = caller
        asyncio.get_running_loop().call_later(INVITED_FOR_S, self._invited.pop, secret, None)
        return msgspec.msgpack.encode(Invitation(*self._door, secret))

    async def _greet(self, came: socket.socket, context: ssl.SSLContext) -> None:
        try:
            connection = await TcpStream.accept(came, context)
        except OSError:
            return self._greetings.release()
        try:
            peer = await self._peer_on(connection)
            if peer is not None:
                await self._serve(peer, AcceptedStream(connection, self._traffic))
                await connection.linger()
        finally:
            connection.break_off()

    async def _peer_on(self, connection: TcpStream) -> NodeId | None:
        """Who was told the secret that is said."""
        try:
            async with asyncio.timeout(GREETING_TIMEOUT_S):
                return self._invited.pop(await connection.exactly(SECRET_BYTES), None)
        except (StreamBroken, TimeoutError):
            return None
        finally:
            self._greetings.release()

    async def _serve(self, peer: NodeId, stream: AcceptedStream) -> None:
        try:
            async with asyncio.timeout(PURPOSE_TIMEOUT_S):
                wanted = await stream.purpose()
            await self._handlers.serve(peer, wanted.method, wanted.header, stream)
        except RemoteError as error:
            await stream.refuse(error)
        except (StreamBroken, TimeoutError):
            await stream.abort()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _connect(host: str, invitation: Invitation) -> TcpStream:
    """A connection to who has invited. Raises OSError."""
    connection = await TcpStream.connect(host, invitation.port, anonymous_context())
    if not hmac.compare_digest(sha256(connection.certificate()).digest(), invitation.certificate_hash):
        connection.break_off()
        raise ConnectionRefusedError("somebody else listens there")
    connection.say(invitation.secret)
    return connection


def _listening(hosts: Sequence[str], port: int) -> list[socket.socket]:
    """Listening sockets, all at ``port`` or, if it is taken, at another one. Raises OSError."""
    try:
        sockets = [_listener(hosts[0], port)]
    except OSError:
        sockets = [_listener(hosts[0], 0)]
    for host in hosts[1:]:
        with suppress(OSError):
            sockets.append(_listener(host, sockets[0].getsockname()[1]))
    return sockets


def _listener(host: str, port: int) -> socket.socket:
    listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setblocking(False)
    return listening
