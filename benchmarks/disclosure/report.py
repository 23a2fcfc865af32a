"""The results of the disclosure benchmark as one page: every bar, then the tables of both tools beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.disclosure.bars import Row, rows_of

__all__ = ["as_markdown"]

MET = {True: "met", False: "not met", None: "not run"}
NOTES = """
Parts run one at a time, each in processes of its own; what a part measured stays until it is run again, so parts may be of
different days (last table). Seconds are of the wall, and of the processor beside them: where the wall is much the larger,
something else ran on the machine. Bars are judged by the wall.

Tables are drawn from the synthetic England (`disclosure/shapes.py`), the same table for both tools: 1 to 4 primary, zeros
published, weight max(count, 1), 0 to 2 x count + 20 known. The engine is tau-ARGUS's exact method (OPT) in pytauargus, given
each cell's own needs and bounds; its limit is in whole minutes and it may work beyond it. Every pattern of both is attacked
by the interval audit; those of the two smallest shapes also by plain programmes that share no code with it.
"""


def as_markdown(results: Mapping[str, Any]) -> str:
    """Return the page."""
    about = results["machine"]
    head = (
        f"# Disclosure benchmark\n\nMade by `make bench-disclosure`; {about['n_cores']} cores {about['processor']}, "
        f"{about['memory_gib']} GiB; " + ", ".join(f"{n} {v}" for n, v in sorted(results["versions"].items())) + ".\n\n"
    )
    parts = results["parts"]
    return head + _bars(rows_of(parts)) + NOTES + _tables(parts) + _days(parts)


def _bars(rows: Iterable[Row]) -> str:
    lines = [f"| {row.what} | {row.bar} | {row.measured} | {MET[row.met]} |\n" for row in rows]
    return "| what | bar | measured | met |\n|---|---|---|---|\n" + "".join(lines)


def _tables(parts: Mapping[str, Any]) -> str:
    lines = []
    for name, part in parts.items():
        if not name.startswith("table "):
            continue
        found = part["figures"]
        for who in ("ours", "engine"):
            lines += [_run(found, "Caregate" if who == "ours" else "tau-ARGUS OPT", run) for run in found[who]]
    head = (
        "\n| cells | primary | tool | limit | wall s | processor s | cost | gap | secondary | unsafe by audit "
        "| unsafe by plain programmes |\n|---|---|---|---|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(lines) if lines else ""


def _run(found: Mapping[str, Any], tool: str, run: Mapping[str, Any]) -> str:
    if "limit_minutes" in run:
        limit = f"{run['limit_minutes']} min" + (", reached" if run["answer"] == 1 else "")
    else:
        limit = "work" if run["limit_seconds"] is None else f"{run['limit_seconds']} s"
    gap = f"{run['gap']:.2%}" if run.get("gap") is not None else "-"
    cost, names = run["cost"], ("n_secondary", "n_unsafe", "n_unsafe_by_plain_attack")
    cells = (
        found["n_cells"], found["n_primary"], tool, limit, f"{run['wall_seconds']:.2f}", f"{run['cpu_seconds']:.2f}",
        "no pattern" if cost is None else f"{cost:.0f}", gap,
        *("-" if run.get(name) is None else run[name] for name in names),
    )  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |\n"


def _days(parts: Mapping[str, Any]) -> str:
    lines = [
        f"| {name} | {part['date']} | {part['load_before']:.1f} | {part['load_after']:.1f} |\n"
        for name, part in parts.items()
    ]
    return "\n| part | run on | load before | after |\n|---|---|---|---|\n" + "".join(lines)
