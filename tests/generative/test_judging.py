"""Random small worlds: what the house says can be worked out is what trying every answer works out, and nothing less."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest

from disclosure.memory import ends, parts
from disclosure.memory.judge import Held, SmallCounts, conflicts_in, settled, story_of
from disclosure.memory.probes import Work
from tests.lib.brute_history import by_trying
from tests.lib.small_world import CELLS, Groups, Rule, SmallRelease, a_release, a_world

SMALL = SmallCounts(largest=3, least_width=2)
AGES: tuple[Groups, ...] = (
    {"to 64": ["64"], "65 and over": ["65", "66"]},
    {"to 65": ["64", "65"], "66 and over": ["66"]},
    {"64": ["64"], "66": ["66"]},
    {"all": ["64", "65", "66"]},
)
AREAS: tuple[Groups, ...] = ({"town": ["town"], "rest": ["rest"]}, {"county": ["town", "rest"]}, {"rest": ["rest"]})
LARGEST = 6


@dataclass(frozen=True)
class Case:
    """What is held and what is asked for, from one truth."""

    held: tuple[SmallRelease, ...]
    candidate: SmallRelease


def a_case(seed: int) -> Case:
    chance = random.Random(seed)
    truth = a_world([chance.randint(0, LARGEST) for _ in range(3)], [chance.randint(0, LARGEST) for _ in range(3)])
    made = [
        a_release(str(n), truth, Rule(chance.choice((0, 3)), chance.choice((1, 1, 3))), chance.choice(AGES), chance.choice(AREAS))
        for n in range(chance.randint(2, 3))
    ]  # fmt: skip
    return Case(tuple(made[:-1]), made[-1])


def brute(releases: tuple[SmallRelease, ...], groups: list[list[int]]) -> list[tuple[float, float]]:
    """Bound groups of cells by trying every answer; nobody objects in these worlds, so half the cells are left out."""
    kept = [number for number, cell in enumerate(CELLS) if cell[2] == "does not object"]
    place = {cell: n for n, cell in enumerate(kept)}
    rows = [
        {**fact, "cells": [place[cell] for cell in fact["cells"] if cell in place]}
        for release in releases
        for fact in release.facts()
    ]
    history: dict[str, Any] = {
        "n_fine": len(kept), "upper_bound": LARGEST, "releases": [{"recipient": "A", "rows": rows}],
        "targets": [[place[cell] for cell in group if cell in place] for group in groups],
    }  # fmt: skip
    found = by_trying(history, ("A",))
    assert found is not None
    return found


def is_bounded(case: Case) -> bool:
    """Say whether every cell lies under a row, so that the enumeration's own bound of each cell has no say."""
    covered = {cell for release in (*case.held, case.candidate) for fact in release.facts() for cell in fact["cells"] if fact["high"] <= LARGEST}  # fmt: skip
    return covered == set(range(len(CELLS)))


def of_the_world(story: Any, cells: tuple[int, ...]) -> list[int]:
    """Translate the house's fine cells into the world's."""
    inside = []
    for cell in cells:
        label = story.cells.label(cell)
        inside += [n for n, codes in enumerate(CELLS) if all(codes[("area", "age", "opt_out").index(k)] in v for k, v in label.items())]  # fmt: skip
    return inside


@pytest.mark.parametrize("large", [1, ends.LARGE], ids=["in parts", "whole"])
def test_every_count_that_trying_works_out_is_refused_and_no_other(
    is_long: bool, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ends, "LARGE", large)
    monkeypatch.setattr(parts, "FEWEST_BLOCKS", 1)
    n_refused = n_passed = 0
    for seed in range(4000 if is_long else 250):
        case = a_case(seed)
        if not is_bounded(case):
            continue
        held = [Held(one.name, one.sheet()) for one in case.held]
        work = Work()
        story = settled(story_of(case.candidate.sheet(), held, []), work)
        conflicts = {tuple(sorted(of_the_world(story, one.cells))) for one in conflicts_in(story, SMALL, work)}
        singles = [of_the_world(story, (cell,)) for cell in range(story.cells.n_fine)]
        groups = [*singles, *(fact["cells"] for one in (*case.held, case.candidate) for fact in one.facts())]
        now, before = brute((*case.held, case.candidate), groups), brute(case.held, groups)
        wanted = {
            tuple(sorted(group))
            for group, after, earlier in zip(groups, now, before, strict=True)
            if SMALL.are_told_by(*after) and after != earlier
        }
        assert wanted <= conflicts, f"seed {seed}"
        for group in conflicts:
            ((low, high),) = brute((*case.held, case.candidate), [list(group)])
            assert SMALL.are_told_by(low, high), f"seed {seed}"
        n_refused, n_passed = n_refused + bool(conflicts), n_passed + (not conflicts)
    assert n_refused > 10
    assert n_passed > 10
