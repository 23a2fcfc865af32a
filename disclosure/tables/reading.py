"""Reading tables: one row a cell, from CSV, CSV.gz or Parquet; several files are linked tables of one system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cld.engine import Query, Session, quote
from cld.errors import InputError, UnknownColumn
from disclosure.tables.dimensions import Dimension, flat_dimension, read_dimension, some
from disclosure.tables.grid import MOST_CELLS, Grid, grid_of, radices_of

__all__ = ["Rows", "TableRequest", "read_rows", "table_of_file"]


@dataclass(frozen=True, slots=True)
class TableRequest:
    """Which columns are dimensions, which is the value, where hierarchies lie, and the label of flat totals.

    optional:  further columns to read where they are there; ``required`` ones must be.
    """

    dimensions: tuple[str, ...]
    value: str
    hierarchies: Mapping[str, Path] = field(default_factory=dict)
    total: str = "Total"
    optional: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """A table, or linked ones, as read.

    grid:  the cells with all totals above them; the given ones stand first, in the order in which they first appear.
    cell:  the cell of each row; with one file it is the row's own place.
    file:  the file of each row.
    text:  each column that was read, as text, null where the file has nothing or no such column.
    """

    grid: Grid
    cell: NDArray[np.int64]
    file: NDArray[np.int32]
    text: Mapping[str, pa.Array]


def table_of_file(place: int) -> str:
    """Return the session's name of one of the files of a table."""
    return f"cells_{place}"


def read_rows(session: Session, paths: Sequence[Path], request: TableRequest) -> Rows:
    """Read one table, or several linked ones, whose missing dimensions stand at their totals.

    Raises: UnreadableFile; UnknownColumn; InputError for a cell without a code, with one outside its hierarchy, or given
    twice, and for a table that is too large.
    """
    stray = sorted(set(request.hierarchies) - set(request.dimensions))
    if stray or len(set(request.dimensions)) != len(request.dimensions):
        message = (
            f"A hierarchy is given for {some(stray)}, which is no dimension."
            if stray
            else "A dimension is named twice."
        )
        raise InputError(message, "Name each dimension once in --dimensions.")
    parts = [_columns(session, place, path, request, linked=len(paths) > 1) for place, path in enumerate(paths)]
    file = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])
    whole = pa.concat_tables(parts).combine_chunks()
    dimensions: list[Dimension] = []
    codes = np.zeros((len(whole), len(request.dimensions)), dtype=np.int32)
    for place, name in enumerate(request.dimensions):
        dimension, codes[:, place] = _coded(session, whole.column(name), request, place)
        dimensions.append(dimension)
    cells, cell = _cells_of_rows(codes, dimensions, file)
    grid = grid_of(tuple(dimensions), cells)
    names = [name for name in whole.column_names if name not in request.dimensions]
    text = {name: whole.column(name).combine_chunks() for name in names}
    return Rows(grid, cell, file, text)


def _columns(session: Session, place: int, path: Path, request: TableRequest, *, linked: bool) -> pa.Table:
    """Read one file's columns as text, in its order; dimensions that a linked table lacks are null.

    Raises: UnknownColumn if it lacks the value, a required column or, where it is not linked, a dimension; InputError.
    """
    table = table_of_file(place)
    session.scan_file(table, path)
    held = session.columns(table)
    wanted = dict.fromkeys((*request.dimensions, request.value, *request.required, *request.optional))
    absent = [name for name in (request.value, *request.required) if name not in held]
    without = [name for name in request.dimensions if name not in held]
    if absent or len(without) == len(request.dimensions) or (without and not linked):
        message = f"The file {path.name} has no column {some([*absent, *without])}."
        raise UnknownColumn(message, "Name the columns as in the file's header.")
    n_rows = session.whole(Query(f"select count(*) from {table}", (table,)))  # noqa: S608
    if n_rows > MOST_CELLS or n_rows == 0:
        message = f"The file {path.name} has {n_rows:,} rows; a table has 1 to {MOST_CELLS:,}."
        raise InputError(message, "Split the table, or leave dimensions out.")
    kept = [name for name in wanted if name in held]
    chosen = ", ".join(f"cast({quote(name)} as varchar) as {quote(name)}" for name in kept)
    found = session.arrow(Query(f"select {chosen} from {table} order by file_row_number", (table,)))  # noqa: S608
    n_bare = sum(found.column(name).null_count for name in request.dimensions if name in kept)
    if n_bare:
        message = f"{n_bare} cells of {path.name} have no code in a dimension."
        raise InputError(message, f"Give every cell its codes; totals are labelled too, such as {request.total}.")
    nulls = pa.nulls(n_rows, pa.string())
    return pa.table({name: found.column(name) if name in kept else nulls for name in wanted}).cast(
        pa.schema([(name, pa.string()) for name in wanted])
    )


def _coded(
    session: Session, column: pa.ChunkedArray, request: TableRequest, place: int
) -> tuple[Dimension, NDArray[np.int32]]:
    """Return a dimension and the code of every row in it; a table that lacks the dimension stands at its total."""
    name = request.dimensions[place]
    encoded = column.combine_chunks().dictionary_encode()
    labels = encoded.dictionary.to_pylist()
    if name in request.hierarchies:
        dimension = read_dimension(session, name, request.hierarchies[name], place=place)
    else:
        dimension = flat_dimension(name, labels, request.total)
    number = {label: code for code, label in enumerate(dimension.labels)}
    outside = [label for label in labels if label not in number]
    if outside:
        message = f"The hierarchy of {name} lacks {len(outside)} codes of the table: {some(outside)}."
        raise InputError(message, "Add them to the hierarchy with their parents, or mend the table.")
    translated = np.array([number[label] for label in labels], dtype=np.int32)
    indices = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return dimension, np.where(indices >= 0, translated[indices], 0).astype(np.int32)


def _cells_of_rows(
    codes: NDArray[np.int32], dimensions: Sequence[Dimension], file: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the different cells in the order in which they first appear, and the cell of each row.

    Raises: InputError if one file gives a cell twice.
    """
    keys = codes.astype(np.int64) @ radices_of(tuple(dimensions))
    _, first, cell = np.unique(keys, return_index=True, return_inverse=True)
    twice = len(keys) - len(np.unique(np.stack([keys, file]), axis=1).T)
    if twice:
        message = f"{twice} rows give a cell that the same file has given before."
        raise InputError(message, "Give every combination of codes once.")
    order = np.argsort(first)
    rank = np.empty(len(first), dtype=np.int64)
    rank[order] = np.arange(len(first))
    return codes[first[order]], rank[cell]
