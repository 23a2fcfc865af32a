"""Makers for linkage tests: standard rows from drawn tables, pairs and their levels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from cld.engine import Query, Session, scratch_engine
from linkage.prepare.comparisons import Comparison, gammas_sql, pairs_sql, require_nicknames
from linkage.prepare.fields import Side
from linkage.prepare.standard import fold
from tests.lib.tables import arrow_of

ROLES = ("id", "nhs_number", "given_name", "family_name", "previous_family_name", "date_of_birth", "sex", "postcode",
         "previous_postcode")  # fmt: skip


@contextmanager
def a_session(tmp_path: Path, n_threads: int = 2) -> Iterator[Session]:
    """Open a session in a folder of the test's."""
    with scratch_engine(tmp_path, n_threads).session() as session:
        yield session


def take_raw(session: Session, name: str, table: pa.Table) -> None:
    """Bring rows in as scan_file does, with the place of each row."""
    session.take(f"{name}_rows", table)
    session.view(
        name, Query(f"select *, row_number() over () - 1 as file_row_number from {name}_rows", (f"{name}_rows",))
    )


def folded(session: Session, name: str, drawn: str) -> dict[str, object]:
    """Fold one drawn record and return its standard fields."""
    table = arrow_of(drawn)
    take_raw(session, f"{name}_raw", table)
    made = fold(session, f"{name}_raw", Side({role: role for role in ROLES if role in table.column_names}), name)
    row = session.rows(Query(f"select {', '.join(made.fields)} from {name}", (name,)))[0]
    return dict(zip(made.fields, row, strict=True))


def level(session: Session, one: Comparison, left: dict[str, object], right: dict[str, object]) -> str:
    """Compare two records, given as fields, and return the label of the level that a comparison finds."""
    require_nicknames(session)
    for side, values in (("level_l", left), ("level_r", right)):
        rows = pa.table({"rid": [1], **{key: [value] for key, value in values.items()}})
        session.take(f"{side}_arriving", rows)
        session.table(side, Query(f"select * from {side}_arriving", (f"{side}_arriving",)))
        session.drop(f"{side}_arriving")
    session.table("level_pairs", Query("select 1 as rid_l, 1 as rid_r"))
    text = f"select {gammas_sql([one])} from {pairs_sql([one], 'level_pairs', 'level_l', 'level_r')}"
    found = int(session.rows(Query(text, ("level_l", "level_r", "level_pairs")))[0][0])
    return "missing" if found < 0 else one.labels[found]
