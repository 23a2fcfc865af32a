"""Writing a protected table: the rows as they were read, then the totals that were added, each with its columns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from cld.engine import Session
from disclosure.tables.cells import Cells
from disclosure.tables.reading import TableRequest
from disclosure.tables.writing import write_beside

__all__ = ["write_protected"]


def write_protected(
    session: Session, cells: Cells, request: TableRequest, columns: Mapping[str, pa.Array], out: Path
) -> None:
    """Write every row that was read, in its file's order, and every added total, with the columns of its cell.

    Shape:  each column one value a cell of the grid; they replace columns of the same name.
    """
    of_rows = {name: held.take(pa.array(cells.cell)) for name, held in columns.items()}
    write_beside(session, cells.file, of_rows, out, more_rows=_added(cells, request, columns))


def _added(cells: Cells, request: TableRequest, columns: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Return the added totals as rows: codes, value and columns, in the order of the grid."""
    grid = cells.grid
    added = np.arange(grid.n_given, grid.n_cells)
    codes = {
        dimension.name: pa.array(np.array(dimension.labels, dtype=object)[grid.codes[added, place]], pa.string())
        for place, dimension in enumerate(grid.dimensions)
    }
    values = cells.values[added] if cells.magnitude else cells.values[added].astype(np.int64)
    return {
        **codes,
        request.value: pa.array(values),
        **{name: held.take(pa.array(added)) for name, held in columns.items()},
    }
