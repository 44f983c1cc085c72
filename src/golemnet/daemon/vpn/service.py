"""The private networks that this node has a part in: those of its programs, and those of its instances."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import IPv4Address

from golemnet.daemon.events import Signal
from golemnet.daemon.vpn import peers
from golemnet.daemon.vpn.gateway import Gateway
from golemnet.daemon.vpn.membership import Membership
from golemnet.daemon.vpn.messages import LONGEST_WAIT_S, MemberList, MembersWanted
from golemnet.daemon.vpn.networks import Networks
from golemnet.daemon.vpn.segment import Segment
from golemnet.daemon.vpn.switch import Port
from golemnet.model.node_id import NodeId
from golemnet.net.network import Network
from golemnet.rest.errors import Forbidden, NotFound
from golemnet.rest.vpn import Connection

CONNECT_TIMEOUT_S = 15.0

RequestorOf = Callable[[str], Awaitable[NodeId | None]]


class PrivateNetworks:
    """What programs, ExeUnits and other nodes can do with private networks.

    Args:
        network: the node's view of others.
        requestor_of: the requestor of an activity that runs here now.

    Attributes:
        books: the networks of this node's programs.
    """

    def __init__(self, network: Network, requestor_of: RequestorOf) -> None:
        self.books = Networks(network.node_id, self._changed)
        self._network = network
        self._requestor_of = requestor_of
        self._news: Signal[str] = Signal()
        self._segments: dict[tuple[NodeId, str], Segment] = {}
        self._gateways: dict[str, Gateway] = {}
        peers.serve(network, self.members, self.segment)

    async def run(self, ready: asyncio.Event) -> None:
        """Carry packets until cancelled."""
        ready.set()
        try:
            await asyncio.Event().wait()
        finally:
            for gateway in self._gateways.values():
                gateway.close()
            for segment in self._segments.values():
                segment.close()

    # -- programs ------------------------------------------------------------------------------------------

    async def connect(self, network_id: str, host: str, port: int) -> socket.socket:
        """A TCP connection into a network of ours; give it back by ``hang_up``.

        Raises:
            NotFound: there is no such network, or nobody has the address; and see ``Gateway.connect``.
        """
        if IPv4Address(host) not in self.books.node_of_each(network_id):
            raise NotFound(f"Nobody in the network has the address {host}.", network_id=network_id)
        gateway = self._gateways.get(network_id)
        if gateway is None:
            segment = self._segments[self._network.node_id, network_id]
            gateway = self._gateways[network_id] = Gateway(segment.switch)
        return await gateway.connect(self.books.interfaces(network_id), host, port, CONNECT_TIMEOUT_S)

    def hang_up(self, network_id: str, connection: socket.socket) -> None:
        """End a connection; safe to repeat."""
        gateway = self._gateways.get(network_id)
        connection.close() if gateway is None else gateway.hang_up(connection)

    def connections(self, network_id: str) -> list[Connection]:
        """The TCP connections that are open into a network of ours."""
        self.books.members(network_id)
        gateway = self._gateways.get(network_id)
        return gateway.connections() if gateway else []

    def _changed(self, network_id: str) -> None:
        """Called by the books: give the network what it needs here, and tell those who wait."""
        key = (self._network.node_id, network_id)
        try:
            members = self.books.node_of_each(network_id)
        except NotFound:
            self._remove(network_id)
        else:
            if key not in self._segments:
                self._segments[key] = Segment(self._network, *key)
            self._segments[key].switch.members = members
        self._news.fire(network_id)

    def _remove(self, network_id: str) -> None:
        gateway = self._gateways.pop(network_id, None)
        if gateway is not None:
            gateway.close()
        self._segments.pop((self._network.node_id, network_id)).close()

    # -- instances -----------------------------------------------------------------------------------------

    async def join(self, activity_id: str, network_id: str, address: IPv4Address, port: Port) -> Segment:
        """Let an instance take part; give the segment back by ``leave``.

        Raises:
            NotFound: no such activity runs here, or its requestor has no such network.
            Forbidden: the requestor has not given this node the address.
            GatewayTimeout: the requestor's node does not answer.
        """
        owner = await self._requestor_of(activity_id)
        if owner is None:
            raise NotFound("There is no such activity.", activity_id=activity_id)
        segment = await self._segment_for(owner, network_id)
        segment.switch.plug(address, port)
        try:
            await self._admit(segment, address)
        except BaseException:
            self.leave(segment, port)
            raise
        return segment

    def leave(self, segment: Segment, port: Port) -> None:
        """Take an instance's end away; a network of others that nobody is in any more is forgotten."""
        segment.switch.unplug(port)
        key = (segment.owner, segment.network_id)
        if segment.owner != self._network.node_id and segment.switch.is_empty and key in self._segments:
            self._segments.pop(key).close()

    async def _segment_for(self, owner: NodeId, network_id: str) -> Segment:
        if owner == self._network.node_id:
            self.books.members(network_id)
        key = (owner, network_id)
        if key not in self._segments:
            self._segments[key] = segment = Segment(self._network, *key)
            segment.start(Membership(self._network, segment).follow())
        return self._segments[key]

    async def _admit(self, segment: Segment, address: IPv4Address) -> None:
        if segment.owner != self._network.node_id:
            await Membership(self._network, segment).learn()
        if segment.switch.members.get(address) != self._network.node_id:
            raise Forbidden(f"The requestor has not given this node the address {address}.")

    # -- other nodes ---------------------------------------------------------------------------------------

    def segment(self, owner: NodeId, network_id: str) -> Segment | None:
        """The network, if anybody here is in it."""
        return self._segments.get((owner, network_id))

    async def members(self, caller: NodeId, wanted: MembersWanted) -> MemberList:
        """The members of a network of ours, when they are others than those that the caller knows.

        Raises:
            NotFound: there is no such network.
            Forbidden: the caller is not in it.
        """

        async def look() -> MemberList | None:
            nodes = self.books.node_of_each(wanted.network_id)
            if caller not in nodes.values():
                raise Forbidden("The node is not in the network.", network_id=wanted.network_id[:80])
            version = self.books.members(wanted.network_id).version
            return MemberList(version, _texts(nodes)) if version != wanted.version else None

        found = await self._news.poll(wanted.network_id, look, LONGEST_WAIT_S)
        return found or MemberList(wanted.version, _texts(self.books.node_of_each(wanted.network_id)))


def _texts(nodes: Mapping[IPv4Address, NodeId]) -> dict[str, str]:
    return {str(address): str(node) for address, node in nodes.items()}
