"""Private networks of services."""

from golemnet.requestor.published.errors import NetworkError
from golemnet.requestor.published.network import Network, NetworkSerialization, NetworkState, Node

__all__ = ["Network", "NetworkError", "NetworkSerialization", "NetworkState", "Node"]
