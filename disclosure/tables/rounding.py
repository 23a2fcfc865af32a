"""Controlled rounding: every cell to a multiple of a base so that all totals still add up, as near as can be.

Zero-restricted: a cell goes to one of the two multiples beside it, and a multiple stays. Where that is impossible, or
not found within the work limit, cells may go one base further, and the answer says so. Tables with a deep hierarchy are
rounded from the top down, each total with its parts, the total being held.

Source: Cox and Ernst 1982, Controlled rounding; Salazar 2005, Controlled rounding and cell perturbation (the programme).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from cld.errors import InputError, Refused
from disclosure.solver import new_solver
from disclosure.tables.descent import parts_from_the_top
from disclosure.tables.grid import Grid
from disclosure.tables.moves import Layout
from disclosure.tables.programmes import Status, loaded

__all__ = ["Rounded", "round_controlled"]

Vector = NDArray[np.float64]
MOST_FURTHER = 2
NODES = 100


@dataclass(frozen=True, slots=True)
class Rounded:
    """Rounded values, and how they were reached.

    values:  multiples of the base that satisfy every equation.
    further:  how many bases beyond the two multiples beside it a cell was allowed to go; 0 is zero-restricted.
    is_nearest:  whether the sum of distances is proven to be the least with that freedom.
    distance:  the sum over cells of how far each went.
    """

    values: Vector
    further: int
    is_nearest: bool
    distance: float


def round_controlled(grid: Grid, values: Vector, base: int, *, n_nodes: int = NODES) -> Rounded:
    """Round a table of whole numbers to a base.

    Shape:  values n, whole, not negative and additive over the grid's n cells.
    Units:  base in the unit of the values, at least 2. ``n_nodes`` limits the work of each search.
    Raises: InputError for a base under 2; Refused if no rounding is found within the limits.
    """
    if base < 2:  # noqa: PLR2004 - rounding to 1 changes nothing
        message = "A rounding base is 2 or more."
        raise InputError(message, "Give the base as a whole number, such as 5.")
    found = _from_the_top(grid, values, base, n_nodes) or _nearest(
        grid.matrix, values, base, n_nodes, np.full(len(values), np.nan)
    )
    if found is None:
        message = f"No rounding to {base} that adds up was found within the work limit."
        raise Refused(message, "Choose a smaller base, or protect the table another way.")
    return found


def _from_the_top(grid: Grid, values: Vector, base: int, n_nodes: int) -> Rounded | None:
    """Round along the dimension with the most totals: each total with its parts, after the total itself."""
    layout = Layout(grid.codes, tuple(dimension.parents for dimension in grid.dimensions))
    held = np.full(len(values), np.nan)
    found_parts = []
    for cells, rows in parts_from_the_top(layout, grid.matrix):
        found = _nearest(grid.matrix[rows][:, cells], values[cells], base, n_nodes, held[cells])
        if found is None:
            return None
        held[cells] = found.values
        found_parts.append(found)
    if np.isnan(held).any() or np.any(grid.matrix @ held != 0):
        return None
    further = max(found.further for found in found_parts)
    # where totals were held, each part is nearest only to them
    is_nearest = len(found_parts) == 1 and found_parts[0].is_nearest
    return Rounded(held, further, is_nearest, float(np.abs(held - values).sum()))


def _nearest(matrix: csr_matrix, values: Vector, base: int, n_nodes: int, held: Vector) -> Rounded | None:
    """Return the rounding that goes the least far beyond the multiples beside each value; None if none was found.

    ``held`` are values that are rounded already, not a number where they are not.
    """
    for further in range(MOST_FURTHER + 1):
        found = _searched(matrix, values, base, further, n_nodes, held)
        if found is not None:
            return found
    return None


def _searched(
    matrix: csr_matrix, values: Vector, base: int, further: int, n_nodes: int, held: Vector
) -> Rounded | None:
    """Search multiples at most ``further`` bases beyond the two beside each value; None if none was found."""
    free = np.isnan(held)
    low = np.where(free, np.maximum(np.floor(values / base) - further, 0.0), held / base)
    high = np.where(free, np.ceil(values / base) + further, held / base)
    steps = range(2 * further + 1)
    place = np.concatenate([np.flatnonzero(low + step < high) for step in steps])
    taken = np.concatenate([np.full(int(np.sum(low + step < high)), step) for step in steps])
    here = base * (low[place] + taken)
    # the distance is convex, so the cheapest steps of a cell are its first ones and need no order of their own
    cost = np.abs(here + base - values[place]) - np.abs(here - values[place])
    solver = new_solver(simplex_strategy=1, presolve=True)
    loaded(solver, matrix[:, place], -(matrix @ low), np.zeros(len(place)), np.ones(len(place)), whole=True)
    solver.changeColsCost(len(place), np.arange(len(place), dtype=np.int32), cost)
    solver.setOptionValue("mip_max_nodes", n_nodes)
    solver.run()
    solution = solver.getSolution()
    if solver.getModelStatus() == Status.kInfeasible or not solution.value_valid:
        return None
    multiples: Vector = low.copy()
    np.add.at(multiples, place, np.rint(np.array(solution.col_value)))
    if np.any(matrix @ multiples != 0):
        return None
    distance = float(np.abs(multiples * base - values).sum())
    return Rounded(multiples * base, further, solver.getModelStatus() == Status.kOptimal, distance)
