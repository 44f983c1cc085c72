"""One private network as one node sees it: which packet goes where, and which goes nowhere. Pure.

A packet is carried from the node that has its source address to the node that has its destination address,
and to nobody else: members send in their own name only, and strangers, broadcasts and the rest of the world
do not exist here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address

from golemnet.model.node_id import NodeId
from golemnet.model.packets import addresses_of

Deliver = Callable[[list[bytes]], None]
Send = Callable[[NodeId, list[bytes]], None]


class Port:
    """An end of the network on this node: an instance, or the requestor's own; ``deliver`` must not wait."""

    def __init__(self, deliver: Deliver) -> None:
        self.deliver = deliver


class Switch:
    """Takes packets from the ports of this node and from other nodes.

    Attributes:
        members: the node of each address; replaced as a whole by whoever is told of changes.
        dropped: packets that were carried nowhere, by the reason.

    Args:
        node_id: of this node.
        send: hands packets to another node; must not wait.
    """

    def __init__(self, node_id: NodeId, send: Send) -> None:
        self.members: Mapping[IPv4Address, NodeId] = {}
        self.dropped: Counter[str] = Counter()
        self._node_id = node_id
        self._send = send
        self._ports: dict[IPv4Address, Port] = {}

    def plug(self, address: IPv4Address, port: Port) -> None:
        """Let ``port`` have an address; one that had it before has it no more."""
        self._ports[address] = port

    def unplug(self, port: Port) -> None:
        """Take a port away."""
        self._ports = {address: each for address, each in self._ports.items() if each is not port}

    @property
    def is_empty(self) -> bool:
        """Whether it has no port."""
        return not self._ports

    def take_from_port(self, port: Port, packets: Iterable[bytes]) -> None:
        """Carry what an end on this node sends, if it sends it in its own name."""
        ways: dict[NodeId, list[bytes]] = defaultdict(list)
        for packet in packets:
            way = self._way(packet, self._node_id)
            if way is None:
                continue
            source, node = way
            if self._ports.get(source) is port:
                ways[node].append(packet)
            else:
                self.dropped["forged source"] += 1
        for node, wanted in ways.items():
            self._deliver(wanted) if node == self._node_id else self._send(node, wanted)

    def take_from_node(self, node: NodeId, packets: Iterable[bytes]) -> None:
        """Deliver what another node sends here."""
        ways = ((packet, self._way(packet, node)) for packet in packets)
        self._deliver([packet for packet, way in ways if way is not None and way[1] == self._node_id])

    def _way(self, packet: bytes, sender: NodeId) -> tuple[IPv4Address, NodeId] | None:
        """Source address and destination node, if ``sender`` may send it."""
        addresses = addresses_of(packet)
        if addresses is None:
            self.dropped["not IPv4"] += 1
            return None
        source, destination = addresses
        if self.members.get(source) != sender:
            self.dropped["forged source"] += 1
            return None
        node = self.members.get(destination)
        if node is None:
            self.dropped["unknown destination"] += 1
            return None
        return source, node

    def _deliver(self, packets: Iterable[bytes]) -> None:
        ports: dict[Port, list[bytes]] = defaultdict(list)
        for packet in packets:
            port = self._ports.get(IPv4Address(packet[16:20]))
            if port is None:
                self.dropped["nobody there"] += 1
            else:
                ports[port].append(packet)
        for port, wanted in ports.items():
            port.deliver(wanted)
