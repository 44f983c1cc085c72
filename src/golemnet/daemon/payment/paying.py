"""Paying what is ordered: orders are gathered for a moment, and one transaction pays each batch.

1. A batch is stored together with the effect "pay it" (one write).
2. The effect pays it. The wallet stores the transaction before it is sent; the contract takes a batch once.
3. The confirmed batch is stored as paid, with one payment and one notice for each payee (one write).

A crash between any two steps repeats the last one, which changes nothing that is done already.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import msgspec
import structlog
from sqlalchemy import Connection

from golemnet.chain.batch import Payout
from golemnet.chain.ethereum import Receipt
from golemnet.chain.vouchers import MOST_VOUCHERS, SignedVoucher
from golemnet.clock import Clock
from golemnet.daemon.payment import allocation_store, order_store
from golemnet.daemon.payment.deposit_paying import DepositPaying
from golemnet.daemon.payment.deposits import Deposits
from golemnet.daemon.payment.messages import PAYMENT, PAYMENT_DOCUMENT, PartBody, PaymentBody, VoucherBody
from golemnet.daemon.payment.platforms import is_voucher
from golemnet.daemon.payment.settlement import settle
from golemnet.daemon.payment.store import REQUESTOR, Order, Part, PaymentRecord
from golemnet.daemon.payment.tidings import ORDERS, PAYMENTS, Tidings
from golemnet.daemon.payment.vouchers_given import GivenVouchers
from golemnet.daemon.payment.wallet import Wallet
from golemnet.database.database import Database
from golemnet.model.keys import keccak256
from golemnet.model.money import add_up, from_wei, to_wei

GATHER_S = 0.2
IDLE_S = 60.0
MOST_ORDERS = 2000

log = structlog.get_logger(__name__)


class Paying:
    """Turns orders into batches and batches into payments."""

    def __init__(
        self,
        clock: Clock,
        database: Database,
        wallet: Wallet,
        tidings: Tidings,
        deposits: Deposits,
        gather_s: float = GATHER_S,
    ) -> None:
        self._clock = clock
        self._database = database
        self._wallet = wallet
        self._tidings = tidings
        self._from_deposits = DepositPaying(clock, database, wallet, tidings, deposits)
        self._gather_s = gather_s
        self._vouchers = GivenVouchers(clock, database, wallet)
        self._vouchers_lock = asyncio.Lock()

    async def run(self) -> None:
        """Make batches of orders as they come, until cancelled; each waits ``gather_s`` for company."""

        async def look() -> bool:
            return bool(await self._database.read(order_store.waiting_orders))

        while True:
            if await self._tidings.signal.poll(ORDERS, look, IDLE_S):
                await asyncio.sleep(self._gather_s)
                await self.make_batch()
            else:
                await self._wallet.repair()

    async def make_batch(self) -> str | None:
        """Put the orders that wait into one batch; its id, or None if there are none."""
        now, most = self._clock.now(), self._wallet.most_payments

        def write(connection: Connection) -> str | None:
            orders = _fitting(order_store.waiting_orders(connection), most)
            if not orders:
                return None
            batch_id = str(uuid.uuid4())
            order_store.add_batch(connection, batch_id, orders, now)
            self._tidings.start_batch(connection, batch_id)
            return batch_id

        return await self._database.write(write, durable=True)

    async def pay_batch(self, batch_id: str) -> None:
        """Pay the batch and tell its payees; nothing if that is done. ``ChainError`` means: again."""
        if await self._database.read(lambda connection: order_store.is_paid(connection, batch_id)):
            return
        orders = await self._database.read(
            lambda connection: order_store.orders_of_batch(connection, batch_id)
        )
        if not orders:  # they were moved to the account, and into other batches
            return
        if is_voucher(orders[0].platform):
            async with self._vouchers_lock:
                await self._vouchers.back(batch_id, orders)
                await self._store_paid(batch_id, None)
            log.info("batch paid by vouchers", batch=batch_id, orders=len(orders))
            return
        receipt = await self._pay(batch_id, orders)
        if receipt is None:
            log.info("batch moved to the account", batch=batch_id)
            return
        log.info("batch paid", batch=batch_id, orders=len(orders), transaction=receipt.hash)
        await self._store_paid(batch_id, receipt.hash)

    async def _pay(self, batch_id: str, orders: Sequence[Order]) -> Receipt | None:
        deposit_id = orders[0].deposit_id
        if deposit_id is None:
            return await self._wallet.pay(batch_id, payouts(orders))
        return await self._from_deposits.pay(batch_id, deposit_id, payouts(orders))

    async def _store_paid(self, batch_id: str, transaction_hash: str | None) -> None:
        """Store what a transaction has paid, or sign the vouchers that pay it."""
        now = self._clock.now()

        def write(connection: Connection) -> None:
            if order_store.is_paid(connection, batch_id):
                return
            orders = order_store.orders_of_batch(connection, batch_id)
            order_store.mark_paid(connection, batch_id, transaction_hash, now)
            _charge_allocations(connection, orders)
            for (payee_id, payee_addr, platform), group in _by_payee(orders).items():
                payment_id = str(uuid.uuid5(uuid.UUID(batch_id), f"{payee_id} {payee_addr} {platform}"))
                self._add_payment(connection, payment_id, group, transaction_hash, now)
            agreement_ids = {order.agreement_id for order in orders}
            for agreement_id in agreement_ids:
                settle(connection, agreement_id, now)
            self._tidings.wake(connection, PAYMENTS)
            self._tidings.wake_claims(connection, agreement_ids)

        await self._database.write(write, durable=True)

    def _add_payment(
        self,
        connection: Connection,
        payment_id: str,
        orders: Sequence[Order],
        transaction_hash: str | None,
        now: datetime,
    ) -> None:
        body = self._payment_body(payment_id, orders, transaction_hash or "", now)
        if transaction_hash is None:
            body = with_voucher(body, self._vouchers.issue(connection, body.payee_addr, body.amount))
        signed = self._tidings.signed(PAYMENT_DOCUMENT, body)
        parts = [
            Part(
                payment_id=payment_id,
                agreement_id=order.agreement_id,
                activity_id=order.activity_id,
                allocation_id=order.allocation_id,
                amount=order.amount,
            )
            for order in orders
        ]
        order_store.add_payment(connection, payment_record(body, REQUESTOR, signed), parts)
        self._tidings.notify(connection, body.payee_id, PAYMENT, payment_id, signed)

    def _payment_body(
        self, payment_id: str, orders: Sequence[Order], transaction_hash: str, now: datetime
    ) -> PaymentBody:
        parts = [
            PartBody(agreement_id=order.agreement_id, activity_id=order.activity_id, amount=order.amount)
            for order in orders
        ]
        return PaymentBody(
            id=payment_id,
            payer_id=self._wallet.address,
            payee_id=orders[0].payee_id,
            payer_addr=self._wallet.address,
            payee_addr=orders[0].payee_addr,
            platform=orders[0].platform,
            amount=add_up(order.amount for order in orders),
            parts=parts,
            transaction_hash=transaction_hash,
            timestamp=now,
        )


def with_voucher(body: PaymentBody, signed: SignedVoucher) -> PaymentBody:
    """A notice that pays by the voucher."""
    voucher = signed.voucher
    shown = VoucherBody(
        cumulative=from_wei(voucher.cumulative), expiry=voucher.expiry, signature=signed.signature
    )
    # The signature is the payer's only one for what it signs, so its hash names the payment.
    hash_ = "0x" + keccak256(signed.signature).hex()
    return msgspec.structs.replace(body, transaction_hash=hash_, voucher=shown)


def payment_record(body: PaymentBody, role: str, signed: bytes) -> PaymentRecord:
    """The record of a payment document."""
    return PaymentRecord(
        id=body.id,
        role=role,
        payer_id=body.payer_id,
        payee_id=body.payee_id,
        payer_addr=body.payer_addr,
        payee_addr=body.payee_addr,
        platform=body.platform,
        amount=body.amount,
        timestamp=body.timestamp,
        transaction_hash=body.transaction_hash,
        signed=signed,
    )


def payouts(orders: Sequence[Order]) -> list[Payout]:
    """One payout for each address of ``orders``, sorted: a repeated batch is the same to the byte."""
    sums: defaultdict[str, int] = defaultdict(int)
    for order in orders:
        sums[order.payee_addr] += to_wei(order.amount)
    return [Payout(address, sums[address]) for address in sorted(sums)]


def _fitting(orders: Sequence[Order], most_payees: int) -> list[Order]:
    """The orders like the first one (by its source and its way) that one transaction can hold."""
    ways = [(is_voucher(each.platform), each.deposit_id) for each in orders]
    orders = [each for each, way in zip(orders, ways, strict=True) if way == ways[0]]
    by_contract = bool(ways) and ways[0] != (False, None)
    most_payees = min(most_payees, MOST_VOUCHERS) if by_contract else most_payees
    addresses: set[str] = set()
    chosen: list[Order] = []
    for order in orders[:MOST_ORDERS]:
        if order.payee_addr in addresses or len(addresses) < most_payees:
            addresses.add(order.payee_addr)
            chosen.append(order)
    return chosen


def _by_payee(orders: Sequence[Order]) -> dict[tuple[str, str, str], list[Order]]:
    groups: defaultdict[tuple[str, str, str], list[Order]] = defaultdict(list)
    for order in orders:
        groups[order.payee_id, order.payee_addr, order.platform].append(order)
    return groups


def _charge_allocations(connection: Connection, orders: Sequence[Order]) -> None:
    for order in orders:
        allocation = allocation_store.find(connection, order.allocation_id)
        if allocation is not None:
            paid = allocation.paid + order.amount
            allocation_store.put(connection, msgspec.structs.replace(allocation, paid=paid))
