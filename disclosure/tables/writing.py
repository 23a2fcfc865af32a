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


def write_beside(session: Session, file: NDArray[np.int32], columns: Mapping[str, pa.Array], out: Path) -> None:
    """Write the rows that ``read_rows`` read with further columns, which replace those of the same name.

    Shape:  file and each column n rows, as in ``Rows``.
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
        f"select {chosen} from ({union}) r join beside b"  # noqa: S608
        " on b.file_of_row = r.file_of_row and b.place_of_row = r.file_row_number"
        " order by b.file_of_row, b.place_of_row"
    )
    session.export(Query(text, ("beside", *tables)), out)
