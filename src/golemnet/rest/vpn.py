"""Bodies of private networks (``/net-api/v1``, and ``/net-api/v2/vpn``), named as in the OpenAPI files."""

from __future__ import annotations

from golemnet.rest.wire import Wire

PREFIXES = ("/net-api/v1", "/net-api/v2/vpn")
UNIT_PATH = "/activity-api/v1/activity/{id}/networks/{network_id}"
"""Where an ExeUnit's end of a network is: a WebSocket with pieces of packets (``golemnet.model.packets``).
The query's ``ip`` is the instance's address."""


class NewNetwork(Wire):
    """A request for a network: ``ip`` is ``192.168.0.0/24``, or an address with a ``mask`` beside it."""

    ip: str
    mask: str | None = None
    gateway: str | None = None


class PrivateNetwork(Wire):
    """A network of a requestor and its activities."""

    id: str
    ip: str
    mask: str
    gateway: str


class Address(Wire):
    """An address of the requestor in a network."""

    ip: str


class NetworkNode(Wire):
    """A node of a network and its address there."""

    id: str
    ip: str


class Connection(Wire):
    """A TCP connection of the requestor in a network; the protocol is the IP number."""

    protocol: int
    local_ip: str
    local_port: int
    remote_ip: str
    remote_port: int
