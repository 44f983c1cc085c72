"""The private networks of a node's programs: who is in them, at which address.

They are kept in memory, as they end with the program that made them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import msgspec

from golemnet.model.node_id import NodeId
from golemnet.rest.errors import BadRequest, Conflict, NotFound
from golemnet.rest.vpn import Address, NetworkNode, NewNetwork, PrivateNetwork

MAX_NETWORKS = 256
MAX_ADDRESSES = 1024
DEFAULT_MASK = "255.255.255.0"
WIDEST_PREFIX = 8


class Members(msgspec.Struct):
    """A network, the addresses of the requestor, and the other nodes by their address.

    ``version`` grows with each change.
    """

    network_id: str
    range: IPv4Network
    gateway: IPv4Address
    own: list[IPv4Address] = []
    nodes: dict[IPv4Address, NodeId] = {}
    version: int = 1

    def take(self, text: str) -> IPv4Address:
        """The address that ``text`` writes, if it is free.

        Raises:
            BadRequest: the network has no such address, or is full; Conflict if somebody has it.
        """
        address = IPv4Address(text)
        if address not in self.range or address in (self.range[0], self.range[-1]):
            raise BadRequest(f"{address} is no address for a node of {self.range}.")
        if address in self.own or address in self.nodes:
            raise Conflict(f"{address} is taken.", network_id=self.network_id)
        if len(self.own) + len(self.nodes) >= MAX_ADDRESSES:
            raise BadRequest(f"A network has at most {MAX_ADDRESSES} addresses.")
        return address


class Networks:
    """The networks of one node. An unknown id is NotFound; an address that cannot be read, a ValueError.

    Args:
        owner: the node, which has the requestor's addresses.
        changed: called with the id of each network that others should look at again.
    """

    def __init__(self, owner: NodeId, changed: Callable[[str], None]) -> None:
        self._owner = owner
        self._changed = changed
        self._networks: dict[str, Members] = {}

    def create(self, new: NewNetwork) -> PrivateNetwork:
        """Make a network. Raises BadRequest if it is too wide or too narrow, or if there are too many."""
        if len(self._networks) >= MAX_NETWORKS:
            raise BadRequest("There are too many networks.", next_step="Remove those that are not needed.")
        wanted = _range(new)
        members = Members(uuid.uuid4().hex, wanted, _gateway(new, wanted))
        self._networks[members.network_id] = members
        self._changed(members.network_id)
        return _view(members)

    def all(self) -> list[PrivateNetwork]:
        """All of them."""
        return [_view(each) for each in self._networks.values()]

    def get(self, network_id: str) -> PrivateNetwork:
        """One of them."""
        return _view(self.members(network_id))

    def members(self, network_id: str) -> Members:
        """Who is in it."""
        members = self._networks.get(network_id)
        if members is None:
            raise NotFound("There is no such network.", network_id=network_id[:80])
        return members

    def node_of_each(self, network_id: str) -> Mapping[IPv4Address, NodeId]:
        """The node of each address, the requestor's among them."""
        members = self.members(network_id)
        return {**dict.fromkeys(members.own, self._owner), **members.nodes}

    def interfaces(self, network_id: str) -> list[IPv4Interface]:
        """The requestor's addresses with the network's mask.

        golem-js gives itself none, but adds itself as the first of the nodes; one that the requestor shares
        with an instance is a later one.
        """
        members = self.members(network_id)
        added = [ip for ip, node in members.nodes.items() if node == self._owner]
        return [IPv4Interface(f"{ip}/{members.range.prefixlen}") for ip in members.own or added[:1]]

    def remove(self, network_id: str) -> None:
        """End a network."""
        self.members(network_id)
        del self._networks[network_id]
        self._changed(network_id)

    def addresses(self, network_id: str) -> list[Address]:
        """The addresses of the requestor."""
        return [Address(ip=str(each)) for each in self.members(network_id).own]

    def add_address(self, network_id: str, ip: str) -> None:
        """Give the requestor an address; nothing happens if it has it. Raises BadRequest or Conflict."""
        members = self.members(network_id)
        if IPv4Address(ip) not in members.own:
            members.own.append(members.take(ip))
            self._note(members)

    def nodes(self, network_id: str) -> Sequence[NetworkNode]:
        """The nodes that were added."""
        return [NetworkNode(id=node, ip=str(ip)) for ip, node in self.members(network_id).nodes.items()]

    def add_node(self, network_id: str, node: NodeId, ip: str) -> None:
        """Add a node at an address; nothing happens if it has it. Raises BadRequest or Conflict."""
        members = self.members(network_id)
        if self.node_of_each(network_id).get(IPv4Address(ip)) != node:
            members.nodes[members.take(ip)] = node
            self._note(members)

    def remove_node(self, network_id: str, node: NodeId) -> None:
        """Remove a node from all its addresses. Raises NotFound if it has none."""
        members = self.members(network_id)
        if node not in members.nodes.values():
            raise NotFound("The network has no such node.", node_id=node)
        members.nodes = {ip: each for ip, each in members.nodes.items() if each != node}
        self._note(members)

    def _note(self, members: Members) -> None:
        members.version += 1
        self._changed(members.network_id)


def _range(new: NewNetwork) -> IPv4Network:
    text = new.ip if "/" in new.ip else f"{new.ip}/{new.mask or DEFAULT_MASK}"
    wanted = IPv4Network(text, strict=False)
    if wanted.prefixlen < WIDEST_PREFIX or wanted.num_addresses < 4:
        raise BadRequest(f"A network of {wanted.num_addresses} addresses is not possible.")
    return wanted


def _gateway(new: NewNetwork, range_: IPv4Network) -> IPv4Address:
    gateway = IPv4Address(new.gateway) if new.gateway else range_[1]
    if gateway not in range_:
        raise BadRequest(f"The gateway {gateway} is outside {range_}.")
    return gateway


def _view(members: Members) -> PrivateNetwork:
    return PrivateNetwork(
        id=members.network_id,
        # with its prefix, by which golem-core counts the addresses
        ip=str(members.range),
        mask=str(members.range.netmask),
        gateway=str(members.gateway),
    )
