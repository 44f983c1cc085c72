"""Markets of several nodes in one process, over a simulated network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from golemnet.clock import SystemClock
from golemnet.daemon.market.service import Market
from golemnet.database.database import Database
from golemnet.database.outbox import Outbox
from golemnet.model.keys import NodeKey
from golemnet.net.memory import MemoryNetwork
from golemnet.net.network import Network
from golemnet.rest.market import Proposal, ProposalEvent

TIMEOUT_S = 20.0
OFFER = {
    "golem.node.debug.subnet": "test",
    "golem.inf.mem.gib": 4.0,
    "golem.runtime.name": "vm",
    "golem.com.pricing.model": "linear",
}
OFFER_CONSTRAINT = "(&(golem.srv.comp.expiration>1)(golem.node.debug.subnet=test))"
DEMAND = {"golem": {"node": {"debug": {"subnet": "test"}}, "srv": {"comp": {"expiration": 1700000000000}}}}
DEMAND_CONSTRAINT = "(&(golem.node.debug.subnet=test)\n\t(golem.inf.mem.gib>=0.5)(golem.runtime.name=vm))"


class Peer:
    """A market with all that belongs to it, running."""

    def __init__(self, key: NodeKey, network: Network, url: str) -> None:
        clock = SystemClock()
        self.key = key
        self.network = network
        self.database = Database(url)
        self.outbox = Outbox(self.database, clock)
        self.market = Market(
            clock=clock, key=key, database=self.database, outbox=self.outbox, network=network
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Peer]:
        await self.database.open()
        parts = (
            self.network.run,
            lambda ready: self.outbox.run(ready, self.market.effects()),
            self.market.run,
        )
        tasks: list[asyncio.Task[None]] = []
        try:
            for part in parts:
                ready = asyncio.Event()
                tasks.append(asyncio.create_task(part(ready)))
                await asyncio.wait_for(ready.wait(), TIMEOUT_S)
            yield self
        finally:
            for task in reversed(tasks):
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            await self.database.close()
        failures = [each for each in results if not isinstance(each, asyncio.CancelledError)]
        assert not failures

    # -- what programs do ----------------------------------------------------------------------------------

    async def offer(self, **more: object) -> str:
        return await self.market.publications.publish_offer({**OFFER, **more}, OFFER_CONSTRAINT)

    async def demand(self, constraints: str = DEMAND_CONSTRAINT) -> str:
        return await self.market.publications.publish_demand(DEMAND, constraints)

    async def proposal(self, subscription_id: str) -> Proposal:
        [event] = await self.market.events(subscription_id, TIMEOUT_S, 1)
        assert isinstance(event, ProposalEvent), event
        return event.proposal


@pytest.fixture
def network() -> MemoryNetwork:
    return MemoryNetwork(seed=1)


Join = Callable[[], Awaitable[Peer]]


@pytest.fixture
async def join(network: MemoryNetwork) -> AsyncIterator[Join]:
    """Adds a node to the network; all are stopped at the end."""
    async with AsyncExitStack() as stack:

        async def join_one() -> Peer:
            key = NodeKey.generate()
            peer = Peer(key, network.node(key), "sqlite://")
            return await stack.enter_async_context(peer.running())

        yield join_one


class Deal:
    """A requestor and a provider that have negotiated up to the provider's draft."""

    def __init__(self, requestor: Peer, provider: Peer) -> None:
        self.requestor = requestor
        self.provider = provider
        self.offer_id = ""
        self.demand_id = ""
        self.draft = ""

    async def negotiate(self) -> None:
        self.offer_id = await self.provider.offer()
        self.demand_id = await self.requestor.demand()
        await self.counter(id_of(await self.requestor.proposal(self.demand_id)))

    async def counter(self, proposal_id: str) -> None:
        await self.requestor.market.negotiation.counter(
            self.demand_id, proposal_id, DEMAND, DEMAND_CONSTRAINT
        )
        asked = await self.provider.proposal(self.offer_id)
        await self.provider.market.negotiation.counter(
            self.offer_id, id_of(asked), {**OFFER, "extra": 1}, OFFER_CONSTRAINT
        )
        self.draft = id_of(await self.requestor.proposal(self.demand_id))

    async def create(self, valid_for: timedelta = timedelta(minutes=5)) -> str:
        valid_to = datetime.now(UTC) + valid_for
        return (await self.requestor.market.agreements.create(self.draft, valid_to)).agreement_id

    async def propose(self, session: str | None = None) -> str:
        """The id of an agreement that waits for the provider's approval."""
        agreement_id = await self.create()
        await self.requestor.market.agreements.confirm(agreement_id, session)
        [event] = await self.provider.market.events(self.offer_id, TIMEOUT_S, 1)
        assert event.agreement.agreement_id == agreement_id
        return agreement_id

    async def agree(self) -> str:
        agreement_id = await self.propose()
        await self.provider.market.agreements.approve(agreement_id, None, TIMEOUT_S)
        return agreement_id

    async def state(self, peer: Peer, agreement_id: str, wanted: str) -> None:
        """Wait until the peer's copy is in the state ``wanted``."""
        async with asyncio.timeout(TIMEOUT_S):
            while (await peer.market.agreement(agreement_id)).state != wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.005)


def id_of(proposal: Proposal) -> str:
    return proposal.proposal_id[2:]


@pytest.fixture
async def deal(join: Join) -> Deal:
    deal = Deal(await join(), await join())
    await deal.negotiate()
    return deal


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Waits until a condition holds."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.002)

    return wait


@pytest.fixture
def peer_class() -> type[Peer]:
    return Peer


@pytest.fixture
def new_deal() -> type[Deal]:
    return Deal
