"""Published-style histories with proven answers (tests/data/disclosure/SOURCES-cross-release.md): every interval, exactly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from disclosure.memory.bounds import differences
from disclosure.memory.history import history_from

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "data" / "disclosure" / "cross_release_cases.json").read_text()
)


def as_history(case: dict[str, Any], targets: list[list[int]]) -> dict[str, Any]:
    """Write a case in the form of the command."""
    releases = [
        {
            "name": release["name"],
            "recipient": release["recipient"],
            "rows": [{"cells": row["cells"], "low": row["lo"], "high": row["hi"]} for row in release["rows"]],
        }
        for release in case["releases"]
    ]
    return {
        "n_fine": len(case["cells"]), "upper_bound": case["upper_bound"], "releases": releases, "targets": targets,
    }  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case["kind"] for case in CASES])
def test_every_interval_of_every_coalition_is_the_proven_one(case: dict[str, Any]) -> None:
    for answer in case["results"]:
        targets = [bound["cells"] for bound in answer["bounds"]]
        found = differences(history_from(as_history(case, targets)), [answer["coalition"]], integer=True)
        ours = next(made for made in found if list(made.recipients) == answer["coalition"])
        assert [(b.low, b.high, b.proven) for b in ours.bounds] == [(b["lo"], b["hi"], True) for b in answer["bounds"]]
        for bound in ours.bounds:
            assert bound.low <= sum(case["true"][cell] for cell in bound.cells) <= bound.high


def test_the_cases_hold_what_they_say() -> None:
    kinds = {case["kind"] for case in CASES}
    assert kinds == {"age shift", "opt-out pair", "nested area", "mixed rules", "collusion"}
    assert sum(len(answer["bounds"]) for case in CASES for answer in case["results"]) == 210
    assert any(bound["small"] for case in CASES for answer in case["results"] for bound in answer["bounds"])
