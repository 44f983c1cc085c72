"""The node's place in the network: for ``yagna net``, and the status that provider agents ask for."""

from __future__ import annotations

import asyncio

from aiohttp import web

from golemnet.daemon.routes.codec import answer
from golemnet.model.node_id import NodeId
from golemnet.net.errors import NetError
from golemnet.net.network import Link, Network
from golemnet.rest.errors import BadRequest
from golemnet.rest.identity import ConnectionStatus, NetStatus, PeerEntry, PingEntry, SessionEntry

PING_TIMEOUT_S = 5.0


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
        newest = {link.node: _peer(link) for link in network.links()}
        return answer(list(newest.values()))

    async def list_sessions(request: web.Request) -> web.Response:
        return answer([_session(link) for link in network.links()])

    async def ping(request: web.Request) -> web.Response:
        wanted = request.query.get("nodeId")
        nodes = [_node_of(wanted)] if wanted else network.neighbours()
        return answer(await asyncio.gather(*(_ping(network, node) for node in nodes)))

    return [
        web.get("/net-api/v2/node", get_node),
        web.get("/net-api/v2/peers", list_peers),
        web.get("/net-api/v2/sessions", list_sessions),
        web.get("/net-api/v2/ping", ping),
        web.get("/net-api/v2/net/status", get_status),
    ]


def address_of(network: Network) -> str | None:
    """What others name to join by this node; None where the network has no addresses."""
    address = getattr(network, "address", None)
    return str(address()) if callable(address) else None


def _status(network: Network, bootstrap: tuple[str, ...]) -> NetStatus:
    return NetStatus(
        node_id=network.node_id,
        listen_address=address_of(network),
        public_address=getattr(network, "outside_address", None),
        relay=getattr(network, "relay", None),
        sessions=len(network.neighbours()),
        bootstrap=list(bootstrap),
    )


def _peer(link: Link) -> PeerEntry:
    return PeerEntry(
        node_id=link.node,
        path=_path(link),
        address=link.address,
        round_trip_ms=link.round_trip_ms,
        since=link.since,
    )


def _session(link: Link) -> SessionEntry:
    return SessionEntry(
        node_id=link.node,
        path=_path(link),
        address=link.address,
        round_trip_ms=link.round_trip_ms,
        since=link.since,
        opened_by="us" if link.is_ours else "them",
        messages_sent=link.messages_sent,
        messages_received=link.messages_received,
        bytes_sent=link.bytes_sent,
        bytes_received=link.bytes_received,
    )


def _path(link: Link) -> str:
    return "relayed" if link.is_relayed else "direct"


async def _ping(network: Network, node: NodeId) -> PingEntry:
    try:
        return PingEntry(node_id=node, round_trip_ms=await network.ping(node, timeout_s=PING_TIMEOUT_S))
    except NetError as error:
        return PingEntry(node_id=node, error=" ".join(part for part in (str(error), error.why) if part))


def _node_of(text: str) -> NodeId:
    try:
        return NodeId.parse(text)
    except ValueError as error:
        raise BadRequest(str(error)) from error
