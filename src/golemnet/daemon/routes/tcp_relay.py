"""A TCP connection and a WebSocket joined: bytes as binary messages, the end of one ends the other."""

from __future__ import annotations

import asyncio
import socket

from aiohttp import WSMsgType, web

READ_BYTES = 64 * 1024
FLUSH_TIMEOUT_S = 5.0


async def relay(connection: socket.socket, link: web.WebSocketResponse) -> None:
    """Pass bytes both ways until either side has ended; closes both."""
    reader, writer = await asyncio.open_connection(sock=connection)
    ways = [asyncio.create_task(_to_tcp(link, writer)), asyncio.create_task(_from_tcp(reader, link))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        await _flush(writer)
        await link.close()


async def _to_tcp(link: web.WebSocketResponse, writer: asyncio.StreamWriter) -> None:
    async for message in link:
        if message.type not in (WSMsgType.BINARY, WSMsgType.TEXT):
            return
        writer.write(message.data if message.type is WSMsgType.BINARY else message.data.encode())
        await writer.drain()


async def _from_tcp(reader: asyncio.StreamReader, link: web.WebSocketResponse) -> None:
    while data := await reader.read(READ_BYTES):
        await link.send_bytes(data)


async def _flush(writer: asyncio.StreamWriter) -> None:
    """What was sent before the WebSocket ended still goes out, if the other end takes it."""
    writer.close()
    try:
        async with asyncio.timeout(FLUSH_TIMEOUT_S):
            await writer.wait_closed()
    except (TimeoutError, OSError):
        writer.transport.abort()
