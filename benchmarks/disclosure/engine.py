"""The tau-ARGUS engine as a peer: a table in its own JJ form, its exact method in a process of its own, its pattern back.

Every cell carries its own needs and its own bounds of what an attacker knows, so both tools solve the same problem. Cells
that are always published are ``z``, small ones ``u``, all others ``s``. The engine's limit is in whole minutes.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from disclosure.tables.system import CellState, System

__all__ = ["EngineRun", "as_jj", "run_engine"]

PEER = Path(__file__).with_name("engine_peer.py")
LETTER = {CellState.PRIMARY: "u", CellState.KEEP: "z", CellState.CANDIDATE: "s"}
# the engine looks at its clock between its own programmes only: what it may take beyond its limit before it is ended
GRACE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class EngineRun:
    """One run of the engine: its answer (0 done, 1 its limit reached, -1 ended from outside), its seconds, and what it hides; None without a pattern."""

    answer: int
    wall_seconds: float
    cpu_seconds: float
    hidden: NDArray[np.bool_] | None


def as_jj(system: System) -> str:
    """Write a system of whole numbers in the engine's form."""
    columns = (system.values, system.weight, system.lower, system.upper, system.need_lower, system.need_upper)
    whole = np.stack(columns, axis=1)
    if not np.array_equal(whole, np.rint(whole)):
        message = "the engine is given whole numbers only"
        raise ValueError(message)
    letters = [LETTER[CellState(state)] for state in system.state.tolist()]
    cells = [
        f"{place} {value} {weight} {letter} {low} {high} {below} {above} 0"
        for place, (letter, (value, weight, low, high, below, above)) in enumerate(
            zip(letters, whole.astype(np.int64).tolist(), strict=True)
        )
    ]
    matrix = system.matrix
    ends = zip(matrix.indptr[:-1].tolist(), matrix.indptr[1:].tolist(), strict=True)
    rows = [
        f"0 {stop - start} : " + " ".join(f"{matrix.indices[at]} ({matrix.data[at]:.0f})" for at in range(start, stop))
        for start, stop in ends
    ]
    return "\n".join(["0", str(len(cells)), *cells, str(len(rows)), *rows, ""])


def run_engine(system: System, python: str, minutes: int) -> EngineRun:
    """Let the engine protect a system by its exact method within so many minutes."""
    with tempfile.TemporaryDirectory() as made:
        table, pattern = Path(made) / "table.jj", Path(made) / "pattern.txt"
        table.write_text(as_jj(system), "ascii")
        words = [python, str(PEER), str(table), str(pattern), str(minutes)]
        most = 60 * minutes + GRACE_SECONDS
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=most)  # noqa: S603 - the benchmark's own peer
        except subprocess.TimeoutExpired:
            return EngineRun(-1, float(most), float(most), None)
        said = json.loads(done.stdout.splitlines()[-1])
        hidden = None
        if said["answer"] <= 1 and pattern.exists():
            hidden = system.state == CellState.PRIMARY
            hidden[np.array(pattern.read_text("ascii").split(), dtype=np.int64)] = True
    return EngineRun(said["answer"], said["wall_seconds"], said["cpu_seconds"], hidden)
