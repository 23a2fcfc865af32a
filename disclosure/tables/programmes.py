"""Linear systems given to HiGHS, and single points of them."""

from __future__ import annotations

import numpy as np
from highspy import _core
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from cld.errors import DisclosureRefused
from disclosure.solver import new_solver
from disclosure.tables.bounds import SLACK

__all__ = ["MOST_NODES", "Status", "find_point", "is_whole", "loaded", "refuse_without_answer"]

Vector = NDArray[np.float64]
Status = _core.HighsModelStatus
MOST_NODES = 5_000
ANY = 1e9


def loaded(
    solver: _core._Highs, matrix: csr_matrix, sums: Vector, low: Vector, high: Vector, *, whole: bool = False
) -> _core._Highs:
    """Give a solver the system ``matrix @ x == sums`` within bounds, with no cost, over whole numbers if asked.

    A search over whole numbers ends after MOST_NODES nodes, whatever the clock says.
    """
    by_column = matrix.tocsc()
    programme = _core.HighsLp()
    programme.num_row_, programme.num_col_ = matrix.shape
    programme.col_cost_ = np.zeros(matrix.shape[1])
    programme.col_lower_, programme.col_upper_ = low, high
    programme.row_lower_, programme.row_upper_ = sums, sums
    programme.a_matrix_.format_ = _core.MatrixFormat.kColwise
    programme.a_matrix_.start_, programme.a_matrix_.index_ = by_column.indptr, by_column.indices
    programme.a_matrix_.value_ = by_column.data
    if whole:
        programme.integrality_ = [_core.HighsVarType.kInteger] * matrix.shape[1]
        for name, value in (("mip_rel_gap", 0.0), ("mip_abs_gap", 0.999), ("mip_max_nodes", MOST_NODES)):
            solver.setOptionValue(name, value)
    solver.passModel(programme)
    return solver


def is_whole(point: Vector, matrix: csr_matrix, sums: Vector, low: Vector, high: Vector) -> bool:
    """Say whether a point is whole up to the solver's last digits and, rounded, satisfies the system exactly."""
    near = np.rint(point)
    if np.any(np.abs(point - near) > SLACK) or np.any(near < low) or np.any(near > high):
        return False
    return not np.any(matrix @ near != sums)


def refuse_without_answer() -> None:
    """Refuse: a solver that stops has proven nothing."""
    message = "The attacker's programme ends without an answer."
    raise DisclosureRefused(message, ("feasible intervals",), "What is not proven safe does not leave.")


def find_point(
    matrix: csr_matrix, sums: Vector, low: Vector, high: Vector, *, whole: bool, amid: bool = False
) -> Vector | None:
    """Return a point of the system, or None if there is none.

    ``amid`` asks for one whose distances from the middle of its bounds sum to the least.
    Raises: DisclosureRefused if the solver, or a search over whole numbers, ends without an answer.
    """
    if not len(low):
        return low.copy()
    if not amid or np.isinf(low).any():
        return _some_point(matrix, sums, low, high, np.zeros(len(low)), whole=whole)
    middle = np.where(np.isinf(high), low, np.floor((low + high) / 2))
    middle = np.clip(middle, low, high)
    # each cell is its lowest value, a part up to the middle that is gained and a part beyond that costs
    parts = hstack([matrix, matrix], format="csr")
    room = np.concatenate([middle - low, high - middle])
    cost = np.repeat([-1.0, 1.0], len(low))
    point = _some_point(parts, sums - matrix @ low, np.zeros(len(room)), room, cost, whole=whole)
    return None if point is None else low + point[: len(low)] + point[len(low) :]


def _some_point(
    matrix: csr_matrix, sums: Vector, low: Vector, high: Vector, cost: Vector, *, whole: bool
) -> Vector | None:
    """Return the point of least cost over real numbers; if it must be whole and is not, any whole one near it."""
    place = np.arange(len(low), dtype=np.int32)
    solver = loaded(new_solver(simplex_strategy=1, presolve=True), matrix, sums, low, high)
    solver.changeColsCost(len(low), place, cost)
    solver.run()
    point = np.array(solver.getSolution().col_value)
    if solver.getModelStatus() == Status.kOptimal and whole and not is_whole(point, matrix, sums, low, high):
        solver = loaded(new_solver(simplex_strategy=1, presolve=True), matrix, sums, low, high, whole=True)
        solver.changeColsCost(len(low), place, cost)
        for name in ("mip_rel_gap", "mip_abs_gap"):
            solver.setOptionValue(name, ANY)
        solver.run()
        point = np.array(solver.getSolution().col_value)
    if solver.getModelStatus() == Status.kInfeasible:
        return None
    if solver.getModelStatus() != Status.kOptimal:
        refuse_without_answer()
    found: Vector = np.clip(np.rint(point) if whole else point, low, high)
    return found
