"""Whole patterns of least cost that satisfy the cuts, by the integer solver of HiGHS within a limit of work.

Work is counted in the solver's own check points, which come at the same places on every run; clocks are asked only when
the caller has one. Every whole pattern that the solver meets on its way is kept, since those that are not safe are
where the next cuts come from.

Source: Huangfu and Hall 2018 (HiGHS).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from highspy import _core
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from disclosure.solver import new_solver
from disclosure.tables.programmes import Status

__all__ = ["Found", "WholeLimits", "grain_of", "least_whole", "rounded_up"]

Vector = NDArray[np.float64]
Kind = _core.cb.HighsCallbackType
MOST_MET = 12
NEAR = 1.02
STEP = 1e-6


@dataclass(frozen=True, slots=True)
class WholeLimits:
    """When to stop: relative gap, check points of the solver, and whether the caller's clock has run out."""

    gap: float = 0.0
    n_checks: int = 2_000
    is_over: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Found:
    """Whole patterns met, the best first, and a proven least cost; ``none`` when no pattern at all satisfies the cuts.

    finished:  whether the bound is within the gap asked for.
    """

    patterns: tuple[Vector, ...]
    bound: float
    finished: bool
    none: bool = False


def grain_of(weight: Vector) -> float:
    """Return the step in which costs rise: the greatest common divisor of whole weights, 0 where some are not whole."""
    held = weight[weight > 0]
    if not len(held) or np.any(held != np.rint(held)) or held.max() > 2**50:
        return 0.0
    return float(np.gcd.reduce(held.astype(np.int64)))


def rounded_up(bound: float, grain: float) -> float:
    """Round a bound on costs up to the next cost that there can be."""
    return float(np.ceil(bound / grain - STEP) * grain) if grain else bound


def least_whole(weight: Vector, rows: csr_matrix, low: Vector, high: Vector, limits: WholeLimits) -> Found:
    """Search the whole pattern of least cost with every row >= 1 and low <= pattern <= high.

    Shape:  weight, low, high n; rows m x n. No start is given: HiGHS 1.16 may hand a worse start back as the optimum.
    """
    free = np.flatnonzero(low != high)
    rest = 1.0 - rows @ np.where(low == high, low, 0.0)
    asking = np.flatnonzero(rest > STEP)
    fixed_cost = float(weight @ np.where(low == high, low, 0.0))
    cut = rows[asking][:, free]
    if not len(asking):
        return Found((low,), fixed_cost + float(weight[free] @ low[free]), finished=True)
    model = _loaded(weight[free], cut, rest[asking], low[free], high[free], limits, fixed_cost)
    met = _watched(model, limits)
    model.run()
    met.append(np.array(model.getSolution().col_value))
    whole = [np.rint(values) for values in met if len(values) == len(free)]
    held = [values for values in whole if bool(np.all(cut @ values >= rest[asking] - STEP))]
    return _found(model, held, low, free, weight)


def _loaded(
    weight: Vector, rows: csr_matrix, rest: Vector, low: Vector, high: Vector, limits: WholeLimits, fixed_cost: float
) -> _core._Highs:
    model = new_solver(simplex_strategy=1, presolve=True)
    options: dict[str, bool | int | str | float] = {
        "solver": "choose", "mip_rel_gap": limits.gap, "mip_abs_gap": 1e-6, "mip_allow_restart": False,
        "mip_heuristic_effort": 0.02,
    }  # fmt: skip
    for name, value in options.items():
        model.setOptionValue(name, value)
    by_column = rows.tocsc()
    programme = _core.HighsLp()
    programme.num_row_, programme.num_col_ = rows.shape
    programme.col_cost_, programme.offset_ = weight, fixed_cost
    programme.col_lower_, programme.col_upper_ = low, high
    programme.row_lower_, programme.row_upper_ = rest, np.full(len(rest), _core.kHighsInf)
    programme.a_matrix_.format_ = _core.MatrixFormat.kColwise
    programme.a_matrix_.start_, programme.a_matrix_.index_ = by_column.indptr, by_column.indices
    programme.a_matrix_.value_ = by_column.data
    programme.integrality_ = [_core.HighsVarType.kInteger] * len(weight)
    model.passModel(programme)
    return model


def _watched(model: _core._Highs, limits: WholeLimits) -> list[Vector]:
    """Keep what the solver meets (its searches in smaller programmes too), and stop it when its work is done."""
    met: list[Vector] = []
    n_checks = 0

    def called(
        kind: _core.cb.HighsCallbackType, _words: str, out: _core.cb.HighsCallbackOutput,
        back: _core.cb.HighsCallbackInput, _given: object,
    ) -> None:  # fmt: skip
        nonlocal n_checks
        if int(kind) == int(Kind.kCallbackMipSolution):
            met.append(np.array(out.mip_solution))
            return
        n_checks += 1
        back.user_interrupt = n_checks > limits.n_checks or limits.is_over()

    model.setCallback(called, None)
    model.startCallback(Kind.kCallbackMipInterrupt)
    model.startCallback(Kind.kCallbackMipSolution)
    return met


def _found(model: _core._Highs, met: list[Vector], low: Vector, free: NDArray[np.int64], weight: Vector) -> Found:
    status = model.getModelStatus()
    if status == Status.kInfeasible:
        return Found((), np.inf, finished=True, none=True)
    patterns: dict[bytes, tuple[float, Vector]] = {}
    for values in met:
        pattern = low.copy()
        pattern[free] = values
        patterns.setdefault(pattern.tobytes(), (float(weight @ pattern), pattern))
    ordered = sorted(patterns.values(), key=lambda one: one[0])
    near = [pattern for cost, pattern in ordered if cost <= NEAR * ordered[0][0]][:MOST_MET]
    bound = model.getInfo().mip_dual_bound
    return Found(tuple(near), float(bound) if np.isfinite(bound) else 0.0, finished=status == Status.kOptimal)
