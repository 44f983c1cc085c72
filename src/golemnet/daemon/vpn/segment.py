"""One private network on this node: a switch, and a carrier to each node that something was sent to."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from golemnet.daemon.vpn.carrier import Carrier
from golemnet.daemon.vpn.messages import PacketHeader
from golemnet.daemon.vpn.switch import Switch
from golemnet.model.node_id import NodeId
from golemnet.net.network import Network


class Segment:
    """Lives from the first that needs it to ``close``; what it does runs in tasks of its own.

    Args:
        network: the node's view of others.
        owner: the requestor's node.
        network_id: as the owner calls it.
    """

    def __init__(self, network: Network, owner: NodeId, network_id: str) -> None:
        self.owner = owner
        self.network_id = network_id
        self.switch = Switch(network.node_id, self._send)
        self._network = network
        self._carriers: dict[NodeId, Carrier] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do ``work`` until it ends, or the segment is closed."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def close(self) -> None:
        """End everything at once."""
        for task in list(self._tasks):
            task.cancel()

    def _send(self, node: NodeId, packets: list[bytes]) -> None:
        if node not in self._carriers:
            header = PacketHeader(str(self.owner), self.network_id)
            self._carriers[node] = Carrier(self._network, node, header)
            self.start(self._carry(node))
        self._carriers[node].queue.put(packets)

    async def _carry(self, node: NodeId) -> None:
        try:
            await self._carriers[node].run()
        finally:
            del self._carriers[node]
