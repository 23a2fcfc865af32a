"""One opt-out rule for a recipient's data set; the first one built under an agreement, read from the log."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MADE_OF_CLD = ("cld", "people")


def upgrade() -> None:
    """Make the table and fill it with the rule of every extract that was built, the first where there are two."""
    table = op.create_table(
        "opt_out_rules",
        sa.Column("body_code", sa.String(64), primary_key=True),
        sa.Column("agreement", sa.String(64), primary_key=True),
        sa.Column("data_set", sa.String(64), primary_key=True),
        sa.Column("applied", sa.Boolean, nullable=False),
    )
    leaves = sa.table("leaves", sa.column("seq", sa.Integer), sa.column("content", sa.LargeBinary))
    told = [json.loads(row[0]) for row in op.get_bind().execute(sa.select(leaves.c.content).order_by(leaves.c.seq))]
    rules: dict[tuple[str, str, str], bool] = {}
    for leaf in told:
        candidate = _body(leaf["document"]) if leaf["action"] == "build" else None
        approved = _body(candidate["parents"][0]) if candidate else None
        if approved is None:
            continue
        application, plan = approved["body"]["application"], approved["body"]["plan"]
        names = [one["data_set"] for one in plan["tables"]] or ["people"]
        for name in names:
            key = (
                application["body_code"],
                application["agreement"]["reference"],
                "cld" if name in MADE_OF_CLD else name,
            )
            rules.setdefault(key, plan["opt_outs_applied"])
    rows = [
        dict(zip(("body_code", "agreement", "data_set"), key, strict=True), applied=one) for key, one in rules.items()
    ]
    op.bulk_insert(table, rows)


def _body(digest: str) -> Any:
    documents = sa.table("documents", sa.column("digest", sa.String), sa.column("content", sa.LargeBinary))
    content = op.get_bind().scalar(sa.select(documents.c.content).where(documents.c.digest == digest))
    return json.loads(content) if content is not None else None


def downgrade() -> None:
    """Drop the table; the log still holds every build."""
    op.drop_table("opt_out_rules")
