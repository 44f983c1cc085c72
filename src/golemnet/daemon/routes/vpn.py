"""Private networks, by both versions of their API; handlers are named by the operations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from golemnet.daemon.routes.codec import answer, body_of
from golemnet.daemon.vpn.networks import Networks
from golemnet.model.node_id import NodeId
from golemnet.rest.errors import GatewayTimeout
from golemnet.rest.vpn import PREFIXES, Address, NetworkNode, NewNetwork

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Table = list[tuple[str, str, Handler]]


def routes(networks: Networks) -> list[web.RouteDef]:
    """The routes of this resource."""
    table = [*_network_routes(networks), *_member_routes(networks), *_connection_routes(networks)]
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


def _connection_routes(networks: Networks) -> Table:
    async def get_connections(request: web.Request) -> web.Response:
        networks.get(_id(request))
        return answer([])

    async def connect_tcp(request: web.Request) -> web.StreamResponse:
        networks.get(_id(request))
        raise GatewayTimeout(
            "Nothing can be reached in a private network yet.", why="This daemon carries no traffic for them."
        )

    return [
        ("GET", "/net/{id}/tcp", get_connections),
        ("GET", "/net/{id}/tcp/{ip}/{port}", connect_tcp),
    ]


def _id(request: web.Request) -> str:
    return request.match_info["id"]
