"""The tables of the market service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from golemnet.database.schema import Instant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "market_subscription",
        sa.Column("subscription_id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("expires", Instant, nullable=False),
    )
    op.create_table(
        "market_proposal",
        sa.Column("proposal_id", sa.Text, primary_key=True),
        sa.Column("subscription_id", sa.Text, nullable=False, index=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("offer_id", sa.Text, nullable=False),
        sa.Column("demand_id", sa.Text, nullable=False),
        sa.Column("requestor_id", sa.Text, nullable=False),
        sa.Column("provider_id", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("previous", sa.Text),
        sa.Column("properties", sa.LargeBinary, nullable=False),
        sa.Column("constraints", sa.Text, nullable=False),
        sa.Column("created", Instant, nullable=False),
    )
    op.create_table(
        "market_event",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("subscription_id", sa.Text, nullable=False, index=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("reason", sa.LargeBinary),
        sa.Column("at", Instant, nullable=False),
    )
    op.create_table(
        "market_agreement",
        sa.Column("agreement_id", sa.Text, primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, index=True),
        sa.Column("proposal_id", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("requestor_id", sa.Text, nullable=False),
        sa.Column("provider_id", sa.Text, nullable=False),
        sa.Column("valid_to", Instant, nullable=False),
        sa.Column("created", Instant, nullable=False),
        sa.Column("approved", Instant),
        sa.Column("app_session_id", sa.Text),
        sa.Column("proposed_signature", sa.LargeBinary),
        sa.Column("approved_signature", sa.LargeBinary),
        sa.Column("committed_signature", sa.LargeBinary),
        sa.Column("reason", sa.LargeBinary),
    )
    op.create_table(
        "market_agreement_event",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("agreement_id", sa.Text, nullable=False, index=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False, unique=True),
        sa.Column("app_session_id", sa.Text),
        sa.Column("terminator", sa.Text),
        sa.Column("signature", sa.Text),
        sa.Column("reason", sa.LargeBinary),
    )
