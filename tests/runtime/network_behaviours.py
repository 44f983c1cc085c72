"""What an environment reaches, and who reaches it, on every tier: in a private network, and by a way out.

The other nodes are real but for what carries their messages. "The internet" is a server on this machine; that
it may be reached is a choice of these tests.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import ClassVar

import aiohttp
from ground import MIB, WAIT_S, Ground, behaviour

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from participants import MASK, RANGE, Participant

from golemnet.exeunit.public_addresses import check_public
from golemnet.exeunit.way_out import OWN, RESOLVER_FILE, RESOLVER_TEXT, WayOut
from golemnet.model.manifest import Outbound
from golemnet.net.memory import MemoryNetwork
from golemnet.rest.vpn import NewNetwork
from golemnet.runtime.driver import Network

NEEDS_DEVICES = True
REQUESTOR, ENVIRONMENT, MEMBER = "192.168.7.1", "192.168.7.2", "192.168.7.3"
INTERNET, NEIGHBOUR = "127.0.0.1", "127.0.0.2"
LARGE = os.urandom(2 * MIB)
DIGEST = hashlib.sha256(LARGE).hexdigest()
OUTBOUND = Outbound(("http://there.example", "http://neighbour.example"))
LOOK_S = 0.2


class Networked(Ground):
    """With a requestor and a provider, a member of the network beside the environment, and an internet."""

    files: ClassVar[Mapping[str, bytes]] = {RESOLVER_FILE: RESOLVER_TEXT}

    async def begin(self) -> None:
        self._stack = AsyncExitStack()
        await super().begin()
        network = await self.driver.network_namespace()
        await self._begin_private(network)
        await self._begin_internet(network)

    async def leave(self) -> None:
        await self._stack.aclose()

    async def _begin_private(self, network: Network) -> None:
        carrier, enter = MemoryNetwork(), self._stack.enter_async_context
        self.requestor, self.provider = Participant(carrier), Participant(carrier)
        await enter(self.requestor.running())
        await enter(self.provider.running())
        books, owner = self.requestor.networks.books, self.requestor.net.node_id
        self.network_id = books.create(NewNetwork(ip=RANGE, mask=MASK)).id
        books.add_address(self.network_id, REQUESTOR)
        for address in (ENVIRONMENT, MEMBER):
            books.add_node(self.network_id, self.provider.net.node_id, address)
        await enter(self.provider.joined(network, owner, self.network_id, ENVIRONMENT))
        member = await enter(self.provider.instance(owner, self.network_id, MEMBER))
        server = await asyncio.start_server(serve, sock=await member.listen(MEMBER, 80))
        self._stack.callback(server.close)

    async def _begin_internet(self, network: Network) -> None:
        server = await asyncio.start_server(serve, "0.0.0.0", 0)
        self._stack.callback(server.close)
        self.port = server.sockets[0].getsockname()[1]
        self.machine = address_of_this_machine()
        way_out = WayOut(check, self._resolve)
        self._stack.push_async_callback(way_out.close)
        await way_out.open(network, OUTBOUND)

    async def _resolve(self, host: str, _port: int) -> list[tuple[str, int]]:
        return [(INTERNET if host == "there.example" else NEIGHBOUR, self.port)]

    async def asked(self, host: str, path: str = "", then: str = "cat", port: int = 80) -> str:
        """What becomes of the words of a server by ``then``."""
        request = f"printf 'GET /{path} HTTP/1.0\\r\\n\\r\\n' | nc {host} {port} > answer || exit 1"
        return await self.said(f"{request}; sed -e '1,/^.$/d' answer | {then}")

    async def address_of(self, name: str) -> str:
        """As the environment's name server says it."""
        said = await self.said(f"nslookup -type=a {name}")
        return said.split()[-1]

    async def is_refused(self, host: str, port: int = 80) -> bool:
        """Whether the environment's kernel says so, and nobody has to wait."""
        outcome = await self.shell(f"echo | nc {host} {port}")
        return outcome.code != 0 and any(why in outcome.error_tail for why in ("refused", "unreachable"))

    async def asked_from_outside(self, port: int) -> bytes:
        """What the environment serves to a program of the requestor, once it does."""
        url = f"{self.requestor.url}/net-api/v2/vpn/net/{self.network_id}/tcp/{ENVIRONMENT}/{port}"
        async with asyncio.timeout(WAIT_S), aiohttp.ClientSession() as http:
            while True:
                try:
                    async with http.ws_connect(url) as link:
                        return await exchanged(link, b"GET /served HTTP/1.0\r\n\r\n")
                except aiohttp.WSServerHandshakeError:
                    await asyncio.sleep(LOOK_S)


