"""Run the parts of the disclosure benchmark one at a time, keep what each measured, and print every bar.

    python -m benchmarks.disclosure.run --engine PYTHON [--parts tables,rows] [--shapes 1760,3840] [--rows 1000000]

Results are added to those of earlier runs, part by part: a large table may be measured alone, on another day.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.disclosure.report import as_markdown
from benchmarks.machine import machine

__all__ = ["main"]

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"
ADULT = HERE.parents[1] / "tests" / "data" / "adult" / "adult.csv.gz"
PARTS = ("tables", "small", "audit", "histories", "lattice", "rows", "identity")
AUDITED = ("10560", "21120")


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its name in the results, and the words after ``python -m benchmarks.disclosure.`` that measure it."""

    name: str
    words: tuple[str, ...]


def parts_of(asked: argparse.Namespace) -> Iterator[Part]:
    """List the parts that are asked for, in their order."""
    chosen, shapes = asked.parts.split(","), asked.shapes.split(",")
    wrong = sorted(set(chosen) - set(PARTS))
    if wrong:
        message = f"unknown parts: {', '.join(wrong)}"
        raise SystemExit(message)
    if "tables" in chosen:
        for shape in shapes:
            words: tuple[str, ...] = ("tables", "--shapes", shape, "--rounds", str(asked.rounds))
            words += ("--engine", asked.engine) if asked.engine else ()
            yield Part(f"table {shape}", words + (("--limits", asked.limits) if asked.limits else ()))
    if "audit" in chosen:
        for shape in AUDITED:
            if shape in shapes:
                yield Part(f"audit {shape}", ("tables_attack", "--shapes", shape, "--rounds", str(asked.rounds)))
    further = {
        "small": ("small",), "histories": ("histories",), "lattice": ("lattice", "--rows", "0"),
        "rows": ("rows", "--adult", str(ADULT), "--rows", asked.rows), "identity": ("identity",),
    }  # fmt: skip
    yield from (Part(name, words) for name, words in further.items() if name in chosen)


def measured(part: Part) -> dict[str, Any]:
    """Run one part in a process of its own."""
    before = os.getloadavg()[0]
    command = [sys.executable, "-m", f"benchmarks.disclosure.{part.words[0]}", *part.words[1:]]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    figures = _read(done.stdout)
    return {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(), "load_before": before,
        "load_after": os.getloadavg()[0],
        "figures": next(iter(figures.values())) if part.name.split()[0] in ("table", "audit") else figures,
    }  # fmt: skip


def _read(text: str) -> dict[str, Any]:
    """Read what a part printed: one object, or one object a line."""
    try:
        return dict(json.loads(text))
    except json.JSONDecodeError:
        return {name: value for line in text.splitlines() for name, value in json.loads(line).items()}


def versions(engine: str | None) -> dict[str, str]:
    """Return the versions that ran, the engine's asked of its own environment."""
    found = {name: importlib.metadata.version(name) for name in ("caregate", "highspy", "numpy", "duckdb", "pycanon")}
    found["python"] = platform.python_version()
    if engine:
        ask = "import importlib.metadata as m; print(m.version('pytauargus'))"
        done = subprocess.run([engine, "-c", ask], capture_output=True, text=True, check=True)  # noqa: S603
        found["pytauargus"] = done.stdout.strip()
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Run what is asked for; after each part write the results; print the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", help="python of the environment that holds pytauargus; left out, it is not run")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--shapes", default="1760,3840,10560")
    parser.add_argument("--limits", help="seconds of the larger shapes, instead of those of the bars")
    parser.add_argument("--rows", default="1000000", help="sizes of the large files; 10000000 is another")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args(words)
    kept = asked.results / "disclosure.json"
    parts: dict[str, Any] = json.loads(kept.read_text("utf-8"))["parts"] if kept.is_file() else {}
    results = {"machine": machine(), "versions": versions(asked.engine), "parts": parts}
    asked.results.mkdir(parents=True, exist_ok=True)
    for part in parts_of(asked):
        sys.stderr.write(f"{part.name}\n")
        parts[part.name] = measured(part)
        kept.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", "utf-8")
        (asked.results / "disclosure.md").write_text(as_markdown(results), "utf-8")
    sys.stdout.write(as_markdown(results))


if __name__ == "__main__":
    main()
