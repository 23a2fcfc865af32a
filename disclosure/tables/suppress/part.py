"""A part of a table as suppression sees it: the cells that may move, and the equations wholly among them.

Whoever attacks a part knows fewer equations than whoever attacks the table. So what a part's pattern costs at least,
the table's pattern costs at least too (Fischetti and Salazar 2001, on sub-tables; see docs/methods).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from disclosure.tables.system import CellState, System

__all__ = ["Need", "Part", "part_of", "sub_part"]

Vector = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """How far the attacker's interval of one primary must reach: direction +1 above its value, -1 below."""

    cell: int
    direction: int
    distance: float


@dataclass(frozen=True, slots=True)
class Part:
    """n cells that are not always published, under m equations that hold no other such cell.

    cells:  place of each in the whole system, ascending.
    matrix:  m x n; deviations d of the attacker satisfy ``matrix @ d == 0`` and -down <= d <= up.
    weight:  cost of hiding each cell, 0 for primaries.
    """

    cells: Places
    matrix: csr_matrix
    by_cell: csr_matrix
    down: Vector
    up: Vector
    weight: Vector
    primary: NDArray[np.bool_]
    codes: NDArray[np.int32]
    parents: tuple[NDArray[np.int32], ...]
    needs: tuple[Need, ...]

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.cells)


def part_of(system: System, cells: Places, *, published: NDArray[np.bool_] | None = None) -> Part:
    """Cut a part out of a system: the given cells without those always published, or published here.

    Shape:  cells: places in the system, ascending; published n.
    """
    still = system.state == CellState.KEEP
    if published is not None:
        still = still | (published & (system.state != CellState.PRIMARY))
    cells = cells[~still[cells]]
    inside = np.zeros(system.n_cells, dtype=bool)
    inside[cells] = True
    magnitude = abs(system.matrix)
    outside = magnitude @ (~(inside | still)).astype(np.float64)
    rows = np.flatnonzero((outside == 0) & (magnitude @ inside.astype(np.float64) > 0))
    matrix = system.matrix[rows][:, cells].tocsr()
    primary = system.state[cells] == CellState.PRIMARY
    needs = _needs(np.flatnonzero(primary), system.need_upper[cells], system.need_lower[cells])
    down, up = system.values[cells] - system.lower[cells], system.upper[cells] - system.values[cells]
    weight = np.where(primary, 0.0, system.weight[cells])
    return Part(cells, matrix, matrix.T.tocsr(), down, up, weight, primary, system.codes[cells], system.parents, needs)


def _needs(primaries: Places, above: Vector, below: Vector) -> tuple[Need, ...]:
    return tuple(
        Need(cell, direction, float(distance[cell]))
        for cell in primaries.tolist()
        for direction, distance in ((1, above), (-1, below))
        if distance[cell] > 0
    )


def sub_part(part: Part, cells: Places, rows: Places) -> Part:
    """Cut a part out of a part: cells and equations by their places in it.

    The equations must hold no other cell of the part.
    """
    matrix = part.matrix[rows][:, cells].tocsr()
    place = np.full(part.n_cells, -1, dtype=np.int64)
    place[cells] = np.arange(len(cells))
    needs = tuple(
        Need(int(place[need.cell]), need.direction, need.distance) for need in part.needs if place[need.cell] >= 0
    )
    return Part(
        part.cells[cells], matrix, matrix.T.tocsr(), part.down[cells], part.up[cells], part.weight[cells],
        part.primary[cells], part.codes[cells], part.parents, needs,
    )  # fmt: skip
