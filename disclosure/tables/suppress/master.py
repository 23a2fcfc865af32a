"""The master programme: the least cost of a pattern, fractional or whole, that satisfies the cuts found so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from highspy import _core
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from cld.errors import InvariantBroken
from disclosure.solver import new_solver
from disclosure.tables.programmes import Status
from disclosure.tables.suppress.cuts import Cut
from disclosure.tables.suppress.part import Part

__all__ = ["Master", "Relaxed"]

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Relaxed:
    """The best fractional pattern: its cost, the share of each cell, and what hiding one more of it would cost."""

    cost: float
    pattern: Vector
    reduced: Vector


class Master:
    """The linear programme of a part, going on from its last basis when cuts are added or cells are fixed."""

    def __init__(self, part: Part) -> None:
        """Start with primaries hidden and no cut."""
        self._part = part
        self.low, self.high = part.primary.astype(np.float64), np.ones(part.n_cells)
        self._model = new_solver(simplex_strategy=1)
        programme = _core.HighsLp()
        programme.num_row_, programme.num_col_ = 0, part.n_cells
        programme.col_cost_ = part.weight
        programme.col_lower_, programme.col_upper_ = self.low, self.high
        programme.row_lower_ = programme.row_upper_ = np.zeros(0)
        empty = csr_matrix((0, part.n_cells)).tocsc()
        programme.a_matrix_.format_ = _core.MatrixFormat.kColwise
        programme.a_matrix_.start_, programme.a_matrix_.index_ = empty.indptr, empty.indices
        programme.a_matrix_.value_ = empty.data
        self._model.passModel(programme)

    def add(self, cuts: Sequence[Cut]) -> None:
        """Ask for further cuts."""
        if not cuts:
            return
        starts = np.cumsum([0, *(len(cut.cells) for cut in cuts)])
        cells = np.concatenate([cut.cells for cut in cuts]).astype(np.int32)
        shares = np.concatenate([cut.shares for cut in cuts])
        ones, more = np.ones(len(cuts)), np.full(len(cuts), _core.kHighsInf)
        self._model.addRows(len(cuts), ones, more, len(cells), starts[:-1].astype(np.int32), cells, shares)

    def fix(self, low: Vector, high: Vector) -> None:
        """Set the least and the most of every cell."""
        self.low, self.high = low, high
        self._model.changeColsBounds(len(low), np.arange(len(low), dtype=np.int32), low, high)

    def solve(self) -> Relaxed | None:
        """Return the best fractional pattern, or None if the fixed cells leave none.

        Raises: InvariantBroken if the solver ends otherwise.
        """
        self._model.run()
        status = self._model.getModelStatus()
        if status == Status.kInfeasible:
            return None
        if status != Status.kOptimal:
            message = f"The master programme ends with {self._model.modelStatusToString(status)}."
            raise InvariantBroken(message)
        solution = self._model.getSolution()
        pattern = np.clip(np.array(solution.col_value), self.low, self.high)
        return Relaxed(self._model.getInfo().objective_function_value, pattern, np.array(solution.col_dual))
