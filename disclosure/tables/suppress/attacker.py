"""The attacker of a part as one HiGHS model, solved again and again with other capacities and other targets.

Source: Fischetti and Salazar 2001 (attacker's programmes); Huangfu and Hall 2018 (HiGHS).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from highspy import _core
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from disclosure.solver import new_solver
from disclosure.tables.programmes import Status, loaded

__all__ = ["Answer", "Attacker"]

Vector = NDArray[np.float64]
SLACK = 1e-7


@dataclass(frozen=True, slots=True)
class Answer:
    """A deviation of the attacker, and the multipliers of the equations that show that none goes further.

    fits:  whether the deviation satisfies equations and capacities up to the last digits; else it proves nothing.
    """

    point: Vector
    duals: Vector
    fits: bool


class Attacker:
    """Deviations d of n cells with ``matrix @ d == 0`` and -down <= d <= up, down and up set again for each question."""

    def __init__(self, matrix: csr_matrix) -> None:
        """Take the equations; every capacity is 0 until it is set."""
        self._matrix = matrix
        self._places = np.arange(matrix.shape[1], dtype=np.int32)
        self._down = self._up = np.zeros(matrix.shape[1])
        self._costed = 0
        self._model: _core._Highs | None = None
        self.n_failed = 0

    def allow(self, down: Vector, up: Vector) -> None:
        """Set how far each cell may go."""
        self._down, self._up = down, up
        if self._model is not None:
            self._model.changeColsBounds(len(down), self._places, -down, up)

    def furthest(self, cell: int, direction: int) -> Answer:
        """Move one cell as far as it goes in a direction.

        Where the solver ends without an answer, the answer is to stay, which shows nothing; ``n_failed`` counts that.
        """
        model = self._model or self._made()
        model.changeColCost(self._costed, 0.0)
        model.changeColCost(cell, float(-direction))
        self._costed = cell
        for again in (False, True):
            if again:  # a basis from other capacities can lead astray: once more from nothing, and reduced first
                model.clearSolver()
                model.setOptionValue("presolve", "on")
            answer = self._solved(model)
            model.setOptionValue("presolve", "off")
            if answer is not None and answer.fits:
                return answer
        self.n_failed += 1
        return answer or Answer(np.zeros(len(self._places)), np.zeros(self._matrix.shape[0]), fits=False)

    def _made(self) -> _core._Highs:
        rest = np.zeros(self._matrix.shape[0])
        self._model = loaded(new_solver(), self._matrix, rest, -self._down, self._up)
        return self._model

    def _solved(self, model: _core._Highs) -> Answer | None:
        model.run()
        if model.getModelStatus() != Status.kOptimal:
            return None
        solution = model.getSolution()
        point = np.clip(np.array(solution.col_value), -self._down, self._up)
        far = np.abs(self._matrix @ point).max(initial=0.0)
        fits = bool(far <= SLACK * max(1.0, np.abs(point).max(initial=0.0)))
        return Answer(point, np.array(solution.row_dual), fits)
