"""The cells of a table and the equations between them: every total is the sum of its parts.

Cells are those that are given and all totals above them. A total is broken down along a dimension when at least one of
its parts is there; parts that are not there are zero. So a sparse table stays small, and linked tables (several
breakdowns of the same totals) are one system: cells with the same codes are one column.

Source: Fischetti and Salazar 2001 (the table as M a = 0).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from cld.errors import InputError
from disclosure.tables.dimensions import Dimension

__all__ = ["MOST_CELLS", "Grid", "grid_of", "radices_of"]

MOST_CELLS = 5_000_000
MOST_KEYS = 2**62


@dataclass(frozen=True, slots=True)
class Grid:
    """The structure of a table: n cells, given ones first in the order of the rows, then the added totals by code.

    codes:  n x d.
    matrix:  m x n, one row a total: its parts +1 and itself -1.
    totals:  for each row of the matrix the cell that is the total.
    along:  for each row of the matrix the dimension that it sums over.
    n_given:  how many cells were given.
    """

    dimensions: tuple[Dimension, ...]
    codes: NDArray[np.int32]
    matrix: csr_matrix
    totals: NDArray[np.int64]
    along: NDArray[np.int32]
    n_given: int

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.codes)

    def name_of(self, cell: int) -> str:
        """Return a cell's codes as words, for messages."""
        return " / ".join(d.labels[self.codes[cell, place]] for place, d in enumerate(self.dimensions))


def radices_of(dimensions: tuple[Dimension, ...]) -> NDArray[np.int64]:
    """Return the weights that turn a cell's codes into one number.

    Raises: InputError if the dimensions make more combinations of codes than can be numbered.
    """
    sizes = [len(dimension.labels) for dimension in dimensions]
    if math.prod(sizes) > MOST_KEYS:
        message = f"The dimensions make {math.prod(sizes):.1e} combinations of codes."
        raise InputError(message, "Leave dimensions out or use coarser codes.")
    return np.array([math.prod(sizes[place + 1 :]) for place in range(len(sizes))], dtype=np.int64)


def _refuse_too_many(n_cells: int) -> None:
    if n_cells > MOST_CELLS:
        message = f"With its totals the table has more than {MOST_CELLS:,} cells."
        raise InputError(message, "Split it, or leave dimensions out.")


def grid_of(dimensions: tuple[Dimension, ...], codes: NDArray[np.int32]) -> Grid:
    """Lay out the cells with all totals above them, and their equations.

    Shape:  codes n_given x d, no two rows alike.
    Raises: InputError if there are more than MOST_CELLS cells.
    """
    radices = radices_of(dimensions)
    _refuse_too_many(len(codes))
    given = codes.astype(np.int64) @ radices
    keys = _with_totals(given, dimensions, radices)
    sorted_given = np.sort(given)
    place = np.minimum(np.searchsorted(sorted_given, keys), max(len(given) - 1, 0))
    added = keys[sorted_given[place] != keys] if len(given) else keys
    ordered = np.concatenate([given, added])
    sizes = np.array([len(dimension.labels) for dimension in dimensions], dtype=np.int64)
    all_codes = ((ordered[:, None] // radices) % sizes).astype(np.int32)
    matrix, totals, along = _equations(ordered, all_codes, dimensions, radices)
    return Grid(dimensions, all_codes, matrix, totals, along, len(given))


def _with_totals(
    keys: NDArray[np.int64], dimensions: tuple[Dimension, ...], radices: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Add every cell above, dimension by dimension and level by level; sorted."""
    keys = np.unique(keys)
    for dimension, radix in zip(dimensions, radices, strict=True):
        up = (dimension.parents.astype(np.int64) - np.arange(len(dimension.labels))) * radix
        level = keys
        while len(level):
            codes = (level // radix) % len(dimension.labels)
            below = dimension.parents[codes] >= 0
            level = np.unique(level[below] + up[codes[below]])
            keys = np.union1d(keys, level)
            _refuse_too_many(len(keys))
    return keys


def _equations(
    keys: NDArray[np.int64], codes: NDArray[np.int32], dimensions: tuple[Dimension, ...], radices: NDArray[np.int64]
) -> tuple[csr_matrix, NDArray[np.int64], NDArray[np.int32]]:
    """Return the matrix, and for each row its total and the dimension it runs along."""
    order = np.argsort(keys)
    sorted_keys = keys[order]
    parts, rows, totals, along = [], [], [], []
    n_rows = 0
    for place, dimension in enumerate(dimensions):
        parent = dimension.parents[codes[:, place]].astype(np.int64)
        below = np.flatnonzero(parent >= 0)
        above = keys[below] + (parent[below] - codes[below, place]) * radices[place]
        total_keys, row = np.unique(above, return_inverse=True)
        parts.append(below)
        rows.append(n_rows + row)
        totals.append(order[np.searchsorted(sorted_keys, total_keys)])
        along.append(np.full(len(total_keys), place, dtype=np.int32))
        n_rows += len(total_keys)
    all_totals = np.concatenate(totals)
    columns = np.concatenate([*parts, all_totals])
    all_rows = np.concatenate([*rows, np.arange(n_rows)])
    entries = np.ones(len(columns))
    entries[len(columns) - n_rows :] = -1.0
    matrix = csr_matrix((entries, (all_rows, columns)), shape=(n_rows, len(keys)))
    matrix.sort_indices()
    return matrix, all_totals, np.concatenate(along)
