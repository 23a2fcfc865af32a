"""Tables in files, small and random, and the command that attacks them, run in this process."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner

from api.entry import app
from cld.errors import CLDError

Cell = tuple[str, ...]

SHAPES: dict[str, tuple[dict[str, str], ...]] = {
    "2x2": ({"a": "T", "b": "T"}, {"x": "T", "y": "T"}),
    "3x3": ({c: "T" for c in "abc"}, {c: "T" for c in "xyz"}),
    "2x2x2": ({"a": "T", "b": "T"}, {"x": "T", "y": "T"}, {"p": "T", "q": "T"}),
    "two levels": ({"r": "T", "s": "T", "a": "r", "b": "r", "c": "s"}, {"x": "T", "y": "T"}),
    "three levels": ({"n": "T", "r": "n", "s": "n", "a": "r", "b": "r", "c": "s", "d": "s"}, {"x": "T", "y": "T"}),
}


def leaves_of(parents: Sequence[Mapping[str, str]]) -> list[Cell]:
    """All inner cells."""
    codes = [[code for code in parent if code not in parent.values()] for parent in parents]
    return list(itertools.product(*codes))


def summed(leaves: Mapping[Cell, int], parents: Sequence[Mapping[str, str]]) -> dict[Cell, int]:
    """Add every total above the inner cells."""
    found: dict[Cell, int] = {}
    for leaf, value in leaves.items():
        lines = []
        for code, parent in zip(leaf, parents, strict=True):
            line = [code]
            while line[-1] in parent:
                line.append(parent[line[-1]])
            lines.append(line)
        for cell in itertools.product(*lines):
            found[cell] = found.get(cell, 0) + value
    return found


def a_table(draw: np.random.Generator, shape: str, most: int) -> dict[Cell, int]:
    """Draw counts for every cell of a shape."""
    parents = SHAPES[shape]
    return summed({leaf: int(draw.integers(0, most + 1)) for leaf in leaves_of(parents)}, parents)


def write_table(path: Path, rows: Mapping[Cell, object], names: Sequence[str], value: str = "shown") -> Path:
    """Write one row a cell."""
    with path.open("w", newline="") as stream:
        lines = csv.writer(stream)
        lines.writerow([*names, value])
        lines.writerows([*cell, shown] for cell, shown in rows.items())
    return path


def write_parents(folder: Path, parents: Sequence[Mapping[str, str]], names: Sequence[str]) -> list[str]:
    """Write a hierarchy file a dimension and return the options that name them."""
    options = []
    for name, parent in zip(names, parents, strict=True):
        path = folder / f"{name}.csv"
        path.write_text("child,parent\n" + "".join(f"{child},{above}\n" for child, above in parent.items()))
        options += ["--hierarchy", f"{name}={path}"]
    return options


def run_here(*words: object) -> tuple[int, str]:
    """Run a command in this process: exit status, and what it prints or the error it ends with."""
    found = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(found.exception, CLDError):
        return found.exception.exit_status, str(found.exception)
    assert found.exception is None or isinstance(found.exception, SystemExit), repr(found.exception)
    return found.exit_code, found.stdout


def answer(*words: object) -> dict[str, Any]:
    """Run a command that must answer, and return its JSON."""
    status, text = run_here(*words, "--json")
    assert status == 0, text
    made: dict[str, Any] = json.loads(text)
    return made
