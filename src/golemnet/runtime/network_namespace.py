"""A network of its own for the processes of an activity: nothing in it but what is put there from outside.

A process can only be put into such a namespace while it has one thread, so a short-lived helper program
(``inside_namespace.py``) goes in, opens what is asked for, and hands the descriptors back. They go on working
here: a socket stays in the network in which it was opened. No process stays inside on account of this, and
the namespace ends with the last descriptor or process that holds it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Sequence
from ipaddress import IPv4Interface
from typing import Final

from golemnet.runtime.errors import RuntimeFailure
from golemnet.runtime.namespaces import entering

HELPER: Final = "golemnet.runtime.inside_namespace"
HELPER_TIMEOUT_S: Final = 10.0
MAX_DESCRIPTORS: Final = 64
MAX_SOCKETS: Final = 32


class NetworkNamespace:
    """A network namespace and the user namespace that it belongs to, held by open descriptors.

    Every method that opens something raises ``RuntimeFailure`` with the kernel's reason.
    """

    def __init__(self, user: int, network: int) -> None:
        self.user = user
        self.network = network

    @classmethod
    async def make(cls, user: int | None = None) -> NetworkNamespace:
        """A new, empty one, whose loopback is up. Needs no root where the kernel has user namespaces.

        ``user`` is an open user namespace to which it is to belong; else it gets one of its own.
        """
        held = () if user is None else (user,)
        return cls(*await _help(["make", *(str(each) for each in held)], held))

    @classmethod
    async def of(cls, process: int) -> NetworkNamespace:
        """The one in which ``process`` runs; its loopback is brought up."""
        namespace = cls(*_open_both(process))
        try:
            await namespace._help("prepare")
        except BaseException:
            namespace.close()
            raise
        return namespace

    async def open_tun(self, name: str, address: IPv4Interface, mtu: int) -> int:
        """The end of a new device ``name`` with ``address``: reading gives the packets that are sent to its
        network, writing delivers one. It does not block, and the device goes away when it is closed."""
        (tun,) = await self._help("tun", name, str(address.ip), str(address.netmask), str(mtu))
        os.set_blocking(tun, False)
        return tun

    async def add_address(self, name: str, address: IPv4Interface) -> None:
        """Give a device a further address; ``name`` is the device's, a colon and a number."""
        await self._help("address", name, str(address.ip), str(address.netmask))

    async def open_sockets(self, count: int) -> list[socket.socket]:
        """TCP sockets of this network, which are not connected and do not block."""
        return [_socket(each) for each in await self._help("sockets", str(min(count, MAX_SOCKETS)))]

    async def listen(self, host: str, port: int) -> socket.socket:
        """A TCP socket that listens in this network at an IPv4 address; port 0 takes a free one."""
        (listening,) = await self._help("listen", host, str(port))
        return _socket(listening)

    async def open_servers(
        self, own: IPv4Interface, places: Sequence[tuple[str, int]]
    ) -> tuple[socket.socket, list[socket.socket]]:
        """Make the range of ``own`` addresses of this network's loopback, and open what serves there: a UDP
        socket at port 53 of ``own``, and TCP sockets that listen at ``places`` (``0.0.0.0`` for any address).
        """
        where = [f"{host}:{port}" for host, port in places]
        receiving, *listening = await self._help("servers", str(own.ip), str(own.netmask), *where)
        return _socket(receiving), [_socket(each) for each in listening]

    @property
    def namespaces(self) -> dict[str, int]:
        """Both, by kind."""
        return {"user": self.user, "net": self.network}

    def entering(self) -> list[str]:
        """What stands before the command line of a child to run it inside."""
        return entering(self.namespaces)

    def close(self) -> None:
        """Let it go; safe to repeat."""
        for descriptor in (self.user, self.network):
            if descriptor >= 0:
                os.close(descriptor)
        self.user = self.network = -1

    async def _help(self, *what: str) -> list[int]:
        held = (self.user, self.network)
        return await _help(["join", *(str(each) for each in held), *what], held)


def _open_both(process: int) -> tuple[int, int]:
    try:
        user = os.open(f"/proc/{process}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return user, os.open(f"/proc/{process}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            os.close(user)
            raise
    except OSError as error:
        raise RuntimeFailure("The network of a container cannot be entered.", why=str(error)) from error


def _socket(descriptor: int) -> socket.socket:
    opened = socket.socket(fileno=descriptor)
    opened.setblocking(False)
    return opened


async def _help(what: Sequence[str], passed: Sequence[int]) -> list[int]:
    """What the helper program has opened."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        command = (sys.executable, "-m", HELPER, str(theirs.fileno()), *what)
        await _end_of(await _start(command, (theirs.fileno(), *passed)))
        ours.setblocking(False)
        _, descriptors, _, _ = socket.recv_fds(ours, 1, MAX_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
        return descriptors


async def _start(command: Sequence[str], passed: Sequence[int]) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=passed,
        )
    except OSError as error:
        raise _refused(str(error)) from error


async def _end_of(process: asyncio.subprocess.Process) -> None:
    try:
        _, errors = await asyncio.wait_for(process.communicate(), HELPER_TIMEOUT_S)
    except TimeoutError as error:
        raise RuntimeFailure(f"A network namespace was not ready in {HELPER_TIMEOUT_S:g} s.") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise _refused(errors.decode("utf-8", "replace").strip()[-500:])


def _refused(why: str) -> RuntimeFailure:
    return RuntimeFailure(
        "This machine does not give a program a network of its own.",
        why=why,
        next_step="It needs user namespaces (or root) and /dev/net/tun.",
    )
