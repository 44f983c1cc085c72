"""The contract for deposits that others fund, on the embedded chain."""

import asyncio
import time

import pytest

from golemnet.chain.batch import Payout
from golemnet.chain.contract import Contract
from golemnet.chain.deposits import Deposit, DepositContract, deposit_id
from golemnet.chain.errors import WouldRevert
from golemnet.chain.ethereum import Ethereum, TokenTransfer
from golemnet.chain.faucet import give
from golemnet.chain.rpc import JsonRpc
from golemnet.chain.sender import TransactionSender
from golemnet.chain.transaction import TransactionsInMemory
from golemnet.model.keys import NodeKey
from golemnet.testing.anvil_chain import AnvilChain

pytestmark = pytest.mark.chain
GLM = 10**18
BOB, CAROL = "0x" + "b0" * 20, "0x" + "ca" * 20
NOBODY = "0x" + "00" * 20
TOMORROW = int(time.time()) + 24 * 3600


class Party:
    def __init__(self, file):
        self.key = NodeKey.generate()
        self.address = str(self.key.node_id)
        self.chain = Ethereum(file)
        self.sender = TransactionSender(self.chain, self.address, self.key.to_bytes, TransactionsInMemory())
        self.contract = DepositContract(self.chain, self.sender)

    async def call(self, name, *arguments):
        data = Contract.load("deposits").call(name, *arguments)
        intent = f"{name} {arguments}"
        await self.sender.send(intent, self.contract.address, data)
        return await self.sender.wait(intent, 10)


@pytest.fixture
async def anvil(tmp_path):
    async with AnvilChain(tmp_path) as chain:
        yield chain


@pytest.fixture
async def parties(anvil):
    """A funder and a spender."""
    found = [Party(anvil.file) for _ in range(2)]
    for each in found:
        await give(each.chain, each.address)
    yield found
    await asyncio.gather(*(each.chain.close() for each in found))


async def later(anvil, seconds):
    rpc = JsonRpc(anvil.file.rpc_url)
    await rpc.call("evm_increaseTime", seconds)
    await rpc.call("evm_mine")
    await rpc.close()


async def test_spender_pays_each_batch_once_and_the_rest_goes_back(parties):
    funder, spender = parties
    made = await funder.contract.create(7, spender.address, 10, 2, TOMORROW, 10)
    assert made == deposit_id(funder.address, 7)
    assert await spender.contract.get(made) == Deposit(spender.address, 10, 2, TOMORROW)

    for _ in range(2):
        receipt = await spender.contract.pay_once(made, "batch", [Payout(BOB, 3), Payout(CAROL, 4)], 10)
    assert TokenTransfer(spender.address, CAROL, 4) in receipt.transfers
    assert [await spender.chain.token_balance(each) for each in (BOB, CAROL)] == [3, 4]
    for _ in range(2):
        await spender.contract.close(made, 10)

    assert await funder.chain.token_balance(funder.address) == 1000 * GLM - 7 - 2
    assert await spender.chain.token_balance(spender.address) == 1000 * GLM + 2
    assert (await spender.contract.get(made)).spender == NOBODY


async def test_percent_fee_is_of_the_amount(parties):
    funder, spender = parties
    await funder.contract.create(1, spender.address, 10, 0, TOMORROW, 10)
    await funder.call("createDeposit", 2, spender.address, 1000, 5, 250, TOMORROW)
    assert (await funder.contract.get(deposit_id(funder.address, 2))).fee == 5 + 25


async def test_what_a_spender_may_not(parties, anvil):
    funder, spender = parties
    made = await funder.contract.create(7, spender.address, 10, 0, TOMORROW, 10)

    with pytest.raises(WouldRevert, match="deposit has less"):
        await spender.contract.pay_once(made, "too much", [Payout(BOB, 11)], 10)
    with pytest.raises(WouldRevert, match="not your deposit"):
        await funder.contract.pay_once(made, "stolen", [Payout(BOB, 1)], 10)
    with pytest.raises(WouldRevert, match="number was used"):
        await funder.call("createDeposit", 7, spender.address, 5, 0, 0, TOMORROW)
    with pytest.raises(WouldRevert, match="deposit is valid"):
        await funder.call("terminateDeposit", 7)
    await later(anvil, 24 * 3600 + 60)
    with pytest.raises(WouldRevert, match="not valid any more"):
        await spender.contract.pay_once(made, "late", [Payout(BOB, 1)], 10)
    await funder.call("terminateDeposit", 7)

    assert await funder.chain.token_balance(funder.address) == 1000 * GLM


async def test_deposit_can_be_extended_and_paid_from_by_the_known_names(parties):
    funder, spender = parties
    made = await funder.contract.create(7, spender.address, 10, 0, TOMORROW, 10)
    await funder.call("extendDeposit", 7, 5, TOMORROW + 10)
    assert await spender.contract.get(made) == Deposit(spender.address, 15, 0, TOMORROW + 10)

    await spender.call("depositSingleTransfer", made, BOB, 1)
    packed = [(int(each, 16) << 96 | 2).to_bytes(32, "big") for each in (BOB, CAROL)]
    await spender.call("depositTransfer", made, packed)
    await spender.call("depositTransferAndClose", made, packed)
    assert [await spender.chain.token_balance(each) for each in (BOB, CAROL)] == [5, 4]
    assert await funder.chain.token_balance(funder.address) == 1000 * GLM - 9
