"""Paying a batch from a deposit that others fund, and paying it all the same when the deposit is gone.

What was accepted is promised by this node, so its own account stands for it. The deposit comes first; it
cannot pay when its time is over, when it is closed, or when another program with our key has emptied it.
Then:

1. It is closed, which cannot be undone, and that is confirmed. Its funder gets back the rest.
2. The chain is asked whether the batch was paid before. If so, that payment counts.
3. If not, it never will be. The orders move to the account as far as it covers them (one write), and are
   paid as others are. What it does not cover waits, both sides are told why, and it is tried again.

A crash between any two steps repeats them from the first one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import structlog
from sqlalchemy import Connection

from golemnet.chain.batch import Payout
from golemnet.chain.errors import NotConfirmed, Reverted, WouldRevert
from golemnet.chain.ethereum import Receipt
from golemnet.clock import Clock
from golemnet.daemon.payment import allocation_store, claim_store, order_store
from golemnet.daemon.payment.backing import lacking
from golemnet.daemon.payment.deposits import Deposits
from golemnet.daemon.payment.messages import FAIL, FAILURE_DOCUMENT, FailureBody
from golemnet.daemon.payment.states import State
from golemnet.daemon.payment.store import INVOICE, Claim, Order
from golemnet.daemon.payment.tidings import ORDERS, Tidings
from golemnet.daemon.payment.wallet import CONFIRM_TIMEOUT_S, Wallet
from golemnet.database.database import Database
from golemnet.model.money import add_up, from_wei
from golemnet.rest.errors import Conflict

log = structlog.get_logger(__name__)


class DepositPaying:
    """Pays batches from deposits."""

    def __init__(
        self, clock: Clock, database: Database, wallet: Wallet, tidings: Tidings, deposits: Deposits
    ) -> None:
        self._clock = clock
        self._database = database
        self._wallet = wallet
        self._tidings = tidings
        self._deposits = deposits

    async def pay(self, batch_id: str, deposit_id: str, payouts: Sequence[Payout]) -> Receipt | None:
        """Pay the batch from the deposit, once; None if its orders have moved to the account instead.

        Raises:
            Conflict: the deposit is gone and the account does not cover everything; call again.
            ChainError: it is unknown whether the batch is paid; call again.
        """
        source, contract = int(deposit_id, 16), self._wallet.deposits()
        try:
            return await contract.pay_once(source, batch_id, payouts, CONFIRM_TIMEOUT_S)
        except (WouldRevert, Reverted, NotConfirmed):
            why = await self._why_not(source, payouts)
            # Asked in this order: a deposit that holds less may have paid this very batch.
            if why is None or await contract.paid_by(source, batch_id) is not None:
                raise
        log.warning("deposit cannot pay", deposit=deposit_id, batch=batch_id, why=why)
        await self._close_for_good(source)
        if await contract.paid_by(source, batch_id) is not None:
            return await contract.pay_once(source, batch_id, payouts, CONFIRM_TIMEOUT_S)
        await self._move_to_account(batch_id, f"The deposit {deposit_id} that was to pay it {why}")
        return None

    async def _why_not(self, source: int, payouts: Sequence[Payout]) -> str | None:
        found, now = await self._wallet.deposits().get(source), await self._deposits.time()
        return lacking(found, self._wallet.address, now, from_wei(sum(each.amount for each in payouts)))

    async def _close_for_good(self, source: int) -> None:
        contract, confirmations = self._wallet.deposits(), self._wallet.chain().file.confirmations
        await contract.close(source, CONFIRM_TIMEOUT_S)
        if not (await contract.get(source, confirmations)).is_closed:
            raise NotConfirmed(f"That the deposit {source:x} is closed is not confirmed yet.")

    async def _move_to_account(self, batch_id: str, why: str) -> None:
        known = await self._database.read(allocation_store.paid_batches)
        balance, now = await self._wallet.balance(), self._clock.now()

        def write(connection: Connection) -> Decimal:
            if allocation_store.paid_batches(connection) != known:
                raise Conflict("The account has paid meanwhile; its balance is asked for again.")
            orders = order_store.orders_of_batch(connection, batch_id)
            covered, rest = _split(orders, balance - allocation_store.reserved(connection, now))
            self._end_allocations(connection, orders, now)
            self._move(connection, covered, now)
            self._tell_why(connection, rest, why, now)
            return add_up(each.amount for each in rest)

        lacks = await self._database.write(write, durable=True)
        if lacks:
            raise Conflict(
                f"The account does not cover {lacks:f} GLM that a deposit was to pay.",
                why=why,
                next_step="Get tokens (yagna payment fund) or release allocations.",
            )

    def _end_allocations(self, connection: Connection, orders: Sequence[Order], now: datetime) -> None:
        for allocation_id in {each.allocation_id for each in orders}:
            allocation = allocation_store.find(connection, allocation_id)
            if allocation is not None and allocation.released is None:
                self._deposits.end(connection, allocation, now)

    def _move(self, connection: Connection, orders: Sequence[Order], now: datetime) -> None:
        order_store.move_to_account(connection, orders)
        for claim in _concerned(connection, orders):
            claim_store.note_problem(connection, claim, None, now)
        self._tidings.wake(connection, ORDERS)

    def _tell_why(self, connection: Connection, orders: Sequence[Order], why: str, now: datetime) -> None:
        problem = f"{why}, and the payer's own account does not cover it yet."
        for claim in _concerned(connection, orders):
            if claim.problem == problem:
                continue
            claim_store.note_problem(connection, claim, problem, now)
            body = FailureBody(
                claim_id=claim.id, agreement_id=claim.agreement_id, reason=problem, timestamp=now
            )
            signed = self._tidings.signed(FAILURE_DOCUMENT, body)
            self._tidings.tell(connection, claim.issuer_id, FAIL, claim.id, signed)
            self._tidings.wake_claims(connection, [claim.agreement_id])


def _concerned(connection: Connection, orders: Sequence[Order]) -> list[Claim]:
    """The accepted claims that are settled by these orders: their own, and the invoice over a debit note."""
    ids = {order.claim_id for order in orders}
    agreements = sorted({order.agreement_id for order in orders})
    return [
        claim
        for agreement_id in agreements
        for claim in claim_store.of_agreement(connection, agreement_id)
        if claim.state == State.ACCEPTED and (claim.id in ids or claim.kind == INVOICE)
    ]


def _split(orders: Sequence[Order], free: Decimal) -> tuple[list[Order], list[Order]]:
    """The orders that ``free`` GLM cover, and the rest."""
    covered: list[Order] = []
    rest: list[Order] = []
    for order in orders:
        fits = order.amount <= free
        (covered if fits else rest).append(order)
        free -= order.amount if fits else 0
    return covered, rest
