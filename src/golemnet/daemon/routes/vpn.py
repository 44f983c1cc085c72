"""Private networks, by both versions of their API; handlers are named by the operations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from golemnet.daemon.routes.codec import answer, body_of
from golemnet.daemon.routes.tcp_relay import relay
from golemnet.daemon.vpn.networks import Networks
from golemnet.daemon.vpn.service import PrivateNetworks
from golemnet.model.node_id import NodeId
from golemnet.rest.errors import BadRequest
from golemnet.rest.vpn import PREFIXES, Address, NetworkNode, NewNetwork

HEARTBEAT_S = 30.0
CLOSE_TIMEOUT_S = 2.0
MAX_PORT = 65535

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Table = list[tuple[str, str, Handler]]


def routes(networks: PrivateNetworks) -> list[web.RouteDef]:
    """The routes of this resource."""
    books = networks.books
    table = [*_network_routes(books), *_member_routes(books), *_connection_routes(networks)]
    return [
        web.route(method, prefix + path, handler) for prefix in PREFIXES for method, path, handler in table
    ]


def _network_routes(networks: Networks) -> Table:
    async def create_network(request: web.Request) -> web.Response:
        return answer(networks.create(await body_of(request, NewNetwork)))

    async def get_networks(request: web.Request) -> web.Response:
        return answer(networks.all())

    async def get_network(request: web.Request) -> web.Response:
        return answer(networks.get(_id(request)))

    async def remove_network(request: web.Request) -> web.Response:
        networks.remove(_id(request))
        return answer()

    return [
        ("POST", "/net", create_network),
        ("GET", "/net", get_networks),
        ("GET", "/net/{id}", get_network),
        ("DELETE", "/net/{id}", remove_network),
    ]


def _member_routes(networks: Networks) -> Table:
    async def get_addresses(request: web.Request) -> web.Response:
        return answer(networks.addresses(_id(request)))

    async def add_address(request: web.Request) -> web.Response:
        networks.add_address(_id(request), (await body_of(request, Address)).ip)
        return answer()

    async def get_nodes(request: web.Request) -> web.Response:
        return answer(networks.nodes(_id(request)))

    async def add_node(request: web.Request) -> web.Response:
        node = await body_of(request, NetworkNode)
        networks.add_node(_id(request), NodeId.parse(node.id), node.ip)
        return answer()

    async def remove_node(request: web.Request) -> web.Response:
        networks.remove_node(_id(request), NodeId.parse(request.match_info["node"]))
        return answer()

    return [
        ("GET", "/net/{id}/addresses", get_addresses),
        ("POST", "/net/{id}/addresses", add_address),
        ("GET", "/net/{id}/nodes", get_nodes),
        ("POST", "/net/{id}/nodes", add_node),
        ("DELETE", "/net/{id}/nodes/{node}", remove_node),
    ]


def _connection_routes(networks: PrivateNetworks) -> Table:
    async def get_connections(request: web.Request) -> web.Response:
        return answer(networks.connections(_id(request)))

    async def connect_tcp(request: web.Request) -> web.StreamResponse:
        networks.books.members(_id(request))  # what is not there comes before what is wrong
        host, port = request.match_info["ip"], _port(request.match_info["port"])
        # Refusals are HTTP answers: they come before the upgrade.
        connection = await networks.connect(_id(request), host, port)
        try:
            link = web.WebSocketResponse(heartbeat=HEARTBEAT_S, timeout=CLOSE_TIMEOUT_S, compress=False)
            await link.prepare(request)
            await relay(connection, link)
        finally:
            networks.hang_up(_id(request), connection)
        return link

    return [
        ("GET", "/net/{id}/tcp", get_connections),
        ("GET", "/net/{id}/tcp/{ip}/{port}", connect_tcp),
    ]


def _id(request: web.Request) -> str:
    return request.match_info["id"]


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= MAX_PORT:
        raise BadRequest(f"There is no port {port}.")
    return port
