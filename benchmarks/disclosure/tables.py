"""Tables of the measured shapes: suppression with its cost, bound and audit, and the interval audit beside plain programmes.

    python -m benchmarks.disclosure.tables --shapes 1760,3840,10560 --seed 1

The audit's peer is what anybody would write: one linear programme an end, with HiGHS, warm (one model, its cost changed)
and cold (a model made anew), on a sample of ends whose seconds are scaled up to all of them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from benchmarks.disclosure.shapes import SHAPES, england_table
from disclosure.solver import new_solver
from disclosure.tables.audit import intervals
from disclosure.tables.suppress.protect import protect_system
from disclosure.tables.system import CellState, System

ENDS_OF_PEERS = 40
TOLERANCE = 1e-6
Flags = NDArray[np.bool_]


def measure(system: System, n_processes: int) -> dict[str, object]:
    """Protect one table, audit it whole and return the figures."""
    began = time.monotonic()
    pattern = protect_system(system, n_processes=n_processes)
    protected = time.monotonic()
    low, high = _known(system, pattern.hidden)
    found = intervals(system.matrix, low, high, targets=pattern.hidden, start=system.values)
    audited = time.monotonic()
    primary = system.state == CellState.PRIMARY
    reached = (found.low <= system.values - system.need_lower + TOLERANCE) & (
        found.high >= system.values + system.need_upper - TOLERANCE
    )
    audit_seconds = audited - protected
    warm, cold = _peers(system, pattern.hidden)
    return {
        "cells": system.n_cells, "primary": int(primary.sum()), "secondary": int((pattern.hidden & ~primary).sum()),
        "cost": pattern.cost, "bound": pattern.bound, "gap": pattern.gap, "unsafe": int((primary & ~reached).sum()),
        "protect_s": round(protected - began, 2), "audit_s": round(audit_seconds, 2),
        "warm_times": round(warm / audit_seconds, 1), "cold_times": round(cold / audit_seconds, 1),
    }  # fmt: skip


def _known(system: System, hidden: Flags) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.where(hidden, system.lower, system.values), np.where(hidden, system.upper, system.values)


def _peers(system: System, hidden: Flags) -> tuple[float, float]:
    """Return the seconds that all ends would take, warm and cold."""
    cells = np.flatnonzero(hidden)
    matrix = system.matrix[:, cells]
    rows = np.flatnonzero(np.diff(matrix.indptr))
    matrix = matrix[rows]
    right = -(system.matrix[rows] @ np.where(hidden, 0.0, system.values))
    low, high = system.lower[cells], system.upper[cells]
    ends = list(_sampled(len(cells)))
    began = time.monotonic()
    solver = new_solver()
    for bottom, top in zip(low, high, strict=True):
        solver.addVar(bottom, top)
    for row, value in enumerate(right):
        part = slice(matrix.indptr[row], matrix.indptr[row + 1])
        solver.addRow(value, value, part.stop - part.start, matrix.indices[part], matrix.data[part])
    for cell, sign in ends:
        solver.changeColCost(cell, sign)
        solver.run()
        solver.changeColCost(cell, 0.0)
    warm = time.monotonic() - began
    for cell, sign in ends:
        cost = np.zeros(len(cells))
        cost[cell] = sign
        linprog(cost, A_eq=matrix, b_eq=right, bounds=np.stack([low, high], axis=1), method="highs")
    cold = time.monotonic() - began - warm
    share = 2 * len(cells) / len(ends)
    return warm * share, cold * share


def _sampled(n_cells: int) -> Iterator[tuple[int, float]]:
    for place in np.linspace(0, n_cells - 1, min(n_cells, ENDS_OF_PEERS // 2)).astype(int):
        yield int(place), 1.0
        yield int(place), -1.0


def main(words: Sequence[str] | None = None) -> None:
    """Print one JSON object a shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", default="1760,3840,10560", help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args(words)
    for name in asked.shapes.split(","):
        system = england_table(SHAPES[name], asked.seed)
        sys.stdout.write(json.dumps({name: measure(system, asked.processes)}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
