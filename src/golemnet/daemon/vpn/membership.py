"""Who is in another node's network: asked of the owner, and kept up to date for as long as it is needed."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address

import msgspec
import structlog

from golemnet.daemon.vpn.messages import LONGEST_WAIT_S, MEMBERS, MemberList, MembersWanted, decode, encode
from golemnet.daemon.vpn.segment import Segment
from golemnet.model.node_id import NodeId
from golemnet.net.errors import NetError, RemoteError
from golemnet.net.network import Network
from golemnet.rest.errors import GatewayTimeout, from_status

FIRST_TIMEOUT_S = 10.0
MARGIN_S = 10.0
PAUSE_S = 1.0

log = structlog.get_logger(__name__)


class Membership:
    """Tells a segment's switch its members."""

    def __init__(self, network: Network, segment: Segment) -> None:
        self._network = network
        self._segment = segment
        self._version = 0

    async def learn(self) -> None:
        """Ask now. Raises the ApiError that the owner answers, or GatewayTimeout."""
        try:
            await self._ask(0, FIRST_TIMEOUT_S)
        except RemoteError as error:
            raise from_status(int(error.code) if error.code.isdecimal() else 500, error.message) from error
        except NetError as error:
            raise GatewayTimeout("The requestor's node does not answer.", why=str(error)) from error

    async def follow(self) -> None:
        """Ask again and again, until cancelled. A network that is gone has no members."""
        while True:
            try:
                await self._ask(self._version, LONGEST_WAIT_S + MARGIN_S)
            except RemoteError as error:
                log.info("not in the network", network_id=self._segment.network_id, why=error.message)
                self._segment.switch.members, self._version = {}, 0
                await asyncio.sleep(PAUSE_S)
            except (NetError, ValueError, msgspec.DecodeError) as error:
                log.debug("members not known", network_id=self._segment.network_id, why=str(error))
                await asyncio.sleep(PAUSE_S)

    async def _ask(self, version: int, timeout_s: float) -> None:
        wanted = encode(MembersWanted(self._segment.network_id, version))
        answer = await self._network.call(self._segment.owner, MEMBERS, wanted, timeout_s=timeout_s)
        told = decode(answer, MemberList)
        members = {IPv4Address(ip): NodeId.parse(node) for ip, node in told.nodes.items()}
        self._segment.switch.members, self._version = members, told.version
