"""What the equations alone say of every cell: bounds carried from cell to cell until nothing moves.

Source: Savelsbergh 1994, Preprocessing and probing techniques for mixed integer programming problems (bounds of a row).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

__all__ = ["SLACK", "Bounds", "propagate"]

SLACK = 1e-6
MOST_ROUNDS = 200
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of every cell that no table within the first bounds leaves; ``contradicted`` are rows that none satisfies."""

    low: Vector
    high: Vector
    contradicted: NDArray[np.int64]


class _Rows:
    """The entries of a matrix in row order, and how to gather them by column."""

    def __init__(self, matrix: csr_matrix, sums: Vector) -> None:
        self.n_rows, self.sums = matrix.shape[0], sums
        self.row = np.repeat(np.arange(self.n_rows), np.diff(matrix.indptr))
        self.column = matrix.indices.astype(np.int64)
        self.entry = matrix.data.astype(np.float64)
        self.by_column = np.argsort(self.column, kind="stable")
        self.columns, self.starts = np.unique(self.column[self.by_column], return_index=True)

    def least(self, low: Vector, high: Vector) -> Vector:
        """Return the least that each entry can give to its row."""
        found: Vector = self.entry * np.where(self.entry > 0, low[self.column], high[self.column])
        return found

    def others(self, terms: Vector) -> Vector:
        """Return for each entry the sum of its row's other terms; minus infinity if one of them is."""
        endless = np.isinf(terms)
        finite = np.where(endless, 0.0, terms)
        sums = np.bincount(self.row, finite, minlength=self.n_rows)[self.row] - finite
        n_endless = np.bincount(self.row, endless, minlength=self.n_rows)[self.row] - endless
        return np.where(n_endless > 0, -np.inf, sums)

    def implied(self, low: Vector, high: Vector) -> tuple[Vector, Vector]:
        """Return the bounds that single rows imply, for the columns that stand in any."""
        least_of_others, most_of_others = self.others(self.least(low, high)), -self.others(self.least(-high, -low))
        sums = self.sums[self.row]
        up, down = (sums - least_of_others) / self.entry, (sums - most_of_others) / self.entry
        highest, lowest = np.where(self.entry > 0, up, down), np.where(self.entry > 0, down, up)
        return (
            np.maximum.reduceat(lowest[self.by_column], self.starts),
            np.minimum.reduceat(highest[self.by_column], self.starts),
        )

    def contradicted(self, low: Vector, high: Vector) -> NDArray[np.int64]:
        """Return rows that cannot have their sum, and those of columns without room."""
        least = np.bincount(self.row, self.least(low, high), minlength=self.n_rows) - self.sums
        most = -np.bincount(self.row, self.least(-high, -low), minlength=self.n_rows) - self.sums
        empty = np.bincount(self.row, (low > high + SLACK)[self.column], minlength=self.n_rows) > 0
        return np.flatnonzero((least > SLACK) | (most < -SLACK) | empty)


def propagate(matrix: csr_matrix, sums: Vector, low: Vector, high: Vector, *, integer: bool) -> Bounds:
    """Tighten bounds over ``matrix @ values == sums``; with ``integer`` they are rounded inward.

    Shape:  matrix m x n; sums m; low and high n, infinite where nothing is known.
    """
    if integer:
        low, high = np.ceil(low - SLACK), np.floor(high + SLACK)
    rows = _Rows(matrix, sums)
    contradicted = rows.contradicted(low, high)
    for _ in range(MOST_ROUNDS if len(rows.starts) else 0):
        least, most = rows.implied(low, high)
        if integer:
            least, most = np.ceil(least - SLACK), np.floor(most + SLACK)
        new_low, new_high = low.copy(), high.copy()
        new_low[rows.columns] = np.maximum(low[rows.columns], least)
        new_high[rows.columns] = np.minimum(high[rows.columns], most)
        still = not (np.any(new_low > low + SLACK) or np.any(new_high < high - SLACK))
        if still or len(contradicted):
            break
        low, high = new_low, new_high
        contradicted = rows.contradicted(low, high)
    return Bounds(low, np.maximum(low, high), contradicted)
