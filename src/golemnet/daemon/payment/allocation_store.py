"""Allocations in the database."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from golemnet.daemon.payment import amounts, voucher_store
from golemnet.daemon.payment.store import (
    AllocationRecord,
    Order,
    allocation_table,
    batch_table,
    order_table,
    record,
    values,
)
from golemnet.rest.errors import BadRequest, Gone, NotFound

_columns = allocation_table.c


def add(connection: Connection, allocation: AllocationRecord) -> None:
    """Store a new allocation."""
    connection.execute(insert(allocation_table).values(**values(allocation)))


def put(connection: Connection, allocation: AllocationRecord) -> None:
    """Store the allocation in place of the one with its id."""
    mine = _columns.id == allocation.id
    connection.execute(update(allocation_table).where(mine).values(**values(allocation)))


def find(connection: Connection, allocation_id: str) -> AllocationRecord | None:
    """The allocation, open or not; None if there never was one."""
    row = connection.execute(select(allocation_table).where(_columns.id == allocation_id)).one_or_none()
    return None if row is None else record(row, AllocationRecord)


def get_open(connection: Connection, allocation_id: str, now: datetime) -> AllocationRecord:
    """The open allocation. Raises NotFound, or Gone if it was released or has expired."""
    found = find(connection, allocation_id)
    if found is None:
        raise NotFound("No such allocation here.", allocation_id=allocation_id)
    if not found.is_open(now):
        why = "It was released." if found.released else f"It expired at {found.timeout}."
        raise Gone("The allocation is not open any more.", why=why, allocation_id=allocation_id)
    return found


def all_open(connection: Connection, now: datetime) -> list[AllocationRecord]:
    """The open allocations, the oldest first."""
    query = select(allocation_table).where(_columns.released.is_(None)).order_by(_columns.created)
    found = [record(row, AllocationRecord) for row in connection.execute(query)]
    return [each for each in found if each.is_open(now)]


def made_with(connection: Connection, app_key: str | None) -> list[AllocationRecord]:
    """All that were ever made with an application key of this name, open or not."""
    rows = connection.execute(select(allocation_table).where(_columns.app_key == app_key))
    return [record(row, AllocationRecord) for row in rows]


def of_deposit(connection: Connection, deposit_id: str | None) -> list[AllocationRecord]:
    """All that ever drew from a deposit."""
    rows = connection.execute(select(allocation_table).where(_columns.deposit_id == deposit_id))
    return [record(row, AllocationRecord) for row in rows]


def expired_with_deposit(connection: Connection, now: datetime) -> list[AllocationRecord]:
    """Those that draw from deposits, are over, and were not released."""
    over = _columns.deposit_id.is_not(None) & _columns.released.is_(None) & (_columns.timeout <= now)
    return [record(row, AllocationRecord) for row in connection.execute(select(allocation_table).where(over))]


def late_batches(connection: Connection) -> list[str]:
    """Batches that deposits are to pay whose allocations are over."""
    columns = order_table.c
    waiting = columns.paid.is_(None) & columns.deposit_id.is_not(None) & columns.batch_id.is_not(None)
    over = waiting & _columns.released.is_not(None)
    query = select(columns.batch_id).join(allocation_table, _columns.id == columns.allocation_id).where(over)
    return list(connection.execute(query.distinct()).scalars())


def reserved(connection: Connection, now: datetime) -> Decimal:
    """What of the account's balance is promised, over all platforms: they are names of one account."""
    open_ = all_open(connection, now)
    ids = {each.id for each in open_ if each.deposit_id is None}
    rows = connection.execute(select(order_table).where(order_table.c.paid.is_(None)))
    unpaid = [record(row, Order) for row in rows]
    elsewhere = [order for order in unpaid if order.allocation_id not in ids]
    return amounts.reserved(open_, elsewhere) + voucher_store.planned_headroom(connection)


def paid_batches(connection: Connection) -> int:
    """How many batches and deposits have left the account; a balance read before the last one is stale."""
    query = select(func.count()).select_from(batch_table).where(batch_table.c.paid.is_not(None))
    return connection.execute(query).scalar_one() + voucher_store.deposits_made(connection)


def spend(connection: Connection, allocation: AllocationRecord, amount: Decimal) -> AllocationRecord:
    """Charge ``amount`` (which may be negative) to the allocation.

    Raises:
        BadRequest: it has less left.
    """
    if amount > allocation.remaining:
        raise BadRequest(
            f"The allocation has {allocation.remaining:f} GLM left, {amount:f} are needed.",
            next_step="Amend the allocation or accept from another one.",
            allocation_id=allocation.id,
        )
    new = msgspec.structs.replace(allocation, spent=max(allocation.spent + amount, Decimal(0)))
    put(connection, new)
    return new
