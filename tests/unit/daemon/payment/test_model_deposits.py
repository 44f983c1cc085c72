"""The model of two nodes, paid from deposits that end, are extended, emptied and closed at any time."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from sqlalchemy import select

from golemnet.chain.deposits import NOBODY, Deposit, DepositEvent, deposit_id
from golemnet.chain.errors import ChainUnreachable, NotConfirmed, WouldRevert
from golemnet.chain.ethereum import Receipt, TokenTransfer
from golemnet.daemon.payment import claim_store, order_store
from golemnet.daemon.payment.store import allocation_table
from golemnet.daemon.payment.tidings import BATCH
from golemnet.model.keys import keccak256
from golemnet.model.money import from_wei, to_wei
from golemnet.rest import payment as rest

from . import test_model
from .test_model import AGREEMENTS, AMOUNTS, INDEX, OFTEN, ContractModel, TwoNodes, _all_orders, _sum, action

ADDRESS, FUNDER = "0x" + "d" * 40, "0x" + "f" * 40
FEE = to_wei(Decimal("0.1"))
LIVES_S = st.sampled_from([500, 1000, 4000])
BEHIND_S = 300


class DepositModel(ContractModel):
    """The account, and deposits from which a batch is paid once.

    A payment that is ``stuck`` is taken by the chain later, when the next call of the account is. The chain's
    clock is behind that of the nodes.
    """

    address = ADDRESS

    def __init__(self):
        super().__init__()
        self.deposits = {}
        self.by_batch = {}
        self.stuck = []
        self.from_account = Counter()
        self.more = Decimal(0)
        self.clock = self.spender = None

    def paid(self):
        """What has left the account."""
        return from_wei(sum(self.from_account.values())) - self.more

    def moved(self):
        """What has come to payees."""
        return super().paid()

    def pay(self, payer, batch_id, payouts):
        if self.fails != "before":
            self.mine()
        try:
            return super().pay(payer, batch_id, payouts)
        finally:
            hash_ = "0x" + keccak256(batch_id.encode()).hex()
            if hash_ in self.receipts:
                self.from_account[hash_] = sum(each.amount for each in payouts)

    def make(self, amount, lives_s):
        made = deposit_id(FUNDER, len(self.deposits) + 1)
        self.deposits[made] = Deposit(self.spender, amount, FEE, self.now() + lives_s)
        return rest.Deposit(id=hex(made), contract=ADDRESS)

    def now(self):
        return int(self.clock.now().timestamp()) - BEHIND_S

    async def block_time(self):
        return self.now()

    async def get(self, id_, confirmations=1):
        return self.deposits.get(id_, Deposit(NOBODY, 0, 0, 0))

    async def with_paid(self, id_, batch_ids):
        return await self.get(id_), {each for each in batch_ids if (id_, each) in self.by_batch}

    async def paid_by(self, id_, batch_id):
        return self.by_batch.get((id_, batch_id))

    async def pay_once(self, id_, batch_id, payouts, timeout_s):
        if (id_, batch_id) not in self.by_batch:
            if not self._can_pay(id_, payouts):
                raise WouldRevert("The contract would refuse it.")
            self._do(lambda: self._pay(id_, batch_id, payouts), may_stick=True)
        return self.receipts[self.by_batch[id_, batch_id]]

    async def close(self, id_, timeout_s):
        if (await self.get(id_)).spender == self.spender:
            self._do(lambda: self.close_now(id_))

    async def history(self, id_):
        return [DepositEvent("DepositClosed", f"closing {id_}")] if self.deposits[id_].is_closed else []

    async def receipt(self, hash_):
        if hash_.startswith("closing"):
            return Receipt(hash_, 1, "0x", 1, True, (TokenTransfer(ADDRESS, self.spender, FEE),))
        return await super().receipt(hash_)

    def close_now(self, id_):
        found = self.deposits[id_]
        self.deposits[id_] = Deposit(NOBODY, 0, 0, found.valid_to)

    def take(self, id_, amount):
        found = self.deposits[id_]
        self.deposits[id_] = Deposit(found.spender, found.amount - amount, found.fee, found.valid_to)

    def extend(self, id_, amount, lives_s):
        found, end = self.deposits[id_], self.now() + lives_s
        if not found.is_closed:
            self.deposits[id_] = Deposit(
                found.spender, found.amount + amount, found.fee, max(found.valid_to, end)
            )

    def _do(self, call, may_stick=False):
        if self.fails == "before":
            raise ChainUnreachable("The chain does not answer.")
        self.stuck.append(call)
        if self.fails == "stuck" and may_stick:
            raise NotConfirmed("No block has taken it yet.")
        self.mine()
        if self.fails == "after":
            raise ChainUnreachable("The chain does not answer.")

    def mine(self):
        """Blocks take what was stuck, in order; what the contract refuses has no effect."""
        waiting, self.stuck = self.stuck, []
        for call in waiting:
            call()

    def _can_pay(self, id_, payouts):
        found = self.deposits[id_]
        is_enough = sum(each.amount for each in payouts) <= found.amount
        return found.spender == self.spender and self.now() <= found.valid_to and is_enough

    def _pay(self, id_, batch_id, payouts):
        if (id_, batch_id) in self.by_batch or not self._can_pay(id_, payouts):
            return
        self.take(id_, sum(each.amount for each in payouts))
        hash_ = "0x" + keccak256(f"{id_} {batch_id}".encode()).hex()
        transfers = tuple(TokenTransfer(self.spender, each.receiver, each.amount) for each in payouts)
        self.by_batch[id_, batch_id] = hash_
        self.receipts[hash_] = Receipt(hash_, 1, "0x", 1, True, transfers)


class TwoNodesWithDeposits(TwoNodes):
    """The same, with allocations on deposits beside those on the account."""

    chain_model = DepositModel
    often = (*OFTEN, *("note_and_accept", "payments_are_stuck", "payments_are_tried", "much_time_passes") * 4)

    async def _start(self):
        await super()._start()
        self.contract.clock = self.clock
        self.contract.spender = str(self.requestor.key.node_id)
        self.requestor.payments.wallet.deposits = lambda: self.contract
        await self._allocate_on(self.contract.make(to_wei(Decimal(2)), 1000), None)

    async def _allocate_on(self, deposit, total):
        total = total or from_wei(self.contract.deposits[int(deposit.id, 16)].amount)
        new = rest.NewAllocation(total_amount=total, deposit=deposit)
        await self.requestor.payments.allocations.create(new)

    @action(amount=st.sampled_from(["0.5", "1"]), lives_s=LIVES_S)
    def fund(self, amount, lives_s):
        self.do(self._allocate_on(self.contract.make(to_wei(Decimal(amount)), lives_s), None))

    @action(index=INDEX, amount=st.sampled_from(["0", "1"]), lives_s=LIVES_S)
    def extend(self, index, amount, lives_s):
        self.contract.extend(self._deposit(index), to_wei(Decimal(amount)), lives_s)

    @action(index=INDEX)
    def take_back(self, index):
        if self.contract.deposits[self._deposit(index)].valid_to < self.contract.now():
            self.contract.close_now(self._deposit(index))

    @action(index=INDEX)
    def another_program_closes(self, index):
        self.contract.close_now(self._deposit(index))

    @action(index=INDEX, share=st.sampled_from([2, 1]))
    def another_program_pays(self, index, share):
        id_ = self._deposit(index)
        self.contract.take(id_, self.contract.deposits[id_].amount // share)

    @action()
    def blocks_come(self):
        self.contract.mine()

    @action(seconds=st.sampled_from([150, 350]))
    def much_time_passes(self, seconds):
        self.do(self.clock.advance(seconds))

    @action(agreement=st.sampled_from(AGREEMENTS), amount=AMOUNTS, index=INDEX)
    def note_and_accept(self, agreement, amount, index):
        self.note(agreement, amount, True, True)
        self.accept(1, index)

    def _allocation(self, index):
        """An allocation; mostly one that draws from a deposit."""
        found = self.do(self.requestor.payments.allocations.all())
        chosen = [each for each in found if each.deposit_id is not None or index == 0]
        return chosen[index % len(chosen)] if chosen else None

    @action()
    def payments_are_stuck(self):
        self._pay_batches("stuck")

    @action()
    def payments_are_tried(self):
        self._pay_batches(None)

    def _pay_batches(self, fails):
        self.do(self.requestor.payments._paying.make_batch())
        for effect in self.do(self.requestor.effects()):
            if effect.kind == BATCH:
                self.contract.fails = fails
                self.do(self.requestor.deliver(effect, forgets=False))
        self.contract.fails = None

    @action()
    def watch(self):
        self.do(self.requestor.payments.deposits.close_expired())
        self.do(self.requestor.payments.deposits.hurry())

    def _deposit(self, index):
        return sorted(self.contract.deposits)[index % len(self.contract.deposits)]

    async def _left_the_account(self):
        payments = await self.requestor.database.read(order_store.payments)
        return _sum(each for each in payments if each.transaction_hash in self.contract.from_account)

    async def _come_to_rest(self):
        """The account gets tokens in the end, for what no deposit has paid."""
        self.contract.more = Decimal(1000)
        for each in await self.requestor.payments.allocations.all():
            await self.requestor.payments.allocations.release(each.id)
        await self.requestor.payments.deposits.close_expired()
        await super()._come_to_rest()

    async def _check_end(self):
        orders = await self.requestor.database.read(_all_orders)
        assert _sum(orders) == self.contract.moved()
        for node in (self.requestor, self.provider):
            assert _sum(await node.database.read(order_store.payments)) == self.contract.moved()
            claims = await node.database.read(claim_store.all_of)
            assert [each for each in claims if each.kind == "invoice" and each.state == "ACCEPTED"] == []
        drawn_from = await self.requestor.database.read(_deposits_of_allocations)
        assert [each for each in drawn_from if not self.contract.deposits[each].is_closed] == []


@pytest.mark.usefixtures("silence")
@pytest.mark.parametrize("is_mined", ["never", "before it is closed", "after it is extended"])
def test_payment_that_is_stuck_until_the_deposit_ends_is_made_once(is_mined):
    """What the model comes to rarely: our clock says that the deposit has ended, and its chain is behind."""
    machine = TwoNodesWithDeposits()
    machine.start()
    machine.note_and_accept("first", Decimal("0.5"), 1)
    machine.payments_are_stuck()
    machine.much_time_passes(1000 if is_mined == "before it is closed" else 1000 + BEHIND_S)
    machine.payments_are_stuck()
    if is_mined == "after it is extended":
        machine.extend(0, "1", 4000)
    machine.payments_are_tried()
    machine.payments_are_tried()
    is_from_account = bool(machine.contract.from_account)
    assert machine.contract.moved() == Decimal("0.5")
    assert is_from_account == (is_mined != "before it is closed")
    machine.teardown()


def _deposits_of_allocations(connection):
    ids = connection.execute(select(allocation_table.c.deposit_id)).scalars()
    return [int(each, 16) for each in ids if each is not None]


TestTwoNodesWithDeposits = TwoNodesWithDeposits.TestCase
TestTwoNodesWithDeposits.settings = settings(test_model.TestTwoNodes.settings, max_examples=15)
TestTwoNodesWithDeposits.pytestmark = test_model.TestTwoNodes.pytestmark
