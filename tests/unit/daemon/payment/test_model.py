"""Whatever two nodes do, in whatever order their messages come: each accepted wei is paid once.

The nodes, their databases and their outboxes are the real ones. The chain is a model of the contract, so that
thousands of steps take seconds: it has a balance, and it takes a batch once.
"""

import asyncio
import contextlib
import shutil
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select

from golemnet.chain.errors import ChainUnreachable
from golemnet.chain.ethereum import Receipt, TokenTransfer
from golemnet.chain.vouchers import Domain, Standing
from golemnet.daemon.payment import claim_store, order_store, voucher_store
from golemnet.daemon.payment.service import Payments
from golemnet.daemon.payment.store import INVOICE, AllocationRecord, allocation_table, record
from golemnet.database.database import Database
from golemnet.database.outbox import Outbox, _next_of_each_key
from golemnet.errors import GolemError
from golemnet.model.keys import NodeKey, keccak256
from golemnet.model.money import from_wei
from golemnet.net.memory import MemoryNetwork
from golemnet.rest.payment import (
    Acceptance,
    AllocationUpdate,
    NewAllocation,
    NewDebitNote,
    NewInvoice,
    Rejection,
)
from golemnet.testing.clock import ManualClock

from .conftest import World, empty_database, started

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BALANCE = Decimal(3)
AGREEMENTS = ("first", "second")
AMOUNTS = st.sampled_from([Decimal(text) for text in ("0", "0.1", "0.5", "0.500000000000000001", "1")])
INDEX = st.integers(0, 7)
MOSTLY = st.sampled_from([True, True, True, False])
OPEN = ("ISSUED", "RECEIVED", "REJECTED")


ACTIONS = {}
OFTEN = ("accept",) * 6 + ("note", "note", "invoice", "deliver", "make_batch")


def action(**arguments):
    """Marks what the machine may do, by which arguments."""

    def mark(function):
        ACTIONS[function.__name__] = arguments
        return function

    return mark


class ContractModel:
    """Pays a batch of a payer once, from ``BALANCE``."""

    class file:
        confirmations = 1
        most_payments = 3

    def __init__(self):
        self.receipts = {}
        self.fails = None

    def paid(self):
        moved = (each.amount for receipt in self.receipts.values() for each in receipt.transfers)
        return from_wei(sum(moved))

    def moved(self):
        """What payees may believe in."""
        return self.paid()

    def pay(self, payer, batch_id, payouts):
        if self.fails == "before":
            raise ChainUnreachable("The chain does not answer.")
        hash_ = "0x" + keccak256(batch_id.encode()).hex()
        transfers = tuple(TokenTransfer(payer, each.receiver, each.amount) for each in payouts)
        new = Receipt(
            hash=hash_, block_number=1, block_hash="0x", confirmations=1, succeeded=True, transfers=transfers
        )
        assert self.receipts.setdefault(hash_, new) == new, "a batch has changed"
        assert self.paid() <= BALANCE, "more is paid than there is"
        if self.fails in ("after", "stuck"):
            raise ChainUnreachable("The chain does not answer.")
        return new

    async def receipt(self, hash_):
        return self.receipts.get(hash_)


class VoucherModel(ContractModel):
    """Takes a deposit of a batch once; ``paid`` is what has left the account, be it set aside."""

    domain = Domain(1, "0x" + "c" * 40)

    def __init__(self):
        super().__init__()
        self.deposits = Counter()
        self.batches = {}

    def paid(self):
        return from_wei(sum(self.deposits.values()))

    async def standing(self, payer, payee, confirmations=1):
        return Standing(deposit=self.deposits[payee], redeemed=0, notice_ends=0)

    async def deposit_once(self, batch_id, deposits, timeout_s):
        if self.fails == "before":
            raise ChainUnreachable("The chain does not answer.")
        if batch_id not in self.batches:
            self.deposits.update({each.receiver: each.amount for each in deposits})
        assert self.batches.setdefault(batch_id, deposits) == deposits, "a batch has changed"
        assert self.paid() <= BALANCE, "more is set aside than there is"
        if self.fails == "after":
            raise ChainUnreachable("The chain does not answer.")
        hash_ = "0x" + keccak256(batch_id.encode()).hex()
        return Receipt(hash=hash_, block_number=1, block_hash="0x", confirmations=1, succeeded=True)


