"""Tables of the measured shapes: ours and the tau-ARGUS engine in turns, each in a process of its own, every pattern attacked.

    python -m benchmarks.disclosure.tables --shapes 1760,3840 --engine benchmarks/.venv-disclosure/bin/python

Small shapes are solved by work limits, as often as there are rounds; larger ones once for each limit of seconds. A clock
is told a twentieth less than its limit, since what is under way when it ends still ends. Every pattern of either tool
is attacked by the interval audit, and those of the smallest shapes by plain programmes that share no code with it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.disclosure.engine import run_engine
from benchmarks.disclosure.shapes import SHAPES, england_table
from cld.errors import CLDError
from disclosure.tables.audit import audit_pattern
from disclosure.tables.suppress.effort import Effort
from disclosure.tables.suppress.protect import protect_system
from disclosure.tables.system import CellState, System
from tests.lib.watched import unprotected

__all__ = ["LIMITS", "measure_shape"]

# limits in seconds of each larger shape, one run each, and the engine's minutes; the engine is not run on the largest
LIMITS: dict[str, tuple[int, ...]] = {"10560": (45, 180), "21120": (45, 120), "42240": (145, 120), "126720": (1200,)}
ENGINE_MINUTES = {"1760": 10, "3840": 10, "10560": 1, "21120": 1}
ATTACKED_PLAINLY = ("1760", "3840")
OF_THE_LIMIT = 0.95
SLACK = 1e-6
Flags = NDArray[np.bool_]
Figures = dict[str, Any]


def measure_shape(
    name: str, *, seed: int, rounds: int, n_processes: int, engine: str | None, limits: Sequence[int]
) -> Figures:
    """Measure one shape: a list of our runs and one of the engine's, with the median of each where there are rounds."""
    system = england_table(SHAPES[name], seed)
    found: Figures = {
        "n_cells": system.n_cells, "n_primary": int(np.sum(system.state == CellState.PRIMARY)), "seed": seed,
        "ours": [], "engine": [],
    }  # fmt: skip
    for limit in limits or (None,) * rounds:
        found["ours"].append(_ours(name, system, seed, n_processes, limit))
        if engine and name in ENGINE_MINUTES and (not limits or not found["engine"]):
            found["engine"].append(_engines(name, system, engine))
    return found | _ratios(found)


def _ours(name: str, system: System, seed: int, n_processes: int, limit: int | None) -> Figures:
    with tempfile.TemporaryDirectory() as made:
        kept = Path(made) / "hidden.npy"
        words = ["--protect", name, "--seed", str(seed), "--processes", str(n_processes), "--keep", str(kept)]
        words += [] if limit is None else ["--seconds", str(limit)]
        command = [sys.executable, "-m", "benchmarks.disclosure.tables", *words]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
        run: Figures = json.loads(done.stdout.splitlines()[-1])
        if "fault" in run:
            return {"limit_seconds": limit, **run, "cost": None, "n_secondary": None, "n_unsafe": None}
        return {"limit_seconds": limit, **run, **_attacked(name, system, np.load(kept))}


def _engines(name: str, system: System, engine: str) -> Figures:
    minutes = ENGINE_MINUTES[name]
    run = run_engine(system, engine, minutes)
    told = {
        "limit_minutes": minutes, "answer": run.answer, "wall_seconds": run.wall_seconds, "cpu_seconds": run.cpu_seconds,
        "cost": None,
    }  # fmt: skip
    return told if run.hidden is None else told | _attacked(name, system, run.hidden)


def _attacked(name: str, system: System, hidden: Flags) -> Figures:
    """Cost a pattern and attack it: how many primaries the audit, and plain programmes, come too near."""
    primary = system.state == CellState.PRIMARY
    began = time.perf_counter()
    seen = audit_pattern(system, hidden)
    took = time.perf_counter() - began
    near = (seen.low > system.values - system.need_lower + SLACK) | (
        seen.high < system.values + system.need_upper - SLACK
    )
    near |= ~hidden
    secondary = hidden & ~primary
    plain = len(unprotected(system, hidden)) if name in ATTACKED_PLAINLY else None
    return {
        "cost": float(system.weight[secondary].sum()), "n_secondary": int(secondary.sum()),
        "n_unsafe": int(np.sum(near & primary)), "audit_seconds": took, "n_unsafe_by_plain_attack": plain,
    }  # fmt: skip


def _ratios(found: Figures) -> Figures:
    """Set the engine beside ours: its seconds and its cost over ours."""
    ours, engine = found["ours"], found["engine"]
    told: Figures = {name: _median(ours, name) for name in ("wall_seconds", "cpu_seconds", "cost")}
    if engine:
        theirs = {name: _median(engine, name) for name in told}
        over = {
            f"engine_over_ours_{name}": theirs[name] / told[name] if theirs[name] and told[name] else None
            for name in told
        }
        return {"median": told, "engine_median": theirs, **over}
    return {"median": told}


def _median(runs: Iterable[Figures], name: str) -> float | None:
    held = [run[name] for run in runs if run[name] is not None]
    return statistics.median(held) if held else None


def protect_here(name: str, seed: int, n_processes: int, seconds: float | None, kept: Path) -> Figures:
    """Protect one table in this process, keep the pattern and return what it took, or the fault it ended with."""
    system = england_table(SHAPES[name], seed)
    wall, used = time.perf_counter(), os.times()
    deadline = None if seconds is None else time.monotonic() + OF_THE_LIMIT * seconds
    told: Figures = {"bound": None, "gap": None}
    try:
        pattern = protect_system(system, Effort(deadline=deadline), n_processes=n_processes)
    except CLDError as fault:
        told["fault"] = fault.code
    else:
        np.save(kept, pattern.hidden)
        told = {"bound": pattern.bound, "gap": pattern.gap, "by_clock": pattern.by_clock}
    took, after = time.perf_counter() - wall, os.times()
    return {"wall_seconds": took, "cpu_seconds": sum(after[:4]) - sum(used[:4]), **told}


def main(words: Sequence[str] | None = None) -> None:
    """Print one JSON object a shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", default="1760,3840", help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--engine", help="python of the environment that holds the engine; left out, it is not run")
    parser.add_argument("--limits", help="seconds, instead of those of the bars")
    parser.add_argument("--protect", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--keep", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(words)
    if asked.protect:
        told = protect_here(asked.protect, asked.seed, asked.processes, asked.seconds, asked.keep)
        sys.stdout.write(json.dumps(told) + "\n")
        return
    for name in asked.shapes.split(","):
        limits = [int(text) for text in asked.limits.split(",")] if asked.limits else LIMITS.get(name, ())
        figures = measure_shape(
            name, seed=asked.seed, rounds=asked.rounds, n_processes=asked.processes, engine=asked.engine, limits=limits
        )
        sys.stdout.write(json.dumps({name: figures}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
