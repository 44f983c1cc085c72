"""What an application key may spend, and which key has made an allocation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from golemnet.database.schema import Amount

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns; keys that are there have no limit."""
    op.add_column("app_key", sa.Column("spending_limit", Amount))
    op.add_column("payment_allocation", sa.Column("app_key", sa.Text))
