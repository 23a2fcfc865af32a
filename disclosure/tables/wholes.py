"""Whole numbers that attain an end of an interval: first near a linear answer, then by a search of everything.

A linear answer may have halves in it. Between it and zero lies a shortest answer with the same end, which is whole in
most cases; else a search of its neighbourhood finds one; only else the whole system is searched, within a fixed work
limit, and what is not proven then is said to be so.

Source: Fischetti and Lodi 2003, Local branching (searching near an answer first).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from disclosure.solver import new_solver
from disclosure.tables.bounds import SLACK
from disclosure.tables.programmes import Status, is_whole, loaded

__all__ = ["near_whole_point", "search_whole_point"]

Vector = NDArray[np.float64]
MOVED = 1e-7


def near_whole_point(
    matrix: csr_matrix, low: Vector, high: Vector, point: Vector, column: int, end: float
) -> Vector | None:
    """Return a whole point of ``matrix @ x == 0`` whose ``column`` is ``end``, near a linear answer; None if none is met.

    Shape:  matrix m x n; low <= 0 <= high, whole; point n, a linear answer that goes as far or further.
    """
    least, most = np.minimum(np.floor(point + SLACK), 0.0), np.maximum(np.ceil(point - SLACK), 0.0)
    between = _solved(matrix, least, most, np.abs(point) > MOVED, column, end, toward_zero=np.sign(point))
    if between is None or is_whole(between, matrix, np.zeros(matrix.shape[0]), low, high):
        return between
    magnitudes = abs(matrix)
    touched = magnitudes @ (np.abs(between) > MOVED) > 0
    return _solved(matrix, low, high, magnitudes.T @ touched > 0, column, end, toward_zero=None)


def _solved(
    matrix: csr_matrix, low: Vector, high: Vector, free: NDArray[np.bool_], column: int, end: float, *,
    toward_zero: Vector | None,
) -> Vector | None:  # fmt: skip
    """Solve for the free columns alone, over whole numbers unless the shortest linear answer is asked for."""
    free[column] = True
    place = np.flatnonzero(free)
    cut = matrix[:, place]
    cut = cut[np.diff(cut.indptr) > 0]
    least, most = low[place], high[place]
    at = np.searchsorted(place, column)
    least[at] = most[at] = end
    solver = new_solver(simplex_strategy=1, presolve=True)
    loaded(solver, cut, np.zeros(cut.shape[0]), least, most, whole=toward_zero is None)
    if toward_zero is not None:
        solver.changeColsCost(len(place), np.arange(len(place), dtype=np.int32), toward_zero[place])
    solver.run()
    if solver.getModelStatus() != Status.kOptimal:
        return None
    found = np.zeros(matrix.shape[1])
    found[place] = np.array(solver.getSolution().col_value)
    return found


def search_whole_point(
    matrix: csr_matrix, low: Vector, high: Vector, column: int, direction: int, furthest: float
) -> tuple[Vector | None, float]:
    """Search all whole points for the one that goes furthest in a direction, no further than ``furthest``.

    Returns the best point met and how far any can go: equal where the search came to its end.
    """
    least, most = low.copy(), high.copy()
    if direction > 0:
        most[column] = furthest
    else:
        least[column] = -furthest
    solver = new_solver(simplex_strategy=1, presolve=True)
    loaded(solver, matrix, np.zeros(matrix.shape[0]), least, most, whole=True)
    solver.changeColCost(column, float(-direction))
    solver.run()
    found = np.array(solver.getSolution().col_value)
    point = found if len(found) == matrix.shape[1] and solver.getSolution().value_valid else None
    return point, min(furthest, float(np.floor(-solver.getInfo().mip_dual_bound + SLACK)))
