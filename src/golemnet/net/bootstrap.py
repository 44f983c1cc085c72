"""Bootstrap addresses: text that names a node to join by, ``<endpoint id, 64 hex>@host:port``."""

from __future__ import annotations

import asyncio
import socket

import msgspec

from golemnet.net.errors import NetError

ENDPOINT_ID_HEX = 64


class BadBootstrapAddress(NetError):
    """A text is not a bootstrap address."""


class BootstrapAddress(msgspec.Struct, frozen=True):
    """A node to join by; str() gives the text again."""

    endpoint_id: bytes
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.endpoint_id.hex()}@{self.host}:{self.port}"

    @property
    def relay(self) -> str:
        """The URL of the relay that a bootstrap node runs, by custom."""
        return f"http://{self.host}:{self.port}"

    async def addresses(self) -> list[str]:
        """Its ``ip:port``, asked of the system's resolver. Raises OSError for an unknown name."""
        loop = asyncio.get_running_loop()
        host = self.host.removeprefix("[").removesuffix("]")
        try:
            found = await loop.getaddrinfo(host, self.port, type=socket.SOCK_DGRAM)
        except UnicodeError as error:
            raise OSError(f"{host[:80]!r} is not the name of a machine") from error
        return [_written(str(place[0]), self.port) for *_, place in found]


def parse_bootstrap(text: str) -> BootstrapAddress:
    """Read ``<endpoint id>@host:port``.

    Raises:
        BadBootstrapAddress: it is of another form.
    """
    endpoint_id, _, place = text.strip().partition("@")
    host, _, port = place.rpartition(":")
    try:
        key = bytes.fromhex(endpoint_id)
        number = int(port)
    except ValueError:
        key, number = b"", 0
    if len(endpoint_id) != ENDPOINT_ID_HEX or len(key) != 32 or not host or not 0 < number < 65536:
        raise BadBootstrapAddress(
            f"{text[:200]!r} is not the address of a node.",
            why="It must be of the form <endpoint id, 64 hex digits>@host:port.",
            next_step="`yagna net status` on the node to join by shows its address.",
        )
    return BootstrapAddress(key, host, number)


def _written(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
