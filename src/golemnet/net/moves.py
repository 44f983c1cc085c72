"""Notices of the endpoint that its addresses or its relay have changed."""

from __future__ import annotations

import asyncio

from iroh import AddrChangeCallback, Endpoint, EndpointAddr

from golemnet.clock import Clock

CHECK_EVERY_S = 30.0
# A change of network comes as several events.
SETTLE_S = 0.2


class Moves(AddrChangeCallback):
    """Wakes whoever waits when the endpoint's addresses or its relay change."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._watch = endpoint.watch_addr(self)

    async def on_change(self, addr: EndpointAddr) -> None:
        """See the base class; may come on any thread."""
        self._loop.call_soon_threadsafe(self._changed.set)

    async def next(self, clock: Clock) -> None:
        """Wait for a change, or until it is time to look."""
        looking = asyncio.create_task(clock.sleep(CHECK_EVERY_S))
        waiting = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait({looking, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                await asyncio.sleep(SETTLE_S)
        finally:
            looking.cancel()
            waiting.cancel()
            self._changed.clear()

    async def stop(self) -> None:
        """Let the endpoint go."""
        await self._watch.stop()
