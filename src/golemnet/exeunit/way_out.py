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
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from ipaddress import IPv4Address, IPv4Interface
from typing import Any, Final

from golemnet.exeunit.host_names import HostNames
from golemnet.exeunit.joined_streams import BUFFER_BYTES, Stream, join_streams
from golemnet.exeunit.pace import Pace
from golemnet.exeunit.public_addresses import check_public
from golemnet.exeunit.resolver import Resolver
from golemnet.model.manifest import Outbound, Place
from golemnet.runtime.driver import Network

# 198.18.0.0/15 is for measurements between networks (RFC 2544): nobody has these addresses on the internet.
OWN: Final = IPv4Interface("198.18.0.1/15")
RESOLVER_FILE: Final = "/etc/resolv.conf"
RESOLVER_TEXT: Final = f"nameserver {OWN.ip}\n".encode()
# An unrestricted activity may name any host, at these ports.
FREE_PORTS: Final = (22, 80, 443, 8080, 8443)
MAX_NAMES: Final = 4096
MAX_CONNECTIONS: Final = 256
"""At a time; further ones wait."""
CONNECTIONS_A_SECOND: Final = 50.0
"""Beyond the first ``MAX_CONNECTIONS``: whom the names lead to must not be flooded by this machine."""
CONNECT_TIMEOUT_S: Final = 10.0
PAUSE_S: Final = 0.5

Resolve = Callable[[str, int], Awaitable[Sequence[tuple[str, int]]]]
"""The addresses of a host, each with the port."""

log = logging.getLogger(__name__)


class WayOut:
    """One activity's way; closed until it is opened.

    Args:
        check: raises PermissionError for an address that must not be reached.
        resolve: finds the addresses of a host; by default as this machine does.
    """

    def __init__(self, check: Callable[[str], None] = check_public, resolve: Resolve | None = None) -> None:
        self._check = check
        self._resolve = resolve or HostNames().resolve
        self._names: dict[str, IPv4Address] = {}
        self._hosts: dict[str, str] = {}
        self._outbound = Outbound()
        self._listening: list[socket.socket] = []
        self._resolver: Resolver | None = None
        self._room = asyncio.Semaphore(MAX_CONNECTIONS)
        self._pace = Pace(MAX_CONNECTIONS, CONNECTIONS_A_SECOND)
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, network: Network, outbound: Outbound) -> None:
        """Let what is in ``network`` connect to what ``outbound`` names. Raises RuntimeFailure."""
        self._outbound = outbound
        names = sorted({place.host for place in outbound.places})
        for name in names:
            self._address_of_new(name)
        receiving, self._listening = await network.open_servers(OWN, self._doors())
        self._resolver = Resolver(receiving, self._lookup)
        for each in self._listening:
            self._start(self._accept(each))

    async def close(self) -> None:
        """Break all connections; safe to repeat."""
        if self._resolver is not None:
            self._resolver.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for each in self._listening:
            each.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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

    async def _accept(self, listening: socket.socket) -> None:
        """One after the other, and only while there is room: the others wait in the kernel, not here."""
        while True:
            try:
                inner, _ = await asyncio.get_running_loop().sock_accept(listening)
            except OSError as error:
                log.warning("no_way_out error=%r", str(error))
                await asyncio.sleep(PAUSE_S)
                continue
            with contextlib.ExitStack() as stack:
                stack.callback(inner.close)
                await self._room.acquire()
                stack.callback(self._room.release)
                await asyncio.sleep(self._pace.take())
                self._start(self._serve(inner, stack.pop_all()))

    async def _serve(self, inner: socket.socket, until_the_end: contextlib.ExitStack) -> None:
        with until_the_end:
            stream = await asyncio.open_connection(sock=inner, limit=BUFFER_BYTES)
            try:
                await self._join(stream)
            except (OSError, ExceptionGroup) as error:
                log.info("no_way_out error=%r", str(error) or type(error).__name__)
            finally:
                stream[1].transport.abort()

    async def _join(self, inner: Stream) -> None:
        address, port = inner[1].get_extra_info("sockname")
        if address not in self._hosts:
            raise ConnectionRefusedError(f"{address}:{port} is no place")
        outer = await self._connect(Place(self._hosts[address], port))
        try:
            await join_streams(inner, outer)
        finally:
            outer[1].transport.abort()

    async def _connect(self, place: Place) -> Stream:
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
