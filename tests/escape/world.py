"""An internet on this machine: who may be reached, who not, and what each of them has seen.

It is in a network of the siege's own, where a machine may have any address: those that providers have inside,
and one of the internet, as rented machines have it. The loopback stands for the rest of the internet.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence

from golemnet.exeunit.public_addresses import check_public
from golemnet.exeunit.way_out import CONNECTIONS_A_SECOND, MAX_CONNECTIONS
from golemnet.runtime import kernel

INTERNET = "127.0.0.1"
FAIR, SILENT, ENDLESS = "fair.example", "silent.example", "endless.example"
REBINDING, EXFILTRATING = "rebinding.example", "words.example"
OURS = ("10.0.0.7", "172.16.0.7", "192.168.1.7", "100.64.0.7", "169.254.169.254", "168.63.129.16", "8.8.4.4")
OURS_6 = ("fd00::7", "fec0::7", "2001:db8::7", "2a00:1450::7", "64:ff9b::a00:7")
LYING = {
    **{f"n{number}.example": [address] for number, address in enumerate((*OURS, *OURS_6))},
    "loopback.example": ["127.0.0.2", "127.0.0.53"],
    "six.example": ["::1"],
    "mapped.example": ["::ffff:127.0.0.2", "::ffff:10.0.0.7"],
    "carried.example": ["64:ff9b::127.0.0.2", "2002:7f00:2::", "::127.0.0.2"],
    "any.example": ["0.0.0.0", "::"],
    "huge.example": ["127.0.0.2", "10.0.0.7"] * 2000,
}


def own_network() -> None:
    """Go on in a network that is nobody else's; needs root."""
    kernel.unshare(kernel.CLONE_NEWNET)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in OURS:
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    for address in OURS_6:
        subprocess.run(["ip", "address", "add", f"{address}/128", "dev", "lo", "nodad"], check=True)


class World:
    """Servers, and the names of a manifest that a careless owner has let pass."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.reached: Counter[str] = Counter()
        self.most_at_once = self._at_once = 0
        self._started = asyncio.get_running_loop().time()

    async def start(self) -> None:
        greet = self._greeting
        self._fair = await asyncio.start_server(greet(FAIR, b"fair"), INTERNET, 0)
        self._endless = await asyncio.start_server(self._endlessly, INTERNET, 0)
        self._silent = await asyncio.start_server(self._silently, INTERNET, 0, backlog=1024)
        forbidden = greet("forbidden", b"forbidden")
        self._forbidden = [await asyncio.start_server(forbidden, "127.0.0.2", 0)]
        self.port = port_of(self._forbidden[0])
        for address in ("127.0.0.53", "::1", *OURS, *OURS_6):
            self._forbidden.append(await asyncio.start_server(forbidden, address, self.port))

    @property
    def names(self) -> Sequence[str]:
        """All that is permitted."""
        return [FAIR, SILENT, ENDLESS, REBINDING, EXFILTRATING, *LYING]

    def context(self) -> dict[str, object]:
        """What an attacker may know of it."""
        return {
            "fair": FAIR,
            "endless": ENDLESS,
            "silent_address": SILENT,
            "rebinding": REBINDING,
            "exfiltrating": EXFILTRATING,
            "lying_names": list(LYING),
            "forbidden_port": self.port,
            "forbidden_addresses": ["127.0.0.1", "127.0.0.2", *OURS],
            "forbidden_addresses_6": OURS_6,
        }

    def check(self, address: str) -> None:
        """As in production, but that the loopback's first address is the internet."""
        if address != INTERNET:
            check_public(address)

    async def resolve(self, host: str, _port: int) -> list[tuple[str, int]]:
        """What the name server of an attacker says."""
        self.asked[host] += 1
        servers = {FAIR: self._fair, SILENT: self._silent, ENDLESS: self._endless}
        if host in servers:
            return [(INTERNET, port_of(servers[host]))]
        if host == REBINDING and self.asked[host] % 2:
            return [(INTERNET, port_of(self._fair))]
        return [(address, self.port) for address in LYING.get(host, ["127.0.0.2"])]

    def harm(self) -> Iterator[str]:
        """What is wrong with what was seen."""
        if self.reached["forbidden"]:
            yield f"{self.reached['forbidden']} connections came to the provider's own machine"
        if strange := set(self.asked) - set(self.names):
            yield f"names were looked up that nobody has permitted: {strange}"
        if self.most_at_once > MAX_CONNECTIONS:
            yield f"{self.most_at_once} connections at once"
        elapsed = asyncio.get_running_loop().time() - self._started
        if self.reached[SILENT] > MAX_CONNECTIONS + CONNECTIONS_A_SECOND * elapsed:
            yield f"{self.reached[SILENT]} connections in {elapsed:.1f} s"
        if self.most_at_once < MAX_CONNECTIONS // 2 or not self.reached[FAIR]:
            yield f"nothing was tried in earnest: {self.reached}, {self.most_at_once} at once"

    def _greeting(self, who: str, words: bytes):
        async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.reached[who] += 1
            writer.write(words)
            writer.close()

        return greet

    async def _silently(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reached[SILENT] += 1
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await reader.read()
        except OSError:
            pass
        finally:
            self._at_once -= 1
            writer.close()

    async def _endlessly(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(bytes(1 << 16))
                await writer.drain()
        except OSError:
            writer.close()


def port_of(server: asyncio.Server) -> int:
    return server.sockets[0].getsockname()[1]