def address_of_this_machine() -> str:
    """As others see it; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talk:
        talk.connect(("192.0.2.1", 9))
        return talk.getsockname()[0]


def check(address: str) -> None:
    """As in production, but that one address of this machine is the internet."""
    if address != INTERNET:
        check_public(address)


async def exchanged(link: aiohttp.ClientWebSocketResponse, words: bytes) -> bytes:
    """All that is answered."""
    await link.send_bytes(words)
    return b"".join([message.data async for message in link if message.type is aiohttp.WSMsgType.BINARY])


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """By HTTP: much, or a greeting."""
    head = await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + (LARGE if b"/large" in head else b"hello"))
    await writer.drain()
    writer.close()


GROUND = Networked


@behaviour
async def there_is_one_device(ground: Networked) -> None:
    assert await ground.said("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | sort") == "eth0\nlo\n"


@behaviour
async def a_member_of_the_network_is_reached(ground: Networked) -> None:
    assert await ground.asked(MEMBER) == "hello"


@behaviour
async def commands_may_ping(ground: Networked) -> None:
    """Their group is one of those that may, as the kernel has it."""
    low, high = (await ground.said("cat /proc/sys/net/ipv4/ping_group_range")).split()
    assert int(low) <= int(await ground.said("id -g")) <= int(high)


@behaviour
async def much_comes_whole_from_a_member(ground: Networked) -> None:
    assert (await ground.asked(MEMBER, "large", "sha256sum")).split()[0] == DIGEST


@behaviour
async def what_serves_inside_is_reached_by_the_requestor(ground: Networked) -> None:
    """At a port that elsewhere only root may have."""
    await ground.said("dd if=/dev/urandom of=served bs=64k count=32")
    digest = (await ground.said("sha256sum served")).split()[0]
    service = await ground.driver.run("/bin/httpd", ["-f", "-p", "81", "-h", "/golem/work"])
    _, _, content = (await ground.asked_from_outside(81)).partition(b"\r\n\r\n")
    assert hashlib.sha256(content).hexdigest() == digest
    await service.kill()


@behaviour
async def nothing_else_is_reached(ground: Networked) -> None:
    """Neither another port of the member, nor the provider's daemon, nor the world."""
    daemon = int(ground.provider.url.rpartition(":")[2])
    for place in ((MEMBER, 82), ("127.0.0.1", daemon), (ground.machine, ground.port), ("8.8.8.8", 80)):
        assert await ground.is_refused(*place), place


@behaviour
async def what_the_manifest_names_is_reached(ground: Networked) -> None:
    assert await ground.asked(await ground.address_of("there.example")) == "hello"


@behaviour
async def much_comes_whole_from_the_internet(ground: Networked) -> None:
    there = await ground.address_of("there.example")
    assert (await ground.asked(there, "large", "sha256sum")).split()[0] == DIGEST


@behaviour
async def what_the_manifest_does_not_name_is_not_reached(ground: Networked) -> None:
    assert (await ground.shell("nslookup -type=a other.example")).code != 0
    there = await ground.address_of("there.example")
    for place in ((there, 81), (str(OWN.ip + 99), 80), (str(OWN.ip), ground.port)):
        assert await ground.is_refused(*place), place


@behaviour
async def a_name_that_leads_to_a_neighbour_is_not_reached(ground: Networked) -> None:
    assert await ground.asked(await ground.address_of("neighbour.example")) == ""


@behaviour
async def who_resolves_names_cannot_be_changed(ground: Networked) -> None:
    assert (await ground.shell(f"echo no > {RESOLVER_FILE}")).code != 0
    assert await ground.said(f"cat {RESOLVER_FILE}") == RESOLVER_TEXT.decode()
