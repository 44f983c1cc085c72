"""Nodes with private networks around an attacker's activity, each of which notes the packets that it gets."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address

from aiohttp import web
from attempts_on_private_networks import MEMBER, OWN, OWNER

from golemnet.daemon.routes import unit_networks
from golemnet.daemon.vpn.service import PrivateNetworks
from golemnet.daemon.vpn.switch import Port
from golemnet.exeunit.private_networks import PrivateNetworks as Ends
from golemnet.exeunit.private_networks import read_places
from golemnet.model.keys import NodeKey
from golemnet.model.node_id import NodeId
from golemnet.model.packets import addresses_of
from golemnet.net.memory import MemoryNetwork
from golemnet.rest.client import Client
from golemnet.rest.vpn import NewNetwork
from golemnet.runtime.driver import Network

RANGE, MASK = "10.5.0.0", "255.255.255.0"
GREETING = "a fair greeting"


class Node:
    """A daemon's part in private networks."""

    def __init__(self, network: MemoryNetwork) -> None:
        self.net = network.node(NodeKey.generate())
        self.requestors: dict[str, NodeId] = {}
        self.networks = PrivateNetworks(self.net, self._requestor_of)

    async def _requestor_of(self, activity_id: str) -> NodeId | None:
        return self.requestors.get(activity_id)

    async def listen(self, owner: Node, network_id: str, address: str, seen: list[bytes]) -> None:
        """Have an instance that notes what it gets."""
        self.requestors[address] = owner.net.node_id
        port = Port(seen.extend)
        await self.networks.join(address, network_id, IPv4Address(address), port)


class Nodes:
    """The attacker's requestor, his provider, another one; and a stranger who has an instance beside him."""

    def __init__(self) -> None:
        network = MemoryNetwork()
        self._all = [Node(network) for _ in range(4)]
        self.requestor, self.provider, self.other, self.stranger = self._all
        self.seen: dict[str, list[bytes]] = {"owner": [], "member": [], "stranger": []}

    async def start(self) -> None:
        """Two networks of the same addresses."""
        parts = [part for node in self._all for part in (node.net.run, node.networks.run)]
        readies = [asyncio.Event() for _ in parts]
        self._running = [asyncio.create_task(part(ready)) for part, ready in zip(parts, readies, strict=True)]
        await asyncio.gather(*(ready.wait() for ready in readies))
        self.network_id = self._make(self.requestor, {OWN: self.provider, MEMBER: self.other})
        strange = self._make(self.stranger, {OWNER: self.provider, MEMBER: self.provider})
        await self.requestor.listen(self.requestor, self.network_id, OWNER, self.seen["owner"])
        await self.other.listen(self.requestor, self.network_id, MEMBER, self.seen["member"])
        await self.provider.listen(self.stranger, strange, MEMBER, self.seen["stranger"])
        await self._serve()

    def _make(self, owner: Node, members: dict[str, Node]) -> str:
        books = owner.networks.books
        network_id = books.create(NewNetwork(ip=RANGE, mask=MASK)).id
        if OWNER not in members:
            books.add_address(network_id, OWNER)
        for address, node in members.items():
            books.add_node(network_id, node.net.node_id, address)
        return network_id

    async def _serve(self) -> None:
        application = web.Application()
        application.add_routes(unit_networks.routes(self.provider.networks))
        runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def join(self, network: Network) -> Ends:
        """As the attacker's ExeUnit does it."""
        self.provider.requestors["attacker"] = self.requestor.net.node_id
        ends = Ends(await Client(self.url, "key").__aenter__(), "attacker")
        place = {"id": self.network_id, "ip": RANGE, "mask": MASK, "nodeIp": OWN, "nodes": {}}
        await ends.join(network, read_places([place]))
        return ends

    def harm(self) -> Iterator[str]:
        """What has arrived and must not, or has not arrived and must."""
        if self.seen["stranger"]:
            yield f"{len(self.seen['stranger'])} packets came to a network of somebody else"
        for who, address in (("owner", OWNER), ("member", MEMBER)):
            ways = Counter(addresses_of(packet) for packet in self.seen[who])
            wrong = {way for way in ways if way != (IPv4Address(OWN), IPv4Address(address))}
            if wrong:
                yield f"the {who} has got packets of {wrong}"
        if not any(GREETING.encode() in packet for packet in self.seen["member"]):
            yield "the fair greeting has not arrived"
        print({who: len(packets) for who, packets in self.seen.items()}, file=sys.stderr)