class Node:
    """A node whose outbox delivers only what it is told to."""

    def __init__(self, world, network, directory, contract, clock):
        self.key = NodeKey.generate()
        file = directory / f"{self.key.node_id}.db"
        shutil.copy(empty_database(), file)
        self.database = Database(f"sqlite:///{file}")
        self.outbox = Outbox(self.database, clock)
        self.net = network.node(self.key)
        self.payments = Payments(clock, self.key, self.database, self.outbox, self.net, None, world)
        self._use(self.payments.wallet, contract)

    def _use(self, wallet, contract):
        async def balance():
            return BALANCE - contract.paid()

        async def gas():
            return Decimal(1)

        async def pay(batch_id, payouts):
            return contract.pay(str(self.key.node_id), batch_id, payouts)

        wallet.balance, wallet.gas, wallet.pay, wallet.chain = balance, gas, pay, lambda: contract
        wallet.vouchers = lambda: contract

    async def effects(self):
        return await self.database.read(_next_of_each_key)

    async def deliver(self, effect, *, forgets):
        """One attempt; a node that ``forgets`` dies before it notes that it has made it."""
        handler = self.payments.effects()[effect.kind]
        if not forgets:
            await self.outbox._attempt(effect, handler)
            return
        with contextlib.suppress(GolemError):
            await handler(effect.key, effect.body)


