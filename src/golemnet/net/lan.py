"""Nodes of one LAN find each other with nothing to configure: each tells its signed record by multicast.

A record says itself who signed it, so a datagram can at worst be dropped. Whoever hears of a node that it did
not know answers by its own record after a moment, unless enough others do. Nobody beyond the LAN is told.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec
import structlog

from golemnet.model.documents import Signed

GROUP = "239.71.79.76"
PORT = 7467
MAX_DATAGRAM = 4096
AGAIN_S = (0.5, 2.0)
EVERY_S = 60.0
ANSWER_WITHIN_S = 0.5
ENOUGH_ANSWERS = 4
# Checking a record takes a tenth of a millisecond.
MAX_CHECKED_A_SECOND = 100
_MAGIC = b"golem/1/lan\0"

OnRecord = Callable[[Signed], Awaitable[bool]]

log = structlog.get_logger(__name__)


class LanDiscovery:
    """Tells the LAN of this node, and this node of the LAN's others.

    Args:
        own: this node's record; None while it has none.
        on_record: takes the record of another; answers whether it was news. It does not raise.
    """

    def __init__(self, own: Callable[[], Signed | None], on_record: OnRecord) -> None:
        self._own = own
        self._on_record = on_record
        self._due = asyncio.Event()
        self._heard = 0
        self._is_answering = False
        self._checked = 0
        self._second = 0

    def announce(self) -> None:
        """Tell the LAN now: the record has changed."""
        self._due.set()

    async def run(self) -> None:
        """Tell and listen until cancelled; a machine without a LAN is no error."""
        try:
            with _open() as link:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._listen(link, group))
                    group.create_task(self._tell_again_and_again(link))
        except* OSError as errors:
            log.warning("nodes of the LAN are not looked for", why=str(errors.exceptions[0]))

    async def _tell_again_and_again(self, link: socket.socket) -> None:
        pauses = list(AGAIN_S)
        while True:
            self._due.clear()
            self._tell(link)
            with suppress(TimeoutError):
                async with asyncio.timeout(pauses.pop(0) if pauses else EVERY_S * random.uniform(0.8, 1.2)):
                    await self._due.wait()

    def _tell(self, link: socket.socket) -> None:
        record = self._own()
        if record is None:
            return
        data = _MAGIC + msgspec.msgpack.encode(record)
        for number, _ in socket.if_nameindex():
            # Joined anew each time: interfaces come and go.
            with suppress(OSError):
                _join(link, number)
            with suppress(OSError):
                link.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, _request(number))
                link.sendto(data, (GROUP, PORT))

    async def _listen(self, link: socket.socket, group: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        while True:
            data = await loop.sock_recv(link, MAX_DATAGRAM)
            self._heard += 1
            record = _read(data) if self._may_check() else None
            if record is not None and await self._on_record(record) and not self._is_answering:
                self._is_answering = True
                group.create_task(self._answer())

    async def _answer(self) -> None:
        heard = self._heard
        await asyncio.sleep(random.uniform(0, ANSWER_WITHIN_S))
        self._is_answering = False
        if self._heard - heard < ENOUGH_ANSWERS:
            self.announce()

    def _may_check(self) -> bool:
        second = int(asyncio.get_running_loop().time())
        if second != self._second:
            self._second, self._checked = second, 0
        self._checked += 1
        return self._checked <= MAX_CHECKED_A_SECOND


def _open() -> socket.socket:
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        # Several nodes may run on one machine.
        link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        link.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        link.bind((GROUP, PORT))
    except OSError:
        link.close()
        raise
    return link


def _join(link: socket.socket, interface: int) -> None:
    link.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, _request(interface))


def _request(interface: int) -> bytes:
    """The kernel's ``ip_mreqn``: group, any own address, number of the interface."""
    return struct.pack("4s4si", socket.inet_aton(GROUP), bytes(4), interface)


def _read(data: bytes) -> Signed | None:
    if not data.startswith(_MAGIC):
        return None
    try:
        return msgspec.msgpack.decode(data[len(_MAGIC) :], type=Signed)
    except msgspec.DecodeError:
        return None
