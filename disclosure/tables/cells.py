"""True tables, read to be protected: every value known, every total the sum of its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cld.engine import Session
from cld.errors import InputError
from disclosure.tables.grid import Grid
from disclosure.tables.reading import Rows, TableRequest, read_rows
from disclosure.tables.system import CellState

__all__ = ["UNSAID", "Cells", "with_added", "numbers_of", "read_cells"]

NUMBERS = ("cost", "lower_protection", "upper_protection", "known_lower", "known_upper", "top1", "top2")
UNSAID = -1
STATUS_WORDS = {
    "": UNSAID, "published": UNSAID, "secondary": UNSAID, "primary": CellState.PRIMARY, "keep": CellState.KEEP,
    # the letters of tau-ARGUS and sdcTable: safe, primary, always shown; suppressed
    "s": UNSAID, "x": UNSAID, "p": CellState.PRIMARY, "u": CellState.PRIMARY, "z": CellState.KEEP,
}  # fmt: skip
N_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Cells:
    """A true table of n cells: the given ones first, then the totals that were added.

    values:  length n, whole numbers unless ``magnitude``.
    cell:  the cell of each row of the files, in their order.
    file:  the file of each row.
    numbers:  optional columns by name, length n, not a number where a cell has none (added totals never have).
    status:  ``CellState`` by cell as the status column gives it, UNSAID where it says nothing.
    magnitude:  whether values are sums of contributions (columns top1, top2) and not counts of persons.
    """

    grid: Grid
    values: NDArray[np.float64]
    cell: NDArray[np.int64]
    file: NDArray[np.int32]
    numbers: Mapping[str, NDArray[np.float64]]
    status: NDArray[np.int8]
    magnitude: bool


def numbers_of(text: pa.Array, name: str) -> NDArray[np.float64]:
    """Return a column of text as numbers, not a number where it is null or blank.

    Raises: InputError, saying how many are no numbers.
    """
    trimmed = pc.utf8_trim_whitespace(text)
    filled = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
    plain = pc.match_substring_regex(filled, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?$")
    n_bad = pc.sum(pc.invert(plain)).as_py() or 0
    if n_bad:
        message = f"{n_bad} values of the column {name} are no numbers."
        raise InputError(message, "Write numbers without separators, such as 1234.5.")
    without_plus = pc.utf8_ltrim(filled, "+")
    found: NDArray[np.float64] = without_plus.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    return found


def read_cells(
    session: Session, paths: Sequence[Path], request: TableRequest, *, status: str = "status", cost: str = "cost"
) -> Cells:
    """Read true cells, with or without totals; missing totals are added.

    ``status`` and ``cost`` name those columns; others are known by name. A table with a column top1 holds magnitudes.
    Raises: as read_rows; InputError for values that are missing, negative or (counts) fractional, for totals that do
    not add up, saying which and by how much, and for linked tables that disagree.
    """
    optional = tuple(dict.fromkeys((*request.optional, *NUMBERS, cost, status)))
    rows = read_rows(session, paths, replace(request, optional=optional))
    given = numbers_of(rows.text[request.value], request.value)
    magnitude = rows.text["top1"].null_count < len(rows.cell)
    _refuse_values(given, request.value, magnitude=magnitude)
    values = with_added(rows.grid, _agreed(rows, given, request.value))
    _refuse_sums(rows.grid, values, magnitude=magnitude)
    numbers = {}
    for name in dict.fromkeys((*NUMBERS, cost)):
        if rows.text[name].null_count < len(rows.cell):
            column = np.full(rows.grid.n_cells, np.nan)
            column[: rows.grid.n_given] = _agreed(rows, numbers_of(rows.text[name], name), name)
            numbers["cost" if name == cost else name] = column
    return Cells(rows.grid, values, rows.cell, rows.file, numbers, _statuses(rows, status), magnitude)


def _refuse_values(given: NDArray[np.float64], name: str, *, magnitude: bool) -> None:
    faults = {
        "are missing": np.isnan(given),
        "are negative": given < 0,
        "are not whole": (given != np.floor(given)) & ~np.isnan(given) & (not magnitude),
        "are too large": given >= 2**50,
    }
    found = [f"{int(fault.sum())} {words}" for words, fault in faults.items() if fault.any()]
    if found:
        message = f"Of {len(given)} values of {name}, {' and '.join(found)}."
        raise InputError(message, "Counts are whole numbers from 0; sums of contributions come with a column top1.")


def _agreed(rows: Rows, given: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Return one value a given cell; linked tables must agree on it, and one may leave it out.

    Raises: InputError, saying how many cells they disagree on.
    """
    values = np.full(rows.grid.n_given, np.nan)
    held = ~np.isnan(given)
    values[rows.cell[held][::-1]] = given[held][::-1]
    n_other = int(np.sum(held & (values[rows.cell] != given)))
    if n_other:
        message = f"The linked tables disagree on the {name} of {n_other} cells."
        raise InputError(message, "Cells with the same codes are the same persons, and have one value.")
    return values


def with_added(grid: Grid, given: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum the totals that were added, each along the first dimension in which it is broken down into known cells."""
    values = np.zeros(grid.n_cells)
    values[: grid.n_given] = given
    known = np.arange(grid.n_cells) < grid.n_given
    parts = grid.matrix.copy()
    parts.data = np.maximum(parts.data, 0.0)
    while not known.all():
        ready = (parts @ ~known == 0) & ~known[grid.totals]
        rows = np.flatnonzero(ready)[::-1]
        values[grid.totals[rows]] = (parts @ values)[rows]
        known[grid.totals[rows]] = True
    return values


def _refuse_sums(grid: Grid, values: NDArray[np.float64], *, magnitude: bool) -> None:
    """Refuse totals that are not the sum of their parts, naming the first few and by how much."""
    over = grid.matrix @ values
    slack = 1e-6 * np.maximum(1.0, values[grid.totals]) if magnitude else np.zeros(len(over))
    wrong = np.flatnonzero(np.abs(over) > slack)
    if len(wrong):
        named = [
            f"{grid.name_of(grid.totals[row])} along {grid.dimensions[grid.along[row]].name} (parts {over[row]:+g})"
            for row in wrong[:N_SHOWN]
        ]
        message = f"{len(wrong)} totals are not the sum of their parts: {'; '.join(named)}."
        remedy = "Mend the table: every total has all its parts, and a part that is left out counts as zero."
        raise InputError(message, remedy)


def _statuses(rows: Rows, name: str) -> NDArray[np.int8]:
    """Return the state that a column of words gives each cell; the strongest word of linked tables counts.

    Raises: InputError for words of no known meaning.
    """
    found = np.full(rows.grid.n_cells, UNSAID, dtype=np.int8)
    encoded = pc.utf8_trim_whitespace(rows.text[name]).dictionary_encode()
    words = encoded.dictionary.to_pylist()
    unknown = [word for word in words if word.lower() not in STATUS_WORDS]
    if unknown:
        message = f"The column {name} holds {len(unknown)} words that are no status."
        raise InputError(message, "A status is primary, keep or empty.")
    meaning = np.array([STATUS_WORDS[word.lower()] for word in words] + [UNSAID], dtype=np.int8)
    states = meaning[pc.fill_null(encoded.indices, len(words)).to_numpy(zero_copy_only=False)]
    np.maximum.at(found, rows.cell, states)
    if bool(np.any((found[rows.cell] == CellState.KEEP) & (states == CellState.PRIMARY))):
        message = "Linked tables call a cell primary and keep at once."
        raise InputError(message, "A primary cell is always hidden.")
    return found
