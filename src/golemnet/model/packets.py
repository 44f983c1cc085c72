"""IPv4 packets as they travel between a network device and the nodes: addresses, and many in one piece. Pure.

In a piece each packet has its length (2 bytes, big-endian) before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Final

MTU: Final = 8192
"""Of the devices in private networks: few large packets cost less than many small ones."""
MAX_PACKET_BYTES: Final = 65535
MAX_PIECE_BYTES: Final = 1024 * 1024
_LENGTH_BYTES: Final = 2
_HEADER_BYTES: Final = 20


def addresses_of(packet: bytes) -> tuple[IPv4Address, IPv4Address] | None:
    """Source and destination; None if it is no whole IPv4 packet."""
    if (
        len(packet) < _HEADER_BYTES
        or packet[0] >> 4 != 4
        or int.from_bytes(packet[2:4], "big") != len(packet)
    ):
        return None
    return IPv4Address(packet[12:16]), IPv4Address(packet[16:20])


def join(packets: Iterable[bytes]) -> bytes:
    """The packets as one piece."""
    return b"".join(len(packet).to_bytes(_LENGTH_BYTES, "big") + packet for packet in packets)


class Splitter:
    """Bytes of pieces in as they arrive, packets out."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits for its rest."""
        return not self._rest

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that ``data`` completes. Raises ValueError for one that is too short to be any: pieces
        of nothing would cost far more than they weigh."""
        data = self._rest + data if self._rest else data
        packets: list[bytes] = []
        at, end = 0, len(data)
        while end - at >= _LENGTH_BYTES:
            until = at + _LENGTH_BYTES + int.from_bytes(data[at : at + _LENGTH_BYTES], "big")
            if until < at + _LENGTH_BYTES + _HEADER_BYTES:
                raise ValueError("a packet is shorter than its header")
            if until > end:
                break
            packets.append(data[at + _LENGTH_BYTES : until])
            at = until
        self._rest = data[at:]
        return packets


def split(piece: bytes) -> list[bytes]:
    """The packets of a whole piece. Raises ValueError if it ends within one."""
    splitter = Splitter()
    packets = splitter.feed(piece)
    if not splitter.is_empty:
        raise ValueError("the piece ends within a packet")
    return packets
