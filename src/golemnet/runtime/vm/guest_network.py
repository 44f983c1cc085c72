"""The network of a virtual machine: one device, which has an address for each network that the guest is in.

What the guest sends to a private network comes out of its wire as packets. What it sends to the internet goes
on to a network namespace of ours: the addresses there are the namespace's own, and it leads nowhere else.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Interface
from typing import Final

from golemnet.model.packets import MTU
from golemnet.runtime.errors import RuntimeFailure
from golemnet.runtime.network_namespace import NetworkNamespace
from golemnet.runtime.vm.link import Link
from golemnet.runtime.vm.wire import Wire

# 192.0.0.0/29 is for what is between a machine and its own translator (RFC 7335): nobody else has it.
OUTSIDE: Final = IPv4Interface("192.0.0.1/30")
INSIDE: Final = IPv4Interface("192.0.0.2/32")
DEVICE: Final = "eth0"
PING_TIMEOUT_S: Final = 20
ANSWER_TIMEOUT_S: Final = 30.0
"""What the guest is to do is done in a moment, but an emulated one has few."""


class GuestNetwork:
    """The network of the machine to which ``link`` leads."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._wire = Wire()
        self._namespace: NetworkNamespace | None = None

    @property
    def guest_end(self) -> int:
        """An open file that QEMU has to inherit."""
        return self._wire.guest_end

    async def open(self) -> None:
        """Take up our end, once QEMU has the other."""
        await self._wire.open()

    async def open_tun(self, name: str, address: IPv4Interface, mtu: int) -> int:
        """As of a namespace, but that the guest's only device gets the address, whatever ``name`` says."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            ours.setblocking(False)
            theirs.setblocking(False)
            self._wire.plug(address.ip, ours.detach())
            await self._give(address, mtu)
            return theirs.detach()

    async def open_servers(
        self, own: IPv4Interface, places: Sequence[tuple[str, int]]
    ) -> tuple[socket.socket, list[socket.socket]]:
        """As of a namespace: it is one at the other end of the wire."""
        namespace = await self._outside()
        servers = await namespace.open_servers(own, places)
        await self._give(INSIDE, MTU)
        await self._do(f"ip route replace {own.network} dev {DEVICE} src {INSIDE.ip}")
        await self._do(f"ping -c 1 -w {PING_TIMEOUT_S} {own.ip}")
        return servers

    async def open_sockets(self, count: int) -> list[socket.socket]:
        """TCP sockets of the namespace that serves the guest: they are not the guest's."""
        return await (await self._outside()).open_sockets(count)

    async def close(self) -> None:
        """End all of it; safe to repeat."""
        await self._wire.close()
        if self._namespace is not None:
            self._namespace.close()

    async def _outside(self) -> NetworkNamespace:
        if self._namespace is None:
            self._namespace = await NetworkNamespace.make()
            tun = await self._namespace.open_tun(DEVICE, OUTSIDE, MTU)
            self._wire.plug(INSIDE.ip, tun)
        return self._namespace

    async def _give(self, address: IPv4Interface, mtu: int) -> None:
        await self._do(f"ip link set {DEVICE} mtu {mtu} arp off up")
        await self._do(f"ip address add {address} dev {DEVICE}")

    async def _do(self, what: str) -> None:
        """Have the guest's first program run a command that must succeed."""
        if (await self._link.ask(what, ANSWER_TIMEOUT_S))[1:] != ["0"]:
            why = f"It does not do this: {what}."
            raise RuntimeFailure("The virtual machine cannot be in a network.", why=why)
