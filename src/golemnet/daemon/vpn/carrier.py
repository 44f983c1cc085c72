"""Takes packets of one network to another node: a stream that is opened when there is something to carry."""

from __future__ import annotations

import asyncio

import structlog

from golemnet.daemon.vpn.messages import PACKETS, PacketHeader, encode
from golemnet.daemon.vpn.packet_queue import PacketQueue
from golemnet.model.node_id import NodeId
from golemnet.model.packets import join
from golemnet.net.errors import NetError, StreamBroken
from golemnet.net.network import Network, Stream

OPEN_TIMEOUT_S = 10.0
IDLE_S = 30.0
PAUSE_S = 0.5

log = structlog.get_logger(__name__)


class Carrier:
    """Carries what is in ``queue``; what waits for a node that cannot be reached is dropped."""

    def __init__(self, network: Network, node: NodeId, header: PacketHeader) -> None:
        self.queue = PacketQueue()
        self._network = network
        self._node = node
        self._header = header

    async def run(self) -> None:
        """Work until nothing has come for ``IDLE_S``."""
        while await self._is_needed():
            try:
                await self._carry()
            except NetError as error:
                log.debug("packets not carried", node_id=self._node, why=str(error))
                self.queue.clear()
                await asyncio.sleep(PAUSE_S)

    async def _is_needed(self) -> bool:
        try:
            await asyncio.wait_for(self.queue.filled(), IDLE_S)
            return True
        except TimeoutError:
            return False

    async def _carry(self) -> None:
        """Write to one stream until it is idle. Raises NetError when the other node does not take it."""
        header = encode(self._header)
        stream = await self._network.open_stream(self._node, PACKETS, header, timeout_s=OPEN_TIMEOUT_S)
        writing = asyncio.create_task(self._write(stream))
        # it says nothing but that it refuses, or has ended
        ending = asyncio.create_task(stream.read(1))
        try:
            done, _ = await asyncio.wait({writing, ending}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if writing not in done:
                raise StreamBroken("The other node has ended the stream.")
            await stream.finish()
        finally:
            for task in (writing, ending):
                task.cancel()
            await asyncio.gather(writing, ending, return_exceptions=True)
            await stream.abort()

    async def _write(self, stream: Stream) -> None:
        try:
            while True:
                async with asyncio.timeout(IDLE_S):
                    packets = await self.queue.get()
                await stream.write(join(packets))
        except TimeoutError:
            return
