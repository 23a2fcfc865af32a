"""Writing tables: the rows as they were read, file after file and in their order, with columns beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cld.engine import Query, Session, quote
from disclosure.tables.reading import table_of_file

__all__ = ["write_beside"]


def write_beside(
    session: Session, file: NDArray[np.int32], columns: Mapping[str, pa.Array], out: Path, *,
    more_rows: Mapping[str, pa.Array] | None = None,
) -> None:  # fmt: skip
    """Write the rows that ``read_rows`` read with further columns, which replace those of the same name.

    Shape:  file and each column n rows, as in ``Rows``. ``more_rows`` are columns of rows that follow at the end.
    """
    n_files = int(file.max()) + 1
    tables = [table_of_file(place) for place in range(n_files)]
    place = np.concatenate([np.arange(n) for n in np.bincount(file, minlength=n_files)])
    session.take("beside", pa.table({"file_of_row": file, "place_of_row": place, **columns}))
    held = dict.fromkeys(name for table in tables for name in session.columns(table))
    kept = [name for name in held if name != "file_row_number" and name not in columns]
    union = " union all by name ".join(f"select *, {n} as file_of_row from {t}" for n, t in enumerate(tables))  # noqa: S608
    chosen = ", ".join([*(f"r.{quote(name)}" for name in kept), *(f"b.{quote(name)}" for name in columns)])
    text = (
        f"select {chosen}, b.file_of_row, b.place_of_row from ({union}) r join beside b"  # noqa: S608
        " on b.file_of_row = r.file_of_row and b.place_of_row = r.file_row_number"
    )
    if more_rows is not None:
        n_more = len(next(iter(more_rows.values())))
        last = {"file_of_row": np.full(n_more, n_files, dtype=np.int32), "place_of_row": np.arange(n_more)}
        session.take("more_rows", pa.table({**more_rows, **last}))
        text = f"{text} union all by name select * from more_rows"
    inputs = ("beside", *tables, *(() if more_rows is None else ("more_rows",)))
    ordered = f"select * exclude (file_of_row, place_of_row) from ({text}) order by file_of_row, place_of_row"  # noqa: S608
    session.export(Query(ordered, inputs), out)
