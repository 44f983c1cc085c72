"""Packets that wait for a slower taker: bounded, and what does not fit is dropped, as networks do."""

from __future__ import annotations

import asyncio
from collections import deque

from golemnet.model.packets import MAX_PIECE_BYTES

MAX_WAITING_BYTES = 1024 * 1024


class PacketQueue:
    """First in, first out; ``dropped`` counts what did not fit."""

    def __init__(self, max_bytes: int = MAX_WAITING_BYTES) -> None:
        self.dropped = 0
        self._max_bytes = max_bytes
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()

    def put(self, packets: list[bytes]) -> None:
        """Queue what there is room for."""
        for packet in packets:
            if self._bytes + len(packet) > self._max_bytes:
                self.dropped += 1
                continue
            self._waiting.append(packet)
            self._bytes += len(packet)
        if self._waiting:
            self._filled.set()

    async def filled(self) -> None:
        """Wait until something waits."""
        await self._filled.wait()

    async def get(self) -> list[bytes]:
        """What waits, at most a piece of it; waits for the first packet."""
        await self._filled.wait()
        taken: list[bytes] = []
        size = 0
        while self._waiting and size < MAX_PIECE_BYTES // 2:
            taken.append(self._waiting.popleft())
            size += len(taken[-1])
        self._bytes -= size
        if not self._waiting:
            self._filled.clear()
        return taken

    def clear(self) -> None:
        """Drop everything."""
        self.dropped += len(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        self._filled.clear()
