"""From the top down: a table taken part by part, each total with its parts, after the total itself is settled."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from disclosure.tables.moves import Layout
from disclosure.tables.programmes import find_point

__all__ = ["parts_from_the_top", "point_from_the_top"]

Vector = NDArray[np.float64]
SLACK = 1e-6


def parts_from_the_top(layout: Layout, matrix: csr_matrix) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the cells and the equations of each total with its parts, along the dimension with the most totals.

    Shape:  layout of n cells; matrix m x n. A total's own cells stand in an earlier part as well, save the root's.
    """
    inner = [np.unique(parents[parents >= 0]) for parents in layout.parents]
    place = int(np.argmax([len(codes) for codes in inner]))
    parents, codes = layout.parents[place], layout.codes[:, place]
    magnitudes = abs(matrix)
    for total in inner[place].tolist():
        part = (codes == total) | (parents[codes] == total)
        yield np.flatnonzero(part), np.flatnonzero(magnitudes @ ~part == 0)


def point_from_the_top(
    layout: Layout, matrix: csr_matrix, sums: Vector, low: Vector, high: Vector, *, whole: bool
) -> Vector | None:
    """Return a point of ``matrix @ x == sums`` amid its bounds, found part by part; None if that leads nowhere.

    A part that cannot follow from the totals that were chosen before does not show that there is no point.
    """
    low, high = low.copy(), high.copy()
    for cells, rows in parts_from_the_top(layout, matrix):
        cut = matrix[rows][:, cells]
        point = find_point(cut, sums[rows], low[cells], high[cells], whole=whole, amid=True)
        if point is None:
            return None
        low[cells] = high[cells] = point
    fits = np.array_equal(low, high) and not np.any(np.abs(matrix @ low - sums) > SLACK * (1.0 + np.abs(sums)))
    return low if fits else None
