"""Which relays a node uses to reach others: a stranger's record must not send it to any address it likes.

Relays that the user has named, and those of the nodes joined by, are used wherever they are. Another one has
to be at a public address, and only a few such are used in a while. So no record leads this node to a service
of its own machine or LAN, or to many places in the world.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

import structlog

from golemnet.net.home_relay import PORTS

MAX_STRANGE_RELAYS = 16
WHILE_S = 600.0
LOOKUP_TIMEOUT_S = 2.0

log = structlog.get_logger(__name__)


class RelayPolicy:
    """Judges the relays that node records name.

    Args:
        known: URLs of the relays that are used without a question.
    """

    def __init__(self, known: Callable[[], Collection[str]]) -> None:
        self._known = known
        self._used_at: dict[str, float] = {}

    async def usable(self, url: str) -> str:
        """The URL by which to use that relay; empty if it is not to be used."""
        place = _place_of(url)
        if place is None or place in map(_place_of, self._known()):
            return url if place else ""
        # Checked and used must be the same address, whatever its name leads to the next moment.
        fixed = await _at_public_address(place)
        if not fixed or not self._is_one_of_few(fixed):
            log.debug("relay of another not used", url=url)
            return ""
        return fixed

    def _is_one_of_few(self, url: str) -> bool:
        now = asyncio.get_running_loop().time()
        self._used_at = {each: at for each, at in self._used_at.items() if now - at < WHILE_S}
        if url not in self._used_at and len(self._used_at) >= MAX_STRANGE_RELAYS:
            return False
        self._used_at.setdefault(url, now)
        return True


def is_public(ip: str) -> bool:
    """Whether an address is one of the world, and hides no other one."""
    address = ip_address(ip)
    if isinstance(address, IPv6Address) and (address.ipv4_mapped or address.sixtofour or address.teredo):
        return False
    return address.is_global and not address.is_multicast


class _Place(NamedTuple):
    """What two ways to write the URL of a relay have in common."""

    scheme: str
    host: str
    port: int


def _place_of(url: str) -> _Place | None:
    try:
        parts = urlsplit(url)
        return _Place(parts.scheme, parts.hostname or "", parts.port or PORTS[parts.scheme])
    except (ValueError, KeyError):
        return None


async def _at_public_address(place: _Place) -> str:
    """Its URL with an address instead of a name. Not with https: a certificate binds a name to its owner."""
    try:
        addresses = await _lookup(place.host, place.port)
    except (OSError, ValueError, TimeoutError):
        return ""
    if not addresses or not all(map(is_public, addresses)):
        return ""
    host = place.host if place.scheme == "https" else addresses[0]
    return f"{place.scheme}://{f'[{host}]' if ':' in host else host}:{place.port}"


async def _lookup(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(LOOKUP_TIMEOUT_S):
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]
