"""Calls of the private networks' API; names are the operation ids of its OpenAPI file."""

from __future__ import annotations

from golemnet.rest.transport import Transport, segment
from golemnet.rest.vpn import PREFIXES, Address, NetworkNode, NewNetwork, PrivateNetwork

PREFIX = PREFIXES[0]


class VpnClient:
    """Private networks, their addresses and nodes."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def api_url(self) -> str:
        """Where the API is."""
        return self._transport.api_url + PREFIX

    async def create_network(self, ip: str, mask: str | None, gateway: str | None) -> PrivateNetwork:
        """Make a network."""
        body = NewNetwork(ip=ip, mask=mask, gateway=gateway)
        return await self._transport.post(f"{PREFIX}/net", PrivateNetwork, body)

    async def get_networks(self) -> list[PrivateNetwork]:
        """Our networks."""
        return await self._transport.get(f"{PREFIX}/net", list[PrivateNetwork])

    async def remove_network(self, network_id: str) -> None:
        """End a network and its connections."""
        await self._transport.call("DELETE", _network(network_id))

    async def add_address(self, network_id: str, ip: str) -> None:
        """Give ourselves an address."""
        await self._transport.call("POST", f"{_network(network_id)}/addresses", Address(ip))

    async def add_node(self, network_id: str, node_id: str, ip: str) -> None:
        """Give a provider's instance an address."""
        await self._transport.call("POST", f"{_network(network_id)}/nodes", NetworkNode(node_id, ip))

    async def remove_node(self, network_id: str, node_id: str) -> None:
        """Take a node out."""
        await self._transport.call("DELETE", f"{_network(network_id)}/nodes/{segment(node_id)}")


def _network(network_id: str) -> str:
    return f"{PREFIX}/net/{segment(network_id)}"
