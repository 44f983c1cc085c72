"""Private networks between a script and the instances of its services."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any, Self, TypedDict

from golemnet.requestor.published.errors import NetworkError
from golemnet.rest.client import Client
from golemnet.rest.errors import Conflict, NotFound

log = logging.getLogger("yapapi.network")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NetworkState(Enum):
    """The life of a network."""

    initialized = "initialized"
    creating = "creating"
    ready = "ready"
    removing = "removing"
    removed = "removed"


class NetworkSerialization(TypedDict):
    """What is needed to find a network again."""

    _network_id: str
    ip: str
    gateway: str | None
    owner_id: str
    owner_ip: str | None
    state: str | None
    nodes: dict[str, str]


class Net:
    """The daemon's private networks."""

    def __init__(self, api_client: Client) -> None:
        self._client = api_client

    @property
    def api_url(self) -> str:
        """Where their API is."""
        return self._client.vpn.api_url

    async def create_network(self, network_address: str, netmask: str | None, gateway: str | None) -> str:
        """Make one; its id."""
        return (await self._client.vpn.create_network(network_address, netmask, gateway)).id

    async def remove_network(self, network_id: str) -> None:
        """End one."""
        await self._client.vpn.remove_network(network_id)

    async def add_address(self, network_id: str, ip: str) -> None:
        """Give ourselves an address in it."""
        await self._client.vpn.add_address(network_id, ip)

    async def add_node(self, network_id: str, node_id: str, ip: str) -> None:
        """Give an instance an address in it."""
        await self._client.vpn.add_node(network_id, node_id, ip)

    async def remove_node(self, network_id: str, node_id: str) -> None:
        """Take an instance out."""
        await self._client.vpn.remove_node(network_id, node_id)


@dataclass
class Node:
    """A place in a network: which node has which address."""

    network: Network
    node_id: str
    ip: str

    def get_deploy_args(self) -> dict[str, Any]:
        """What ``deploy`` has to be told."""
        network = self.network
        return {
            "net": [
                {
                    "id": network.network_id,
                    "ip": network.network_address,
                    "mask": network.netmask,
                    "nodeIp": self.ip,
                    "nodes": network.nodes_dict,
                }
            ]
        }

    def get_websocket_uri(self, port: int) -> str:
        """The WebSocket that is a TCP connection to a port of this node."""
        scheme, _, rest = self.network.api_url.partition("://")
        websocket = "wss" if scheme == "https" else "ws"
        return f"{websocket}://{rest}/net/{self.network.network_id}/tcp/{self.ip}/{port}"


