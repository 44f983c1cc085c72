"""Two nodes with their payment services, on one real chain and a network in memory."""

import asyncio
import atexit
import logging
import shutil
import tempfile
import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
import structlog
from sqlalchemy import func, select

from golemnet.clock import SystemClock
from golemnet.daemon.payment.service import Payments
from golemnet.daemon.payment.store import INVOICE
from golemnet.daemon.payment.terms import ActivityFacts
from golemnet.database.engines import writing_engine
from golemnet.database.migrations.apply import migrate
from golemnet.database.outbox import Outbox, outbox_table
from golemnet.model.keys import NodeKey
from golemnet.net.memory import MemoryNetwork
from golemnet.rest.market import Agreement, Demand, Offer
from golemnet.rest.payment import Acceptance, InitAccount, NewAllocation, NewInvoice
from golemnet.testing.anvil_chain import AnvilChain
from golemnet.testing.faults import Life, MortalDatabase, MortalNode

LONG_AGO = timedelta(hours=1)
NOTHING = timedelta(0)


class World:
    """The agreements that both nodes know, and the activities under them."""

    def __init__(self, now=None):
        self.agreements = {}
        self.facts = {}
        self._now = now or datetime.now(UTC)

    def agree(self, requestor, provider, *, agreement_id="agreement", activities=("activity",), **demand):
        now = self._now
        properties = {
            "golem.com.pricing.model.linear.coeffs": [0.001, 0.0, 0.5],
            "golem.com.usage.vector": ["golem.usage.duration_sec", "golem.usage.cpu_sec"],
            "golem.com.pricing.model": "linear",
        }
        self.agreements[agreement_id] = Agreement(
            agreement_id=agreement_id,
            demand=Demand(
                properties=demand, constraints="()", demand_id="d", requestor_id=requestor, timestamp=now
            ),
            offer=Offer(
                properties=properties, constraints="()", offer_id="o", provider_id=provider, timestamp=now
            ),
            valid_to=now + LONG_AGO,
            state="Approved",
            timestamp=now,
            approved_date=now - LONG_AGO,
        )
        self.facts[agreement_id] = [
            ActivityFacts(activity_id=each, started=now - timedelta(minutes=10)) for each in activities
        ]

    async def agreement(self, agreement_id):
        return self.agreements.get(agreement_id)

    async def agreement_of(self, activity_id):
        return next(
            (key for key, facts in self.facts.items() if activity_id in [each.activity_id for each in facts]),
            None,
        )

    async def activities(self, agreement_id):
        return self.facts.get(agreement_id, [])


class Side:
    """A node that can be started again on its own database."""

    def __init__(self, world, network, directory, chain_file, key=None):
        self.world = world
        self.key = key or NodeKey.generate()
        self.life = Life()
        self._network = network
        self.file = directory / f"{uuid.uuid4().hex}.db"
        self.chain_file = chain_file

    @property
    def id(self):
        return self.key.node_id

    @asynccontextmanager
    async def running(self):
        clock = SystemClock()
        if not self.file.exists():
            shutil.copy(empty_database(), self.file)
        self.database = MortalDatabase(f"sqlite:///{self.file}", self.life)
        outbox = Outbox(self.database, clock)
        network = MortalNode(self.key, self._network, self.life)
        self.payments = Payments(
            clock, self.key, self.database, outbox, network, self.chain_file, self.world, gather_s=0.01
        )
        await self.database.open()
        runs = [
            network.run,
            lambda ready: outbox.run(ready, self.payments.effects()),
            self.payments.run,
        ]
        tasks = [await started(run) for run in runs]
        try:
            yield self
        finally:
            for task in reversed(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.payments.wallet.close()
            await self.database.close()

    async def allocate(self, amount, **more):
        return await self.payments.allocations.create(NewAllocation(total_amount=Decimal(amount), **more))

    async def invoice(self, amount, **more):
        claim = await self.new_invoice(amount, **more)
        await self.payments.issued.send(INVOICE, claim.id, 5)
        return claim

    async def new_invoice(self, amount, *, agreement_id="agreement", activity_ids=("activity",)):
        new = NewInvoice(
            agreement_id=agreement_id,
            amount=Decimal(amount),
            payment_due_date=datetime.now(UTC) + LONG_AGO,
            activity_ids=list(activity_ids),
        )
        return await self.payments.issued.issue_invoice(new)

    async def effects(self):
        """How many effects wait in the outbox."""

        def count(connection):
            return connection.execute(select(func.count()).select_from(outbox_table)).scalar_one()

        return await self.database.read(count)

    async def accept(self, claim, allocation, amount=None):
        acceptance = Acceptance(total_amount_accepted=amount or claim.amount, allocation_id=allocation.id)
        await self.payments.received.accept(claim.kind, claim.id, acceptance)

    async def until(self, claim, state, timeout_s=10.0):
        async def look():
            found = await self.payments.claim(claim.kind, claim.id)
            return found if found.state == state else None

        found = await self.payments._tidings.signal.poll("claims", look, timeout_s)
        assert found is not None, f"not {state} in {timeout_s} s"
        return found

    async def until_balance(self, amount, timeout_s=40.0):
        async with asyncio.timeout(timeout_s):
            while await self.balance() != amount:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def balance(self):
        return await self.payments.wallet.balance()


@pytest.fixture
def silence():
    """No logs: nodes that die or are refused complain at length, and that takes more time than the rest."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@cache
def empty_database():
    """A database of this program's revision: migrations take time, and one thread at a time."""
    folder = tempfile.mkdtemp(prefix="golem-test-")
    atexit.register(shutil.rmtree, folder)
    path = Path(folder) / "empty.db"
    engine = writing_engine(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


async def started(run):
    ready = asyncio.Event()
    task = asyncio.create_task(run(ready))
    await asyncio.wait_for(ready.wait(), 10)
    return task


@pytest.fixture
async def chain(tmp_path):
    async with AnvilChain(tmp_path / "chain") as chain:
        yield chain


@pytest.fixture
def world():
    return World()


@pytest.fixture
def network():
    return MemoryNetwork(seed=1)


@pytest.fixture
def new_side(world, network, tmp_path, chain):
    def make(**more):
        return Side(world, network, tmp_path, chain.path, **more)

    return make


@pytest.fixture
async def requestor(new_side):
    async with new_side().running() as side:
        await side.payments.init(InitAccount())
        yield side


@pytest.fixture
async def provider(new_side):
    async with new_side().running() as side:
        yield side


@pytest.fixture
async def chainless(world, network, tmp_path):
    async with Side(world, network, tmp_path, None).running() as side:
        yield side
