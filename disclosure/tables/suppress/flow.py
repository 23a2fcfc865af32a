"""The cheapest deviation that meets a need, cells not yet hidden being dear: what a pattern lacks for that need."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import hstack

from disclosure.solver import new_solver
from disclosure.tables.programmes import Status, loaded
from disclosure.tables.suppress.part import Need, Part

__all__ = ["Flow"]

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]
FLOW = 1e-7
# the price of a cell that is hidden already: not nothing, so that deviations stay short
HIDDEN_PRICE = 1e-4


class Flow:
    """The cheapest deviation that meets one need, cells not yet hidden being dear: its cells are what to hide."""

    def __init__(self, part: Part, closed: Flags) -> None:
        """Take the part and the cells that never move; nothing is solved yet."""
        self._part = part
        n = part.n_cells
        both = hstack([part.matrix, -part.matrix], format="csr")
        self._low = np.zeros(2 * n)
        self._high = np.where(np.tile(closed, 2), 0.0, np.concatenate([part.up, part.down]))
        rest = np.zeros(part.matrix.shape[0])
        self._model = loaded(new_solver(simplex_strategy=1, presolve=True), both, rest, self._low, self._high)
        self._places = np.arange(2 * n, dtype=np.int32)

    def cells(self, pattern: Vector, need: Need) -> Places | None:
        """Return the cells that move; None where no deviation is found."""
        part, n = self._part, self._part.n_cells
        size = np.maximum(np.minimum(np.minimum(part.down, part.up), need.distance), FLOW)
        price = np.where(pattern > 0, HIDDEN_PRICE, part.weight / size + HIDDEN_PRICE)
        forward, backward = (need.cell, need.cell + n) if need.direction > 0 else (need.cell + n, need.cell)
        low, high = self._low.copy(), self._high / need.distance
        low[forward], high[forward], high[backward] = 1.0, max(1.0, high[forward]), 0.0
        self._model.changeColsBounds(2 * n, self._places, low, high)
        self._model.changeColsCost(2 * n, self._places, np.concatenate([price, price]))
        self._model.run()
        if self._model.getModelStatus() != Status.kOptimal:
            return None
        values = np.array(self._model.getSolution().col_value)
        return np.flatnonzero(values[:n] + values[n:] > FLOW)
