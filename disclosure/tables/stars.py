"""Two-way tables of an extract under a small-number profile: counts in, what is shown and every star's interval out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from disclosure.tables.cells import with_added
from disclosure.tables.dimensions import flat_dimension
from disclosure.tables.grid import Grid, grid_of
from disclosure.tables.profiles import Limits, protect_table

__all__ = ["TOTAL", "Limits", "ProtectedTable", "protect", "with_totals"]

TOTAL = "Total"
Cell = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ProtectedTable:
    """What is shown, which cells are hidden and the attacker's interval of each hidden cell (for the approver alone)."""

    shown: Mapping[Cell, str]
    primary: frozenset[Cell]
    secondary: frozenset[Cell]
    intervals: Mapping[Cell, tuple[int, int]]


def _laid_out(counts: Mapping[Cell, int]) -> tuple[Grid, NDArray[np.float64]]:
    """Return the grid of every row with every column and all totals, and its values."""
    rows, columns = (flat_dimension(str(side), sorted({cell[side] for cell in counts}), TOTAL) for side in (0, 1))
    inner = [(row, column) for row in rows.labels[1:] for column in columns.labels[1:]]
    codes = np.argwhere(np.ones((len(rows.labels) - 1, len(columns.labels) - 1), dtype=bool)) + 1
    grid = grid_of((rows, columns), codes.astype(np.int32))
    return grid, with_added(grid, np.array([counts.get(cell, 0) for cell in inner], dtype=np.float64))


def _names(grid: Grid) -> list[Cell]:
    rows, columns = grid.dimensions
    return [(rows.labels[row], columns.labels[column]) for row, column in grid.codes.tolist()]


def with_totals(counts: Mapping[Cell, int]) -> dict[Cell, int]:
    """Add the totals of rows, columns and the whole."""
    grid, values = _laid_out(counts)
    return dict(zip(_names(grid), values.astype(np.int64).tolist(), strict=True))


def protect(counts: Mapping[Cell, int], limits: Limits) -> ProtectedTable:
    """Protect a two-way table of persons.

    Raises: DisclosureRefused, saying how many cells, if secondary protection is asked for and no pattern is safe.
    """
    grid, values = _laid_out(counts)
    made = protect_table(grid, values, limits)
    names = _names(grid)
    hidden = np.flatnonzero(made.primary | made.secondary).tolist()
    return ProtectedTable(
        dict(zip(names, made.shown, strict=True)),
        frozenset(names[cell] for cell in np.flatnonzero(made.primary)),
        frozenset(names[cell] for cell in np.flatnonzero(made.secondary)),
        {names[cell]: (int(made.low[cell]), int(made.high[cell])) for cell in hidden},
    )
