"""Clerical review: one decision a person and item; and who it is that signed in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and the column."""
    op.create_table(
        "reviews",
        sa.Column("queue", sa.String(64), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("n_decisions", sa.Integer, nullable=False),
    )
    op.create_table(
        "review_decisions",
        sa.Column("queue", sa.String(64), primary_key=True),
        sa.Column("item", sa.Integer, primary_key=True),
        sa.Column("turn", sa.Integer, primary_key=True),
        sa.Column("reviewer", sa.String(64), nullable=False),
        sa.UniqueConstraint("queue", "item", "reviewer"),
    )
    op.add_column("sessions", sa.Column("person", sa.String(64), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("sessions", "person")
    op.drop_table("review_decisions")
    op.drop_table("reviews")
