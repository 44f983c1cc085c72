"""Which deposit of others an allocation and its orders draw from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns; what is there draws from the account."""
    op.add_column("payment_allocation", sa.Column("deposit_id", sa.Text))
    op.add_column("payment_order", sa.Column("deposit_id", sa.Text))
