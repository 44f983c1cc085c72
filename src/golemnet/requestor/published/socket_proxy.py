"""Local TCP ports that lead to ports of instances in a private network."""

from __future__ import annotations

import asyncio
import itertools
import logging
from abc import ABC
from collections.abc import Callable, Sequence
from contextlib import suppress

import aiohttp

from golemnet.errors import GolemError
from golemnet.requestor.published.chunks import DEFAULT_TIMEOUT, WEBSOCKET_CHUNK_LIMIT, chunks
from golemnet.requestor.published.cluster import Cluster
from golemnet.requestor.published.service import Service
from golemnet.requestor.published.service_state import ServiceState

DEFAULT_SOCKET_ADDRESS = "127.0.0.1"
DEFAULT_SOCKET_BUFFER_SIZE = 1024 * 1024

log = logging.getLogger("yapapi.contrib.service.socket_proxy")


class SocketProxyService(Service, ABC):
    """Base of services with ports that a ``SocketProxy`` opens; ``remote_ports`` says which."""

    remote_ports: list[int]


class ProxyConnection:
    """One connection from here to an instance.

    Args:
        server: the local port.
        listen_reader: what the client writes.
        listen_writer: what the client reads.
        buffer_size: how much is read at once.
        timeout: how long both directions may be silent.
    """

    def __init__(
        self,
        server: ProxyServer,
        listen_reader: asyncio.StreamReader,
        listen_writer: asyncio.StreamWriter,
        buffer_size: int = DEFAULT_SOCKET_BUFFER_SIZE,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        self.server = server
        self._reader = listen_reader
        self._writer = listen_writer
        self._buffer_size = buffer_size
        self._timeout = timeout
        self._carried = 0

    async def run(self) -> None:
        """Carry bytes both ways until one side has enough."""
        headers = {"Authorization": f"Bearer {self.server.app_key}"}
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(self.server.instance_ws, headers=headers) as link,
            ):
                await self._carry(link)
        except (aiohttp.ClientError, OSError, GolemError) as error:
            # before and after that, who asks wants to know just this
            level = logging.WARNING if self.server.service.state is ServiceState.running else logging.DEBUG
            log.log(level, "no connection to %s: %s", self.server, _reason(error))
        finally:
            self.close()

    async def _carry(self, link: aiohttp.ClientWebSocketResponse) -> None:
        ways = [asyncio.create_task(self.sender(link)), asyncio.create_task(self.responder(link))]
        await first_end(ways, lambda: self._carried, self._timeout)

    async def sender(self, link: aiohttp.ClientWebSocketResponse) -> None:
        """From the client to the instance."""
        while data := await self._reader.read(self._buffer_size):
            for piece in chunks(data, WEBSOCKET_CHUNK_LIMIT):
                await link.send_bytes(piece)
                self._carried += len(piece)

    async def responder(self, link: aiohttp.ClientWebSocketResponse) -> None:
        """From the instance to the client."""
        while (message := await link.receive()).type is aiohttp.WSMsgType.BINARY:
            self._writer.write(message.data)
            await self._writer.drain()
            self._carried += len(message.data)

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):
            self._writer.close()


class ProxyServer:
    """A local port that leads to one port of one instance."""

    def __init__(
        self,
        proxy: SocketProxy,
        service: Service,
        remote_port: int,
        local_address: str,
        local_port: int,
        buffer_size: int = DEFAULT_SOCKET_BUFFER_SIZE,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        self.proxy = proxy
        self.service = service
        self.remote_port = remote_port
        self.local_address = local_address
        self.local_port = local_port
        self._sizes = (buffer_size, timeout)
        self._listening: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def app_key(self) -> str:
        """The key with which the daemon is asked."""
        return app_key_of(self.service)

    @property
    def instance_ws(self) -> str:
        """The WebSocket that leads to the port of the instance."""
        return websocket_of(self.service, self.remote_port)

    async def handler(self, listen_reader: asyncio.StreamReader, listen_writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        connection = ProxyConnection(self, listen_reader, listen_writer, *self._sizes)
        running = asyncio.create_task(connection.run())
        self._connections.add(running)
        running.add_done_callback(self._connections.discard)
        await running

    async def run(self) -> None:
        """Listen, until it is stopped; any port that is free if the local port is 0."""
        self._listening = await asyncio.start_server(self.handler, self.local_address, self.local_port)
        self.local_port = self._listening.sockets[0].getsockname()[1]
        log.info("Listening on %s:%s for %s", self.local_address, self.local_port, self.service)

    async def stop(self) -> None:
        """Listen no more."""
        if self._listening is not None:
            self._listening.close()

    async def drain(self, timeout_s: float) -> None:
        """Listen no more, and let open connections come to their end for so long."""
        await self.stop()
        if self._connections:
            await asyncio.wait(self._connections, timeout=timeout_s)

    def __repr__(self) -> str:
        return f"ProxyServer {self.local_address}:{self.local_port} -> {self.service}:{self.remote_port}"


class SocketProxy:
    """Opens local ports for ports of instances.

    Args:
        ports: local ports that may be used, one after the other.
        address: where they listen.
        buffer_size: how much is read at once.
        timeout: how long a connection may be silent.
    """

    def __init__(
        self,
        ports: Sequence[int],
        address: str = DEFAULT_SOCKET_ADDRESS,
        buffer_size: int = DEFAULT_SOCKET_BUFFER_SIZE,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        self.ports = ports
        self.address = address
        self.buffer_size = buffer_size
        self.timeout = timeout
        self.servers: dict[Service, dict[int, ProxyServer]] = {}
        self._free = itertools.chain(ports)

    async def run(self, cluster: Cluster[SocketProxyService]) -> None:
        """Open a port for each remote port of each instance. Raises GolemError if there are too few."""
        for service in cluster.instances:
            for remote_port in service.remote_ports:
                await self.run_server(service, remote_port)

    async def run_server(self, service: Service, remote_port: int) -> ProxyServer:
        """Open a port for one port of one instance. Raises GolemError if none is left."""
        port = next(self._free, None)
        if port is None:
            raise GolemError(f"No local port is left of {list(self.ports)}.")
        sizes = (self.buffer_size, self.timeout)
        server = ProxyServer(self, service, remote_port, self.address, port, *sizes)
        await server.run()
        self.servers.setdefault(service, {})[remote_port] = server
        return server

    def get_server(self, service: Service, remote_port: int) -> ProxyServer:
        """The local port that leads there. Raises KeyError if there is none."""
        return self.servers[service][remote_port]

    async def stop(self) -> None:
        """Close all ports."""
        for servers in self.servers.values():
            for server in servers.values():
                await server.stop()


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return f"the daemon answers {error.status}"
    return str(error)


async def first_end(ways: Sequence[asyncio.Task[None]], carried: Callable[[], int], silence_s: float) -> None:
    """Wait until one of the ways ends, or nothing is carried on any of them for so long; then end all."""
    before = -1
    try:
        while carried() > before and not any(way.done() for way in ways):
            before = carried()
            await asyncio.wait(ways, timeout=silence_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


def app_key_of(service: Service) -> str:
    """The key with which the daemon is asked for connections to an instance."""
    if service.cluster is None:
        raise GolemError(f"{service} belongs to no cluster.")
    return service.cluster.app_key


def websocket_of(service: Service, port: int) -> str:
    """The WebSocket that leads to a port of an instance. Raises GolemError if it is in no network."""
    if service.network_node is None:
        raise GolemError(f"{service} is in no private network.")
    return service.network_node.get_websocket_uri(port)
