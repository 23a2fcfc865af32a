"""Controlled rounding of a table in a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from cld.engine import Session
from cld.errors import InputError
from disclosure.tables.cells import read_cells
from disclosure.tables.reading import TableRequest
from disclosure.tables.rounding import round_controlled
from disclosure.tables.writing import write_beside

__all__ = ["round_files"]


def round_files(
    session: Session, paths: Sequence[Path], request: TableRequest, base: int, out: Path, tell: Callable[[str], None]
) -> dict[str, object]:
    """Round a table, or several linked ones, so that all totals still add up; ``out`` gets the rows with ``rounded``.

    Raises: as read_cells and round_controlled; InputError for values that are no counts.
    """
    tell("reading")
    cells = read_cells(session, paths, request)
    if cells.magnitude:
        message = "Controlled rounding is for counts."
        raise InputError(message, "Leave the column top1 out if the values are whole numbers.")
    tell("rounding")
    found = round_controlled(cells.grid, cells.values, base)
    tell("writing")
    column = pa.array(found.values[cells.cell].astype(np.int64))
    write_beside(session, cells.file, {"rounded": column}, out)
    return {
        "n_cells": cells.grid.n_given, "n_added_totals": cells.grid.n_cells - cells.grid.n_given, "base": base,
        "zero_restricted": found.further == 0, "bases_beyond": found.further, "is_nearest": found.is_nearest,
        "distance": int(found.distance), "largest_distance": int(np.abs(found.values - cells.values).max()),
    }  # fmt: skip
