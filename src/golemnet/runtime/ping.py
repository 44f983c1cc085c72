"""A ping by hand: whether the kernel behind a network device answers, as an echo request shows (RFC 792)."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from ipaddress import IPv4Address
from typing import Final

from golemnet.runtime.errors import RuntimeFailure

PING_TIMEOUT_S: Final = 3.0
LOOK_S: Final = 0.005
MAX_PACKET_BYTES: Final = 65535
_ECHO_REQUEST: Final = 8
_ICMP: Final = 1


async def ping(tun: int, asked: IPv4Address, asking: IPv4Address) -> None:
    """Deliver an echo request by ``tun``. Raises RuntimeFailure unless the answer comes back by it."""
    os.write(tun, echo_request(asked, asking))
    deadline = time.monotonic() + PING_TIMEOUT_S
    while not _is_answer(_read(tun), asked, asking):
        if time.monotonic() > deadline:
            raise RuntimeFailure(f"{asked} did not answer in {PING_TIMEOUT_S:g} s.")
        await asyncio.sleep(LOOK_S)


def echo_request(asked: IPv4Address, asking: IPv4Address) -> bytes:
    """The packet: 20 bytes of IPv4 and 8 of ICMP."""
    message = struct.pack("!BBHHH", _ECHO_REQUEST, 0, 0, 1, 1)
    message = message[:2] + _checksum(message) + message[4:]
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(message), 0, 0, 64, _ICMP, 0)
    header += asking.packed + asked.packed
    return header[:10] + _checksum(header) + header[12:] + message


def _is_answer(packet: bytes, asked: IPv4Address, asking: IPv4Address) -> bool:
    return len(packet) >= 28 and packet[9] == _ICMP and packet[12:21] == asked.packed + asking.packed + b"\0"


def _read(tun: int) -> bytes:
    try:
        return os.read(tun, MAX_PACKET_BYTES)
    except BlockingIOError:
        return b""


def _checksum(data: bytes) -> bytes:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", 0xFFFF - ((total & 0xFFFF) + (total >> 16)))
