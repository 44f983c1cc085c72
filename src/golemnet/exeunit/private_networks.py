"""An activity's ends of private networks: devices in its namespace, joined with the daemon by WebSockets."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Interface
from typing import Any, Final

import aiohttp
import msgspec

from golemnet.exeunit.errors import CommandFailed
from golemnet.model.packets import MTU, join, split
from golemnet.rest.client import Client
from golemnet.rest.errors import ApiError
from golemnet.runtime.driver import Network
from golemnet.runtime.packet_io import read_packets, until_readable, write_packets

MAX_NETWORKS: Final = 8
JOIN_TIMEOUT_S: Final = 20.0
PAUSE_S: Final = 0.5
END_TIMEOUT_S: Final = 2.0
REASONS: Final = {
    403: "The requestor's node has not given the address to this provider.",
    404: "The requestor's node has no such network.",
    504: "The requestor's node does not answer.",
}

log = logging.getLogger(__name__)


class Place(msgspec.Struct, frozen=True, rename="camel"):
    """What the command ``deploy`` says of a network: its id, and the address that this activity has in it.

    Which nodes have the other addresses is asked of the requestor's node, which knows the newest.
    """

    id: str
    ip: str
    node_ip: str
    mask: str | None = None

    @property
    def interface(self) -> IPv4Interface:
        """The address with the network's mask. Raises ValueError."""
        _, _, prefix = self.ip.partition("/")
        return IPv4Interface(f"{self.node_ip}/{self.mask or prefix or 24}")


def read_places(net: Sequence[Mapping[str, Any]]) -> list[Place]:
    """The networks of a ``deploy`` command. Raises CommandFailed if they cannot be understood."""
    try:
        places = msgspec.convert(list(net), list[Place])
        for place in places:
            place.interface  # noqa: B018
    except ValueError as error:
        raise CommandFailed("The command's networks cannot be understood.", why=str(error)) from error
    if len(places) > MAX_NETWORKS:
        raise CommandFailed(f"An activity can be in {MAX_NETWORKS} networks.")
    return places


class PrivateNetworks:
    """The ends of one activity.

    Args:
        client: of the provider's daemon.
        activity_id: of the activity.
    """

    def __init__(self, client: Client, activity_id: str) -> None:
        self._client = client
        self._activity_id = activity_id
        self._ends: list[_End] = []

    async def join(self, network: Network, places: Sequence[Place]) -> None:
        """Put a device for each network into ``network``; returns when packets pass. Raises GolemError."""
        for number, place in enumerate(places):
            tun = await network.open_tun(f"eth{number}", place.interface, MTU)
            end = _End(tun)
            self._ends.append(end)
            await end.start(self._client, self._activity_id, place)

    async def leave(self) -> None:
        """Remove all of them; safe to repeat."""
        ends, self._ends = self._ends, []
        for end in ends:
            await end.close()


class _End:
    """A device and its connection to the daemon, which is made anew for as long as the activity runs."""

    def __init__(self, tun: int) -> None:
        self._tun = tun
        self._joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None

    async def start(self, client: Client, activity_id: str, place: Place) -> None:
        """Connect; returns when the daemon has let it in. Raises GolemError."""
        self._task = asyncio.create_task(self._run(client, activity_id, place))
        try:
            async with asyncio.timeout(JOIN_TIMEOUT_S):
                await asyncio.shield(self._joined)
        except TimeoutError as error:
            raise CommandFailed("The daemon does not connect the private network.") from error

    async def close(self) -> None:
        """End the connection and the device."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=END_TIMEOUT_S)
        os.close(self._tun)

    async def _run(self, client: Client, activity_id: str, place: Place) -> None:
        while True:
            try:
                async with client.activity.network_link(activity_id, place.id, place.node_ip) as link:
                    if not self._joined.done():
                        self._joined.set_result(None)
                    await self._exchange(link)
            except ApiError as error:
                self._refused(error)
            except (aiohttp.ClientError, OSError, ValueError) as error:
                log.info("network_interrupted network_id=%s error=%r", place.id, str(error))
            await asyncio.sleep(PAUSE_S)

    def _refused(self, error: ApiError) -> None:
        log.warning("network_refused status=%d", error.status)
        if not self._joined.done():
            why = REASONS.get(error.status, str(error))
            failure = CommandFailed("The activity cannot join the private network.", why=why)
            self._joined.set_exception(failure)

    async def _exchange(self, link: aiohttp.ClientWebSocketResponse) -> None:
        sending = asyncio.create_task(self._send(link))
        try:
            async for message in link:
                if message.type is aiohttp.WSMsgType.BINARY:
                    write_packets(self._tun, split(message.data))
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, link: aiohttp.ClientWebSocketResponse) -> None:
        """What the daemon is too slow for waits in the device, where the kernel drops what is too much."""
        while True:
            packets = read_packets(self._tun)
            await (link.send_bytes(join(packets)) if packets else until_readable(self._tun))
