"""The least and the most of every variable of one linear system, each attained by a point.

One HiGHS model is solved again and again with one cost changed, each time going on from the last basis. Every answer is
a point that may also be the extreme of other variables; a bound that is attained is not asked for again. Over whole
numbers a bound is the linear one rounded inward; where no whole point that was met attains it, a search decides.

Source: Fischetti and Salazar 2001 (attacker's programmes); Huangfu and Hall 2018 (HiGHS).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from disclosure.solver import new_solver
from disclosure.tables.bounds import SLACK
from disclosure.tables.programmes import Status, is_whole, loaded, refuse_without_answer
from disclosure.tables.wholes import near_whole_point, search_whole_point

__all__ = ["HELD", "Extremes", "Problem", "Proof", "probe"]

Vector = NDArray[np.float64]
HELD = 1e-7


@dataclass(frozen=True, slots=True)
class Problem:
    """A system of deviations ``matrix @ x == 0`` within bounds that hold zero, and the columns that are asked for.

    Shape:  matrix m x n; low <= 0 <= high of length n, tight or not; met 2 x n, the least and the most that points are
    known to attain, 0 where only zero is; targets are columns.
    """

    matrix: csr_matrix
    low: Vector
    high: Vector
    met: NDArray[np.float64]
    targets: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Proof:
    """What a second party needs to check extremes without a solver.

    points:  points within the bounds and equations; every finite extreme is attained by one of them.
    duals:  by (column, direction) the multipliers of the equations that show that no point goes further.
    """

    points: list[Vector] = field(default_factory=list)
    duals: dict[tuple[int, int], Vector] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Extremes:
    """The least and the most of every column, and how they were found.

    attained:  n x 2, whether a point attains the least and the most; where not, they are proven outer bounds.
    """

    least: Vector
    most: Vector
    attained: NDArray[np.bool_]
    n_programmes: int
    n_searches: int
    proof: Proof


class _Probe:
    """One system of deviations, zero being a point of it, and the extremes met so far."""

    def __init__(self, problem: Problem, *, whole: bool, keep: bool) -> None:
        self.matrix, self.low, self.high = problem.matrix, problem.low, problem.high
        self.whole, self.keep = whole, keep
        self.sums = np.zeros(self.matrix.shape[0])
        self.extremes = problem.met.copy()
        self.outer: dict[tuple[int, int], float] = {}
        self.proof = Proof()
        self.model = loaded(new_solver(), self.matrix, self.sums, self.low, self.high)
        self.costed, self.n_programmes, self.n_searches = 0, 0, 0

    def harvest(self, point: Vector) -> None:
        """Take a point's extremes; over whole numbers only a whole point counts."""
        point = np.clip(point, self.low, self.high)
        if self.whole:
            if not is_whole(point, self.matrix, self.sums, self.low, self.high):
                return
            point = np.rint(point)
        further = bool(np.any(point < self.extremes[0] - HELD) or np.any(point > self.extremes[1] + HELD))
        np.minimum(self.extremes[0], point, out=self.extremes[0])
        np.maximum(self.extremes[1], point, out=self.extremes[1])
        if self.keep and further:
            self.proof.points.append(point)

    def reached(self, column: int, direction: int) -> float:
        """Return how far the points met so far go."""
        return direction * float(self.extremes[(direction + 1) // 2][column])

    def settle(self, column: int, direction: int) -> None:
        """Find how far one column goes in a direction, unless a point already goes as far as its bound."""
        bound = direction * float((self.low, self.high)[(direction + 1) // 2][column])
        if bound - self.reached(column, direction) <= HELD:
            return
        point = self.solve(column, direction)
        if point is None:
            self.extremes[(direction + 1) // 2][column] = direction * np.inf
            return
        self.harvest(point)
        furthest = float(np.floor(direction * point[column] + SLACK))
        if self.whole and furthest > self.reached(column, direction):
            self.search(point, column, direction, furthest)

    def solve(self, column: int, direction: int) -> Vector | None:
        """Solve the linear programme of one end; None where nothing bounds it."""
        self.model.changeColCost(self.costed, 0.0)
        self.model.changeColCost(column, float(-direction))
        self.costed = column
        self.n_programmes += 1
        self.model.run()
        status = self.model.getModelStatus()
        if status in (Status.kUnbounded, Status.kUnboundedOrInfeasible):
            return None
        if status != Status.kOptimal:
            refuse_without_answer()
        solution = self.model.getSolution()
        if self.keep:
            self.proof.duals[column, direction] = -direction * np.array(solution.row_dual)
        return np.array(solution.col_value)

    def search(self, answer: Vector, column: int, direction: int, furthest: float) -> None:
        """Search whole numbers for one end, knowing that none goes beyond ``furthest``."""
        self.n_searches += 1
        point = near_whole_point(self.matrix, self.low, self.high, answer, column, direction * furthest)
        if point is not None:
            self.harvest(point)
        if self.reached(column, direction) >= furthest:
            return
        point, furthest = search_whole_point(self.matrix, self.low, self.high, column, direction, furthest)
        if point is not None:
            self.harvest(point)
        if self.reached(column, direction) < furthest:
            self.outer[column, direction] = direction * furthest


def probe(problem: Problem, *, whole: bool = False, keep: bool = False) -> Extremes:
    """Return the extremes of a problem's targets; other columns' extremes are what points happened to attain.

    Assumes: entries and, with ``whole``, bounds are whole numbers.
    Raises: DisclosureRefused if the solver ends without an answer.
    """
    found = _Probe(problem, whole=whole, keep=keep)
    width = problem.high[problem.targets] - problem.low[problem.targets]
    for column in problem.targets[np.argsort(-width, kind="stable")].tolist():
        found.settle(column, 1)
        found.settle(column, -1)
    attained = np.ones((problem.matrix.shape[1], 2), dtype=bool)
    for (column, direction), bound in found.outer.items():
        found.extremes[(direction + 1) // 2][column] = bound
        attained[column, (direction + 1) // 2] = False
    least, most = found.extremes
    return Extremes(least, most, attained, found.n_programmes, found.n_searches, found.proof)
