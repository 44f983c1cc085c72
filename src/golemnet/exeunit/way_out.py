"""The way from an activity to the internet: to the places that its manifest names, and to nothing else.

Inside, each of these names has an address of a range that is the activity's own loopback, and something
listens there at the named ports alone; no route leads anywhere else. So the kernel refuses every other place.
Whoever connects is joined, from outside, with the named host, if that is one of the internet; what is said
between them is not looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Interface
from typing import Final, cast

from golemnet.exeunit import dns
from golemnet.exeunit.web import check_public
from golemnet.model.manifest import Outbound, Place
from golemnet.runtime.network_namespace import NetworkNamespace

# 198.18.0.0/15 is for measurements between networks (RFC 2544): nobody has these addresses on the internet.
OWN: Final = IPv4Interface("198.18.0.1/15")
RESOLVER_FILE: Final = "/etc/resolv.conf"
RESOLVER_TEXT: Final = f"nameserver {OWN.ip}\n".encode()
# An unrestricted activity may name any host, at these ports.
FREE_PORTS: Final = (22, 80, 443, 8080, 8443)
MAX_NAMES: Final = 4096
MAX_CONNECTIONS: Final = 256
CONNECT_TIMEOUT_S: Final = 10.0
BUFFER_BYTES: Final = 64 * 1024

Resolve = Callable[[str, int], Awaitable[Sequence[tuple[str, int]]]]
"""The addresses of a host, each with the port."""

log = logging.getLogger(__name__)


async def resolve(host: str, port: int) -> list[tuple[str, int]]:
    """As this machine resolves names. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(str(address[0]), int(address[1])) for *_, address in found]


class WayOut:
    """One activity's way; closed until it is opened.

    Args:
        check: raises PermissionError for an address that must not be reached.
        resolve: finds the addresses of a host.
    """

    def __init__(self, check: Callable[[str], None] = check_public, resolve: Resolve = resolve) -> None:
        self._check = check
        self._resolve = resolve
        self._names: dict[str, IPv4Address] = {}
        self._hosts: dict[str, str] = {}
        self._outbound = Outbound()
        self._servers: list[asyncio.Server] = []
        self._resolver: asyncio.DatagramTransport | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self, namespace: NetworkNamespace, outbound: Outbound) -> None:
        """Let what is in ``namespace`` connect to what ``outbound`` names. Raises RuntimeFailure."""
        self._outbound = outbound
        names = sorted({place.host for place in outbound.places})
        for name in names:
            self._address_of_new(name)
        receiving, listening = await namespace.open_servers(OWN, self._doors())
        loop = asyncio.get_running_loop()
        self._resolver, _ = await loop.create_datagram_endpoint(
            lambda: _Resolver(self._lookup), sock=receiving
        )
        for each in listening:
            self._servers.append(await asyncio.start_server(self._accept, sock=each, limit=BUFFER_BYTES))

    async def close(self) -> None:
        """Break all connections; safe to repeat."""
        for server in self._servers:
            server.close()
        if self._resolver is not None:
            self._resolver.close()
        self._servers, self._resolver = [], None
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _doors(self) -> list[tuple[str, int]]:
        if self._outbound.unrestricted:
            return [("0.0.0.0", port) for port in FREE_PORTS]
        return [(str(self._names[place.host]), place.port) for place in sorted(self._outbound.places)]

    def _lookup(self, name: str) -> IPv4Address | None:
        known = self._names.get(name)
        if known is None and self._outbound.unrestricted and len(self._names) < MAX_NAMES:
            return self._address_of_new(name)
        return known

    def _address_of_new(self, name: str) -> IPv4Address:
        address = OWN.ip + 1 + len(self._names)
        self._names[name] = address
        self._hosts[str(address)] = name
        return address

    async def _accept(self, inner_reader: asyncio.StreamReader, inner: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        try:
            await self._join(inner_reader, inner)
        except (OSError, ExceptionGroup) as error:
            log.info("no_way_out error=%r", str(error) or type(error).__name__)
            inner.transport.abort()
        except asyncio.CancelledError:
            inner.transport.abort()
            raise

    async def _join(self, inner_reader: asyncio.StreamReader, inner: asyncio.StreamWriter) -> None:
        address, port = inner.get_extra_info("sockname")
        if address not in self._hosts or len(self._connections) > MAX_CONNECTIONS:
            raise ConnectionRefusedError(f"{address}:{port} is no place, or there are too many connections")
        outer_reader, outer = await self._connect(Place(self._hosts[address], port))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pass_on(inner_reader, outer))
                group.create_task(_pass_on(outer_reader, inner))
        except BaseException:
            outer.transport.abort()
            raise
        # what is still to be written is written before the end
        outer.close()
        inner.close()

    async def _connect(self, place: Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the first address that answers. Raises OSError, TimeoutError."""
        failure: OSError = ConnectionRefusedError(f"{place.host} has no address")
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            for address, port in await self._resolve(place.host, place.port):
                try:
                    self._check(address)
                    return await asyncio.open_connection(address, port, limit=BUFFER_BYTES)
                except OSError as error:
                    failure = error
        raise failure


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy to the end, and say that it is the end; never more is read than the other side takes."""
    while data := await reader.read(BUFFER_BYTES):
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()


class _Resolver(asyncio.DatagramProtocol):
    def __init__(self, lookup: dns.Lookup) -> None:
        self._lookup = lookup

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # not an instance of it by inheritance
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = dns.answer(data, self._lookup)
        if reply is not None:
            self._transport.sendto(reply, addr)
