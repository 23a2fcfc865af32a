"""Sign-offs: one a person and stage; nobody is shown another's before casting their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "sign_offs",
        sa.Column("reference", sa.String(64), primary_key=True),
        sa.Column("stage", sa.String(16), primary_key=True),
        sa.Column("person", sa.String(64), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(256), nullable=False),
        sa.Column("public_key", sa.String(128), nullable=False),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("sign_offs")
