"""Memory: which releases each recipient holds; those made before are read from the log."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and fill it with every release in the log."""
    table = op.create_table(
        "memory",
        sa.Column("body_code", sa.String(64), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("checked", sa.String(64), nullable=False),
        sa.Column("release", sa.String(64), nullable=False),
    )
    connection = op.get_bind()
    n_held: dict[str, int] = {}
    for (content,) in connection.execute(sa.text("select content from leaves order by seq")).fetchall():
        leaf = json.loads(content)
        if leaf["action"] != "release":
            continue
        text = sa.text("select content from documents where digest = :digest")
        document = json.loads(connection.execute(text, {"digest": leaf["document"]}).scalar_one())
        code = document["body"]["body_code"]
        row = {"body_code": code, "place": n_held.get(code, 0), "name": leaf["details"]["application"]}
        connection.execute(table.insert(), {**row, "checked": document["parents"][0], "release": leaf["document"]})
        n_held[code] = n_held.get(code, 0) + 1


def downgrade() -> None:
    """Drop the table; the log still holds every release."""
    op.drop_table("memory")
