"""The two forms of a table held against each other: the CSV files must hold the rows of the Parquet file, in any order.

Rows are compared as a multiset: their number, and the sum of a 64-bit hash of each row. A row that was changed by accident or by
hand is found but once in 2^64; the hash is no cryptographic one, because both files stand under one signature already.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from cld.engine import PLACE_COLUMN, Query, Session, quote, scratch_engine
from cld.errors import UnreadableFile

__all__ = ["cells_differ"]

FRACTIONS = ("DOUBLE", "FLOAT")


def cells_differ(parts: Sequence[Path], exact: Path) -> str:
    """Return what differs between the CSV files of a table and its Parquet file, or nothing.

    A leading apostrophe of a CSV cell guards it from spreadsheets and is none of the value; a missing cell is an empty text.
    Fractions are compared as numbers, whatever their spelling, and all else as text.
    """
    with tempfile.TemporaryDirectory() as made, scratch_engine(Path(made)).session() as session:
        try:
            session.scan_file("exact", exact)
            types = {name: kind for name, kind in session.types("exact").items() if name != PLACE_COLUMN}
            session.scan_text("text", parts, tuple(types))
            same = _marks(session, "exact", [_exact(name, kind) for name, kind in types.items()]) == _marks(
                session, "text", [_told(name, kind) for name, kind in types.items()]
            )
        except UnreadableFile:
            return "cannot be read beside each other"
    return "" if same else "hold different cells"


def _exact(name: str, kind: str) -> str:
    value = quote(name) if kind in FRACTIONS else f"cast({quote(name)} as varchar)"
    return value if kind in FRACTIONS else f"coalesce({value}, '')"


def _told(name: str, kind: str) -> str:
    text = f"case when starts_with({quote(name)}, '''') then substr({quote(name)}, 2) else {quote(name)} end"
    # a text that is no number stands for none, which no cell of the other file is
    return (
        f"coalesce(try_cast({text} as {kind}), case when {quote(name)} is not null then 'nan'::{kind} end)"
        if kind in FRACTIONS
        else f"coalesce({text}, '')"
    )


def _marks(session: Session, table: str, cells: Sequence[str]) -> tuple[object, ...]:
    """Return the number of rows and the sum of their hashes."""
    text = f"select count(*), sum(hash({', '.join(cells)})) from {quote(table)}"  # noqa: S608 - names quoted
    return session.rows(Query(text, (table,)))[0]