class Network:
    """A private network; an asynchronous context manager that removes it at its end.

    Args:
        net_api: the daemon's private networks.
        ip: its address, like ``192.168.0.0/24``.
        owner_id: our node id.
        owner_ip: our address in it; by default the first.
        mask: its mask, if ``ip`` has none.
        gateway: its gateway, if it has one.

    Raises:
        NetworkError: these make no network.
    """

    def __init__(
        self,
        net_api: Net,
        ip: str,
        owner_id: str,
        owner_ip: str | None = None,
        mask: str | None = None,
        gateway: str | None = None,
    ) -> None:
        self._net_api = net_api
        try:
            self._range = ipaddress.ip_network(f"{ip}/{mask}" if mask else ip, strict=False)
        except ValueError as error:
            raise NetworkError(f"{error}.") from error
        self._free: Iterator[Address] = iter(self._range.hosts())
        self._id: str | None = None
        self._gateway = gateway
        self._owner_id = owner_id
        self._nodes: dict[str, Node] = {}
        self._state = NetworkState.initialized
        self._owner_ip = owner_ip or self._next_address()

    @classmethod
    async def create(
        cls,
        net_api: Net,
        ip: str,
        owner_id: str,
        owner_ip: str | None = None,
        mask: str | None = None,
        gateway: str | None = None,
    ) -> Network:
        """Make a network, with ourselves in it."""
        network = cls(net_api, ip, owner_id, owner_ip, mask, gateway)
        network._state = NetworkState.creating
        network._id = await net_api.create_network(network.network_address, network.netmask, network.gateway)
        await network.add_owner_address(network.owner_ip)
        network._state = NetworkState.ready
        log.info("Created network: %s", network)
        return network

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.remove()

    @property
    def owner_ip(self) -> str:
        """Our address in it."""
        return self._owner_ip

    @property
    def state(self) -> NetworkState:
        """Where it is in its life."""
        return self._state

    @property
    def network_address(self) -> str:
        """Its address."""
        return str(self._range.network_address)

    @property
    def netmask(self) -> str:
        """Its mask."""
        return str(self._range.netmask)

    @property
    def gateway(self) -> str | None:
        """Its gateway, if it has one."""
        return self._gateway

    @property
    def network_id(self) -> str:
        """Its id. Raises NetworkError if it does not exist yet, or no more."""
        if self._id is None or self._state is NetworkState.removed:
            raise NetworkError(f"The network is {self._state.value}.")
        return self._id

    @property
    def nodes_dict(self) -> dict[str, str]:
        """Node ids by address."""
        return {node.ip: node_id for node_id, node in self._nodes.items()}

    @property
    def api_url(self) -> str:
        """Where the daemon's API for it is."""
        return self._net_api.api_url

    async def add_owner_address(self, ip: str) -> None:
        """Give ourselves an address. Raises NetworkError if it is not of the network, or taken."""
        self._check(ip)
        self._nodes[self._owner_id] = Node(self, self._owner_id, ip)
        await self._net_api.add_address(self.network_id, ip)

    async def add_node(self, node_id: str, ip: str | None = None) -> Node:
        """Let a node in, at an address or at any. Raises NetworkError if that is taken, or none is left."""
        if self._state is not NetworkState.ready:
            raise NetworkError(f"The network is {self._state.value}.")
        if ip is None:
            ip = next(each for each in iter(self._next_address, None) if each not in self.nodes_dict)
        else:
            self._check(ip)
        node = self._nodes[node_id] = Node(self, node_id, ip)
        await self._net_api.add_node(self.network_id, node_id, ip)
        return node

    async def remove_node(self, node_id: str) -> None:
        """Take a node out; nothing if the network is gone."""
        self._nodes.pop(node_id, None)
        if self._state is NetworkState.ready:
            await self._net_api.remove_node(self.network_id, node_id)

    async def refresh_nodes(self) -> None:
        """Tell all nodes of each other again."""
        await asyncio.gather(*(self._refresh(node) for node in list(self._nodes.values())))

    async def _refresh(self, node: Node) -> None:
        try:
            await self._net_api.add_node(self.network_id, node.node_id, node.ip)
        except Conflict:
            log.debug("node %s is known in network %s", node.node_id, self.network_id)

    async def remove(self) -> None:
        """End it, and all connections in it."""
        if self._state is not NetworkState.ready:
            return
        self._state = NetworkState.removing
        try:
            await self._net_api.remove_network(self.network_id)
        except NotFound:
            log.warning("network %s is gone already", self._id)
        self._state = NetworkState.removed
        log.info("Removed network: %s", self)

    def serialize(self) -> NetworkSerialization:
        """What ``Golem.resume_network`` needs."""
        return {
            "_network_id": self.network_id,
            "ip": self._range.with_netmask,
            "gateway": self.gateway,
            "owner_id": self._owner_id,
            "owner_ip": self.owner_ip,
            "state": self._state.value,
            "nodes": {node_id: node.ip for node_id, node in self._nodes.items()},
        }

    @classmethod
    def deserialize(cls, net_api: Net, obj_dict: NetworkSerialization) -> Network:
        """A network that exists."""
        owner_ip, gateway = obj_dict["owner_ip"], obj_dict.get("gateway")
        network = cls(net_api, obj_dict["ip"], obj_dict["owner_id"], owner_ip, gateway=gateway)
        network._id = obj_dict["_network_id"]
        network._state = NetworkState(obj_dict["state"] or "ready")
        network._nodes = {each: Node(network, each, ip) for each, ip in obj_dict["nodes"].items()}
        return network

    def _check(self, ip: str) -> None:
        if ipaddress.ip_address(ip) not in self._range:
            raise NetworkError(f"{ip} is no address of the network {self._range.with_netmask}.")
        if ip in self.nodes_dict:
            raise NetworkError(f"{ip} has been assigned already.")

    def _next_address(self) -> str:
        found = next(self._free, None)
        if found is None:
            raise NetworkError(f"No address is left in the network {self._range.with_netmask}.")
        return str(found)

    def __str__(self) -> str:
        return f"Network {{ id: {self._id}, ip: {self.network_address}, mask: {self.netmask} }}"
