"""The requestor's own end of a private network: a network of the kernel in which its programs' sockets are.

The daemon holds a network namespace with one device and the requestor's addresses. TCP is the kernel's; the
device's packets go through the switch. All of it are descriptors, which end with the daemon in whatever way.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from ipaddress import IPv4Interface
from typing import Final

from golemnet.daemon.vpn.switch import Port, Switch
from golemnet.model.packets import MTU
from golemnet.rest.errors import ApiError, BadRequest, GatewayTimeout, InternalError, NotFound
from golemnet.rest.vpn import Connection
from golemnet.runtime.errors import RuntimeFailure
from golemnet.runtime.network_namespace import NetworkNamespace
from golemnet.runtime.packet_io import read_packets, write_packets

DEVICE: Final = "vpn0"
BAD_GATEWAY: Final = 502
SOCKETS_AT_ONCE: Final = 8
MAX_CONNECTIONS: Final = 512


class Gateway:
    """The requestor's end of one network.

    Args:
        switch: of the network.
    """

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._port = Port(self._deliver)
        self._addresses: list[IPv4Interface] = []
        self._namespace: NetworkNamespace | None = None
        self._tun = -1
        self._free: list[socket.socket] = []
        self._open: set[socket.socket] = set()
        self._order = asyncio.Lock()
        self._is_closed = False

    async def connect(
        self, addresses: Sequence[IPv4Interface], host: str, port: int, timeout_s: float
    ) -> socket.socket:
        """A TCP connection from one of the requestor's ``addresses``; give it back by ``hang_up``.

        Raises:
            BadRequest: there is no address, or there are too many connections.
            NotFound: the network has ended meanwhile.
            GatewayTimeout: nobody has answered.
            ApiError: the other end refuses (502), or this machine cannot take part (500).
        """
        if not addresses:
            raise BadRequest("The requestor has no address in this network.", next_step="Add one to it.")
        if len(self._open) >= MAX_CONNECTIONS:
            raise BadRequest(f"There are {MAX_CONNECTIONS} connections in this network already.")
        connection = await self._socket(addresses)
        self._open.add(connection)
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.get_running_loop().sock_connect(connection, (host, port))
            return connection
        except TimeoutError as error:
            self.hang_up(connection)
            raise GatewayTimeout(f"{host}:{port} did not answer in {timeout_s:g} s.") from error
        except OSError as error:
            self.hang_up(connection)
            raise ApiError(f"{host}:{port}: {os.strerror(error.errno or 0)}.", status=BAD_GATEWAY) from error
        except BaseException:
            self.hang_up(connection)
            raise

    def hang_up(self, connection: socket.socket) -> None:
        """End a connection; safe to repeat."""
        self._open.discard(connection)
        connection.close()

    def connections(self) -> list[Connection]:
        """Those that are open."""
        return [found for each in self._open if (found := _view(each)) is not None]

    def close(self) -> None:
        """End all connections and the network, for good."""
        self._is_closed = True
        self._switch.unplug(self._port)
        for each in self._free:
            each.close()
        self._free = []
        for each in self._open:
            # whoever uses it reads its end, and closes it
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._close_device()

    async def _socket(self, addresses: Sequence[IPv4Interface]) -> socket.socket:
        async with self._order:
            try:
                namespace = await self._prepared(addresses)
                if not self._free:
                    self._free = await namespace.open_sockets(SOCKETS_AT_ONCE)
            except RuntimeFailure as error:
                raise InternalError(
                    "This daemon's machine cannot take part in private networks.", why=str(error)
                ) from error
            if self._is_closed:
                # while the helper was at work: what it has opened ends as well
                self.close()
                raise NotFound("The network has ended.")
            return self._free.pop()

    async def _prepared(self, addresses: Sequence[IPv4Interface]) -> NetworkNamespace:
        """The namespace, in which the device has all ``addresses``."""
        namespace = self._namespace or await self._open_device(addresses[0])
        for address in addresses:
            if address not in self._addresses:
                await namespace.add_address(f"{DEVICE}:{len(self._addresses)}", address)
                self._plug(address)
        return namespace

    async def _open_device(self, address: IPv4Interface) -> NetworkNamespace:
        namespace = await NetworkNamespace.make()
        try:
            self._tun = await namespace.open_tun(DEVICE, address, MTU)
        except BaseException:
            namespace.close()
            raise
        self._namespace = namespace
        self._plug(address)
        asyncio.get_running_loop().add_reader(self._tun, self._read)
        return namespace

    def _plug(self, address: IPv4Interface) -> None:
        self._addresses.append(address)
        self._switch.plug(address.ip, self._port)

    def _close_device(self) -> None:
        if self._namespace is None:
            return
        asyncio.get_running_loop().remove_reader(self._tun)
        os.close(self._tun)
        self._namespace.close()
        self._namespace, self._tun = None, -1

    def _read(self) -> None:
        self._switch.take_from_port(self._port, read_packets(self._tun))

    def _deliver(self, packets: list[bytes]) -> None:
        write_packets(self._tun, packets)


def _view(connection: socket.socket) -> Connection | None:
    try:
        (local_ip, local_port), (remote_ip, remote_port) = connection.getsockname(), connection.getpeername()
    except OSError:
        return None
    return Connection(
        protocol=socket.IPPROTO_TCP,
        local_ip=local_ip,
        local_port=local_port,
        remote_ip=remote_ip,
        remote_port=remote_port,
    )
