"""The wire of a virtual machine: ethernet at the guest's end, packets of IPv4 at ours.

QEMU puts its length (4 bytes, big-endian) before each frame. Root in the guest may send any frame. What is
taken are packets of IPv4 from an address that was given to the guest, and it says to which port they go. Who
has which address of hardware is neither asked nor answered: nobody but the ports is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Coroutine, Iterable
from ipaddress import IPv4Address
from typing import Any, Final

from golemnet.model.packets import addresses_of
from golemnet.runtime.errors import RuntimeFailure
from golemnet.runtime.packet_io import read_packets, until_readable, write_packets

GUEST: Final = bytes.fromhex("020000000001")
"""The address of the guest's device; the first byte says that nobody has registered it."""
BUFFER_BYTES: Final = 256 * 1024
MAX_FRAME_BYTES: Final = 128 * 1024
_LENGTH_BYTES: Final = 4
_HERE: Final = bytes.fromhex("020000000002")
_IPV4: Final = b"\x08\x00"
_HEADER: Final = GUEST + _HERE + _IPV4


def framed(packets: Iterable[bytes]) -> bytes:
    """The packets as QEMU is given them."""
    return b"".join(
        (len(_HEADER) + len(packet)).to_bytes(_LENGTH_BYTES, "big") + _HEADER + packet for packet in packets
    )


def packet_of(frame: bytes) -> bytes | None:
    """What an ethernet frame carries if it says that it is IPv4."""
    return frame[len(_HEADER) :] if frame[12:14] == _IPV4 else None


class Wire:
    """One machine's wire. Nothing is read from it until there is a port."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ports: dict[IPv4Address, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._writer: asyncio.StreamWriter | None = None

    @property
    def guest_end(self) -> int:
        """An open file that QEMU has to inherit."""
        return self._theirs.fileno()

    async def open(self) -> None:
        """Take up our end, once QEMU has the other."""
        self._theirs.close()
        self._reader, self._writer = await asyncio.open_connection(sock=self._ours, limit=BUFFER_BYTES)

    def plug(self, address: IPv4Address, port: int) -> None:
        """Bring what the guest sends from ``address`` to ``port``, and what comes from there to the guest.

        The port is an open file of packets that does not block, and is the wire's to close from now on.

        Raises:
            RuntimeFailure: the guest has the address already.
        """
        if address in self._ports:
            os.close(port)
            raise RuntimeFailure(f"The virtual machine has the address {address} already.")
        assert self._writer is not None
        if not self._ports:
            self._start(self._from_guest())
        self._ports[address] = port
        self._start(self._to_guest(port, self._writer))

    async def close(self) -> None:
        """End it and its ports; safe to repeat."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._writer is not None:
            self._writer.transport.abort()
        for port in self._ports.values():
            os.close(port)
        self._ports = {}
        for end in (self._ours, self._theirs):
            end.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _from_guest(self) -> None:
        """To its end, which is QEMU's, or a frame that none is as large as."""
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while (size := int.from_bytes(await self._reader.readexactly(_LENGTH_BYTES))) <= MAX_FRAME_BYTES:
                packet = packet_of(await self._reader.readexactly(size))
                if packet and (addresses := addresses_of(packet)) and addresses[0] in self._ports:
                    write_packets(self._ports[addresses[0]], [packet])

    async def _to_guest(self, port: int, writer: asyncio.StreamWriter) -> None:
        """What the guest is too slow for waits behind the port, where it is dropped if it is too much."""
        with contextlib.suppress(OSError):
            while b"" not in (packets := read_packets(port)):
                if not packets:
                    await until_readable(port)
                writer.write(framed(packets))
                await writer.drain()
