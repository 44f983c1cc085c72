"""The real embedded chain: contracts, faucet, sending, batches, crashes."""

import asyncio
import sys
from dataclasses import dataclass

import msgspec
import pytest
from eth_account import Account

from golemnet.chain.batch import BatchPayer, Payout
from golemnet.chain.chain_file import read_chain_file
from golemnet.chain.contract import Contract
from golemnet.chain.embedded import SAVE_INTERVAL_S
from golemnet.chain.errors import ChainError, ChainUnreachable, GasTooDear, NoChain, NotConfirmed, WouldRevert
from golemnet.chain.ethereum import Ethereum
from golemnet.chain.faucet import give
from golemnet.chain.rpc import JsonRpc
from golemnet.chain.sender import TransactionSender
from golemnet.chain.transaction import TransactionsInMemory
from golemnet.testing.anvil_chain import AnvilChain, free_port

pytestmark = pytest.mark.chain
GLM = 10**18
BOB = "0x" + "b0" * 20
CAROL = "0x" + "ca" * 20


@dataclass
class Payer:
    """An account with money, its stored transactions and its sender."""

    chain: Ethereum
    account: object
    store: TransactionsInMemory

    @property
    def address(self):
        return self.account.address.lower()

    def sender(self):
        return TransactionSender(self.chain, self.address, lambda: bytes(self.account.key), self.store)

    def batches(self):
        return BatchPayer(self.chain, self.sender())


@pytest.fixture
async def anvil(tmp_path):
    async with AnvilChain(tmp_path) as chain:
        yield chain


@pytest.fixture
async def payer(anvil):
    chain = Ethereum(anvil.file)
    payer = Payer(chain, Account.create(), TransactionsInMemory())
    await give(chain, payer.address)
    yield payer
    await chain.close()


@pytest.fixture
async def rpc(anvil):
    rpc = JsonRpc(anvil.file.rpc_url)
    yield rpc
    await rpc.close()


async def test_faucet_gives_tokens_and_gas(payer):
    await payer.chain.check()

    assert await payer.chain.token_balance(payer.address) == 1000 * GLM
    assert await payer.chain.gas_balance(payer.address) == 10 * GLM


async def test_faucet_gives_to_many_who_ask_at_once(anvil):
    chains = [Ethereum(anvil.file) for _ in range(40)]
    receivers = [Account.create().address.lower() for _ in chains]

    await asyncio.gather(*(give(chain, who) for chain, who in zip(chains, receivers, strict=True)))

    balances = [await chains[0].token_balance(who) for who in receivers]
    assert balances == [1000 * GLM] * len(receivers)
    await asyncio.gather(*(chain.close() for chain in chains))


async def test_batch_pays_everybody_in_one_transaction(payer):
    receipt = await payer.batches().pay("batch-1", [Payout(BOB, 3), Payout(CAROL, 4)], 10)

    assert [(each.receiver, each.amount) for each in receipt.transfers] == [(BOB, 3), (CAROL, 4)]
    assert await payer.chain.token_balance(BOB) == 3


async def test_batch_paid_again_moves_nothing_even_when_every_record_is_lost(payer):
    first = await payer.batches().pay("batch-1", [Payout(BOB, 3)], 10)
    payer.store = TransactionsInMemory()

    second = await payer.batches().pay("batch-1", [Payout(BOB, 3)], 10)

    assert second.hash == first.hash
    assert await payer.chain.token_balance(BOB) == 3


async def test_contract_refuses_a_second_transaction_of_a_batch(payer):
    await payer.batches().pay("batch-1", [Payout(BOB, 3)], 10)
    sent = await payer.store.find(await payer.chain.genesis(), payer.address, "batch-1")

    with pytest.raises(WouldRevert, match="batch is paid already"):
        await payer.sender().send("another intent", sent.to, sent.data)


async def test_batch_beyond_the_balance_is_refused_and_not_stored(payer):
    with pytest.raises(WouldRevert, match="not enough tokens"):
        await payer.batches().pay("batch-1", [Payout(BOB, 1001 * GLM)], 10)

    assert await payer.store.find(await payer.chain.genesis(), payer.address, "batch-1") is None


async def test_many_sends_at_once_get_nonces_of_their_own(payer):
    sender = payer.sender()
    call = Contract.load("token").call("transfer", BOB, 1)
    token = payer.chain.file.token

    await asyncio.gather(*[sender.send(f"send-{n}", token, call) for n in range(10)])
    await asyncio.gather(*[sender.wait(f"send-{n}", 10) for n in range(10)])

    assert await payer.chain.token_balance(BOB) == 10