class TwoNodes(RuleBasedStateMachine):
    """A requestor and a provider with two agreements."""

    chain_model = ContractModel
    platform = "erc20-local-tglm"
    often = OFTEN

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = Path(tempfile.mkdtemp())

    @initialize()
    def start(self):
        self.do(self._start())

    async def _start(self):
        self.clock = ManualClock(NOW)
        self.contract = self.chain_model()
        world, network = World(NOW), MemoryNetwork(1)
        self.requestor, self.provider = (
            Node(world, network, self.directory, self.contract, self.clock) for _ in range(2)
        )
        for each in AGREEMENTS:
            world.agree(
                self.requestor.key.node_id,
                self.provider.key.node_id,
                agreement_id=each,
                activities=(f"a {each}",),
                **{"golem.com.payment.chosen-platform": self.platform},
            )
        for node in (self.requestor, self.provider):
            await node.database.open()
        await self.requestor.payments.allocations.create(NewAllocation(total_amount=Decimal(2)))
        self.running = [await started(node.net.run) for node in (self.requestor, self.provider)]

    def do(self, work):
        """The result of ``work``; None if it was refused."""
        with contextlib.suppress(GolemError):
            return self.loop.run_until_complete(work)

    @rule(data=st.data())
    def something_happens(self, data):
        """One rule for all: hypothesis would leave out most of many, and no money would ever move."""
        possible = [each for each in sorted(ACTIONS) if hasattr(self, each)]
        name = data.draw(st.sampled_from([*possible, *self.often]))
        getattr(self, name)(**{key: data.draw(each) for key, each in ACTIONS[name].items()})

    # what the requestor's program does

    @action(total=st.sampled_from(["0.5", "1", "2", "4"]), lives=st.sampled_from([None, 60]))
    def allocate(self, total, lives):
        timeout = None if lives is None else self.clock.now() + timedelta(seconds=lives)
        self.do(
            self.requestor.payments.allocations.create(
                NewAllocation(total_amount=Decimal(total), timeout=timeout)
            )
        )

    @action(index=INDEX, total=st.sampled_from(["0.1", "1", "3"]))
    def amend(self, index, total):
        if allocation := self._allocation(index):
            change = AllocationUpdate(total_amount=Decimal(total))
            self.do(self.requestor.payments.allocations.amend(allocation.id, change))

    @action(index=INDEX)
    def release(self, index):
        if allocation := self._allocation(index):
            self.do(self.requestor.payments.allocations.release(allocation.id))

    @action(index=INDEX, which=INDEX)
    def accept(self, index, which):
        claim, allocation = self._claim(self.requestor, index), self._allocation(which)
        if claim and allocation:
            acceptance = Acceptance(total_amount_accepted=claim.amount, allocation_id=allocation.id)
            self.do(self.requestor.payments.received.accept(claim.kind, claim.id, acceptance))

    @action(index=INDEX)
    def reject(self, index):
        if claim := self._claim(self.requestor, index):
            rejection = Rejection(rejection_reason="BAD_SERVICE", total_amount_accepted=Decimal(0))
            self.do(self.requestor.payments.received.reject(claim.kind, claim.id, rejection))

    # what the provider's program does

    @action(agreement=st.sampled_from(AGREEMENTS), amount=AMOUNTS, is_payable=MOSTLY, arrives=MOSTLY)
    def note(self, agreement, amount, is_payable, arrives):
        due = NOW + timedelta(days=1) if is_payable else None
        new = NewDebitNote(activity_id=f"a {agreement}", total_amount_due=amount, payment_due_date=due)
        self._send(self.do(self.provider.payments.issued.issue_debit_note(new)), arrives)

    @action(agreement=st.sampled_from(AGREEMENTS), amount=AMOUNTS, arrives=MOSTLY)
    def invoice(self, agreement, amount, arrives):
        new = NewInvoice(
            agreement_id=agreement,
            amount=amount,
            payment_due_date=NOW + timedelta(days=1),
            activity_ids=[f"a {agreement}"],
        )
        self._send(self.do(self.provider.payments.issued.issue_invoice(new)), arrives)

    @action(index=INDEX)
    def cancel(self, index):
        if claim := self._claim(self.provider, index):
            self.do(self.provider.payments.issued.cancel(claim.kind, claim.id, 0.05))

    def _send(self, claim, arrives):
        if claim is None:
            return
        self.do(self.provider.payments.issued.send(claim.kind, claim.id, 0))
        for effect in self.do(self.provider.effects()) if arrives else []:
            self.do(self.provider.deliver(effect, forgets=False))

    # what the machines do

    @action()
    def make_batch(self):
        self.do(self.requestor.payments._paying.make_batch())

    @action(
        index=INDEX,
        is_requestor=st.booleans(),
        forgets=st.booleans(),
        fails=st.sampled_from([None, None, "before", "after", "stuck"]),
    )
    def deliver(self, index, is_requestor, forgets, fails):
        node = self.requestor if is_requestor else self.provider
        effects = self.do(node.effects())
        if effects:
            self.contract.fails = fails
            self.do(node.deliver(effects[index % len(effects)], forgets=forgets))
            self.contract.fails = None

    @action()
    def time_passes(self):
        self.do(self.clock.advance(61))

    # what holds, always

    @invariant()
    def promises_are_covered(self):
        if hasattr(self, "contract"):
            reserved = self.do(self.requestor.payments.allocations.reserved())
            assert reserved <= BALANCE - self.do(self._left_the_account())

    @invariant()
    def orders_are_what_was_accepted(self):
        if hasattr(self, "contract"):
            self.do(self.requestor.database.read(_check_books))

    @invariant()
    def no_side_believes_in_more_than_was_paid(self):
        if hasattr(self, "contract"):
            for node in (self.requestor, self.provider):
                payments = self.do(node.database.read(order_store.payments))
                assert sum(each.amount for each in payments) <= self.contract.moved()

    def teardown(self):
        try:
            self.do(self._come_to_rest())
            if hasattr(self, "contract"):
                self.do(self._check_end())
        finally:
            self.do(self._stop())
            self.loop.close()
            shutil.rmtree(self.directory)

    async def _come_to_rest(self):
        for _ in range(200):
            await self.requestor.payments._paying.make_batch()
            pending = [
                (node, each) for node in (self.requestor, self.provider) for each in await node.effects()
            ]
            if not pending:
                return
            for node, effect in pending:
                await node.deliver(effect, forgets=False)
        pytest.fail("the nodes do not come to rest")

    async def _check_end(self):
        orders = await self.requestor.database.read(_all_orders)
        assert sum(each.amount for each in orders) == self.contract.paid()
        for node in (self.requestor, self.provider):
            payments = await node.database.read(order_store.payments)
            assert sum(each.amount for each in payments) == self.contract.paid()
            claims = await node.database.read(claim_store.all_of)
            assert [each for each in claims if each.kind == INVOICE and each.state == "ACCEPTED"] == []

    async def _stop(self):
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)
        for node in (self.requestor, self.provider):
            await node.database.close()

    async def _left_the_account(self):
        """As the requestor has noted it: what it has paid and not noted yet is reserved as well."""
        return _sum(await self.requestor.database.read(order_store.payments))

    def _claim(self, node, index):
        """A claim; mostly one that something can still happen to."""
        claims = self.do(node.database.read(claim_store.all_of))
        chosen = claims if index == 0 else [each for each in claims if each.state in OPEN]
        return chosen[index % len(chosen)] if chosen else None

    def _allocation(self, index):
        found = self.do(self.requestor.payments.allocations.all())
        return found[index % len(found)] if found else None


