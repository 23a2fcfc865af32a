"""Tables of persons perturbed by cell keys: rows with record keys in, counts with their noise out, totals too.

Source: ONS Statistical Methods Library, Cell Key Perturbation 2.1.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cld.engine import Query, Session, quote
from cld.errors import InputError, UnknownColumn
from disclosure.tables.cellkey import PerturbationTable, perturbed
from disclosure.tables.cells import numbers_of, with_added
from disclosure.tables.grid import Grid
from disclosure.tables.reading import TableRequest, read_rows

__all__ = ["PerturbRequest", "perturb_file", "read_noise"]

ROW, KEY, NOISE = "pcv", "ckey", "pvalue"
LOOP_FROM, LOOP = 750, 250
PERSONS, SUM = "n_persons_of_cell", "key_sum_of_cell"


@dataclass(frozen=True, slots=True)
class PerturbRequest:
    """Dimensions and hierarchies of the table, the column of record keys, and the least count shown (0 shows all)."""

    dimensions: tuple[str, ...]
    record_key: str
    hierarchies: Mapping[str, Path] = field(default_factory=dict)
    total: str = "Total"
    least_shown: int = 0


def read_noise(session: Session, path: Path) -> PerturbationTable:
    """Read a perturbation table in the form of the Office for National Statistics: columns pcv, ckey and pvalue.

    With 750 rows of counts, larger counts use rows 501 to 750 again; otherwise they share the last row.
    Raises: UnreadableFile; UnknownColumn; InputError if rows are missing, double or would make a count negative.
    """
    session.scan_file("noise", path)
    absent = {ROW, KEY, NOISE} - set(session.columns("noise"))
    if absent:
        message = f"The perturbation table has no column {', '.join(sorted(absent))}."
        raise UnknownColumn(message, "It has the columns pcv, ckey and pvalue.")
    text = ", ".join(f"try_cast({name} as integer) as {name}" for name in (ROW, KEY, NOISE))
    held = session.arrow(Query(f"select {text} from noise where try_cast({ROW} as integer) > 0", ("noise",)))  # noqa: S608
    if any(held.column(name).null_count for name in (KEY, NOISE)) or not len(held):
        message = "The perturbation table holds what are no whole numbers, or no row above 0."
        raise InputError(message, "Write one row for each count from 1 and each key from 0.")
    row, key, noise = (held.column(name).to_numpy().astype(np.int64) for name in (ROW, KEY, NOISE))
    n_keys, top = int(key.max()) + 1, int(row.max())
    table = np.zeros((top + 1, n_keys), dtype=np.int64)
    if key.min() < 0 or len(np.unique(row * n_keys + key)) != len(row) or len(row) != top * n_keys:
        message = f"The perturbation table lacks or repeats some of its {top} x {n_keys} rows."
        raise InputError(message, "Write one row for each count from 1 and each key from 0.")
    table[row, key] = noise
    if np.any(table + np.arange(top + 1)[:, None] < 0):
        message = "The perturbation table makes counts negative."
        raise InputError(message, "Noise takes away at most the count.")
    return PerturbationTable(table, LOOP if top == LOOP_FROM else 1)


def perturb_file(
    session: Session,
    path: Path,
    request: PerturbRequest,
    noise: PerturbationTable,
    out: Path,
    tell: Callable[[str], None],
) -> dict[str, object]:
    """Count a file's rows, one a person, in every cell and total, perturb each, and write the cells that hold anybody.

    Raises: as read_rows; InputError for record keys that are missing or no keys of the perturbation table.
    """
    tell("counting")
    grid, counts, sums = _counted(session, path, request, noise.n_keys)
    tell("perturbing")
    shown = perturbed(counts, sums, noise)
    hidden = shown < request.least_shown
    tell("writing")
    order = np.lexsort(grid.codes.T[::-1])
    columns: dict[str, pa.Array] = {
        d.name: pa.array(np.array(d.labels, dtype=object)[grid.codes[order, place]], pa.string())
        for place, d in enumerate(grid.dimensions)
    }
    columns["shown"] = pa.array(shown[order], mask=hidden[order])
    session.take("perturbed", pa.table({"place": np.arange(len(order)), **columns}))
    session.export(Query("select * exclude (place) from perturbed order by place", ("perturbed",)), out)
    return {
        "n_persons": int(counts[np.all(grid.codes == 0, axis=1)][0]), "n_cells": grid.n_cells,
        "n_changed": int(np.sum(shown != counts)), "n_hidden": int(hidden.sum()),
        "largest_noise": int(np.abs(shown - counts).max()),
    }  # fmt: skip


def _counted(
    session: Session, path: Path, request: PerturbRequest, n_keys: int
) -> tuple[Grid, NDArray[np.int64], NDArray[np.int64]]:
    """Return the grid of the cells that hold anybody with all totals, and each one's persons and sum of keys."""
    session.scan_file("persons", path)
    absent = {*request.dimensions, request.record_key} - set(session.columns("persons"))
    if absent:
        message = f"The file {path.name} has no column {', '.join(sorted(absent))}."
        raise UnknownColumn(message, "Name the columns as in the file's header.")
    key = f"try_cast({quote(request.record_key)} as bigint)"
    n_bad = session.whole(
        Query(
            f"select count(*) from persons where coalesce({key} not between 0 and $last, true)",
            ("persons",),
            {"last": n_keys - 1},
        )  # noqa: S608
    )
    if n_bad:
        message = f"{n_bad} rows have no record key from 0 to {n_keys - 1}."
        raise InputError(message, "Give every person a lasting random key, and the table of noise that belongs to it.")
    names = ", ".join(quote(name) for name in request.dimensions)
    text = f"select {names}, count(*) as {PERSONS}, sum({key}) as {SUM} from persons group by all order by all"  # noqa: S608
    with tempfile.TemporaryDirectory() as folder:
        counted = Path(folder) / "counted.parquet"
        session.export(Query(text, ("persons",)), counted)
        asked = TableRequest(request.dimensions, PERSONS, request.hierarchies, request.total, required=(SUM,))
        rows = read_rows(session, [counted], asked)
    both = (with_added(rows.grid, numbers_of(rows.text[name], name)).astype(np.int64) for name in (PERSONS, SUM))
    counts, sums = both
    return rows.grid, counts, sums
