"""A chain that is away, late, forgetful or of two minds costs time, never money."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest

from golemnet.chain.chain_file import read_chain_file, write_chain_file
from golemnet.chain.errors import ChainUnreachable
from golemnet.chain.rpc import JsonRpc
from golemnet.model.keys import NodeKey
from golemnet.net.memory import MemoryNetwork
from golemnet.rest.payment import InitAccount

from .conftest import Side
from .deals import ACCEPTED, Deal, behind_bad_chain

pytestmark = [pytest.mark.chain, pytest.mark.timeout(120)]
DEADLINE_S = 40.0


@pytest.fixture
async def deal(world, new_side, chain, tmp_path):
    """A deal whose requestor sees the chain through ``deal.bad``; both sides run."""
    deal = Deal(world, new_side(), new_side())
    async with AsyncExitStack() as stack:
        deal.bad = await stack.enter_async_context(behind_bad_chain(deal.requestor, chain, tmp_path))
        await stack.enter_async_context(deal.requestor.running())
        await stack.enter_async_context(deal.provider.running())
        await deal.requestor.payments.init(InitAccount())
        yield deal


@pytest.fixture
async def rpc(chain):
    rpc = JsonRpc(chain.file.rpc_url)
    yield rpc
    await rpc.close()


async def settled(deal):
    async with asyncio.timeout(DEADLINE_S):
        await deal.work()
        await deal.check()


async def test_chain_that_answers_late(deal):
    deal.bad.delay_s = 0.1
    await settled(deal)


async def test_chain_that_gets_every_call_twice(deal):
    deal.bad.twice = True
    await settled(deal)


async def test_chain_that_loses_transactions(deal):
    deal.bad.drops = 3
    await settled(deal)
    assert deal.bad.drops == 0


@pytest.mark.parametrize("method", ["eth_getLogs", "eth_sendRawTransaction", "eth_getTransactionReceipt"])
async def test_chain_that_is_down_for_a_while_from_any_call_on(deal, method):
    deal.bad.goes_down_at = method
    working = asyncio.create_task(settled(deal))
    await asyncio.wait_for(deal.bad.went_down.wait(), DEADLINE_S)
    await asyncio.sleep(1.5)
    deal.bad.is_down = False
    try:
        await working
    except ChainUnreachable:
        # what a program asked while it was down was refused; it asks again
        await settled(deal)


@pytest.mark.parametrize("depth", [1, 6])
async def test_reorganisation_that_drops_the_payments(deal, rpc, depth):
    snapshot = await rpc.call("evm_snapshot")
    await settled(deal)
    await rpc.call("evm_revert", snapshot)
    await rpc.call("anvil_mine", hex(depth))
    assert await deal.provider.balance() == 0

    await deal.requestor.payments.wallet.repair()

    await deal.provider.until_balance(ACCEPTED)
    await deal.check()


async def test_chain_that_went_back_while_the_daemon_was_down(world, new_side, rpc):
    deal = Deal(world, new_side(), new_side())
    async with deal.provider.running():
        async with deal.requestor.running():
            await deal.requestor.payments.init(InitAccount())
            snapshot = await rpc.call("evm_snapshot")
            await settled(deal)
        await rpc.call("evm_revert", snapshot)
        async with deal.requestor.running():
            await deal.provider.until_balance(ACCEPTED)
            await deal.check()


async def test_reorganisation_of_six_blocks_with_the_payment_in_them(deal, rpc):
    await rpc.call("anvil_mine", "0xa")
    await settled(deal)
    await rpc.call("anvil_reorg", 6, [])
    assert await deal.provider.balance() == 0

    await deal.requestor.payments.wallet.repair()

    await deal.provider.until_balance(ACCEPTED)
    await deal.check()


async def test_payment_waits_for_confirmations_and_survives_a_reorganisation_before_them(
    world, new_side, chain, rpc, tmp_path
):
    file = tmp_path / "patient.json"
    patient = msgspec.structs.replace(read_chain_file(chain.path), confirmations=3)
    write_chain_file(file, patient)
    deal = Deal(world, new_side(), new_side())
    deal.requestor.chain_file = deal.provider.chain_file = file
    async with deal.requestor.running(), deal.provider.running(), _mining(rpc):
        await deal.requestor.payments.init(InitAccount())
        working = asyncio.create_task(settled(deal))
        for _ in range(2):
            await asyncio.sleep(0.5)
            await rpc.call("anvil_reorg", 2, [])
        await working


async def test_two_daemons_with_one_key_pay_what_each_has_accepted(world, tmp_path, chain):
    """The network knows a node by its key, so the twins live in two networks, and meet on the chain."""
    networks = [MemoryNetwork(1), MemoryNetwork(2)]
    key = NodeKey.generate()
    twins = [Side(world, each, tmp_path, chain.path, key) for each in networks]
    async with AsyncExitStack() as stack:
        deals = []
        for twin, network in zip(twins, networks, strict=True):
            await stack.enter_async_context(twin.running())
            await twin.payments.init(InitAccount())
            for _ in range(3):
                provider = Side(world, network, tmp_path, chain.path)
                deals.append(Deal(world, twin, await stack.enter_async_context(provider.running())))
        async with asyncio.timeout(2 * DEADLINE_S):
            await asyncio.gather(*(each.work() for each in deals))

        assert [await each.provider.balance() for each in deals] == [ACCEPTED] * len(deals)
        assert await twins[0].balance() == 1000 - len(deals) * ACCEPTED


@asynccontextmanager
async def _mining(rpc):
    async def mine():
        while True:
            await rpc.call("evm_mine")
            await asyncio.sleep(0.05)

    task = asyncio.create_task(mine())
    yield
    task.cancel()
