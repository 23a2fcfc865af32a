"""Evidence of an audit: points that attain every bound, and multipliers that show that nothing goes further.

Whoever holds the table can check it with sparse products alone: points satisfy the equations and bounds; for any
multipliers u of the equations, a cell is (e - M'u) . values, which bounds alone limit (weak duality).

Source: Dantzig 1963 (weak duality); Fischetti and Salazar 2001.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from disclosure.tables.bounds import SLACK, propagate
from disclosure.tables.probe import Proof

__all__ = ["Evidence", "EvidenceMaker", "Verified", "verify_audit"]

TINY = 1e-9
N_SUMMED = 10
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence for n cells under m equations.

    table:  a table that fits all that is shown, n.
    points:  p x n, deviations from it.
    cells, directions, duals:  for each of q ends the cell, +1 or -1, and the multipliers of the equations, q x m. Ends
        without multipliers are bounded by carrying bounds along the equations.
    """

    table: Vector
    points: csr_matrix
    cells: NDArray[np.int64]
    directions: NDArray[np.int64]
    duals: csr_matrix


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check of evidence found: ends in all, ends attained, ends shown to go no further, and a table that fits."""

    n_ends: int
    n_attained: int
    n_bounded: int
    n_points_wrong: int

    @property
    def holds(self) -> bool:
        """Say whether every end is attained and bounded, by points that all fit."""
        return self.n_attained == self.n_bounded == self.n_ends and self.n_points_wrong == 0


class EvidenceMaker:
    """Gathers the proofs of parts, in the numbering of the whole."""

    def __init__(self, shape: tuple[int, int]) -> None:
        """Take how many equations and cells there are."""
        self._n_rows, self._n_cells = shape
        self._points: list[tuple[NDArray[np.int64], Vector]] = []
        self._duals: list[tuple[int, int, NDArray[np.int64], Vector]] = []

    def add(self, proof: Proof, rows: NDArray[np.int64], cells: NDArray[np.int64]) -> None:
        """Take the proof of one part, whose equations and cells are these."""
        self._points += [(cells, point) for point in proof.points]
        for (column, direction), dual in proof.duals.items():
            self._duals.append((int(cells[column]), direction, rows, dual))

    def add_tables(self, tables: Iterable[tuple[NDArray[np.int64], Vector]]) -> None:
        """Take tables as deviations of a few cells."""
        self._points += tables

    def made(self, table: Vector) -> Evidence:
        """Return what was gathered, beside the table that the points deviate from."""
        points = _stacked(self._points, self._n_cells)
        duals = _stacked([(place, dual) for _, _, place, dual in self._duals], self._n_rows)
        cells = np.array([cell for cell, _, _, _ in self._duals], dtype=np.int64)
        directions = np.array([direction for _, direction, _, _ in self._duals], dtype=np.int64)
        return Evidence(table, points, cells, directions, duals)


def _stacked(parts: list[tuple[NDArray[np.int64], Vector]], width: int) -> csr_matrix:
    kept = [(place[np.abs(value) > TINY], value[np.abs(value) > TINY]) for place, value in parts]
    ends = np.cumsum([0, *(len(place) for place, _ in kept)])
    column = np.concatenate([np.empty(0, dtype=np.int64), *(place for place, _ in kept)])
    entry = np.concatenate([np.empty(0), *(value for _, value in kept)])
    return csr_matrix((entry, column, ends), shape=(len(parts), width))


def verify_audit(
    matrix: csr_matrix, low: Vector, high: Vector, targets: NDArray[np.bool_], claimed: tuple[Vector, Vector],
    evidence: Evidence, *, whole: bool = False,
) -> Verified:  # fmt: skip
    """Check claimed intervals against evidence, without a solver.

    Shape:  as ``intervals``: matrix m x n, what is shown as low and high, targets n, claimed the least and the most.
    Source: weak duality; each claimed end must lie between what a point attains and what the multipliers allow.
    """
    ends = np.stack([-claimed[0], claimed[1]])[:, targets]
    if not _fits(matrix, low, high, evidence.table):
        return Verified(ends.size, 0, 0, 1 + evidence.points.shape[0])
    bounds = propagate(matrix, np.zeros(matrix.shape[0]), low, high, integer=whole)
    wrong = _wrong_points(matrix, low, high, evidence, whole=whole)
    points = evidence.points[np.flatnonzero(~wrong)]
    outer = np.stack([-bounds.low, bounds.high])
    # ends shown first serve as bounds when the others are shown
    for _ in range(2):
        _tighten(outer, matrix, evidence)
    if whole:
        outer = np.floor(outer + SLACK)
    inner = np.stack([_furthest(-points) - evidence.table, _furthest(points) + evidence.table])
    slack = SLACK * (1.0 + SLACK * np.abs(ends))
    # nothing can be shown to attain the claim that nothing bounds a cell
    attained = (inner[:, targets] >= ends - slack) | np.isposinf(ends)
    bounded = outer[:, targets] <= ends + slack
    return Verified(ends.size, int(attained.sum()), int(bounded.sum()), int(wrong.sum()))


def _fits(matrix: csr_matrix, low: Vector, high: Vector, table: Vector) -> bool:
    slack = SLACK * (1.0 + TINY * np.abs(table))
    outside = np.any(table < low - slack) or np.any(table > high + slack)
    return not (outside or np.any(np.abs(matrix @ table) > N_SUMMED * (SLACK + TINY * (abs(matrix) @ np.abs(table)))))


def _wrong_points(
    matrix: csr_matrix, low: Vector, high: Vector, evidence: Evidence, *, whole: bool
) -> NDArray[np.bool_]:
    """Say which points leave the bounds, break an equation or, over whole numbers, are not whole."""
    points, n_points = evidence.points, evidence.points.shape[0]
    row, column = np.repeat(np.arange(n_points), np.diff(points.indptr)), points.indices
    reached = evidence.table[column] + points.data
    slack = SLACK * (1.0 + TINY * np.abs(reached))
    bad = (reached < low[column] - slack) | (reached > high[column] + slack)
    if whole:
        bad |= points.data != np.rint(points.data)
    wrong = np.bincount(row, bad, minlength=n_points) > 0
    if n_points:
        wrong |= abs(matrix @ points.T).max(axis=0).toarray().ravel() > N_SUMMED * SLACK
    return np.asarray(wrong, dtype=bool)


def _tighten(outer: NDArray[np.float64], matrix: csr_matrix, evidence: Evidence) -> None:
    """Lower outer bounds (of minus the cell, and of the cell) to what the multipliers allow."""
    least, most = -outer[0] - evidence.table, outer[1] - evidence.table
    n_ends, n_cells = len(evidence.cells), matrix.shape[1]
    itself = csr_matrix((np.ones(n_ends), (np.arange(n_ends), evidence.cells)), shape=(n_ends, n_cells))
    rest = csr_matrix(itself - evidence.duals @ matrix)
    rest.data[np.abs(rest.data) < TINY] = 0.0
    rest.eliminate_zeros()
    side = np.repeat(evidence.directions, np.diff(rest.indptr)) * rest.data
    furthest = np.where(side > 0, side * most[rest.indices], side * least[rest.indices])
    reach: Vector = np.zeros(n_ends)
    np.add.at(reach, np.repeat(np.arange(n_ends), np.diff(rest.indptr)), furthest)
    reach += evidence.directions * evidence.table[evidence.cells]
    np.minimum.at(outer, ((evidence.directions + 1) // 2, evidence.cells), reach)


def _furthest(points: csr_matrix) -> Vector:
    """Return the largest entry of every column, 0 counting as one of them: the table itself is a point."""
    if not points.shape[0]:
        return np.zeros(points.shape[1])
    found: Vector = np.maximum(points.max(axis=0).toarray().ravel(), 0.0)
    return found
