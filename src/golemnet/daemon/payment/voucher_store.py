"""Vouchers given and received, deposits that back them, and what they have moved on the chain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    LargeBinary,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

from golemnet.daemon.payment.store import record, values
from golemnet.database.schema import Amount, Instant, metadata
from golemnet.model.money import add_up

DEPOSIT = "deposit"
REDEMPTION = "redemption"
WITHDRAWAL = "withdrawal"
FUNDING = "funding"
REFUND = "refund"
FEE = "fee"

voucher_table = Table(
    "payment_voucher",
    metadata,
    Column("contract", Text, primary_key=True),
    Column("payer", Text, primary_key=True),
    Column("payee", Text, primary_key=True),
    Column("cumulative", Amount, nullable=False),
    Column("expiry", Instant, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("redeemed", Amount, nullable=False),
    Column("since", Instant, nullable=False),
)

top_up_table = Table(
    "payment_top_up",
    metadata,
    Column("batch_id", Text, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("payee", Text, primary_key=True),
    Column("amount", Amount, nullable=False),
    Column("headroom", Amount, nullable=False),
    Column("paid", Instant),
)

movement_table = Table(
    "payment_movement",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("counterpart", Text, nullable=False),
    Column("platform", Text, nullable=False),
    Column("amount", Amount, nullable=False),
    Column("transaction_hash", Text, nullable=False),
    Column("timestamp", Instant, nullable=False),
)


class VoucherRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The newest voucher of a payer for a payee.

    ``redeemed`` is what the chain has paid for it as far as this node has seen, ``since`` when the oldest
    part that is not redeemed came.
    """

    contract: str
    payer: str
    payee: str
    cumulative: Decimal
    expiry: datetime
    signature: bytes
    redeemed: Decimal
    since: datetime

    @property
    def open(self) -> Decimal:
        """What is promised and not redeemed."""
        return self.cumulative - self.redeemed


class TopUp(msgspec.Struct, frozen=True, kw_only=True):
    """A planned deposit for a payee of a batch: what its vouchers lack, and ``headroom`` for later ones."""

    batch_id: str
    round: int
    payee: str
    amount: Decimal
    headroom: Decimal
    paid: datetime | None = None


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens between the account and a contract.

    With the one for vouchers it is a deposit, redemption or withdrawal; ``counterpart`` is the other node.
    With the one for deposits that others spend it is a funding or a refund, or the fee for the spender;
    ``counterpart`` is the deposit's id.
    """

    id: str
    kind: str
    counterpart: str
    platform: str
    amount: Decimal
    transaction_hash: str
    timestamp: datetime


def find(connection: Connection, contract: str, payer: str, payee: str) -> VoucherRecord | None:
    """The newest voucher between the two; None if there never was one."""
    columns = voucher_table.c
    mine = (columns.contract == contract) & (columns.payer == payer) & (columns.payee == payee)
    row = connection.execute(select(voucher_table).where(mine)).one_or_none()
    return None if row is None else record(row, VoucherRecord)


def put(connection: Connection, voucher: VoucherRecord) -> None:
    """Keep the voucher in place of the one before it."""
    columns = voucher_table.c
    same = (columns.payer == voucher.payer) & (columns.payee == voucher.payee)
    connection.execute(delete(voucher_table).where(same & (columns.contract == voucher.contract)))
    connection.execute(insert(voucher_table).values(**values(voucher)))


def given(connection: Connection, contract: str, payer: str) -> list[VoucherRecord]:
    """The newest vouchers of a payer."""
    return [each for each in all_of(connection, contract) if each.payer == payer]


def received(connection: Connection, contract: str, payee: str) -> list[VoucherRecord]:
    """The newest vouchers for a payee."""
    return [each for each in all_of(connection, contract) if each.payee == payee]


def all_of(connection: Connection, contract: str) -> list[VoucherRecord]:
    """The newest vouchers of all pairs."""
    rows = connection.execute(select(voucher_table).where(voucher_table.c.contract == contract))
    return [record(row, VoucherRecord) for row in rows]


def top_ups(connection: Connection, batch_id: str, round_: int) -> list[TopUp]:
    """What is planned for a round of a batch, in a fixed order; nothing if no plan was made."""
    columns = top_up_table.c
    mine = (columns.batch_id == batch_id) & (columns.round == round_)
    return _top_ups(connection.execute(select(top_up_table).where(mine).order_by(columns.payee)))


def add_top_ups(connection: Connection, planned: Iterable[TopUp]) -> None:
    """Store a plan before any of it is done."""
    for each in planned:
        connection.execute(insert(top_up_table).values(**values(each)))


def mark_deposited(connection: Connection, batch_id: str, round_: int, now: datetime) -> None:
    """Note that the deposit of a round is confirmed."""
    mine = (top_up_table.c.batch_id == batch_id) & (top_up_table.c.round == round_)
    connection.execute(update(top_up_table).where(mine & top_up_table.c.paid.is_(None)).values(paid=now))


def planned_headroom(connection: Connection) -> Decimal:
    """What is about to leave the account beyond the orders that are reserved for anyway."""
    unpaid = connection.execute(select(top_up_table).where(top_up_table.c.paid.is_(None)))
    return add_up(each.headroom for each in _top_ups(unpaid))


def deposits_made(connection: Connection) -> int:
    """How many deposits are confirmed, for payees of vouchers and for others who pay."""
    query = select(func.count()).select_from(top_up_table).where(top_up_table.c.paid.is_not(None))
    fundings = select(func.count()).select_from(movement_table).where(movement_table.c.kind == FUNDING)
    return connection.execute(query).scalar_one() + connection.execute(fundings).scalar_one()


def add_movements(connection: Connection, made: Sequence[Movement]) -> None:
    """Store movements; one that is known already stays as it is."""
    for each in made:
        known = select(movement_table.c.id).where(movement_table.c.id == each.id)
        if connection.execute(known).one_or_none() is None:
            connection.execute(insert(movement_table).values(**values(each)))


def movements(connection: Connection) -> list[Movement]:
    """All movements, the oldest first."""
    query = select(movement_table).order_by(movement_table.c.timestamp)
    return [record(row, Movement) for row in connection.execute(query)]


def _top_ups(rows: Iterable[object]) -> list[TopUp]:
    return [msgspec.convert(row, TopUp, from_attributes=True) for row in rows]
