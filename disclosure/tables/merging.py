"""Cells that move as one: two hidden cells alone in an equation differ by a constant, so one variable serves both.

Merging is repeated on what is left, since equations grow shorter. It halves the programmes of typical patterns and
loses nothing: every deviation of the cells is a deviation of the classes, and back.

Source: Andersen and Andersen 1995, Presolving in linear programming (doubleton equations).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

__all__ = ["Classes", "merge", "unmerged"]


@dataclass(frozen=True, slots=True)
class Classes:
    """Deviations of n cells as signed deviations of k classes.

    of_cell:  the class of each cell; sign: +1, -1, or 0 for a cell that cannot move.
    matrix:  the equations between classes, m x k, those that say nothing left out.
    rows:  which equation of the cells each of them is.
    """

    of_cell: NDArray[np.int64]
    sign: NDArray[np.float64]
    matrix: csr_matrix
    rows: NDArray[np.int64]

    def bounds(
        self, low: NDArray[np.float64], high: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the bounds of classes from those of cells."""
        least = np.full(self.matrix.shape[1], -np.inf)
        most = np.full(self.matrix.shape[1], np.inf)
        moving = np.flatnonzero(self.sign)
        up = self.sign[moving] > 0
        np.maximum.at(least, self.of_cell[moving], np.where(up, low[moving], -high[moving]))
        np.minimum.at(most, self.of_cell[moving], np.where(up, high[moving], -low[moving]))
        return least, most

    def common(self, label: NDArray[np.int64], mixed: int) -> NDArray[np.int64]:
        """Return the label that all cells of a class share, ``mixed`` where they do not share one."""
        n_classes, moving = self.matrix.shape[1], np.flatnonzero(self.sign)
        least, most = np.full(n_classes, np.iinfo(np.int64).max), np.full(n_classes, np.iinfo(np.int64).min)
        np.minimum.at(least, self.of_cell[moving], label[moving])
        np.maximum.at(most, self.of_cell[moving], label[moving])
        return np.where(least == most, least, mixed)

    def met(self, least: NDArray[np.float64], most: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return, 2 x k, how far points are known to take classes, from how far they take cells."""
        found = np.zeros((2, self.matrix.shape[1]))
        moving = np.flatnonzero(self.sign)
        up = self.sign[moving] > 0
        np.minimum.at(found[0], self.of_cell[moving], np.where(up, least[moving], -most[moving]))
        np.maximum.at(found[1], self.of_cell[moving], np.where(up, most[moving], -least[moving]))
        return found


def unmerged(matrix: csr_matrix) -> Classes:
    """Return every cell as a class of its own."""
    n_cells = matrix.shape[1]
    reduced, rows = _that_say_something(matrix)
    return Classes(np.arange(n_cells), np.ones(n_cells), reduced, rows)


def merge(matrix: csr_matrix) -> Classes:
    """Merge the cells of ``matrix @ deviations == 0`` until no equation has fewer than three classes."""
    classes = unmerged(matrix)
    while True:
        step, sign = _joined(classes.matrix)
        if step is None:
            return classes
        n_classes = int(step.max(initial=-1)) + 1
        onto = csr_matrix((sign, (np.arange(len(step)), step)), shape=(len(step), n_classes))
        reduced, rows = _that_say_something(classes.matrix @ onto)
        signs = classes.sign * sign[classes.of_cell]
        classes = Classes(step[classes.of_cell], signs, reduced, classes.rows[rows])


def _that_say_something(matrix: csr_matrix) -> tuple[csr_matrix, NDArray[np.int64]]:
    held = csr_matrix(matrix)
    held.eliminate_zeros()
    rows = np.flatnonzero(np.diff(held.indptr))
    return held[rows], rows


def _joined(matrix: csr_matrix) -> tuple[NDArray[np.int64] | None, NDArray[np.float64]]:
    """Return the class of every column after one round, and its sign; None if nothing was left to join.

    Every column stands twice, as itself and as its opposite; equations of two join two pairs, equations of one join a
    column with its opposite, which leaves it only zero.
    """
    n, length = matrix.shape[1], np.diff(matrix.indptr)
    one = matrix.indices[matrix.indptr[:-1][length == 1]].astype(np.int64)
    starts = matrix.indptr[:-1][length == 2]
    a, b = matrix.data[starts], matrix.data[starts + 1]
    alike = np.abs(a) == np.abs(b)
    i, j = matrix.indices[starts][alike].astype(np.int64), matrix.indices[starts + 1][alike].astype(np.int64)
    if len(one) + len(i) == 0:
        return None, np.empty(0)
    cross = np.where((a * b)[alike] > 0, n, 0)
    left = np.concatenate([i, i + n, one])
    right = np.concatenate([j + cross, j + n - cross, one + n])
    graph = csr_matrix((np.ones(len(left)), (left, right)), shape=(2 * n, 2 * n))
    _, label = connected_components(graph, directed=False)
    itself, opposite = label[:n], label[n:]
    sign = np.sign(opposite - itself).astype(np.float64)
    _, step = np.unique(np.minimum(itself, opposite), return_inverse=True)
    return step, sign
