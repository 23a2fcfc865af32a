"""Measure the keys room against its bars: ``python -m benchmarks.keys.run [part ...]``; writes results/keys.json and keys.md.

Each part runs in a process of its own, so that its highest memory is its own. A part named on the command line replaces
its own rows and leaves the others as they were.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.keys import log, pseudonyms, verify

__all__ = ["PARTS", "main"]

RESULTS = Path(__file__).parents[1] / "results"
PARTS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "speed": pseudonyms.speed,
    "sixty-million": pseudonyms.sixty_million,
    "collisions": pseudonyms.collisions,
    "shared": pseudonyms.shared,
    "faults": pseudonyms.faults,
    "re-identification": pseudonyms.re_identification,
    "oblivious": pseudonyms.oblivious,
    "log": log.speed,
    "verification": verify.verification,
}


def _in_own_process(part: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "benchmarks.keys.run", "--one", part]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    rows: list[dict[str, Any]] = json.loads(found.stdout)
    return rows


def _commit() -> str:
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip()


def _table(held: dict[str, Any]) -> str:
    lines = ["# Keys, measured", "", "| What | Bar | Found | Met | Measured | Commit |", "|---|---|---|---|---|---|"]
    for part in held.values():
        for row in part["rows"]:
            met = "yes" if row["met"] else "no"
            lines.append(
                f"| {row['what']} | {row['bar']} | {row['found']} | {met} | {part['at_utc']} | {part['commit']} |"
            )
    machines = sorted({part["machine"] for part in held.values()})
    notes = "Two cores that other work may share: CPU time is the steadier figure, and wall times are upper bounds."
    return "\n".join([*lines, "", *machines, notes, ""])


def main(parts: list[str]) -> None:
    """Run parts and write their rows."""
    parts = parts or list(PARTS)
    path = RESULTS / "keys.json"
    held: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for part in parts:
        rows = _in_own_process(part)
        held[part] = {
            "rows": rows, "at_utc": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"), "commit": _commit(),
            "machine": f"{os.cpu_count()} processors, {platform.machine()}, Python {platform.python_version()}",
        }  # fmt: skip
        for row in rows:
            sys.stderr.write(f"{row['what']}: {row['found']} (bar {row['bar']})\n")
    path.write_text(json.dumps(held, indent=1) + "\n", "utf-8")
    (RESULTS / "keys.md").write_text(_table(held), "utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        sys.stdout.write(json.dumps(PARTS[sys.argv[2]]()))
    else:
        main(sys.argv[1:])
