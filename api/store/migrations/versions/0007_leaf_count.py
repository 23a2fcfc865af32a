"""How many leaves were ever kept, apart from the leaves: so that a removed end is not taken for an older backup."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and count what is there."""
    op.create_table(
        "leaf_count",
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("n_leaves", sa.Integer, nullable=False),
    )
    op.execute("insert into leaf_count select 0, coalesce(max(seq) + 1, 0) from leaves")


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("leaf_count")