async def test_stored_but_unsent_transaction_is_sent_by_the_next_process(payer, rpc):
    await rpc.call("evm_setAutomine", False)
    sender = payer.sender()
    sent = await sender.send("gift", payer.chain.file.token, Contract.load("token").call("transfer", BOB, 1))
    await rpc.call("anvil_dropTransaction", sent.hash)
    await rpc.call("evm_setAutomine", True)

    assert await payer.sender().repair() == 1

    receipt = await payer.sender().wait("gift", 10)
    assert receipt.hash == sent.hash


async def test_reorganised_chain_gets_the_same_transactions_again(payer, rpc):
    snapshot = await rpc.call("evm_snapshot")
    batches = payer.batches()
    await batches.pay("batch-1", [Payout(BOB, 3)], 10)
    await batches.pay("batch-2", [Payout(BOB, 4)], 10)
    await rpc.call("evm_revert", snapshot)
    assert await payer.chain.token_balance(BOB) == 0

    await payer.sender().repair()
    await payer.sender().wait("batch-2", 10)

    assert await payer.chain.token_balance(BOB) == 7


async def test_taken_nonce_is_signed_anew_and_paid_once(payer, rpc):
    snapshot = await rpc.call("evm_snapshot")
    await payer.batches().pay("batch-1", [Payout(BOB, 3)], 10)
    await rpc.call("evm_revert", snapshot)
    stranger = Payer(payer.chain, payer.account, TransactionsInMemory())
    for n in range(2):
        await stranger.sender().send(
            f"{n}", payer.chain.file.token, Contract.load("token").call("transfer", CAROL, 1)
        )

    await payer.batches().pay("batch-1", [Payout(BOB, 3)], 10)

    assert await payer.chain.token_balance(BOB) == 3


async def test_taken_nonce_is_seen_behind_later_transactions_that_were_mined(payer, rpc):
    token, transfer = payer.chain.file.token, Contract.load("token").call("transfer", BOB, 1)
    sender, stranger = payer.sender(), Payer(payer.chain, payer.account, TransactionsInMemory()).sender()
    await rpc.call("evm_setAutomine", False)
    sent = await sender.send("gift", token, transfer)
    await rpc.call("anvil_dropTransaction", sent.hash)
    await rpc.call("evm_setAutomine", True)
    await stranger.send("taken", token, Contract.load("token").call("transfer", CAROL, 1))
    await sender.send("later", token, transfer)
    await sender.wait("later", 10)

    await sender.wait("gift", 10)

    assert await payer.chain.token_balance(BOB) == 2


async def test_transaction_that_its_fee_keeps_out_is_replaced_under_its_nonce(payer, rpc):
    await rpc.call("evm_setAutomine", False)
    sender = payer.sender()
    sent = await sender.send("gift", payer.chain.file.token, Contract.load("token").call("transfer", BOB, 1))
    await rpc.call("anvil_setNextBlockBaseFeePerGas", hex(10**12))
    await rpc.call("evm_mine")
    assert await payer.chain.receipt(sent.hash) is None

    await sender.repair()
    await rpc.call("evm_mine")
    receipt = await sender.wait("gift", 10)

    again = await sender.send("gift", sent.to, sent.data)
    assert (again.nonce, again.hash) == (sent.nonce, receipt.hash)
    assert await payer.chain.token_balance(BOB) == 1


async def test_payment_waits_while_gas_costs_more_than_allowed(payer, rpc):
    payer.chain.file = msgspec.structs.replace(payer.chain.file, max_fee_wei=10**11)
    await rpc.call("anvil_setNextBlockBaseFeePerGas", hex(10**12))
    await rpc.call("evm_mine")
    with pytest.raises(GasTooDear, match="allows 100000000000"):
        await payer.batches().pay("batch-1", [Payout(BOB, 3)], 10)
    await rpc.call("anvil_setNextBlockBaseFeePerGas", hex(10**9))
    await rpc.call("evm_mine")

    await payer.batches().pay("batch-1", [Payout(BOB, 3)], 10)
    sent = await payer.store.find(await payer.chain.genesis(), payer.address, "batch-1")
    assert sent.max_fee <= 10**11
    assert await payer.chain.token_balance(BOB) == 3


