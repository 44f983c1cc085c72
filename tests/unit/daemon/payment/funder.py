"""Somebody with tokens who lets others pay from them."""

import asyncio
import time
from contextlib import asynccontextmanager
from decimal import Decimal

from golemnet.chain.contract import Contract
from golemnet.chain.deposits import DepositContract
from golemnet.chain.ethereum import Ethereum
from golemnet.chain.faucet import give
from golemnet.chain.rpc import JsonRpc
from golemnet.chain.sender import TransactionSender
from golemnet.chain.transaction import TransactionsInMemory
from golemnet.daemon.payment.terms import NO_ADDRESS
from golemnet.model.keys import NodeKey
from golemnet.model.money import from_wei, to_wei
from golemnet.rest.payment import Deposit

DAY_S = 24 * 3600


class Funder:
    """An account with 1000 GLM, and the deposits that it makes."""

    def __init__(self, chain_file):
        key = NodeKey.generate()
        self.address = str(key.node_id)
        self.chain = Ethereum(chain_file)
        self._sender = TransactionSender(self.chain, self.address, key.to_bytes, TransactionsInMemory())
        self.contract = DepositContract(self.chain, self._sender)
        self._number = 0

    async def deposit(self, spender, amount, *, fee="0", lasts_s=DAY_S):
        """A new deposit, as an allocation names it."""
        self._number += 1
        made = await self.contract.create(
            self._number,
            str(spender),
            to_wei(Decimal(amount)),
            to_wei(Decimal(fee)),
            max(int(time.time()), await self.chain.block_time()) + lasts_s,
            10,
        )
        return Deposit(id=hex(made), contract=self.contract.address)

    async def take_back(self):
        """Terminate the newest deposit."""
        data = Contract.load("deposits").call("terminateDeposit", self._number)
        await self._sender.send(f"terminate {self._number}", self.contract.address, data)
        await self._sender.wait(f"terminate {self._number}", 10)

    async def until_closed(self, deposit):
        async with asyncio.timeout(30):
            while (await self.contract.get(int(deposit.id, 16))).spender != NO_ADDRESS:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def paid_from(self, deposit):
        """What has been paid to others from a deposit."""
        contract = Contract.load("deposits")
        topics = [contract.topic("DepositTransfer"), int(deposit.id, 16).to_bytes(32, "big")]
        logs = await self.chain.logs(self.contract.address, topics)
        found = [contract.event("DepositTransfer", each.topics, each.data) for each in logs]
        return from_wei(sum(each["amount"] for each in found))

    async def balance(self):
        return from_wei(await self.chain.token_balance(self.address))


@asynccontextmanager
async def new_funder(chain_file):
    funder = Funder(chain_file)
    await give(funder.chain, funder.address)
    yield funder
    await funder.chain.close()


async def time_passes(chain_file, seconds):
    """The chain's clock moves on: not that of the nodes, and seconds ahead, for each block has its own."""
    await ask(chain_file, ("evm_increaseTime", seconds), ("evm_mine",))


async def ask(chain_file, *calls):
    """What the chain's node answers to calls that only a test makes."""
    rpc = JsonRpc(chain_file.rpc_url)
    answers = [await rpc.call(*call) for call in calls]
    await rpc.close()
    return answers
