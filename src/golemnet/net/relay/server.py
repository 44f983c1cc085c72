"""The relay as an HTTP service: nodes that it may not know meet at it, by keys that they prove.

A node keeps a WebSocket to its relay; others send it datagrams there, until they have found a direct way. The
relay sees who sends to whom and how much. It cannot read or forge a message: QUIC's encryption is end to end.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

import structlog
from aiohttp import WSMsgType, web
from iroh import EndpointId, Signature

from golemnet.net.iroh_binding import BINDING_ERRORS
from golemnet.net.relay.blake3 import derive_key
from golemnet.net.relay.client import Allowance, RelayClient
from golemnet.net.relay.messages import (
    CHALLENGE_BYTES,
    MAX_MESSAGE_BYTES,
    Auth,
    Datagram,
    Ping,
    challenge,
    confirmed,
    denied,
    gone,
    handed_on,
    pong,
    read,
    read_auth,
    replaced,
)

PROTOCOL = "iroh-relay-v2"
SIGNED_CONTEXT = "iroh-relay handshake v1 challenge signature"
MAX_CLIENTS = 2000
# In a second.
ALLOWED_BYTES = 32 * 1024 * 1024
AUTH_TIMEOUT_S = 5.0
HEARTBEAT_S = 15.0
STOP_TIMEOUT_S = 0.5

log = structlog.get_logger(__name__)


class Relay:
    """Hands datagrams from client to client.

    Args:
        max_clients: more are turned away.
        bytes_a_second: what one client may send; a faster one is read more slowly.
    """

    def __init__(self, max_clients: int = MAX_CLIENTS, bytes_a_second: int = ALLOWED_BYTES) -> None:
        self.clients: dict[bytes, RelayClient] = {}
        self.relayed_bytes = 0
        self.dropped = 0
        self.port = 0
        self._max_clients = max_clients
        self._bytes_a_second = bytes_a_second
        self._connected = 0

    async def run(self, host: str, port: int, ready: asyncio.Event) -> None:
        """Serve until cancelled; ``port`` 0 takes a free one. Raises OSError."""
        application = web.Application()
        application.add_routes([web.get("/relay", self._serve), web.get("/ping", _probe)])
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=STOP_TIMEOUT_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            self.port = runner.addresses[0][1]
            log.info("relay ready", host=host, port=self.port)
            ready.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.gather(*(client.close() for client in list(self.clients.values())))
            await runner.cleanup()

    # -- one client ----------------------------------------------------------------------------------------

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self._connected >= self._max_clients:
            return web.Response(status=503, text="The relay is full.")
        socket = web.WebSocketResponse(
            protocols=(PROTOCOL,), heartbeat=HEARTBEAT_S, max_msg_size=MAX_MESSAGE_BYTES, compress=False
        )
        await socket.prepare(request)
        self._connected += 1
        try:
            key = await _authenticated(socket)
            if key is not None:
                await self._attend(RelayClient(key, socket), socket)
        finally:
            self._connected -= 1
        return socket

    async def _attend(self, client: RelayClient, socket: web.WebSocketResponse) -> None:
        await self._enter(client)
        writing = asyncio.create_task(client.write())
        reading = asyncio.create_task(self._read(client, socket))
        try:
            done, _ = await asyncio.wait({writing, reading}, return_when=asyncio.FIRST_COMPLETED)
            reasons = [str(task.exception()) for task in done if task.exception()]
            log.debug("relay client left", key=client.key.hex()[:16], why="; ".join(reasons))
        finally:
            for task in (writing, reading):
                task.cancel()
            await asyncio.gather(writing, reading, return_exceptions=True)
            self._leave(client)

    async def _enter(self, client: RelayClient) -> None:
        before = self.clients.get(client.key)
        self.clients[client.key] = client
        log.debug("relay client came", key=client.key.hex()[:16], clients=len(self.clients))
        if before is not None:
            await before.close(replaced())

    def _leave(self, client: RelayClient) -> None:
        if self.clients.get(client.key) is not client:
            return
        del self.clients[client.key]
        for partner in client.partners:
            if (other := self.clients.get(partner)) is not None:
                other.send(gone(client.key))

    # -- what it says --------------------------------------------------------------------------------------

    async def _read(self, client: RelayClient, socket: web.WebSocketResponse) -> None:
        allowance = Allowance(self._bytes_a_second)
        async for message in socket:
            if message.type is not WSMsgType.BINARY:
                raise ValueError("only binary messages are understood")
            self._take(client, message.data)
            await allowance.take(len(message.data))

    def _take(self, client: RelayClient, data: bytes) -> None:
        match read(data):
            case Datagram() as datagram:
                self._hand_on(client, datagram)
            case Ping(payload):
                client.send(pong(payload))
            case _:
                return

    def _hand_on(self, client: RelayClient, datagram: Datagram) -> None:
        receiver = self.clients.get(datagram.to)
        if receiver is None:
            return
        client.note_partner(datagram.to)
        if receiver.send(handed_on(datagram, client.key)):
            self.relayed_bytes += len(datagram.content)
        else:
            self.dropped += 1


async def _authenticated(socket: web.WebSocketResponse) -> bytes | None:
    """The key that the client has proved; None if it has not."""
    asked = os.urandom(CHALLENGE_BYTES)
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(AUTH_TIMEOUT_S):
            await socket.send_bytes(challenge(asked))
            return await _checked(socket, asked)
    return None


async def _checked(socket: web.WebSocketResponse, asked: bytes) -> bytes | None:
    message = await socket.receive()
    try:
        if message.type is not WSMsgType.BINARY:
            raise ValueError("a binary message is wanted")
        auth = read_auth(message.data)
        verify(auth, asked)
    except ValueError as error:
        log.debug("relay client refused", why=str(error))
        await socket.send_bytes(denied(str(error)))
        return None
    await socket.send_bytes(confirmed())
    return auth.key


def verify(auth: Auth, asked: bytes) -> None:
    """Whether the holder of the key has signed the challenge ``asked``. Raises ValueError."""
    try:
        key, signature = EndpointId.from_bytes(auth.key), Signature.from_bytes(auth.signature)
        key.verify(derive_key(SIGNED_CONTEXT, asked), signature)
    except BINDING_ERRORS as error:
        raise ValueError("the signature is not that of the key") from error


async def _probe(request: web.Request) -> web.Response:
    """How far away the relay is, nodes find out by this."""
    return web.Response(headers={"Access-Control-Allow-Origin": "*"})
