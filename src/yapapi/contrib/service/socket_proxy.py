"""TCP to services."""

from golemnet.requestor.published.socket_proxy import (
    DEFAULT_SOCKET_ADDRESS,
    DEFAULT_SOCKET_BUFFER_SIZE,
    ProxyConnection,
    ProxyServer,
    SocketProxy,
    SocketProxyService,
)

__all__ = [
    "DEFAULT_SOCKET_ADDRESS",
    "DEFAULT_SOCKET_BUFFER_SIZE",
    "ProxyConnection",
    "ProxyServer",
    "SocketProxy",
    "SocketProxyService",
]
