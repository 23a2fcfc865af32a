"""The interval audit measured: ours against a warm and a cold linear programme for every end, in turns, on England's tables.

Run ``python -m benchmarks.disclosure.tables_attack [--shapes 1760,3840,10560,21120] [--rounds 3] [--whole] [--rounded]
[--out FILE]``. The pattern hides the primary cells and then, in every equation with a single hidden cell, the cheapest
one more: of the shape of a finished pattern, though it need not be safe. ``--protect`` takes the pattern of the
suppression itself instead, with little work allowed. Warm: one model, presolve off, one cost changed an end. Cold: a
fresh model an end, presolve on; of many ends a sample of ``--cold-ends`` is solved and the time multiplied up. All
answers must agree to 1e-6. Seconds are medians of rounds, of the processor and of the wall.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.disclosure.shapes import SHAPES, england_table
from benchmarks.timing import Took, median_of, timed
from disclosure.solver import new_solver
from disclosure.tables.audit import Intervals, audit_pattern, intervals
from disclosure.tables.evidence import verify_audit
from disclosure.tables.moves import Layout
from disclosure.tables.programmes import loaded
from disclosure.tables.published import ShownRule, rounded_bounds
from disclosure.tables.suppress.effort import Effort
from disclosure.tables.suppress.protect import protect_system
from disclosure.tables.system import CellState, System

__all__ = ["cold_ends", "lines_of_two", "rounded_table", "warm_ends"]

SEED = 5
ABOVE_REGIONS = 1_000.0
AGREE = 1e-6
Vector = NDArray[np.float64]
Hidden = NDArray[np.bool_]


def lines_of_two(system: System) -> Hidden:
    """Hide the primary cells, then the cheapest cell in every equation with a single hidden one; regions last."""
    matrix = system.matrix
    hidden: Hidden = system.state == CellState.PRIMARY
    parents = system.parents[0][system.codes[:, 0]]
    cost = np.where(parents <= 0, ABOVE_REGIONS, 1.0) * system.values
    cost[system.state == CellState.KEEP] = np.inf
    for _ in range(50):
        alone = np.flatnonzero(abs(matrix) @ hidden == 1)
        if not len(alone):
            break
        for row in alone.tolist():
            cells = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
            free = cells[~hidden[cells] & np.isfinite(cost[cells])]
            if hidden[cells].sum() == 1 and len(free):
                hidden[free[np.argmin(cost[free])]] = True
    return hidden


def _deviations(system: System, hidden: Hidden) -> tuple[Any, Vector, Vector]:
    cut = system.matrix[:, np.flatnonzero(hidden)]
    cut = cut[np.flatnonzero(np.diff(cut.indptr))]
    return cut, (system.lower - system.values)[hidden], (system.upper - system.values)[hidden]


def warm_ends(system: System, hidden: Hidden) -> NDArray[np.float64]:
    """Solve for every end on one model, going on from the last basis; 2 x hidden cells, as deviations."""
    matrix, low, high = _deviations(system, hidden)
    model = loaded(new_solver(), matrix, np.zeros(matrix.shape[0]), low, high)
    found = np.zeros((2, len(low)))
    for column in range(len(low)):
        for side, direction in enumerate((-1.0, 1.0)):
            model.changeColCost(column, -direction)
            model.run()
            found[side, column] = model.getSolution().col_value[column]
        model.changeColCost(column, 0.0)
    return found


def cold_ends(system: System, hidden: Hidden, n_ends: int) -> int:
    """Solve a sample of ends, each from a fresh model; return how many."""
    matrix, low, high = _deviations(system, hidden)
    chosen = np.linspace(0, len(low) - 1, min(n_ends // 2, len(low))).astype(int)
    for column in chosen.tolist():
        for direction in (-1.0, 1.0):
            solver = new_solver(simplex_strategy=1, presolve=True)
            model = loaded(solver, matrix, np.zeros(matrix.shape[0]), low, high)
            model.changeColCost(column, -direction)
            model.run()
    return 2 * len(chosen)


def rounded_table(system: System) -> tuple[Vector, Vector, Hidden]:
    """Return what the NHS rule leaves of every cell, the national level exact, and which cells it stars."""
    values, national = system.values, system.codes[:, 0] == 0
    low, high = rounded_bounds((values + 2) // 5 * 5, ShownRule(5, smallest_shown=8))
    starred = (values > 0) & (values < 8) & ~national
    low, high = np.where(starred, 1.0, low), np.where(starred, 7.0, high)
    return np.where(national, values, low), np.where(national, values, high), starred


def measure(system: System, hidden: Hidden, *, rounds: int, n_cold: int, whole: bool) -> dict[str, Any]:
    """Measure one pattern; every round takes ours, warm and cold in turn."""
    times: dict[str, list[Took]] = {"ours": [], "warm": [], "cold": []}
    ours: Intervals | None = None
    for _ in range(rounds):
        ours, took = timed(lambda: audit_pattern(system, hidden))
        times["ours"].append(took)
        warm, took = timed(lambda: warm_ends(system, hidden))
        times["warm"].append(took)
        n_ends, took = timed(lambda: cold_ends(system, hidden, n_cold))
        times["cold"].append(Took(*(seconds * 2 * int(hidden.sum()) / n_ends for seconds in took)))
    assert ours is not None
    off = [np.abs(ours.low[hidden] - system.values[hidden] - warm[0]).max(), np.abs(ours.high[hidden] - system.values[hidden] - warm[1]).max()]  # fmt: skip
    if max(off) > AGREE:
        raise SystemExit(f"the answers differ by {max(off)}")
    kept = audit_pattern(system, hidden, keep=True)
    low, high = np.where(hidden, system.lower, system.values), np.where(hidden, system.upper, system.values)
    assert kept.evidence is not None
    evidence = kept.evidence
    checked, took = timed(lambda: verify_audit(system.matrix, low, high, hidden, (kept.low, kept.high), evidence))
    medians = {name: median_of(held) for name, held in times.items()}
    cpu_of = {name: median.cpu_seconds for name, median in medians.items()}
    found = {
        "n_cells": system.n_cells, "n_hidden": int(hidden.sum()), "n_exact": int(np.sum((ours.high == ours.low)[hidden])),
        "n_programmes": ours.n_programmes, "largest_difference": float(max(off)),
        "wall_seconds": {name: median.wall_seconds for name, median in medians.items()},
        "cpu_seconds": cpu_of, "times_warm": cpu_of["warm"] / cpu_of["ours"], "times_cold": cpu_of["cold"] / cpu_of["ours"],
        "verified": checked.holds, "verify_cpu_seconds": took.cpu_seconds,
    }  # fmt: skip
    if whole:
        answer, took = timed(lambda: audit_pattern(system, hidden, whole=True))
        found["whole"] = {
            **took._asdict(), "n_searches": answer.n_searches,
            "n_not_proven": int((~answer.attained[hidden]).sum()),
        }  # fmt: skip
    return found


def measure_rounded(system: System) -> dict[str, Any]:
    """Attack the NHS rule's table of the same counts, as a stranger would: no true table is known."""
    low, high, starred = rounded_table(system)
    layout = Layout(system.codes, system.parents)
    told: dict[str, Any] = {"n_starred": int(starred.sum())}
    for name, whole in (("real", False), ("whole", True)):
        answer, took = timed(partial(intervals, system.matrix, low, high, targets=starred, layout=layout, whole=whole))
        told[name] = {
            **took._asdict(), "n_programmes": answer.n_programmes,
            "n_exact": int(np.sum((answer.high == answer.low)[starred])),
            "n_certainly_1_to_4": int(np.sum(answer.high[starred] <= 4)),
            "n_narrower_than_1_to_7": int(np.sum(answer.high[starred] - answer.low[starred] < 6)),
            "n_not_proven": int((~answer.attained[starred]).sum()),
        }  # fmt: skip
    return told


def main() -> None:
    """Measure and print; write where asked."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--shapes", default="1760,3840,10560,21120")
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--cold-ends", type=int, default=200)
    asked.add_argument("--protect", action="store_true")
    asked.add_argument("--whole", action="store_true")
    asked.add_argument("--rounded", action="store_true")
    asked.add_argument("--out", type=Path)
    options = asked.parse_args()
    found = {}
    for name in options.shapes.split(","):
        system = england_table(SHAPES[name], SEED)
        little = Effort(most_rounds=30, most_programmes=1, first_gap=0.05)
        hidden = protect_system(system, little).hidden if options.protect else lines_of_two(system)
        told = measure(system, hidden, rounds=options.rounds, n_cold=options.cold_ends, whole=options.whole)
        if options.rounded:
            told["rounded"] = measure_rounded(system)
        found[name] = told
        sys.stdout.write(json.dumps({name: told}) + "\n")
        sys.stdout.flush()
    if options.out:
        options.out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
