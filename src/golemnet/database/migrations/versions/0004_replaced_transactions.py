"""The hashes that a transaction had before it was replaced."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; what is there was never replaced, as far as is known."""
    op.add_column("payment_transaction", sa.Column("earlier", sa.JSON, nullable=False, server_default="[]"))
