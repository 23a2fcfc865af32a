"""The least and the most that sums of pieces can be in one component: one warm linear programme, witnesses reused.

Every optimum is kept as a witness for all other sums. Over whole numbers a linear bound is rounded inward and is exact
once a whole-number witness attains it; corners in random directions give nearly all such witnesses, and only where none
does is an integer programme solved.

Source: Fischetti and Salazar 2001 (an attacker's intervals as linear programmes); Huangfu and Hall 2018 (HiGHS).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from highspy import _core
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from disclosure.memory.reduce import Component, Contradiction, Pieces, labels
from disclosure.solver import new_solver

__all__ = ["Probing", "Work", "prices"]

NEAR = 1e-6
TRIES = 6  # corners asked for before an integer programme is; nearly all are found at the first
CORNERS = 8  # before questions that far witnesses may answer
FAILURES = 3  # a component whose corners are never whole is not asked again
MOST_NODES = 20_000  # of one integer programme
INTEGER_PRICE = 5  # a pivot inside an integer programme, with its cuts and presolving, against a plain one
PIVOTS_A_CHECK = 100  # reckoned while an integer programme runs, which does not say how many it has taken
MOST_PIVOTS = 2_000_000_000
STATUS = _core.HighsModelStatus


@dataclass(slots=True)
class Work:
    """How much may be solved, in pivots times rows and never in seconds; and how much was.

    The limit is some minutes of one processor; what is then still open is answered by its outer bound, unproven.
    """

    most_units: int = 4_000_000_000
    units: int = 0
    n_linear: int = 0
    n_integer: int = 0

    def pivots_left(self, n_rows: int) -> int:
        """How many pivots a programme of so many rows may still take."""
        return max(0, self.most_units - self.units) // max(1, n_rows)

    def charge(self, n_pivots: int, n_rows: int) -> None:
        """Count pivots; a run without any is not free either."""
        self.units += (max(0, n_pivots) + 1) * max(1, n_rows)


def prices(pieces: Pieces) -> NDArray[np.bool_]:
    """Mark the rows that have a price where the first target is least or most: those that prove its bounds."""
    n_pieces, columns = len(pieces.lower), pieces.targets[0].indices.astype(np.int32)
    whole = Component(
        np.arange(n_pieces), (), pieces.matrix, pieces.low, pieces.high, pieces.lower, pieces.upper
    )  # fmt: skip
    solver, found = _model(whole), np.zeros(len(pieces.low), dtype=np.bool_)
    for sign in (-1.0, 1.0):
        solver.changeColsCost(len(columns), columns, np.full(len(columns), sign))
        solver.run()
        found |= np.abs(np.array(solver.getSolution().row_dual)) > NEAR
    return found


class Probing:
    """One component's programmes, its witnesses and what they attain of sums over its own pieces."""

    def __init__(self, component: Component, sums: csr_matrix, work: Work, *, integer: bool) -> None:
        """Load a component; ``sums`` has one row a sum."""
        self._part, self._work, self._integer = component, work, integer
        self._matrix = sums
        self._outer = dict(zip((-1, 1), _outer(component, sums), strict=True))
        self._attained = {-1: np.full(sums.shape[0], np.inf), 1: np.full(sums.shape[0], -np.inf)}
        self._witnesses: list[NDArray[np.float64]] = []
        self._linear = _model(component)
        self._seeking: _core._Highs | None = None
        self._whole: _core._Highs | None = None
        self._random = np.random.default_rng(0)
        self._failures = 0
        self._checks_left = 0

    def begin(self) -> bool:
        """Find a first witness and say whether there is one; where the work limit comes first, nothing is proven."""
        self._run(self._linear)
        if self._integer and not self._witnesses:
            self._solve_whole()
        return bool(self._witnesses)

    @property
    def witnesses(self) -> tuple[NDArray[np.float64], ...]:
        """The first answers that were met."""
        return tuple(self._witnesses)

    def spread(self) -> None:
        """Look for witnesses far from one another before any single sum is asked for."""
        n_pieces = len(self._part.lower)
        places = np.arange(n_pieces, dtype=np.int32)
        for _ in range(CORNERS):
            self._linear.changeColsCost(n_pieces, places, self._random.uniform(-1.0, 1.0, n_pieces))
            self._run(self._linear)
        self._linear.changeColsCost(n_pieces, places, np.zeros(n_pieces))

    @property
    def ends_attained(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The least and the most of every sum among the witnesses."""
        return self._attained[-1], self._attained[1]

    @property
    def ends_outer(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Bounds of every sum that no answer passes."""
        return self._outer[-1], self._outer[1]

    def is_exact(self, numbers: NDArray[np.int64], sign: int) -> NDArray[np.bool_]:
        """Say of which sums an end is known: a witness attains what none passes."""
        found: NDArray[np.bool_] = (
            sign * (self._outer[sign][numbers] - self._attained[sign][numbers]) <= NEAR / 2
        )  # fmt: skip
        return found

    def take_attained(self, numbers: NDArray[np.int64], ends: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
        """Take over what answers are known to attain."""
        for sign, bound, values in zip((-1, 1), (np.minimum, np.maximum), ends, strict=True):
            self._attained[sign][numbers] = bound(self._attained[sign][numbers], values)

    def take_outer(self, number: int, sign: int, bound: float) -> None:
        """Take over a bound that no answer passes; what is attained is within every bound, whatever the last digits."""
        nearest = min(sign * bound, sign * float(self._outer[sign][number]))
        self._outer[sign][number] = sign * max(nearest, sign * float(self._attained[sign][number]))

    def linear_bound(self, number: int, sign: int) -> float | None:
        """Return an end over the reals, rounded inward over whole numbers; None if the work limit comes first."""
        value = self._linear_end(number, sign)
        if value is None or not self._integer:
            return value
        return float(sign * np.floor(sign * value + NEAR))

    def reach(self, number: int, sign: int) -> None:
        """Let one programme, and a few corners where it is not whole, reach as far towards one end as they do."""
        bound = self.linear_bound(number, sign)
        if bound is not None and self._integer and not self._attains(number, sign, bound):
            self._seek(number, sign, bound)

    def end(self, number: int, sign: int) -> tuple[float, bool]:
        """Return one end of one sum and whether it is proven."""
        outer = float(self._outer[sign][number])
        if self._attains(number, sign, outer):
            return outer, True
        value = self.linear_bound(number, sign)
        if value is None:
            return outer, False
        bound = sign * min(sign * value, sign * outer)
        if not self._integer:
            return bound, True
        if self._attains(number, sign, bound) or self._seek(number, sign, bound):
            return bound, True
        return self._end_over_whole_numbers(number, sign, bound)

    def _linear_end(self, number: int, sign: int) -> float | None:
        """Return the end of a sum over the reals, None if the work limit comes first."""
        columns = self._columns(number)
        self._linear.changeColsCost(len(columns), columns, np.full(len(columns), -float(sign)))
        found = self._run(self._linear)
        value = -sign * float(self._linear.getInfo().objective_function_value)
        self._linear.changeColsCost(len(columns), columns, np.zeros(len(columns)))
        return value if found else None

    def _seek(self, number: int, sign: int, bound: float) -> bool:
        """Look for a whole-number witness of a bound: hold the sum there and ask for corners in random directions."""
        if self._failures >= FAILURES:
            return False
        if self._seeking is None:
            self._seeking = _model(self._part)
        columns, n_pieces = self._columns(number), len(self._part.lower)
        low, high = (bound, np.inf) if sign > 0 else (-np.inf, bound)
        self._seeking.addRow(low, high, len(columns), columns, np.ones(len(columns)))
        for _ in range(TRIES):
            costs = self._random.uniform(-1.0, 1.0, n_pieces)
            self._seeking.changeColsCost(n_pieces, np.arange(n_pieces, dtype=np.int32), costs)
            if not self._run(self._seeking) or self._attains(number, sign, bound):
                break
        self._seeking.deleteRows(1, np.array([len(self._part.low)], dtype=np.int32))
        found = self._attains(number, sign, bound)
        self._failures = 0 if found else self._failures + 1
        return found

    def _end_over_whole_numbers(self, number: int, sign: int, bound: float) -> tuple[float, bool]:
        """Settle by an integer programme an end whose rounded linear bound no witness attains."""
        whole, columns = self._whole_programme(), self._columns(number)
        whole.setOptionValue("objective_target", -sign * bound)
        whole.changeColsCost(len(columns), columns, np.full(len(columns), -float(sign)))
        value = self._solve_whole()
        dual = -sign * float(whole.getInfo().mip_dual_bound)
        whole.changeColsCost(len(columns), columns, np.zeros(len(columns)))
        if value is not None:
            return -sign * value, True
        if np.isfinite(dual):
            bound = sign * min(sign * bound, np.floor(sign * dual + NEAR))
        return bound, False

    def _solve_whole(self) -> float | None:
        """Solve the integer programme as it stands; return its optimum, or None if the work limit came first.

        Raises: Contradiction if no whole numbers meet the rows.
        """
        whole, n_rows = self._whole_programme(), len(self._part.low)
        n_pivots = self._work.pivots_left(n_rows)
        if n_pivots == 0:
            return None
        whole.setOptionValue("mip_max_nodes", min(MOST_NODES, n_pivots))
        self._checks_left = n_checks = n_pivots // (INTEGER_PRICE * PIVOTS_A_CHECK)
        whole.run()
        self._work.n_integer += 1
        n_taken = max(whole.getInfo().simplex_iteration_count, PIVOTS_A_CHECK * (n_checks - self._checks_left))
        self._work.charge(INTEGER_PRICE * n_taken, n_rows)
        status = whole.getModelStatus()
        if status == STATUS.kInfeasible:
            raise Contradiction(self._part.facts)
        if status in (STATUS.kOptimal, STATUS.kObjectiveTarget):
            self.harvest(np.array(whole.getSolution().col_value))
            return float(np.rint(whole.getInfo().objective_function_value))
        return None

    def _whole_programme(self) -> _core._Highs:
        if self._whole is None:
            self._whole = _model(self._part, presolve=True)
            n_columns = len(self._part.lower)
            columns = np.arange(n_columns, dtype=np.int32)
            kinds = np.full(n_columns, _core.HighsVarType.kInteger.value, dtype=np.uint8)
            self._whole.changeColsIntegrality(n_columns, columns, kinds)
            # objectives are whole numbers: a gap below one is none
            self._whole.setOptionValue("mip_rel_gap", 0.0)
            self._whole.setOptionValue("mip_abs_gap", 0.99)
            self._whole.setCallback(self._stop_spent, None)
            self._whole.startCallback(_core.cb.HighsCallbackType.kCallbackMipInterrupt)
        return self._whole

    def _stop_spent(self, _kind: object, _message: str, _seen: object, answer: Any, _data: object) -> None:
        """Stop an integer programme that was looked at as often as it may be: nodes alone do not bound one."""
        self._checks_left -= 1
        answer.user_interrupt = self._checks_left < 0

    def _run(self, programme: _core._Highs) -> bool:
        """Run a linear programme from its last basis, once more from nothing if that fails; harvest its optimum.

        Raises: Contradiction if nothing meets the rows.
        """
        n_rows = len(self._part.low)
        for _ in range(2):
            n_pivots = self._work.pivots_left(n_rows)
            if n_pivots == 0:
                return False
            programme.setOptionValue("simplex_iteration_limit", min(n_pivots, MOST_PIVOTS))
            programme.run()
            self._work.n_linear += 1
            self._work.charge(programme.getInfo().simplex_iteration_count, n_rows)
            status = programme.getModelStatus()
            if status == STATUS.kOptimal:
                self.harvest(np.array(programme.getSolution().col_value))
                return True
            if status == STATUS.kInfeasible:
                raise Contradiction(self._part.facts)
            programme.clearSolver()
        return False

    def harvest(self, point: NDArray[np.float64]) -> None:
        """Keep what a point attains for every sum; over whole numbers only a point that truly meets the rows."""
        part = self._part
        if self._integer:
            point = np.rint(point)
            sums = part.matrix @ point
            inside = np.all(point >= part.lower) and np.all(point <= part.upper)
            if not inside or np.any(sums < part.low) or np.any(sums > part.high):
                return
        if len(self._witnesses) <= CORNERS:
            self._witnesses.append(point)
        values = self._matrix @ point
        np.minimum(self._attained[-1], values, out=self._attained[-1])
        np.maximum(self._attained[1], values, out=self._attained[1])

    def _attains(self, number: int, sign: int, value: float) -> bool:
        return bool(sign * (self._attained[sign][number] - value) >= -NEAR / 2)

    def _columns(self, number: int) -> NDArray[np.int32]:
        starts = self._matrix.indptr
        found: NDArray[np.int32] = self._matrix.indices[starts[number] : starts[number + 1]].astype(np.int32)
        return found


def _outer(part: Component, sums: csr_matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bound sums by their pieces, and those that are a row of the component by that row."""
    low, high = sums @ part.lower, sums @ part.upper
    if len(part.low):
        label, first = labels(csr_matrix(vstack([part.matrix, sums])))
        n_rows = len(part.low)
        row = first[label[n_rows:]]
        is_row = row < n_rows
        low[is_row] = np.maximum(low[is_row], part.low[row[is_row]])
        high[is_row] = np.minimum(high[is_row], part.high[row[is_row]])
    return low, high


def _model(part: Component, *, presolve: bool = False) -> _core._Highs:
    """The component's rows and bounds as a programme without costs."""
    model = _core.HighsLp()
    model.num_col_, model.num_row_ = len(part.lower), len(part.low)
    model.col_cost_, model.col_lower_, model.col_upper_ = np.zeros(len(part.lower)), part.lower, part.upper
    model.row_lower_, model.row_upper_ = part.low, part.high
    model.a_matrix_.format_ = _core.MatrixFormat.kRowwise
    model.a_matrix_.start_, model.a_matrix_.index_ = part.matrix.indptr, part.matrix.indices
    model.a_matrix_.value_ = part.matrix.data
    solver = new_solver(presolve=presolve)
    solver.passModel(model)
    return solver
