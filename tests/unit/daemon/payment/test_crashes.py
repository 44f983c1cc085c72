"""A node that dies before or after any of its writes pays each invoice once, and forgets none."""

import asyncio
from decimal import Decimal

import pytest

from golemnet.daemon.payment.store import INVOICE
from golemnet.daemon.payment.tidings import CLAIMS
from golemnet.database.database import Database
from golemnet.rest.payment import InitAccount

pytestmark = pytest.mark.chain
MOST_WRITES = 12


class Crash(Exception):
    """The process is gone."""


def crashing(at, *, committed):
    """A database whose write number ``at`` is the last thing its process does."""

    class CrashingDatabase(Database):
        writes = 0
        is_armed = False
        crashed = asyncio.Event()

        async def write(self, function, *, durable=False):
            if not self.is_armed:
                return await super().write(function, durable=durable)
            type(self).writes += 1
            if self.writes >= at:
                await self._die(function, durable)
            return await super().write(function, durable=durable)

        async def _die(self, function, durable):
            if committed and self.writes == at:
                await super().write(function, durable=durable)
            self.crashed.set()
            raise Crash

    return CrashingDatabase


async def live_until(database, work):
    """Run ``work`` until it ends or the database has died; whether it has."""
    working = asyncio.create_task(work)
    dying = asyncio.create_task(database.crashed.wait())
    await asyncio.wait({working, dying}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    died = dying.done()
    for task in (working, dying):
        task.cancel()
    await asyncio.gather(working, dying, return_exceptions=True)
    return died


@pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])
async def test_requestor_that_dies_at_any_write_pays_once(world, new_side, provider, committed):
    for at in range(1, MOST_WRITES):
        if not await _requestor_dies(world, new_side, provider, at, committed):
            assert at > 3
            return
    pytest.fail(f"There are more than {MOST_WRITES} writes; the last ones are not tried.")


async def _requestor_dies(world, new_side, provider, at, committed):
    database = crashing(at, committed=committed)
    requestor = new_side(database=database)
    agreement_id = f"{requestor.id} {at}"
    world.agree(requestor.id, provider.id, agreement_id=agreement_id, activities=(f"a {agreement_id}",))
    before = await provider.balance()
    async with requestor.running():
        await requestor.payments.init(InitAccount())
        allocation = await requestor.allocate(10)
        invoice = await provider.invoice(
            "0.5", agreement_id=agreement_id, activity_ids=(f"a {agreement_id}",)
        )
        database.is_armed = True
        died = await live_until(database, accepted_and_settled(requestor, provider, invoice, allocation))

    requestor.database_class = Database
    async with requestor.running():
        await requestor.accept(invoice, allocation)
        await provider.until(invoice, "SETTLED")
        await requestor.until(invoice, "SETTLED")
        assert await provider.balance() - before == Decimal("0.5")
        assert len(await requestor.payments.payments(None, None, 0)) == 1
        assert (await requestor.payments.allocations.get(allocation.id)).spent == Decimal("0.5")
    return died


async def accepted_and_settled(requestor, provider, invoice, allocation):
    await requestor.accept(invoice, allocation)
    await requestor.until(invoice, "SETTLED")
    await provider.until(invoice, "SETTLED")
    # The last write of all marks the notice as delivered, after the provider has settled.
    await asyncio.sleep(0.1)


@pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])
async def test_provider_that_dies_at_any_write_is_paid_once(world, new_side, requestor, committed):
    for at in range(1, MOST_WRITES):
        if not await _provider_dies(world, new_side, requestor, at, committed):
            assert at > 3
            return
    pytest.fail(f"There are more than {MOST_WRITES} writes; the last ones are not tried.")


async def _provider_dies(world, new_side, requestor, at, committed):
    database = crashing(at, committed=committed)
    provider = new_side(database=database)
    agreement_id = f"{provider.id} {at}"
    activity_ids = (f"a {agreement_id}",)
    world.agree(requestor.id, provider.id, agreement_id=agreement_id, activities=activity_ids)
    allocation = await requestor.allocate(1)
    accepting = asyncio.create_task(accept_whatever_comes(requestor, allocation))
    async with provider.running():
        database.is_armed = True
        died = await live_until(database, invoiced_and_settled(provider, agreement_id, activity_ids))

    provider.database_class = Database
    async with provider.running():
        await invoiced_and_settled(provider, agreement_id, activity_ids)
        assert await provider.balance() == Decimal("0.5")
        assert len(await provider.payments.payments(None, None, 0)) == 1
    accepting.cancel()
    await requestor.payments.allocations.release(allocation.id)
    return died


async def invoiced_and_settled(provider, agreement_id, activity_ids):
    invoice = await provider.invoice("0.5", agreement_id=agreement_id, activity_ids=activity_ids)
    await provider.until(invoice, "SETTLED")


async def accept_whatever_comes(requestor, allocation):
    async def look():
        claims = await requestor.payments.claims(INVOICE, None, None)
        return [each for each in claims if each.state == "RECEIVED"]

    while True:
        for claim in await requestor.payments._tidings.signal.poll(CLAIMS, look, 10):
            await requestor.accept(claim, allocation)


async def test_chain_that_went_back_gets_the_payment_again(world, new_side, provider, chain):
    from golemnet.chain.rpc import JsonRpc

    requestor = new_side()
    world.agree(requestor.id, provider.id)
    rpc = JsonRpc(chain.file.rpc_url)
    async with requestor.running():
        await requestor.payments.init(InitAccount())
        snapshot = await rpc.call("evm_snapshot")
        invoice = await provider.invoice("0.5")
        await requestor.accept(invoice, await requestor.allocate(1))
        await requestor.until(invoice, "SETTLED")
    await rpc.call("evm_revert", snapshot)
    assert await provider.balance() == 0

    async with requestor.running(), asyncio.timeout(10):
        await paid(provider)
    assert await provider.balance() == Decimal("0.5")
    await rpc.close()


async def paid(side):
    while True:
        if await side.balance():
            return
        await asyncio.sleep(0.02)
