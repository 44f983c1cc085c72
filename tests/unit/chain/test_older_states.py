"""A chain goes on when the program has become newer: missing contracts come to it, and nothing is lost.

The files in ``states`` were written by the program as it was before it had vouchers, and before it had
deposits of others. In both the faucet has given twice to BOB.
"""

import gzip
import time
from pathlib import Path

import pytest
from eth_account import Account

from golemnet.chain.batch import BatchPayer, Payout
from golemnet.chain.deposits import Deposit, DepositContract
from golemnet.chain.ethereum import Ethereum
from golemnet.chain.faucet import give
from golemnet.chain.sender import TransactionSender
from golemnet.chain.transaction import TransactionsInMemory
from golemnet.chain.vouchers import VoucherContract
from golemnet.testing.anvil_chain import AnvilChain

pytestmark = pytest.mark.chain
GLM = 10**18
RESTARTS = 4
BOB, CAROL, DAVE = "0x" + "b0" * 20, "0x" + "ca" * 20, "0x" + "da" * 20
STATES = Path(__file__).parent / "states"


@pytest.fixture(params=["without-vouchers", "without-deposits"])
def directory(request, tmp_path):
    """The folder of a chain of that time."""
    state = gzip.decompress((STATES / f"{request.param}.json.gz").read_bytes())
    (tmp_path / "state.json").write_bytes(state)
    return tmp_path


async def test_older_chain_gets_what_it_lacks_and_keeps_what_it_has(directory):
    async with AnvilChain(directory) as anvil:
        chain = Ethereum(anvil.file)
        genesis, file = await chain.genesis(), anvil.file
        assert await chain.token_balance(BOB) == 2000 * GLM
        await use_every_contract(chain)
        await chain.close()

    for number in range(1, RESTARTS + 1):
        async with AnvilChain(directory) as anvil:
            chain = Ethereum(anvil.file)
            assert (anvil.file.vouchers, anvil.file.deposits) == (file.vouchers, file.deposits)
            assert await chain.genesis() == genesis, f"restart {number}"
            await give(chain, DAVE)
            balances = [await chain.token_balance(each) for each in (BOB, CAROL, DAVE)]
            assert balances == [2000 * GLM, 3, number * 1000 * GLM]
            await chain.close()


async def use_every_contract(chain):
    """Pay, back a voucher and make a deposit, from a new account that the faucet fills."""
    account, tomorrow = Account.create(), int(time.time()) + 24 * 3600
    address = account.address.lower()
    sender = TransactionSender(chain, address, lambda: bytes(account.key), TransactionsInMemory())
    await give(chain, address)

    await BatchPayer(chain, sender).pay("batch", [Payout(CAROL, 3)], 10)
    vouchers, deposits = VoucherContract(chain, sender), DepositContract(chain, sender)
    await vouchers.deposit_once("backing", [Payout(CAROL, 5)], 10)
    assert (await vouchers.standing(address, CAROL)).deposit == 5
    made = await deposits.create(1, CAROL, 7, 1, tomorrow, 10)
    assert await deposits.get(made) == Deposit(CAROL, 7, 1, tomorrow)
