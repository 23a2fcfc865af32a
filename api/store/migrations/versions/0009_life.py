"""An application's life: versions, votes, roles, named users, suspensions, terms and days.

Applications of earlier workspaces keep their rows; "received" is "in review" by now.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ADDED = (("agreement", sa.String(64), ""), ("held_state", sa.String(32), ""), ("version", sa.Integer(), "1"), ("round", sa.Integer(), "1"))  # fmt: skip


def upgrade() -> None:
    """Make the tables and the columns."""
    for name, kind, default in ADDED:
        op.add_column("applications", sa.Column(name, kind, nullable=False, server_default=default))
    op.create_index("ix_applications_agreement", "applications", ["agreement"])
    op.execute("update applications set state = 'in review' where state = 'received'")
    op.create_table(
        "application_versions",
        sa.Column("reference", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("application", sa.JSON, nullable=False),
        sa.Column("plan", sa.JSON, nullable=False),
    )
    op.create_table(
        "votes",
        sa.Column("reference", sa.String(64), primary_key=True),
        sa.Column("stage", sa.String(16), primary_key=True),
        sa.Column("round", sa.Integer, primary_key=True),
        sa.Column("person", sa.String(64), primary_key=True),
        sa.Column("seen", sa.String(64), primary_key=True),
        sa.Column("answer", sa.String(16), nullable=False),
        sa.Column("conditions", sa.JSON, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("signature", sa.String(256), nullable=False),
        sa.Column("public_key", sa.String(128), nullable=False),
    )
    op.create_table(
        "role_changes",
        sa.Column("change_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("from_day", sa.Date, nullable=False),
        sa.Column("to_day", sa.Date),
        sa.Column("by", sa.String(64), nullable=False),
    )
    op.create_table(
        "recipient_users",
        sa.Column("body_code", sa.String(64), primary_key=True),
        sa.Column("person", sa.String(64), primary_key=True),
        sa.Column("from_day", sa.Date, nullable=False),
        sa.Column("to_day", sa.Date),
    )
    op.create_table(
        "suspensions",
        sa.Column("instruction", sa.String(64), primary_key=True),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("from_day", sa.Date, nullable=False),
        sa.Column("ends", sa.Boolean, nullable=False),
        sa.Column("lifted", sa.Boolean, nullable=False),
    )
    op.create_table(
        "agreement_terms",
        sa.Column("agreement", sa.String(64), primary_key=True),
        sa.Column("to_day", sa.Date, nullable=False),
    )
    op.create_table("days", sa.Column("day", sa.Date, primary_key=True))


def downgrade() -> None:
    """Drop them; the log still says it all."""
    names = (
        "days",
        "agreement_terms",
        "suspensions",
        "recipient_users",
        "role_changes",
        "votes",
        "application_versions",
    )
    for name in names:
        op.drop_table(name)
    op.drop_index("ix_applications_agreement", "applications")
    for name, _, _ in reversed(ADDED):
        op.drop_column("applications", name)
