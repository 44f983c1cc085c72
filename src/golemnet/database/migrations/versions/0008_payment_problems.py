"""Why an accepted claim is not paid."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the columns; what is there has no problem."""
    op.add_column("payment_claim", sa.Column("problem", sa.Text))
    op.add_column("payment_event", sa.Column("problem", sa.Text))