async def test_stuck_transaction_gets_a_higher_fee_when_its_time_is_over(payer, rpc):
    await rpc.call("evm_setAutomine", False)
    sender = payer.sender()
    sent = await sender.send("gift", payer.chain.file.token, Contract.load("token").call("transfer", BOB, 1))
    with pytest.raises(NotConfirmed):
        await sender.wait("gift", 0.1)
    await rpc.call("evm_mine")
    receipt = await sender.wait("gift", 10)

    found = await payer.store.find(await payer.chain.genesis(), payer.address, "gift")
    assert (found.nonce, found.hash, found.earlier) == (sent.nonce, receipt.hash, (sent.hash,))
    assert found.tip > sent.tip
    assert await payer.chain.token_balance(BOB) == 1


async def test_replaced_transaction_that_was_mined_after_all_is_found(payer, rpc):
    await rpc.call("evm_setAutomine", False)
    sender = payer.sender()
    sent = await sender.send("gift", payer.chain.file.token, Contract.load("token").call("transfer", BOB, 1))
    await rpc.call("anvil_dropTransaction", sent.hash)
    await sender._offer_more(sent)
    await rpc.call("anvil_dropAllTransactions")
    await payer.chain.broadcast(sent.raw)
    await rpc.call("evm_mine")

    assert (await sender.wait("gift", 10)).hash == sent.hash
    assert await sender.repair() == 0


async def test_state_survives_a_restart(tmp_path):
    async with AnvilChain(tmp_path) as anvil:
        chain = Ethereum(anvil.file)
        await give(chain, BOB)
        genesis = await chain.genesis()
        await chain.close()

    async with AnvilChain(tmp_path) as anvil:
        chain = Ethereum(anvil.file)
        assert await chain.token_balance(BOB) == 1000 * GLM
        assert await chain.genesis() == genesis
        await chain.close()


async def test_chain_without_a_faucet_says_so(anvil):
    chain = Ethereum(msgspec.structs.replace(anvil.file, faucet=None))
    with pytest.raises(NoChain, match="no faucet"):
        await give(chain, BOB)


async def test_chain_that_is_not_there_says_so():
    rpc = JsonRpc(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ChainUnreachable, match="does not answer"):
        await rpc.call("eth_chainId")
    await rpc.close()


PARENT = """
import asyncio, sys
from pathlib import Path
from golemnet.chain.embedded import run_embedded_chain

class Ready(asyncio.Event):
    def set(self):
        print("ready", flush=True)

asyncio.run(run_embedded_chain(Path(sys.argv[1]), int(sys.argv[2]), Ready()))
"""


async def answers_no_more(url):
    rpc = JsonRpc(url)
    try:
        while True:
            await rpc.call("eth_chainId")
            await asyncio.sleep(0.02)
    except ChainUnreachable:
        return True
    finally:
        await rpc.close()


async def test_chain_ends_with_a_parent_that_is_killed(tmp_path):
    port = free_port()
    command = [sys.executable, "-c", PARENT, str(tmp_path), str(port)]
    parent = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    await asyncio.wait_for(parent.stdout.readuntil(b"ready\n"), 20)
    parent.kill()
    await parent.wait()

    assert await asyncio.wait_for(answers_no_more(f"http://127.0.0.1:{port}"), 20)


async def test_state_is_intact_after_everything_was_killed(tmp_path):
    """The process and anvil get SIGKILL; the next run has the blocks that were there a second before."""
    port = free_port()
    command = [sys.executable, "-c", PARENT, str(tmp_path), str(port)]
    parent = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    await asyncio.wait_for(parent.stdout.readuntil(b"ready\n"), 20)
    chain = Ethereum(read_chain_file(tmp_path / "chain.json"))
    await give(chain, BOB)
    given_in = await chain.block_number()
    await asyncio.sleep(2 * SAVE_INTERVAL_S + 0.5)
    parent.kill()
    await parent.wait()
    assert await asyncio.wait_for(answers_no_more(chain.file.rpc_url), 20)

    started = asyncio.get_running_loop().time()
    async with AnvilChain(tmp_path, port):
        assert asyncio.get_running_loop().time() - started < 10
        assert await chain.token_balance(BOB) == 1000 * GLM
        assert await chain.block_number() >= given_in
        await give(chain, CAROL)
    await chain.close()


async def test_taken_port_is_refused(anvil, tmp_path):
    port = int(anvil.file.rpc_url.rsplit(":", 1)[1])
    with pytest.raises(ChainError, match=f"port {port}"):
        await AnvilChain(tmp_path / "other", port).__aenter__()


async def test_damaged_state_is_reported(tmp_path):
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(ChainError, match="damaged"):
        await AnvilChain(tmp_path).__aenter__()
