"""Tables of the payment service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from golemnet.database.schema import Amount, Instant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "payment_allocation",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("total", Amount, nullable=False),
        sa.Column("spent", Amount, nullable=False),
        sa.Column("paid", Amount, nullable=False),
        sa.Column("created", Instant, nullable=False),
        sa.Column("timeout", Instant),
        sa.Column("extend_s", sa.Integer),
        sa.Column("released", Instant, index=True),
    )
    op.create_table(
        "payment_claim",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("agreement_id", sa.Text, nullable=False, index=True),
        sa.Column("issuer_id", sa.Text, nullable=False),
        sa.Column("recipient_id", sa.Text, nullable=False),
        sa.Column("payee_addr", sa.Text, nullable=False),
        sa.Column("payer_addr", sa.Text, nullable=False),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("amount", Amount, nullable=False),
        sa.Column("activity_ids", sa.JSON, nullable=False),
        sa.Column("usage", sa.JSON(none_as_null=True)),
        sa.Column("due", Instant),
        sa.Column("previous_id", sa.Text),
        sa.Column("timestamp", Instant, nullable=False, index=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("allocation_id", sa.Text),
        sa.Column("app_session_id", sa.Text),
        sa.Column("rejection", sa.JSON(none_as_null=True)),
        sa.Column("signed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "payment_event",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("claim_id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("date", Instant, nullable=False),
        sa.Column("app_session_id", sa.Text),
        sa.Column("rejection", sa.JSON(none_as_null=True)),
        sa.Index("ix_payment_event_kind_date", "kind", "date"),
    )
    op.create_table(
        "payment_order",
        sa.Column("claim_id", sa.Text, primary_key=True),
        sa.Column("agreement_id", sa.Text, nullable=False, index=True),
        sa.Column("activity_id", sa.Text),
        sa.Column("allocation_id", sa.Text, nullable=False, index=True),
        sa.Column("payee_id", sa.Text, nullable=False),
        sa.Column("payee_addr", sa.Text, nullable=False),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("amount", Amount, nullable=False),
        sa.Column("batch_id", sa.Text, index=True),
        sa.Column("paid", Instant),
    )
    op.create_table(
        "payment_batch",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("created", Instant, nullable=False),
        sa.Column("transaction_hash", sa.Text),
        sa.Column("paid", Instant),
    )
    op.create_table(
        "payment_payment",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("payer_id", sa.Text, nullable=False),
        sa.Column("payee_id", sa.Text, nullable=False),
        sa.Column("payer_addr", sa.Text, nullable=False),
        sa.Column("payee_addr", sa.Text, nullable=False),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("amount", Amount, nullable=False),
        sa.Column("timestamp", Instant, nullable=False, index=True),
        sa.Column("transaction_hash", sa.Text, nullable=False, index=True),
        sa.Column("signed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "payment_part",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("payment_id", sa.Text, nullable=False, index=True),
        sa.Column("agreement_id", sa.Text, nullable=False, index=True),
        sa.Column("activity_id", sa.Text),
        sa.Column("allocation_id", sa.Text),
        sa.Column("amount", Amount, nullable=False),
    )
    op.create_table(
        "payment_transaction",
        sa.Column("chain", sa.Text, primary_key=True),
        sa.Column("sender", sa.Text, primary_key=True),
        sa.Column("intent", sa.Text, primary_key=True),
        sa.Column("nonce", sa.Integer, nullable=False),
        sa.Column("to", sa.Text, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("gas", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("max_fee", sa.BigInteger, nullable=False),
        sa.Column("tip", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Index("ix_payment_transaction_nonce", "chain", "sender", "nonce"),
    )