def _all_orders(connection):
    return [
        each for agreement in AGREEMENTS for each in order_store.orders_of_agreement(connection, agreement)
    ]


def _check_books(connection):
    """What is ordered is what was accepted, and has been taken from the allocations."""
    for agreement in AGREEMENTS:
        accepted = [
            each
            for each in claim_store.of_agreement(connection, agreement)
            if each.state in ("ACCEPTED", "SETTLED")
        ]
        invoices = [each.amount for each in accepted if each.kind == INVOICE]
        ordered = _sum(order_store.orders_of_agreement(connection, agreement))
        assert ordered <= max((each.amount for each in accepted), default=0)
        assert not invoices or ordered >= invoices[0]
    rows = connection.execute(select(allocation_table))
    allocations = [record(row, AllocationRecord) for row in rows]
    assert all(each.paid <= each.spent <= each.total for each in allocations)
    assert sum(each.spent for each in allocations) >= _sum(_all_orders(connection))


def _sum(records):
    return sum((each.amount for each in records), Decimal(0))


class TwoNodesWithVouchers(TwoNodes):
    """The same, paid by vouchers."""

    chain_model = VoucherModel
    platform = "voucher-local-tglm"

    async def _left_the_account(self):
        """While a batch is under way, what it needs is set aside and reserved as well."""
        orders = await self.requestor.database.read(_all_orders)
        under_way = any(each.batch_id and not each.paid for each in orders)
        return 0 if under_way else self.contract.paid()

    async def _check_end(self):
        ordered = _sum(await self.requestor.database.read(_all_orders))
        assert ordered <= self.contract.paid()
        for node in (self.requestor, self.provider):
            assert _sum(await node.database.read(order_store.payments)) == ordered
            vouchers = await node.database.read(
                lambda connection: voucher_store.all_of(connection, VoucherModel.domain.contract)
            )
            assert sum(each.cumulative for each in vouchers) == ordered
            claims = await node.database.read(claim_store.all_of)
            assert [each for each in claims if each.kind == INVOICE and each.state == "ACCEPTED"] == []


TestTwoNodes = TwoNodes.TestCase
TestTwoNodes.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestTwoNodes.pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.usefixtures("silence")]

TestTwoNodesWithVouchers = TwoNodesWithVouchers.TestCase
TestTwoNodesWithVouchers.settings = settings(TestTwoNodes.settings, max_examples=20)
TestTwoNodesWithVouchers.pytestmark = TestTwoNodes.pytestmark
