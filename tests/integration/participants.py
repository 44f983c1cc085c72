"""Nodes that have nothing but private networks, and instances in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from golemnet.daemon.routes import unit_networks
from golemnet.daemon.routes import vpn as vpn_routes
from golemnet.daemon.server import _errors
from golemnet.daemon.vpn.service import PrivateNetworks
from golemnet.exeunit.private_networks import PrivateNetworks as Ends
from golemnet.exeunit.private_networks import read_places
from golemnet.model.keys import NodeKey
from golemnet.model.node_id import NodeId
from golemnet.net.memory import MemoryNetwork
from golemnet.rest.client import Client
from golemnet.runtime.driver import Network
from golemnet.runtime.network_namespace import NetworkNamespace

RANGE, MASK = "192.168.7.0", "255.255.255.0"


class Participant:
    """A node with nothing but private networks, and their part of the REST API."""

    def __init__(self, network: MemoryNetwork) -> None:
        self.net = network.node(NodeKey.generate())
        self.activities: dict[str, NodeId] = {}
        self.networks = PrivateNetworks(self.net, self._requestor_of)
        self.url = ""

    async def _requestor_of(self, activity_id: str) -> NodeId | None:
        return self.activities.get(activity_id)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        parts = [self.net.run, self.networks.run]
        readies = [asyncio.Event() for _ in parts]
        tasks = [asyncio.create_task(part(ready)) for part, ready in zip(parts, readies, strict=True)]
        await asyncio.gather(*(ready.wait() for ready in readies))
        await self._serve(0)
        try:
            yield
        finally:
            await self._runner.cleanup()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, port: int) -> None:
        application = web.Application(middlewares=[_errors])
        application.add_routes([*vpn_routes.routes(self.networks), *unit_networks.routes(self.networks)])
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def serve_again(self) -> None:
        """Break all connections, and listen again."""
        await self._runner.cleanup()
        await self._serve(int(self.url.rpartition(":")[2]))

    @asynccontextmanager
    async def joined(
        self, network: Network, requestor: NodeId, network_id: str, ip: str
    ) -> AsyncIterator[None]:
        """What the ExeUnit of an activity makes of ``deploy`` and ``start``."""
        activity_id = f"activity{ip}"
        self.activities[activity_id] = requestor
        async with Client(self.url, "key") as client:
            ends = Ends(client, activity_id)
            net = [
                {"id": network_id, "ip": RANGE, "mask": MASK, "nodeIp": ip, "nodes": {ip: self.net.node_id}}
            ]
            try:
                await ends.join(network, read_places(net))
                yield
            finally:
                await ends.leave()

    @asynccontextmanager
    async def instance(self, requestor: NodeId, network_id: str, ip: str) -> AsyncIterator[NetworkNamespace]:
        """An activity that is nothing but its network."""
        namespace = await NetworkNamespace.make()
        try:
            async with self.joined(namespace, requestor, network_id, ip):
                yield namespace
        finally:
            namespace.close()
