"""Tables of the payment service, and the records that their rows are."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from sqlalchemy import JSON, BigInteger, Column, Index, Integer, LargeBinary, Row, Table, Text

from golemnet.database.schema import Amount, Instant, metadata

DEBIT_NOTE = "debit_note"
INVOICE = "invoice"
PROVIDER = "provider"
REQUESTOR = "requestor"

T = TypeVar("T")

allocation_table = Table(
    "payment_allocation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("address", Text, nullable=False),
    Column("platform", Text, nullable=False),
    Column("total", Amount, nullable=False),
    Column("spent", Amount, nullable=False),
    Column("paid", Amount, nullable=False),
    Column("created", Instant, nullable=False),
    Column("timeout", Instant),
    Column("extend_s", Integer),
    Column("released", Instant, index=True),
    Column("app_key", Text),
    Column("deposit_id", Text),
)

claim_table = Table(
    "payment_claim",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("agreement_id", Text, nullable=False, index=True),
    Column("issuer_id", Text, nullable=False),
    Column("recipient_id", Text, nullable=False),
    Column("payee_addr", Text, nullable=False),
    Column("payer_addr", Text, nullable=False),
    Column("platform", Text, nullable=False),
    Column("amount", Amount, nullable=False),
    Column("activity_ids", JSON, nullable=False),
    Column("usage", JSON(none_as_null=True)),
    Column("due", Instant),
    Column("previous_id", Text),
    Column("timestamp", Instant, nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("allocation_id", Text),
    Column("app_session_id", Text),
    Column("rejection", JSON(none_as_null=True)),
    Column("signed", LargeBinary, nullable=False),
    Column("problem", Text),
)

event_table = Table(
    "payment_event",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("claim_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("date", Instant, nullable=False),
    Column("app_session_id", Text),
    Column("rejection", JSON(none_as_null=True)),
    Column("problem", Text),
    Index("ix_payment_event_kind_date", "kind", "date"),
)

order_table = Table(
    "payment_order",
    metadata,
    Column("claim_id", Text, primary_key=True),
    Column("agreement_id", Text, nullable=False, index=True),
    Column("activity_id", Text),
    Column("allocation_id", Text, nullable=False, index=True),
    Column("payee_id", Text, nullable=False),
    Column("payee_addr", Text, nullable=False),
    Column("platform", Text, nullable=False),
    Column("amount", Amount, nullable=False),
    Column("batch_id", Text, index=True),
    Column("paid", Instant),
    Column("deposit_id", Text),
)

batch_table = Table(
    "payment_batch",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created", Instant, nullable=False),
    Column("transaction_hash", Text),
    Column("paid", Instant),
)

payment_table = Table(
    "payment_payment",
    metadata,
    Column("id", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("payer_id", Text, nullable=False),
    Column("payee_id", Text, nullable=False),
    Column("payer_addr", Text, nullable=False),
    Column("payee_addr", Text, nullable=False),
    Column("platform", Text, nullable=False),
    Column("amount", Amount, nullable=False),
    Column("timestamp", Instant, nullable=False, index=True),
    Column("transaction_hash", Text, nullable=False, index=True),
    Column("signed", LargeBinary, nullable=False),
)

part_table = Table(
    "payment_part",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("payment_id", Text, nullable=False, index=True),
    Column("agreement_id", Text, nullable=False, index=True),
    Column("activity_id", Text),
    Column("allocation_id", Text),
    Column("amount", Amount, nullable=False),
)

transaction_table = Table(
    "payment_transaction",
    metadata,
    Column("chain", Text, primary_key=True),
    Column("sender", Text, primary_key=True),
    Column("intent", Text, primary_key=True),
    Column("nonce", Integer, nullable=False),
    Column("to", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("gas", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("max_fee", BigInteger, nullable=False),
    Column("tip", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("earlier", JSON, nullable=False),
    Index("ix_payment_transaction_nonce", "chain", "sender", "nonce"),
)

TABLES = (
    allocation_table,
    claim_table,
    event_table,
    order_table,
    batch_table,
    payment_table,
    part_table,
    transaction_table,
)


class AllocationRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Reserved funds. ``spent`` is what was accepted from them, ``paid`` what has left the account.

    With a ``deposit_id`` (hex) they are not of the account, but of a deposit on the chain.
    """

    id: str
    address: str
    platform: str
    total: Decimal
    spent: Decimal
    paid: Decimal
    created: datetime
    timeout: datetime | None
    extend_s: int | None = None
    released: datetime | None = None
    app_key: str | None = None
    deposit_id: str | None = None

    @property
    def remaining(self) -> Decimal:
        """What may still be accepted."""
        return self.total - self.spent

    def is_open(self, now: datetime) -> bool:
        """Whether the funds are still reserved."""
        return self.released is None and (self.timeout is None or self.timeout > now)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A debit note (with one activity) or an invoice, as one side keeps it; ``signed`` is what travels.

    An accepted one with a ``problem`` cannot be paid at the moment.
    """

    id: str
    kind: str
    role: str
    agreement_id: str
    issuer_id: str
    recipient_id: str
    payee_addr: str
    payer_addr: str
    platform: str
    amount: Decimal
    activity_ids: list[str]
    usage: list[float] | None
    due: datetime | None
    previous_id: str | None
    timestamp: datetime
    state: str
    allocation_id: str | None = None
    app_session_id: str | None = None
    rejection: dict[str, Any] | None = None
    signed: bytes = b""
    problem: str | None = None

    @property
    def activity_id(self) -> str | None:
        """The activity of a debit note; None for an invoice."""
        return self.activity_ids[0] if self.kind == DEBIT_NOTE else None


class ClaimEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that has happened to a claim; ``type`` is the new state's name, or FAILED for a problem."""

    kind: str
    role: str
    claim_id: str
    type: str
    date: datetime
    app_session_id: str | None
    rejection: dict[str, Any] | None
    problem: str | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An amount to be paid for an accepted claim; ``batch_id`` once it is part of a batch.

    It is paid from the deposit ``deposit_id`` (hex), or from the account if that is None.
    """

    claim_id: str
    agreement_id: str
    activity_id: str | None
    allocation_id: str
    payee_id: str
    payee_addr: str
    platform: str
    amount: Decimal
    batch_id: str | None = None
    paid: datetime | None = None
    deposit_id: str | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The share of a payment that is for one agreement, or for one of its activities."""

    payment_id: str
    agreement_id: str
    activity_id: str | None
    allocation_id: str | None
    amount: Decimal


class PaymentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that was made or received."""

    id: str
    role: str
    payer_id: str
    payee_id: str
    payer_addr: str
    payee_addr: str
    platform: str
    amount: Decimal
    timestamp: datetime
    transaction_hash: str
    signed: bytes


def record(row: Row[Any], type_: type[T]) -> T:
    """The record of a row."""
    return msgspec.convert(row, type_, from_attributes=True)


def values(record_: msgspec.Struct) -> dict[str, Any]:
    """The column values of a record."""
    return msgspec.structs.asdict(record_)
