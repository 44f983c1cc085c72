"""The first schema: outbox, identity, activities."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from golemnet.database.schema import Instant

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    _outbox()
    _identity()
    _activities()
    _batches()


def _outbox() -> None:
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


def _identity() -> None:
    op.create_table(
        "app_key",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("node_id", sa.Text, nullable=False),
        sa.Column("created", Instant, nullable=False),
    )
    op.create_table(
        "identity",
        sa.Column("node_id", sa.Text, primary_key=True),
        sa.Column("alias", sa.Text),
    )


def _activities() -> None:
    op.create_table(
        "activity",
        sa.Column("activity_id", sa.Text, primary_key=True),
        sa.Column("side", sa.Text, primary_key=True),
        sa.Column("agreement_id", sa.Text, nullable=False, index=True),
        sa.Column("requestor_id", sa.Text, nullable=False),
        sa.Column("provider_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, index=True),
        sa.Column("reason", sa.Text),
        sa.Column("error_message", sa.Text),
        sa.Column("destroying", sa.Boolean, nullable=False),
        sa.Column("counters", sa.LargeBinary),
        sa.Column("counted", Instant),
        sa.Column("created", Instant, nullable=False),
        sa.Column("ended", Instant),
    )
    op.create_table(
        "activity_event",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("activity_id", sa.Text, nullable=False),
        sa.Column("agreement_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False, unique=True),
    )


def _batches() -> None:
    op.create_table(
        "activity_batch",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("activity_id", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("batch_id", sa.Text, nullable=False),
        sa.Column("script", sa.Text, nullable=False),
        sa.Column("commands", sa.Integer, nullable=False),
        sa.Column("finished", sa.Boolean, nullable=False),
        sa.Index("ix_activity_batch_identity", "activity_id", "side", "batch_id", unique=True),
    )
    op.create_table(
        "activity_result",
        sa.Column("activity_id", sa.Text, primary_key=True),
        sa.Column("side", sa.Text, primary_key=True),
        sa.Column("batch_id", sa.Text, primary_key=True),
        sa.Column("index", sa.Integer, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
