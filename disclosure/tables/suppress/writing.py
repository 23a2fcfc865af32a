"""Writing a protected table: the rows as they were read, then the totals that were added, each with its columns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from cld.engine import Query, Session, quote
from disclosure.tables.cells import Cells
from disclosure.tables.reading import TableRequest, table_of_file

__all__ = ["write_protected"]


def write_protected(
    session: Session, cells: Cells, request: TableRequest, columns: Mapping[str, pa.Array], out: Path
) -> None:
    """Write every row that was read, in its file's order, and every added total, with the columns of its cell.

    Shape:  each column one value a cell of the grid; they replace columns of the same name.
    """
    n_files = int(cells.file.max()) + 1
    tables = [table_of_file(place) for place in range(n_files)]
    place = np.concatenate([np.arange(n) for n in np.bincount(cells.file, minlength=n_files)])
    of_rows = {name: held.take(pa.array(cells.cell)) for name, held in columns.items()}
    session.take("protected_rows", pa.table({"file_of_row": cells.file, "place_of_row": place, **of_rows}))
    session.take("added_totals", _added(cells, request, columns, n_files))
    held = dict.fromkeys(name for table in tables for name in session.columns(table))
    kept = [name for name in held if name != "file_row_number" and name not in columns]
    union = " union all by name ".join(f"select *, {n} as file_of_row from {t}" for n, t in enumerate(tables))  # noqa: S608
    given = ", ".join(f"r.{quote(name)}" for name in kept)
    found = ", ".join(f"b.{quote(name)}" for name in columns)
    text = (
        f"select * exclude (file_of_row, place_of_row) from (select {given}, {found}, b.file_of_row, b.place_of_row"  # noqa: S608
        f" from ({union}) r join protected_rows b"
        " on b.file_of_row = r.file_of_row and b.place_of_row = r.file_row_number"
        " union all by name select * from added_totals) order by file_of_row, place_of_row"
    )
    session.export(Query(text, ("protected_rows", "added_totals", *tables)), out)


def _added(cells: Cells, request: TableRequest, columns: Mapping[str, pa.Array], n_files: int) -> pa.Table:
    """Return the added totals as rows: codes, value and columns, in the order of the grid."""
    grid = cells.grid
    added = np.arange(grid.n_given, grid.n_cells)
    codes = {
        dimension.name: pa.array(np.array(dimension.labels, dtype=object)[grid.codes[added, place]], pa.string())
        for place, dimension in enumerate(grid.dimensions)
    }
    values = cells.values[added] if cells.magnitude else cells.values[added].astype(np.int64)
    return pa.table(
        {
            **codes,
            request.value: values,
            **{name: held.take(pa.array(added)) for name, held in columns.items()},
            "file_of_row": np.full(len(added), n_files, dtype=np.int32),
            "place_of_row": np.arange(len(added)),
        }
    )
