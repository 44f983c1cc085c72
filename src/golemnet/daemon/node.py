"""A node as an object: it is given settings, clock, network and chain, and owns everything else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

from aiohttp import web

from golemnet.clock import Clock, SystemClock
from golemnet.daemon.activity.service import Activities
from golemnet.daemon.deals import NodeDeals, permissions, requestors
from golemnet.daemon.gsb.service import Services
from golemnet.daemon.identity.opening import node_key
from golemnet.daemon.identity.service import Identities
from golemnet.daemon.identity.store import StoredAppKey
from golemnet.daemon.market.service import Market
from golemnet.daemon.parts import Part, run_parts
from golemnet.daemon.payment.service import Payments
from golemnet.daemon.routes import activity as activity_routes
from golemnet.daemon.routes import deposits as deposit_routes
from golemnet.daemon.routes import gsb as gsb_routes
from golemnet.daemon.routes import identity as identity_routes
from golemnet.daemon.routes import market as market_routes
from golemnet.daemon.routes import metrics as metrics_routes
from golemnet.daemon.routes import net as net_routes
from golemnet.daemon.routes import payment as payment_routes
from golemnet.daemon.routes import unit_networks as unit_network_routes
from golemnet.daemon.routes import vpn as vpn_routes
from golemnet.daemon.server import Server
from golemnet.daemon.settings import Settings
from golemnet.daemon.vpn.service import PrivateNetworks
from golemnet.database.database import Database
from golemnet.database.outbox import Handler, Outbox
from golemnet.model.keys import NodeKey
from golemnet.net.network import Network

NetworkOf = Callable[[NodeKey], Network]


class Node:
    """One participant of the network: identity, market, activities, payments, files, and their REST API.

    Args:
        settings: all that a user can decide.
        clock: time; the machine's if None.
        network: makes the network for a key; iroh as the settings say if None. Tests hand in
            ``MemoryNetwork(...).node`` and run several nodes in one process.
    """

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, network: NetworkOf | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.key = node_key(settings)
        self.ready = asyncio.Event()
        self._stopping = asyncio.Event()
        self.database = Database(settings.database)
        self.outbox = Outbox(self.database, self.clock)
        self.network = (network or self._iroh)(self.key)
        self.identities = Identities(self.key.node_id, self.database, self.clock, app_key=settings.app_key)
        self.market = Market(
            clock=self.clock,
            key=self.key,
            database=self.database,
            outbox=self.outbox,
            network=self.network,
        )
        self.activities = Activities(
            network=self.network,
            database=self.database,
            outbox=self.outbox,
            clock=self.clock,
            agreements=permissions(self.market.committed_agreement),
        )
        self.market.on_agreement_ended(self.activities.agreement_ended)
        self.payments = Payments(
            self.clock,
            self.key,
            self.database,
            self.outbox,
            self.network,
            settings.chain_file,
            NodeDeals(self.market.agreement, self.activities),
        )
        self.networks = PrivateNetworks(self.network, requestors(self.activities))
        self.services = Services(self.key.node_id, self.network, self.clock)
        self.server = Server(
            self._routes(),
            self.identities,
            address=settings.api_address,
            socket_path=settings.socket_path,
            allow_origins=settings.allow_origins,
        )

    @property
    def api_url(self) -> str:
        """Where the REST API listens; empty before the node is ready."""
        return self.server.api_url

    @property
    def net_address(self) -> str | None:
        """What others name to join by this node; None where the network has no addresses."""
        return net_routes.address_of(self.network)

    async def run(self) -> None:
        """Run until ``stop`` is called or a part fails; ``ready`` is set once the API answers.

        What was accepted is stored before this returns; the next run continues with it.
        """
        await self.database.open()
        try:
            await run_parts(self._parts(), self.ready, self._stopping)
        finally:
            await self.database.close()

    def stop(self) -> None:
        """Let ``run`` end; it takes less than two seconds."""
        self._stopping.set()

    def _parts(self) -> list[Part]:
        return [
            Part("identity", self.identities.run),
            Part("network", self.network.run),
            Part("outbox", lambda ready: self.outbox.run(ready, self._effects())),
            Part("market", self.market.run),
            Part("activities", self.activities.run),
            Part("payments", self.payments.run),
            Part("files", self.services.run),
            Part("private networks", self.networks.run),
            Part("server", self.server.run),
        ]

    def _effects(self) -> dict[str, Handler]:
        return {**self.market.effects(), **self.activities.effects(), **self.payments.effects()}

    async def _committed(self, key: StoredAppKey) -> Decimal:
        return await self.payments.allocations.committed(payment_routes.spender_of(key))

    def _routes(self) -> list[web.RouteDef]:
        return [
            *identity_routes.routes(self.identities, self._committed),
            *market_routes.routes(self.market),
            *activity_routes.routes(self.activities),
            *payment_routes.routes(self.payments),
            *deposit_routes.routes(self.payments),
            *gsb_routes.routes(self.services),
            *net_routes.routes(self.network, self.settings.net_bootstrap),
            *metrics_routes.routes(self.network),
            *vpn_routes.routes(self.networks),
            *unit_network_routes.routes(self.networks),
        ]

    def _iroh(self, key: NodeKey) -> Network:
        from golemnet.net.iroh_network import IrohNetwork

        settings = self.settings
        bootstrap = list(settings.net_bootstrap)
        relays, lan = settings.net_relays, settings.net_lan
        return IrohNetwork(key, settings.net_bind, bootstrap, self.clock, relays, lan=lan)
