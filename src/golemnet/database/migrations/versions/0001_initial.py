"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from golemnet.database.schema import Instant

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created", Instant, nullable=False),
        sa.Column("next_attempt", Instant, nullable=False, index=True),
        sa.Column("give_up", Instant),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Index("ix_outbox_kind_key", "kind", "key"),
    )
