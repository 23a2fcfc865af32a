"""Byte identity: ``caregate protect`` on one table ten times, one process and two in turns, each in a process of its own.

Run ``python -m benchmarks.disclosure.identity [--shape 3840] [--runs 10]``. No clock is given, so work limits decide. Tables of
this size are left to one process by themselves; here they are shared when two are asked for.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.disclosure.shapes import AXES, SHAPES, england_parents, england_table

__all__ = ["measure_identity", "protect_words", "write_shape"]

# the size from which tables are shared among processes is lowered, then the command runs as ever
SHARED_AND_RUN = """
from disclosure.tables.suppress import protect
protect.MANY_CELLS = 0
from api.entry import main
main()
"""


def write_shape(name: str, seed: int, folder: Path) -> list[str]:
    """Write a shape's inner cells and the councils' hierarchy as files; return the words that name them to the command."""
    system = england_table(SHAPES[name], seed)
    chosen = [axis for axis in AXES if axis == AXES[0] or axis in SHAPES[name].dimensions]
    places, parents = england_parents()
    labels = [places, *([f"{axis} {code}" for code in range(len(above))] for axis, above in zip(chosen[1:], system.parents[1:], strict=True))]  # fmt: skip
    inner = np.ones(system.n_cells, dtype=bool)
    for axis, above in enumerate(system.parents):
        inner &= ~np.isin(system.codes[:, axis], above)
    with (folder / "cells.csv").open("w", newline="") as stream:
        lines = csv.writer(stream)
        lines.writerow([*chosen, "n"])
        for codes, value in zip(system.codes[inner].tolist(), system.values[inner].astype(int).tolist(), strict=True):
            lines.writerow([*(label[code] for label, code in zip(labels, codes, strict=True)), value])
    with (folder / "councils.csv").open("w", newline="") as stream:
        lines = csv.writer(stream)
        lines.writerow(["child", "parent"])
        lines.writerows([places[code], places[above]] for code, above in enumerate(parents.tolist()) if above >= 0)
    return [str(folder / "cells.csv"), "--dimensions", ",".join(chosen), "--value", "n", "--hierarchy", f"{AXES[0]}={folder / 'councils.csv'}"]  # fmt: skip


def protect_words(table: Sequence[str], out: Path, n_processes: int) -> list[str]:
    """Return the words after ``caregate`` that protect a table under the house's rule."""
    return ["protect", *table, "--rule", "threshold=1-4", "--threads", str(n_processes), "--out", str(out), "--json"]


def measure_identity(name: str, n_runs: int, seed: int = 1) -> dict[str, object]:
    """Protect one table so often and count the different files."""
    digests, seconds = [], []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        table = write_shape(name, seed, folder)
        for run in range(n_runs):
            out = folder / f"out-{run}.csv"
            words = protect_words(table, out, 1 + run % 2)
            began = time.perf_counter()
            command = [sys.executable, "-c", SHARED_AND_RUN, *words]
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603
            seconds.append(time.perf_counter() - began)
            digests.append(hashlib.sha256(out.read_bytes()).hexdigest())
    return {
        "shape": name,
        "n_runs": n_runs,
        "n_different": len(set(digests)),
        "digest": digests[0],
        "wall_seconds": seconds,
    }


def main(words: Sequence[str] | None = None) -> None:
    """Print the count of different files as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default="3840")
    parser.add_argument("--runs", type=int, default=10)
    asked = parser.parse_args(words)
    sys.stdout.write(json.dumps(measure_identity(asked.shape, asked.runs)) + "\n")


if __name__ == "__main__":
    main()
