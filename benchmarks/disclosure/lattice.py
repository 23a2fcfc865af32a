"""Generalisation: the whole Adult lattice, its optima beside ARX's seconds, local recoding, large lattices, a large file.

Run it with ``python -m benchmarks.disclosure.lattice [--rows N]``; figures are printed as JSON, CPU seconds of this
process (median of three) unless a name says otherwise. ARX's seconds are those that were published with its optima; ARX
is not run here.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from benchmarks.timing import median_of, timed
from disclosure.rows.cells import rows_of
from disclosure.rows.census import Census, census_of
from disclosure.rows.hierarchy_files import read_hierarchy
from disclosure.rows.ladders import Ladder, ladder_of
from disclosure.rows.lattice import FIGURES, best_node, cover
from disclosure.rows.local import recoded_locally
from disclosure.rows.safety import Limits
from disclosure.rows.utility import UTILITIES, utility_named

__all__ = ["adult_census", "main"]

ROOT = Path(__file__).parents[2]
ADULT = ROOT / "tests" / "data" / "adult"
ARX_UTILITY = {"Discernability": "discernability", "Average equivalence class size": "average-class"}
# columns of the large file: how many values, and how many of them each coarser group holds
LARGE = {"age": (100, (5, 10, 20)), "area": (300, (30, 150)), "ethnicity": (18, (6,)), "sex": (2, ()),
         "service": (20, (4, 12)), "reason": (12, (4,)), "month": (36, (3, 12))}  # fmt: skip
MANY_COLUMNS = {10: 3, 15: 2, 20: 1}  # columns: levels between value and top
T = TypeVar("T")


def _median(work: Callable[[], T]) -> tuple[T, float]:
    """Run something once to warm up, then three times; return its answer with the median of the CPU seconds."""
    answer = work()
    return answer, round(median_of([timed(work)[1] for _ in range(3)]).cpu_seconds, 3)


def _census(ladders: list[Ladder], codes: list[np.ndarray]) -> Census:
    order = sorted(range(len(ladders)), key=lambda place: -len(ladders[place].values))
    ones = np.ones(len(codes[0]), np.int64)
    return census_of([ladders[place] for place in order], [codes[place] for place in order], ones, {}, {})


def adult_census() -> Census:
    """Return the census of UCI Adult on its nine attributes."""
    kept = pa.csv.ParseOptions(delimiter=";")
    with pa.CompressedInputStream(pa.OSFile(str(ADULT / "adult.csv.gz")), "gzip") as stream:
        table = pa.csv.read_csv(stream, parse_options=kept)
    ladders, codes = [], []
    for name in table.column_names:
        held = [str(value) for value in table[name].to_pylist()]
        lines = read_hierarchy(name, ADULT / f"hierarchy_{name}.csv").lines
        ladder = ladder_of(name, dict(lines.items()), sorted(set(held)))
        place_of = {value: place for place, value in enumerate(ladder.values)}
        ladders.append(ladder)
        codes.append(np.array([place_of[value] for value in held], np.int64))
    return _census(ladders, codes)


def whole_lattice(census: Census) -> dict[str, Any]:
    """Count the classes of every node, and nine figures of each."""
    (levels, figures), seconds = _median(lambda: cover(census))
    return {"nodes": len(levels), "figures": figures.shape[1], "named": list(FIGURES), "cpu_seconds": seconds}


def optima(census: Census) -> list[dict[str, Any]]:
    """Find the optimum of every utility, as it is and with local recoding."""
    found, rows = [], rows_of(census)
    for share in (0.0, 0.05):
        for name in UTILITIES:
            utility, most = utility_named(name, census), int(share * census.n_records)
            best, seconds = _median(partial(best_node, census, Limits(5), utility, most))
            local, local_seconds = _median(partial(recoded_locally, rows, Limits(5), name, best))
            found.append(
                {
                    "utility": name, "max_suppressed": share, "score": best.score, "n_suppressed": best.n_suppressed,
                    "nodes_checked": best.n_nodes_checked, "optimal": best.is_optimal, "cpu_seconds": seconds,
                    "local_score": local.score, "local_n_suppressed": local.n_suppressed, "local_cpu_seconds": local_seconds,
                }
            )  # fmt: skip
    return found


def beside_arx(census: Census) -> list[dict[str, Any]]:
    """Set each published optimum of ARX beside ours."""
    found = []
    for run in json.loads((ADULT / "arx_optima.json").read_text())["runs"]:
        utility = utility_named(ARX_UTILITY[run["metric"]], census)
        best, seconds = _median(partial(best_node, census, Limits(run["k"]), utility, 0))
        levels = {ladder.column: level for ladder, level in zip(census.ladders, best.levels, strict=True)}
        found.append(
            {
                "metric": run["metric"], "k": run["k"], "same_levels": levels == run["optimal_levels"],
                "same_score": best.score == run["score"], "cpu_seconds": seconds, "arx_seconds_published": run["arx_seconds"],
            }
        )  # fmt: skip
    return found


def _lines(n_values: int, steps: tuple[int, ...]) -> dict[str | None, tuple[str | None, ...]]:
    groups = [[f"{step}/{value // step:03d}" for step in steps] for value in range(n_values)]
    return {f"{value:03d}": (f"{value:03d}", *groups[value], "*") for value in range(n_values)}


def many_columns(n_columns: int, n_between: int, n_rows: int = 20_000, seed: int = 1) -> dict[str, Any]:
    """Search a lattice too large to be listed: columns half explained by one hidden cause, the rest skewed draws."""
    draw, ladders, codes = np.random.default_rng(seed), [], []
    cause = draw.integers(0, 6, n_rows)
    sizes = [64, 40, 32, 24, 16, 12, 12, 8, 8, 8, 8, 4, 4, 4, 4, 4, 4, 2, 2, 2]
    for place, n_values in enumerate(sizes[:n_columns]):
        lines = _lines(n_values, tuple(step for step in (2, 4, 8) if step < n_values)[:n_between])
        ladders.append(ladder_of(f"c{place}", lines, list(lines)))
        weights = 1 / (1 + np.arange(n_values))
        drawn = draw.choice(n_values, n_rows, p=weights / weights.sum())
        caused = (cause * n_values // 6 + drawn % max(1, n_values // 6)) % n_values
        codes.append(np.where(draw.random(n_rows) < 0.5, caused, drawn).astype(np.int64))
    census = _census(ladders, codes)
    best, took = timed(partial(best_node, census, Limits(5), utility_named("loss", census), n_rows // 50))
    return {
        "columns": n_columns, "rows": n_rows, "nodes": census.n_nodes, "nodes_checked": best.n_nodes_checked,
        "optimal": best.is_optimal, "cpu_seconds_once": round(took.cpu_seconds, 2),
    }  # fmt: skip


def _write_large(folder: Path, n_rows: int, seed: int = 1) -> None:
    draw, columns = np.random.default_rng(seed), {}
    for name, (n_values, steps) in LARGE.items():
        lines = _lines(n_values, steps)
        (folder / f"{name}.csv").write_text(
            "".join(";".join(str(label) for label in line) + "\n" for line in lines.values())
        )
        weights = 1 / (1 + np.arange(n_values)) ** 0.6
        columns[name] = pa.array(np.array(list(lines))[draw.choice(n_values, n_rows, p=weights / weights.sum())])
    pq.write_table(pa.table(columns), folder / "rows.parquet")


def large_file(n_rows: int) -> list[dict[str, Any]]:
    """Run the command on a large file, each time in a process of its own."""
    found = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        _write_large(folder, n_rows)
        for further in ((), ("--max-suppressed", "0.01"), ("--max-suppressed", "0.01", "--local")):
            command = [
                sys.executable, "-c", "from api.entry import main; main()", "anonymise", str(folder / "rows.parquet"),
                "--quasi", ",".join(LARGE), *(f"--hierarchy={name}={folder / name}.csv" for name in LARGE), "--k", "5",
                "--out", str(folder / "out.parquet"), "--json", *further,
            ]  # fmt: skip
            before = os.times()
            start = time.perf_counter()
            said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout  # noqa: S603
            after, summary = os.times(), json.loads(said)
            found.append(
                {
                    "options": list(further), "rows": n_rows, "columns": len(LARGE), "nodes": summary["n_nodes"],
                    "nodes_checked": summary["n_nodes_checked"], "optimal": summary["optimal"], "score": summary["score"],
                    "wall_seconds_once": round(time.perf_counter() - start, 1),
                    "cpu_seconds_once": round(after.children_user - before.children_user, 1),
                    "stages": summary["seconds"], "peak_megabytes": summary["peak_bytes"] >> 20,
                }
            )  # fmt: skip
    return found


def main() -> None:
    """Measure everything and print it."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rows", type=int, default=1_000_000, help="rows of the large file; 0 leaves it out")
    n_rows = reader.parse_args().rows
    census = adult_census()
    figures = {
        "adult_whole_lattice": whole_lattice(census),
        "adult_beside_arx": beside_arx(census),
        "adult_optima": optima(census),
        "large_lattices": [many_columns(*shape) for shape in MANY_COLUMNS.items()],
        "large_file": large_file(n_rows) if n_rows else [],
        "load_average": os.getloadavg(),
    }
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
