"""Reading and writing packets at a tun device that does not block."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from typing import Final

MAX_PACKET_BYTES: Final = 65535
MAX_READ: Final = 64


def read_packets(tun: int) -> list[bytes]:
    """What the kernel has sent, a bounded number; none if the device is gone."""
    packets: list[bytes] = []
    try:
        while len(packets) < MAX_READ:
            packets.append(os.read(tun, MAX_PACKET_BYTES))
    except OSError:
        # nothing more, for now or for ever
        pass
    return packets


def write_packets(tun: int, packets: Iterable[bytes]) -> None:
    """Hand packets to the kernel; one that it does not take is lost, as packets may be."""
    for packet in packets:
        try:
            os.write(tun, packet)
        except OSError:
            continue


async def until_readable(tun: int) -> None:
    """Wait until the kernel has sent something."""
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(tun, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(tun)
