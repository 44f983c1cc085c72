"""The contract for vouchers on the embedded chain, and what is signed."""

import asyncio

import msgspec
import pytest
from eth_account import Account
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from golemnet.chain.batch import Payout
from golemnet.chain.contract import Contract
from golemnet.chain.errors import WouldRevert
from golemnet.chain.ethereum import Ethereum
from golemnet.chain.faucet import give
from golemnet.chain.rpc import JsonRpc
from golemnet.chain.sender import TransactionSender
from golemnet.chain.transaction import TransactionsInMemory
from golemnet.chain.vouchers import Domain, SignedVoucher, Voucher, VoucherContract
from golemnet.model.keys import NodeKey
from golemnet.testing.anvil_chain import AnvilChain

GLM = 10**18
DAY_S = 24 * 3600
FAR = 2**40


class Party:
    """An account that uses the contract."""

    def __init__(self, file):
        self.key = NodeKey.generate()
        self.address = str(self.key.node_id)
        self.chain = Ethereum(file)
        store = TransactionsInMemory()
        sender = TransactionSender(self.chain, self.address, self.key.to_bytes, store)
        self.contract = VoucherContract(self.chain, sender)

    def voucher(self, payee, cumulative, *, expiry=FAR, domain=None, payer=None):
        voucher = Voucher(payer or self.address, payee.address, cumulative, expiry)
        return (domain or self.contract.domain).sign(voucher, self.key)

    async def redeem(self, *signed):
        seen = [(await self.contract.standing(each.voucher.payer, self.address)).redeemed for each in signed]
        return await self.contract.redeem(signed, seen, 10)

    async def tokens(self):
        return await self.chain.token_balance(self.address)


@pytest.fixture
async def anvil(tmp_path):
    async with AnvilChain(tmp_path) as chain:
        yield chain


@pytest.fixture
async def parties(anvil):
    """A payer with tokens, and two payees with gas; both know nothing of each other."""
    found = [Party(anvil.file) for _ in range(3)]
    for each in found:
        await give(each.chain, each.address)
    yield found
    await asyncio.gather(*(each.chain.close() for each in found))


@pytest.fixture
async def rpc(anvil):
    rpc = JsonRpc(anvil.file.rpc_url)
    yield rpc
    await rpc.close()


def test_what_is_signed_is_the_typed_data_of_wallets():
    key, domain = NodeKey.generate(), Domain(91738, "0x" + "c" * 40)
    voucher = Voucher(str(key.node_id), "0x" + "b" * 40, 12 * GLM, FAR)
    types = {"Voucher": [{"name": n, "type": t} for n, t in FIELDS]}
    where = {
        "name": "Golem vouchers",
        "version": "1",
        "chainId": domain.chain_id,
        "verifyingContract": domain.contract,
    }
    by_library = Account.sign_typed_data(key.to_bytes(), where, types, msgspec.structs.asdict(voucher))

    signature = domain.sign(voucher, key).signature
    assert signature[:64] == bytes(by_library.signature)[:64]
    assert signature[64] + 27 == by_library.v
    assert domain.signer(SignedVoucher(voucher, signature)) == voucher.payer


FIELDS = [("payer", "address"), ("payee", "address"), ("cumulative", "uint256"), ("expiry", "uint256")]


@pytest.mark.chain
async def test_contract_signs_off_the_same_digest(parties):
    payer, payee, _ = parties
    voucher = payer.voucher(payee, 7).voucher
    domain = payer.contract.domain
    arguments = msgspec.structs.astuple(voucher)
    found = await payer.chain.ask(domain.contract, Contract.load("vouchers"), "digest", *arguments)
    assert found == domain.digest(voucher)


@pytest.mark.chain
async def test_vouchers_of_a_payer_bring_the_highest_amount_once(parties):
    payer, payee, _ = parties
    await payer.contract.deposit_once("one", [Payout(payee.address, 10)], 10)
    before = await payee.tokens()

    await payee.redeem(payer.voucher(payee, 4))
    assert await payee.tokens() == before + 4
    await payee.redeem(payer.voucher(payee, 4))
    await payee.redeem(payer.voucher(payee, 3))
    assert await payee.tokens() == before + 4
    await payee.redeem(payer.voucher(payee, 9))
    assert await payee.tokens() == before + 9


@pytest.mark.chain
async def test_deposit_is_made_once_for_each_batch_and_for_one_payee_alone(parties):
    payer, payee, other = parties
    for _ in range(2):
        await payer.contract.deposit_once("one", [Payout(payee.address, 10)], 10)
    assert (await payer.contract.standing(payer.address, payee.address)).deposit == 10
    assert await payer.tokens() == 1000 * GLM - 10

    before = await other.tokens()
    await other.redeem(payer.voucher(other, 5))
    assert await other.tokens() == before


