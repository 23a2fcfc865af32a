"""Emergency stops and their ends, apart from the log's bytes, so that every database can ask in a transaction."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ACTIONS = {"emergency stop": True, "emergency stop lifted": False}


def upgrade() -> None:
    """Make the table and fill it from the log."""
    stops = op.create_table(
        "stops",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("is_on", sa.Boolean, nullable=False),
    )
    leaves = sa.table("leaves", sa.column("seq", sa.Integer), sa.column("content", sa.LargeBinary))
    told = op.get_bind().execute(sa.select(leaves.c.seq, leaves.c.content).order_by(leaves.c.seq))
    found = [(seq, json.loads(content)["action"]) for seq, content in told if b"emergency stop" in content]
    rows = [{"seq": seq, "is_on": ACTIONS[action]} for seq, action in found if action in ACTIONS]
    op.bulk_insert(stops, rows)


def downgrade() -> None:
    """Drop the table; the log still says it all."""
    op.drop_table("stops")
