"""The disclosure benchmark: its bars flatter nobody, its peer is given the same problem, its page says what was not run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.disclosure.bars import Row, rows_of
from benchmarks.disclosure.engine import as_jj
from benchmarks.disclosure.report import as_markdown
from benchmarks.disclosure.shapes import system_of, with_margins


def a_run(**further: object) -> dict[str, Any]:
    return {
        "limit_seconds": None, "wall_seconds": 0.2, "cpu_seconds": 0.2, "cost": 100.0, "bound": 100.0, "gap": 0.0,
        "n_secondary": 3, "n_unsafe": 0, "n_unsafe_by_plain_attack": 0, "audit_seconds": 0.1, **further,
    }  # fmt: skip


def an_engine(**further: object) -> dict[str, Any]:
    return {**a_run(limit_minutes=1, answer=0), **further}


def part(figures: dict[str, Any]) -> dict[str, Any]:
    return {"date": "2021-01-01", "load_before": 0.0, "load_after": 0.0, "figures": figures}


def small_shape(run: dict[str, Any], ratio: float) -> dict[str, Any]:
    theirs = {"wall_seconds": ratio * run["wall_seconds"], "cpu_seconds": 1.0, "cost": run["cost"]}
    return part(
        {
            "n_cells": 1760, "n_primary": 9, "ours": [run], "engine": [an_engine()], "median": run,
            "engine_median": theirs, "engine_over_ours_wall_seconds": ratio,
        }
    )  # fmt: skip


def large_shape(run: dict[str, Any], engine: dict[str, Any]) -> dict[str, Any]:
    return part({"n_cells": 21120, "n_primary": 9, "ours": [run], "engine": [engine], "median": run})


def rows(name: str, found: dict[str, Any]) -> list[Row]:
    return [row for row in rows_of({name: found}) if row.met is not None]


@pytest.mark.parametrize(
    ("run", "ratio", "met"),
    [
        (a_run(), 1.0, [True, True, True]),
        (a_run(wall_seconds=0.31), 0.99, [True, False, False]),
        (a_run(gap=0.001), 2.0, [False, True, True]),
        (a_run(n_unsafe=1), 2.0, [False, True, True]),
        (a_run(n_unsafe_by_plain_attack=1), 2.0, [False, True, True]),
    ],
)
def test_a_small_shape_is_proven_safe_and_fast_or_not_met(run: dict[str, Any], ratio: float, met: list[bool]) -> None:
    assert [row.met for row in rows("table 1760", small_shape(run, ratio))] == met


@pytest.mark.parametrize(
    ("run", "engine", "met"),
    [
        (a_run(limit_seconds=45, gap=0.035, cost=90.0), an_engine(cost=100.0), [True, True]),
        (a_run(limit_seconds=45, gap=0.036, cost=90.0), an_engine(cost=100.0), [False, True]),
        (a_run(limit_seconds=45, gap=0.01, cost=91.0), an_engine(cost=100.0), [True, False]),
        (a_run(limit_seconds=45, gap=None, cost=90.0), an_engine(cost=None), [False, True]),
        (a_run(limit_seconds=45, wall_seconds=45.1, cost=90.0), an_engine(cost=100.0), [False, True]),
        (a_run(limit_seconds=45, n_unsafe=1, cost=90.0), an_engine(cost=100.0), [False, False]),
        (a_run(limit_seconds=45, gap=None, cost=None, fault="no-safe-pattern"), an_engine(cost=100.0), [False, False]),
    ],
)
def test_a_large_shape_is_judged_by_its_own_gap_its_clock_and_the_engine(
    run: dict[str, Any], engine: dict[str, Any], met: list[bool]
) -> None:
    assert [row.met for row in rows("table 21120", large_shape(run, engine))] == met


def test_what_was_not_run_is_neither_met_nor_missed() -> None:
    found = list(rows_of({}))
    assert {row.met for row in found} == {None}
    assert {row.measured for row in found} == {"not run"}
    page = as_markdown({"machine": {"n_cores": 2, "processor": "p", "memory_gib": 1}, "versions": {}, "parts": {}})
    assert page.count("| not run | not run |") == len(found)


def test_the_page_sets_both_tools_side_by_side() -> None:
    parts = {"table 1760": small_shape(a_run(), 1.5)}
    page = as_markdown(
        {"machine": {"n_cores": 2, "processor": "p", "memory_gib": 1}, "versions": {"v": "1"}, "parts": parts}
    )
    assert "| 1760 | 9 | Caregate | work | 0.20 | 0.20 | 100 | 0.00% | 3 | 0 | 0 |" in page
    assert "| 1760 | 9 | tau-ARGUS OPT | 1 min | 0.20 |" in page


def test_the_engine_is_given_every_cells_own_needs_and_bounds() -> None:
    """By hand: 3, 7, 0 and 20 with their totals; 3 is small, 0 is published."""
    flat = np.array([-1, 0, 0], dtype=np.int32)
    system = system_of(with_margins(np.array([[3, 7], [0, 20]]), (flat, flat)), (flat, flat))
    lines = as_jj(system).splitlines()
    assert lines[:2] == ["0", "9"]
    assert lines[2 + 4] == "4 3 3 u 0 26 1 2 0"
    assert lines[2 + 7] == "7 0 1 z 0 20 0 0 0"
    assert lines[2 + 8] == "8 20 20 s 0 60 0 0 0"
    assert lines[11] == "6"
    assert {len(line.split()) for line in lines[12:]} == {9}
    system.values[4] = 3.5
    with pytest.raises(ValueError, match="whole numbers"):
        as_jj(system)
