"""The node's place in the network: for ``yagna net``, and the status that provider agents ask for."""

from __future__ import annotations

from aiohttp import web

from golemnet.daemon.routes.codec import answer
from golemnet.net.network import Network
from golemnet.rest.identity import ConnectionStatus, NetStatus, PeerEntry


def routes(network: Network, bootstrap: tuple[str, ...]) -> list[web.RouteDef]:
    """The routes of this resource."""

    async def get_node(request: web.Request) -> web.Response:
        return answer(_status(network, bootstrap))

    async def get_status(request: web.Request) -> web.Response:
        status = _status(network, bootstrap)
        return answer(
            ConnectionStatus(
                node_id=status.node_id,
                sessions=status.sessions,
                listen_ip=status.listen_address,
                public_ip=status.public_address,
            )
        )

    async def list_peers(request: web.Request) -> web.Response:
        return answer([PeerEntry(node_id=node) for node in network.neighbours()])

    return [
        web.get("/net-api/v2/node", get_node),
        web.get("/net-api/v2/peers", list_peers),
        web.get("/net-api/v2/net/status", get_status),
    ]


def _status(network: Network, bootstrap: tuple[str, ...]) -> NetStatus:
    return NetStatus(
        node_id=network.node_id,
        listen_address=address_of(network),
        sessions=len(network.neighbours()),
        bootstrap=list(bootstrap),
    )


def address_of(network: Network) -> str | None:
    """What others name to join by this node; None where the network has no addresses."""
    address = getattr(network, "address", None)
    return str(address()) if callable(address) else None
