"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "documents",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "leaves", sa.Column("seq", sa.Integer, primary_key=True), sa.Column("content", sa.LargeBinary, nullable=False)
    )
    op.create_table(
        "applications",
        sa.Column("reference", sa.String(64), primary_key=True),
        sa.Column("recipient", sa.String(200), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        *(
            sa.Column(name, sa.JSON, nullable=False)
            for name in ("application", "plan", "decision", "reasons", "documents")
        ),
    )
    op.create_table(
        "submissions",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("la_code", sa.String(8), nullable=False, index=True),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("form_token", sa.String(64), nullable=False),
    )
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False, index=True),
        sa.Column("result", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("jobs", "sessions", "submissions", "applications", "leaves", "documents"):
        op.drop_table(name)
