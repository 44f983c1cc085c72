"""Connections that stop being HTTP, by an answer 101: bytes are carried both ways until one side ends.

aiohttp does this for its own WebSockets alone; here it is done for whatever protocol the two sides speak.
"""

from __future__ import annotations

import asyncio

import aiohttp
from aiohttp import web
from aiohttp.base_protocol import BaseProtocol

from golemnet.requestor.published.socket_proxy import first_end

CHUNK_BYTES = 64 * 1024
SWITCHING = 101


class End:
    """One of two connections: what it says is kept until it is carried on, and no more than some chunks.

    It takes the place of aiohttp's parser of WebSockets.
    """

    def __init__(self, protocol: BaseProtocol) -> None:
        transport = protocol.transport
        if transport is None:
            raise ConnectionResetError("The connection is closed.")
        self._said = asyncio.StreamReader(CHUNK_BYTES)
        self._said.set_transport(transport)
        self._writer = asyncio.StreamWriter(transport, protocol, None, asyncio.get_running_loop())
        self.carried = 0

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """It says something."""
        self._said.feed_data(data)
        return False, b""

    def feed_eof(self) -> None:
        """It hangs up."""
        self._said.feed_eof()

    async def carry_to(self, other: End) -> None:
        """Carry what it says, at the pace of who listens, until one of them hangs up."""
        while data := await self._said.read(CHUNK_BYTES):
            other._writer.write(data)
            await other._writer.drain()
            self.carried += len(data)

    def close(self) -> None:
        """Hang up, after what was said."""
        self._writer.close()


async def join(
    request: web.Request, answer: web.StreamResponse, asked: aiohttp.ClientResponse, silence_s: float
) -> None:
    """Join a client and an instance that has answered 101, until one hangs up or both are silent for long.

    Args:
        request: of the client.
        answer: not sent yet; it is the answer of the instance.
        asked: what the instance has answered.
        silence_s: when nothing moves for so long, both are hung up.
    """
    connection = asked.connection
    if connection is None or connection.protocol is None:
        raise ConnectionResetError("The instance has hung up.")
    answer.force_close()
    await answer.prepare(request)
    client, instance = End(request.protocol), End(connection.protocol)
    try:
        request.protocol.set_parser(client)  # pyright: ignore[reportArgumentType]
        connection.protocol.set_parser(instance, None)
        ways = [
            asyncio.create_task(client.carry_to(instance)),
            asyncio.create_task(instance.carry_to(client)),
        ]
        await first_end(ways, lambda: client.carried + instance.carried, silence_s)
    finally:
        client.close()
        instance.close()