@pytest.mark.chain
async def test_one_transaction_redeems_from_many_payers(parties):
    one, two, payee = parties
    for payer in (one, two):
        await payer.contract.deposit_once("batch", [Payout(payee.address, 10)], 10)
    before = await payee.tokens()
    await payee.redeem(one.voucher(payee, 3), two.voucher(payee, 4))
    assert await payee.tokens() == before + 7


@pytest.mark.chain
async def test_false_vouchers_are_refused(parties, rpc):
    payer, payee, thief = parties
    await payer.contract.deposit_once("one", [Payout(payee.address, 10)], 10)
    now = int((await rpc.call("eth_getBlockByNumber", "latest", False))["timestamp"], 16)
    domain = payer.contract.domain
    forged = thief.voucher(payee, 5, payer=payer.address)
    stolen = payer.voucher(thief, 5)
    raised = msgspec.structs.replace(payer.voucher(payee, 5), voucher=payer.voucher(payee, 6).voucher)
    lies = {
        "expired": [payer.voucher(payee, 5, expiry=now - 1)],
        "not signed by its payer": [
            forged,
            raised,
            stolen,
            payer.voucher(payee, 5, domain=Domain(1, domain.contract)),
            payer.voucher(payee, 5, domain=Domain(domain.chain_id, payer.chain.file.token)),
        ],
    }
    for why, vouchers in lies.items():
        for each in vouchers:
            with pytest.raises(WouldRevert, match=why):
                await payee.redeem(each)


@pytest.mark.chain
async def test_deposit_comes_back_after_the_notice_and_vouchers_are_good_until_then(parties, rpc):
    payer, payee, _ = parties
    await payer.contract.deposit_once("one", [Payout(payee.address, 10)], 10)
    with pytest.raises(WouldRevert, match="notice is not over"):
        await payer.contract.withdraw([payee.address], [0], 10)
    await payer.contract.give_notice([payee.address], 10)
    ends = (await payer.contract.standing(payer.address, payee.address)).notice_ends
    await rpc.call("evm_increaseTime", DAY_S - 60)
    await rpc.call("evm_mine")
    await payer.contract.give_notice([payee.address], 10)
    assert (await payer.contract.standing(payer.address, payee.address)).notice_ends == ends
    with pytest.raises(WouldRevert, match="notice is not over"):
        await payer.contract.withdraw([payee.address], [ends], 10)
    await payee.redeem(payer.voucher(payee, 4))
    await rpc.call("evm_increaseTime", 120)
    await rpc.call("evm_mine")
    await payer.contract.withdraw([payee.address], [ends], 10)

    assert await payer.tokens() == 1000 * GLM - 4
    assert (await payer.contract.standing(payer.address, payee.address)).deposit == 0


@pytest.mark.chain
async def test_new_deposit_takes_the_notice_back(parties):
    payer, payee, _ = parties
    await payer.contract.deposit_once("one", [Payout(payee.address, 10)], 10)
    await payer.contract.give_notice([payee.address], 10)
    await payer.contract.deposit_once("two", [Payout(payee.address, 1)], 10)
    assert (await payer.contract.standing(payer.address, payee.address)).notice_ends == 0


STEPS = st.lists(
    st.tuples(st.sampled_from(["deposit", "redeem"]), st.sampled_from([0, 1]), st.integers(0, 20)),
    max_size=8,
)


@pytest.mark.chain
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_payees_never_get_more_than_was_promised_or_deposited(tmp_path_factory, steps):
    """Whatever is deposited and redeemed in whatever order; compared with plain arithmetic."""
    asyncio.run(_compare(tmp_path_factory.mktemp("chain"), steps))


async def _compare(directory, steps):
    async with AnvilChain(directory) as anvil:
        payer, *payees = (Party(anvil.file) for _ in range(3))
        for each in (payer, *payees):
            await give(each.chain, each.address)
        deposit, got = [0, 0], [0, 0]
        for number, (what, who, amount) in enumerate(steps):
            payee = payees[who]
            if what == "deposit":
                await payer.contract.deposit_once(f"{number}", [Payout(payee.address, amount)], 10)
                deposit[who] += amount
            else:
                await payee.redeem(payer.voucher(payee, amount))
                got[who] = max(got[who], min(amount, deposit[who]))
        for who, payee in enumerate(payees):
            standing = await payer.contract.standing(payer.address, payee.address)
            assert (standing.redeemed, standing.backing) == (got[who], deposit[who])
            assert await payee.tokens() == 1000 * GLM + got[who]
        assert await payer.tokens() == 1000 * GLM - sum(deposit)
        await asyncio.gather(*(each.chain.close() for each in (payer, *payees)))
