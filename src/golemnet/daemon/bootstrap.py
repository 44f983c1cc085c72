"""A node that others join by: it tells nodes of each other, hands on offers, and relays. It buys nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from golemnet.clock import SystemClock
from golemnet.daemon.identity.opening import node_key
from golemnet.daemon.market.offer_book import OfferBook
from golemnet.daemon.market.spread import Spread
from golemnet.daemon.parts import Part, run_parts
from golemnet.daemon.settings import Settings
from golemnet.net.iroh_network import IrohNetwork
from golemnet.net.relay.server import Relay

EXPIRE_EVERY_S = 10.0
ANY_HOST = "0.0.0.0"


class BootstrapNode:
    """Runs until cancelled.

    Args:
        directory: keeps its key, so that its address stays.
        bind: UDP address of the node-to-node network.
        bootstrap: other nodes to join by.
        relay_port: TCP port of its relay; None for no relay.
        public_host: how others reach this machine; the first address that is found if None.
    """

    def __init__(
        self,
        directory: Path,
        *,
        bind: str,
        bootstrap: Sequence[str] = (),
        relay_port: int | None = None,
        public_host: str | None = None,
    ) -> None:
        self._clock = SystemClock()
        self._public_host = public_host
        self._relay_port = relay_port
        self.relay = Relay()
        key = node_key(Settings(data_dir=directory))
        self.network = IrohNetwork(key, bind, list(bootstrap), self._clock)
        self.offers = OfferBook()
        self._spread = Spread(self.network, self._clock, self.offers, _ignore, _ignore)

    @property
    def address(self) -> str:
        """What others name to join by this node, once it runs."""
        endpoint_id, _, place = self.network.address().partition("@")
        host, _, port = place.rpartition(":")
        return f"{endpoint_id}@{self._public_host or host}:{port}"

    async def run(self, ready: asyncio.Event) -> None:
        """Serve until cancelled; ``ready`` is set once others can join. Raises CannotListen or OSError."""
        parts = [
            Part("network", self.network.run),
            *([] if self._relay_port is None else [Part("relay", self._run_relay)]),
            Part("offers", self._spread.run),
            Part("expiry", self._expire),
        ]
        await run_parts(parts, ready, asyncio.Event())

    async def _run_relay(self, ready: asyncio.Event) -> None:
        assert self._relay_port is not None
        listening = asyncio.Event()
        serving = asyncio.create_task(self.relay.run(ANY_HOST, self._relay_port, listening))
        waiting = asyncio.create_task(listening.wait())
        try:
            await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if listening.is_set():
                self._offer_relay()
                ready.set()
            await serving
        finally:
            for task in (serving, waiting):
                task.cancel()
            await asyncio.wait({serving, waiting})

    def _offer_relay(self) -> None:
        host = self.address.partition("@")[2].rpartition(":")[0]
        self.network.offer_relay(f"http://{host}:{self.relay.port}")

    async def _expire(self, ready: asyncio.Event) -> None:
        ready.set()
        while True:
            await self._clock.sleep(EXPIRE_EVERY_S)
            self.offers.expire(self._clock.now())


def _ignore(offer: object) -> None:
    """Nobody here trades."""
