"""Which earlier rows newer data contradict: the fewest, weighed by age, that must be set aside for the rest to agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from highspy import _core
from scipy.sparse import csr_matrix, hstack, identity

from disclosure.memory.history import Fact
from disclosure.memory.reduce import Contradiction, joined, membership
from disclosure.solver import new_solver

__all__ = ["contradicted"]

SLACK = 1e-6


def contradicted(firm: Sequence[Fact], elastic: Sequence[Fact], n_fine: int, upper: float) -> frozenset[int]:
    """Return the numbers of the elastic facts that are given up, oldest first where there is a choice.

    The least total of what rows would have to give way, over the reals; a row that gives way is given up whole.
    Raises: Contradiction if the firm facts contradict each other.
    Source: elastic programming (Chinneck 2008, Feasibility and Infeasibility in Optimization, ch. 6).
    """
    cells, size = joined(membership([fact.cells for fact in [*firm, *elastic]], n_fine))
    n_firm, n_rows, n_pieces = len(firm), cells.shape[0], cells.shape[1]
    gives = csr_matrix(identity(n_rows))[:, n_firm:]
    matrix = csr_matrix(hstack([cells, gives, -gives]))
    n_elastic = n_rows - n_firm
    price = 1.0 + np.arange(n_elastic) / max(1, n_elastic)
    facts = [*firm, *elastic]
    model = _core.HighsLp()
    model.num_col_, model.num_row_ = matrix.shape[1], n_rows
    model.col_cost_ = np.concatenate([np.zeros(n_pieces), price, price])
    model.col_lower_ = np.zeros(matrix.shape[1])
    model.col_upper_ = np.concatenate([size * float(upper), np.full(2 * n_elastic, np.inf)])
    model.row_lower_ = np.array([fact.low for fact in facts], dtype=np.float64)
    model.row_upper_ = np.array([fact.high for fact in facts], dtype=np.float64)
    model.a_matrix_.format_ = _core.MatrixFormat.kRowwise
    model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    solver = new_solver(presolve=True, simplex_strategy=1)
    solver.passModel(model)
    solver.run()
    if solver.getModelStatus() != _core.HighsModelStatus.kOptimal:
        raise Contradiction(())
    given = np.array(solver.getSolution().col_value)[n_pieces:].reshape(2, n_elastic).sum(axis=0)
    return frozenset(np.flatnonzero(given > SLACK).tolist())
