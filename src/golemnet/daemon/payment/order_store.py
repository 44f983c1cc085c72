"""Orders, batches, payments and their parts in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, Connection, insert, select, true, update

from golemnet.daemon.payment.messages import PaymentBody
from golemnet.daemon.payment.store import (
    PROVIDER,
    Order,
    Part,
    PaymentRecord,
    batch_table,
    order_table,
    part_table,
    payment_table,
    record,
    values,
)


def add_order(connection: Connection, order: Order) -> None:
    """Store an order."""
    connection.execute(insert(order_table).values(**values(order)))


def all_orders(connection: Connection) -> list[Order]:
    """Every order there ever was."""
    return _orders(connection, true())


def orders_of_agreement(connection: Connection, agreement_id: str) -> list[Order]:
    """All orders of an agreement."""
    return _orders(connection, order_table.c.agreement_id == agreement_id)


def orders_of_batch(connection: Connection, batch_id: str) -> list[Order]:
    """The orders of a batch."""
    return _orders(connection, order_table.c.batch_id == batch_id)


def waiting_orders(connection: Connection) -> list[Order]:
    """Orders that are in no batch yet."""
    return _orders(connection, order_table.c.batch_id.is_(None))


def unpaid_of_deposit(connection: Connection, deposit_id: str) -> list[Order]:
    """Orders that are still to be paid from a deposit."""
    return _orders(connection, (order_table.c.deposit_id == deposit_id) & order_table.c.paid.is_(None))


def of_deposit(connection: Connection, deposit_id: str) -> list[Order]:
    """All orders that were, or are to be, paid from a deposit."""
    return _orders(connection, order_table.c.deposit_id == deposit_id)


def orders_of_allocation(connection: Connection, allocation_id: str) -> list[Order]:
    """All orders that an allocation was charged for."""
    return _orders(connection, order_table.c.allocation_id == allocation_id)


def move_to_account(connection: Connection, orders: Sequence[Order]) -> None:
    """Have ``orders`` paid from the account, and in another batch, instead of from their deposit."""
    mine = order_table.c.claim_id.in_([order.claim_id for order in orders])
    connection.execute(update(order_table).where(mine).values(deposit_id=None, batch_id=None))


def deposits_by_transaction(connection: Connection) -> dict[str, str]:
    """The deposit that each transaction has paid from, for those that have not paid from the account."""
    query = select(batch_table.c.transaction_hash, order_table.c.deposit_id).join_from(
        batch_table, order_table, order_table.c.batch_id == batch_table.c.id
    )
    paid_so = order_table.c.deposit_id.is_not(None) & batch_table.c.transaction_hash.is_not(None)
    return {row[0]: row[1] for row in connection.execute(query.where(paid_so))}


def add_batch(connection: Connection, batch_id: str, orders: Sequence[Order], now: datetime) -> None:
    """Make a batch of ``orders``."""
    connection.execute(insert(batch_table).values(id=batch_id, created=now))
    mine = order_table.c.claim_id.in_([order.claim_id for order in orders])
    connection.execute(update(order_table).where(mine).values(batch_id=batch_id))


def is_paid(connection: Connection, batch_id: str) -> bool:
    """Whether the batch's transaction is confirmed and its payments are stored."""
    query = select(batch_table.c.paid).where(batch_table.c.id == batch_id)
    return connection.execute(query).scalar() is not None


def mark_paid(connection: Connection, batch_id: str, transaction_hash: str | None, now: datetime) -> None:
    """Note that a transaction, or vouchers (None), have paid the batch and its orders."""
    batch = update(batch_table).where(batch_table.c.id == batch_id)
    connection.execute(batch.values(transaction_hash=transaction_hash, paid=now))
    connection.execute(update(order_table).where(order_table.c.batch_id == batch_id).values(paid=now))


def add_payment(connection: Connection, payment: PaymentRecord, parts: Sequence[Part]) -> None:
    """Store a payment and what it is for."""
    connection.execute(insert(payment_table).values(**values(payment)))
    for part in parts:
        connection.execute(insert(part_table).values(**values(part)))


def find_payment(connection: Connection, payment_id: str) -> PaymentRecord | None:
    """The payment; None if it is unknown."""
    row = connection.execute(select(payment_table).where(payment_table.c.id == payment_id)).one_or_none()
    return None if row is None else record(row, PaymentRecord)


def payments(
    connection: Connection, *, after: datetime | None = None, limit: int | None = None
) -> list[PaymentRecord]:
    """Payments from after a time on, the oldest first."""
    query = select(payment_table).order_by(payment_table.c.timestamp).limit(limit)
    if after is not None:
        query = query.where(payment_table.c.timestamp > after)
    return [record(row, PaymentRecord) for row in connection.execute(query)]


def payments_by_transaction(connection: Connection, transaction_hash: str) -> list[PaymentRecord]:
    """All payments that were claimed to be in a transaction."""
    query = select(payment_table).where(payment_table.c.transaction_hash == transaction_hash)
    return [record(row, PaymentRecord) for row in connection.execute(query)]


def amounts_received(connection: Connection, like: PaymentBody) -> list[Decimal]:
    """The payments received between the addresses and on the platform of ``like``."""
    columns = payment_table.c
    way = (columns.payer_addr == like.payer_addr) & (columns.payee_addr == like.payee_addr)
    mine = way & (columns.platform == like.platform) & (columns.role == PROVIDER)
    return list(connection.execute(select(columns.amount).where(mine)).scalars())


def parts_of_payment(connection: Connection, payment_id: str) -> list[Part]:
    """What a payment is for."""
    return _parts(connection, part_table.c.payment_id == payment_id)


def parts_of_agreement(connection: Connection, agreement_id: str) -> list[Part]:
    """The shares of an agreement in all payments."""
    return _parts(connection, part_table.c.agreement_id == agreement_id)


def _orders(connection: Connection, condition: ColumnElement[bool]) -> list[Order]:
    rows = connection.execute(select(order_table).where(condition))
    return [record(row, Order) for row in rows]


def _parts(connection: Connection, condition: ColumnElement[bool]) -> list[Part]:
    rows = connection.execute(select(part_table).where(condition))
    return [record(row, Part) for row in rows]
