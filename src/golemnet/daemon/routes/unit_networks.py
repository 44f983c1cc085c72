"""The ends of private networks in activities: a WebSocket for each, on which ExeUnits exchange packets."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address

import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from golemnet.daemon.vpn.packet_queue import PacketQueue
from golemnet.daemon.vpn.segment import Segment
from golemnet.daemon.vpn.service import PrivateNetworks
from golemnet.daemon.vpn.switch import Port
from golemnet.model.packets import MAX_PIECE_BYTES, join, split
from golemnet.rest.vpn import UNIT_PATH

HEARTBEAT_S = 20.0
CLOSE_TIMEOUT_S = 1.0

log = structlog.get_logger(__name__)


def routes(networks: PrivateNetworks) -> list[web.RouteDef]:
    """The routes of this resource."""

    async def join_network(request: web.Request) -> web.WebSocketResponse:
        queue = PacketQueue()
        port = Port(queue.put)
        address = IPv4Address(request.query.get("ip", ""))
        # Refusals are HTTP answers: they come before the upgrade.
        segment = await networks.join(
            request.match_info["id"], request.match_info["network_id"], address, port
        )
        try:
            link = web.WebSocketResponse(
                max_msg_size=MAX_PIECE_BYTES, heartbeat=HEARTBEAT_S, timeout=CLOSE_TIMEOUT_S, compress=False
            )
            await link.prepare(request)
            await _exchange(link, segment, port, queue)
        finally:
            networks.leave(segment, port)
        return link

    return [web.get(UNIT_PATH, join_network)]


async def _exchange(link: web.WebSocketResponse, segment: Segment, port: Port, queue: PacketQueue) -> None:
    sending = asyncio.create_task(_send(link, queue))
    try:
        async for message in link:
            if message.type is WSMsgType.BINARY:
                segment.switch.take_from_port(port, split(message.data))
    except ValueError as error:
        log.warning("an exe-unit sends what cannot be read", why=str(error))
        await link.close(code=WSCloseCode.UNSUPPORTED_DATA)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _send(link: web.WebSocketResponse, queue: PacketQueue) -> None:
    while True:
        await link.send_bytes(join(await queue.get()))
