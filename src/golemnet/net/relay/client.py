"""One client of a relay: what waits to be sent to it, how much it may send, and to whom it has."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from aiohttp import web

MAX_WAITING = 512
MAX_WAITING_BYTES = 4 * 1024 * 1024
MAX_PARTNERS = 1000
SEND_TIMEOUT_S = 20.0


class RelayClient:
    """A WebSocket whose other side has proved that it holds ``key``.

    Datagrams may be lost, so what a slow client does not take is dropped, and memory stays bounded.
    """

    def __init__(self, key: bytes, socket: web.WebSocketResponse) -> None:
        self.key = key
        self.partners: set[bytes] = set()
        self._socket = socket
        self._waiting: deque[bytes] = deque()
        self.waiting_bytes = 0
        self._wake = asyncio.Event()

    def send(self, message: bytes) -> bool:
        """Queue a message; False if it was dropped."""
        if len(self._waiting) >= MAX_WAITING or self.waiting_bytes >= MAX_WAITING_BYTES:
            return False
        self._waiting.append(message)
        self.waiting_bytes += len(message)
        self._wake.set()
        return True

    def note_partner(self, key: bytes) -> None:
        """Remember that it sends to the client with ``key``, who is told when this one leaves."""
        if len(self.partners) < MAX_PARTNERS:
            self.partners.add(key)

    async def write(self) -> None:
        """Send what is queued, until cancelled. Raises OSError or TimeoutError."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                message = self._waiting.popleft()
                self.waiting_bytes -= len(message)
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await self._socket.send_bytes(message)

    async def close(self, last: bytes | None = None) -> None:
        """End the connection, with a last message."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                if last is not None:
                    await self._socket.send_bytes(last)
                await self._socket.close()


class Allowance:
    """Lets ``bytes_a_second`` pass, and as much at once."""

    def __init__(self, bytes_a_second: int) -> None:
        self._rate = bytes_a_second
        self._left = float(bytes_a_second)
        self._at = asyncio.get_running_loop().time()

    async def take(self, size: int) -> None:
        """Wait until ``size`` bytes may pass."""
        now = asyncio.get_running_loop().time()
        self._left = min(self._rate, self._left + (now - self._at) * self._rate)
        self._at = now
        self._left -= size
        if self._left < 0:
            await asyncio.sleep(-self._left / self._rate)
