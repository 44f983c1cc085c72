"""The wire of a virtual machine, with QEMU's end in the test's hand: what passes, and what does not."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from ipaddress import IPv4Address

import pytest

from golemnet.runtime.errors import RuntimeFailure
from golemnet.runtime.ping import echo_request
from golemnet.runtime.vm.wire import GUEST, MAX_FRAME_BYTES, Wire

TIMEOUT_S = 20
MINE, ALSO_MINE, THEIRS = map(IPv4Address, ("10.5.0.2", "192.0.0.2", "10.5.0.3"))
HEADER = bytes(6) + GUEST + b"\x08\x00"
FAIR = echo_request(THEIRS, MINE)
OTHERS_NAME = echo_request(MINE, THEIRS)
ARP = bytes.fromhex("0001080006040001") + GUEST + THEIRS.packed + bytes(6) + MINE.packed
NOTHING = {
    "in the name of another": HEADER + OTHERS_NAME,
    "in the name of everybody": HEADER + echo_request(THEIRS, IPv4Address("255.255.255.255")),
    "in the name of nobody": HEADER + echo_request(THEIRS, IPv4Address("0.0.0.0")),
    "in the name of the guest's own loopback": HEADER + echo_request(THEIRS, IPv4Address("127.0.0.1")),
    "a forged answer to who has an address": HEADER[:12] + b"\x08\x06" + ARP,
    "as if it were something else": HEADER[:12] + b"\x12\x34" + FAIR,
    "the other protocol": HEADER[:12] + b"\x86\xdd" + b"\x60" + bytes(39),
    "the other protocol as if it were ours": HEADER + b"\x60" + bytes(39),
    "by a network within the network": HEADER[:12] + b"\x81\x00\0\1\x08\x00" + FAIR,
    "less than a frame": HEADER[:13],
    "no packet": HEADER,
    "less than a packet": HEADER + FAIR[:-1],
    "more than a packet": HEADER + FAIR + bytes(1),
    "nothing at all": b"",
}


class Machine:
    """QEMU's end of a wire."""

    def __init__(self) -> None:
        self.wire = Wire()
        self._end = socket.socket(fileno=os.dup(self.wire.guest_end))

    async def open(self) -> None:
        await self.wire.open()
        self._reader, self._writer = await asyncio.open_connection(sock=self._end)

    def plug(self, address: IPv4Address) -> socket.socket:
        """The far side of a port that does not block."""
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        near.setblocking(False)
        far.setblocking(False)
        self.wire.plug(address, near.detach())
        return far

    def send(self, frame: bytes) -> None:
        self._writer.write(len(frame).to_bytes(4, "big") + frame)

    def send_beginning(self, size: int) -> None:
        """The announcement of a frame, and a little of it."""
        self._writer.write(size.to_bytes(4, "big") + bytes(100))

    async def receive(self) -> bytes:
        async with asyncio.timeout(TIMEOUT_S):
            return await self._reader.readexactly(int.from_bytes(await self._reader.readexactly(4), "big"))

    async def close(self) -> None:
        await self.wire.close()
        await self.wire.close()
        assert await self._reader.read() == b""
        self._writer.close()


@pytest.fixture
async def machine() -> AsyncIterator[Machine]:
    machine = Machine()
    await machine.open()
    yield machine
    await machine.close()


async def heard(port: socket.socket) -> bytes:
    async with asyncio.timeout(TIMEOUT_S):
        return await asyncio.get_running_loop().sock_recv(port, 65535)


async def test_packets_go_to_the_port_of_their_source_and_back(machine: Machine) -> None:
    one, other = machine.plug(MINE), machine.plug(ALSO_MINE)
    with one, other:
        machine.send(HEADER + FAIR)
        machine.send(HEADER + echo_request(THEIRS, ALSO_MINE))
        assert await heard(one) == FAIR
        assert await heard(other) == echo_request(THEIRS, ALSO_MINE)
        for port, packet in ((one, OTHERS_NAME), (other, bytes(8000))):
            port.send(packet)
            frame = await machine.receive()
            assert (frame[:6], frame[12:14], frame[14:]) == (GUEST, b"\x08\x00", packet)


@pytest.mark.parametrize("what", NOTHING)
async def test_nothing_else_passes(machine: Machine, what: str) -> None:
    with machine.plug(MINE) as port:
        machine.send(NOTHING[what])
        machine.send(HEADER + FAIR)
        assert await heard(port) == FAIR
        with pytest.raises(BlockingIOError):
            port.recv(1)


async def test_what_is_no_frame_ends_the_wire_and_takes_no_memory(machine: Machine) -> None:
    with machine.plug(MINE) as port:
        machine.send_beginning(MAX_FRAME_BYTES + 1)
        machine.send(HEADER + FAIR)
        reading, _ = machine.wire._tasks
        await asyncio.wait_for(reading, TIMEOUT_S)
        with pytest.raises(BlockingIOError):
            port.recv(1)


async def test_a_flood_is_dropped_where_nobody_takes_it(machine: Machine) -> None:
    with machine.plug(MINE), machine.plug(ALSO_MINE) as other:
        for _ in range(5000):
            machine.send(HEADER + FAIR)
        machine.send(HEADER + echo_request(THEIRS, ALSO_MINE))
        assert await heard(other) == echo_request(THEIRS, ALSO_MINE)


async def test_an_address_is_in_one_network(machine: Machine) -> None:
    with machine.plug(MINE), pytest.raises(RuntimeFailure, match="already"):
        machine.plug(MINE)


async def test_a_port_that_is_closed_is_left_alone(machine: Machine) -> None:
    machine.plug(MINE).close()
    _, writing = machine.wire._tasks
    await asyncio.wait_for(writing, TIMEOUT_S)
    with machine.plug(ALSO_MINE) as other:
        machine.send(HEADER + FAIR)
        machine.send(HEADER + echo_request(THEIRS, ALSO_MINE))
        assert await heard(other) == echo_request(THEIRS, ALSO_MINE)
