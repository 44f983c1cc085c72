"""Tables of the voucher platform."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from golemnet.database.schema import Amount, Instant

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "payment_voucher",
        sa.Column("contract", sa.Text, primary_key=True),
        sa.Column("payer", sa.Text, primary_key=True),
        sa.Column("payee", sa.Text, primary_key=True),
        sa.Column("cumulative", Amount, nullable=False),
        sa.Column("expiry", Instant, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("redeemed", Amount, nullable=False),
        sa.Column("since", Instant, nullable=False),
    )
    op.create_table(
        "payment_top_up",
        sa.Column("batch_id", sa.Text, primary_key=True),
        sa.Column("round", sa.Integer, primary_key=True),
        sa.Column("payee", sa.Text, primary_key=True),
        sa.Column("amount", Amount, nullable=False),
        sa.Column("headroom", Amount, nullable=False),
        sa.Column("paid", Instant),
    )
    op.create_table(
        "payment_movement",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("counterpart", sa.Text, nullable=False),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("amount", Amount, nullable=False),
        sa.Column("transaction_hash", sa.Text, nullable=False),
        sa.Column("timestamp", Instant, nullable=False),
    )
