"""What recipients can subtract: small histories worked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from cld.errors import InputError
from disclosure.memory.bounds import coalition_bounds, differences
from disclosure.memory.groupings import grouping_of
from disclosure.memory.history import history_from
from disclosure.memory.probes import Work
from disclosure.memory.shown import parse_showing_rule


def history(n_fine: int, *rows: tuple[str, list[int], float, float], targets: list[list[int]] | None = None) -> Any:
    """Rows as (recipient, cells, low, high); one release a recipient."""
    releases = [
        {
            "name": f"to {who}",
            "recipient": who,
            "rows": [{"cells": cells, "low": low, "high": high} for name, cells, low, high in rows if name == who],
        }
        for who in dict.fromkeys(row[0] for row in rows)
    ]
    value = {"n_fine": n_fine, "upper_bound": 100, "releases": releases}
    return history_from(value if targets is None else {**value, "targets": targets})


def intervals(made: Any, recipients: tuple[str, ...], *, integer: bool = True) -> list[tuple[float, float]]:
    return [(b.low, b.high) for b in coalition_bounds(made, recipients, integer=integer)]


def test_shifted_bands_subtract_to_the_people_of_one_year() -> None:
    """Cells: aged to 64, aged 65, aged 66 and over. 40 to 64 and 43 to 65, of 90 in all: three are 65."""
    made = history(3, ("A", [0], 40, 40), ("A", [0, 1], 43, 43), ("A", [0, 1, 2], 90, 90))
    assert intervals(made, ("A",)) == [(40, 40), (3, 3), (47, 47)]


def test_rounded_bands_leave_the_difference_of_their_intervals() -> None:
    """To the nearest five: 40 is 38 to 42, 45 is 43 to 47, so the year between holds 1 to 9."""
    made = history(2, ("A", [0], 38, 42), ("A", [0, 1], 43, 47))
    assert intervals(made, ("A",)) == [(38, 42), (1, 9)]


def test_a_nested_area_and_its_rest_are_bounded_by_the_whole() -> None:
    """20 in the county, 14 to 18 of them in the town: 2 to 6 outside."""
    made = history(2, ("A", [0, 1], 20, 20), ("A", [0], 14, 18))
    assert intervals(made, ("A",)) == [(14, 18), (2, 6)]


def test_two_recipients_learn_together_what_neither_learns_alone() -> None:
    made = history(2, ("A", [0, 1], 12, 12), ("B", [0], 9, 9))
    found = {c.recipients: [(b.low, b.high) for b in c.bounds] for c in differences(made, [("A", "B")], integer=True)}
    assert found == {
        ("A",): [(0, 12), (0, 12)],
        ("B",): [(9, 9), (0, 100)],
        ("A", "B"): [(9, 9), (3, 3)],
    }


def test_pairs_that_add_to_one_have_real_halves_and_no_whole_answer() -> None:
    """x + y = y + z = x + z = 1 has the one real answer of three halves; whole numbers cannot be odd and even."""
    made = history(3, ("A", [0, 1], 1, 1), ("A", [1, 2], 1, 1), ("A", [0, 2], 1, 1))
    assert intervals(made, ("A",), integer=False) == [(0.5, 0.5)] * 3
    with pytest.raises(InputError, match="held by A contradict each other: no whole numbers"):
        intervals(made, ("A",))


def test_the_bound_of_a_cycle_of_three_is_rounded_inward_and_attained() -> None:
    """Each pair of three is at most 3: together at most 4.5, so 4 in whole numbers, as 2 + 1 + 1 shows."""
    made = history(3, ("A", [0, 1], 0, 3), ("A", [1, 2], 0, 3), ("A", [0, 2], 0, 3), targets=[[0, 1, 2], [0]])
    assert intervals(made, ("A",), integer=False) == [(0, 4.5), (0, 3)]
    assert intervals(made, ("A",)) == [(0, 4), (0, 3)]


def test_cells_that_nothing_tells_apart_share_what_their_sum_leaves() -> None:
    """Three alike cells hold 250 together, at most 100 each: one holds at least 50, two at least 150."""
    made = history(3, ("A", [0, 1, 2], 250, 250), targets=[[0], [0, 1], [0, 1, 2]])
    assert intervals(made, ("A",)) == [(50, 100), (150, 200), (250, 250)]


def test_a_target_across_alike_cells_of_two_rows_is_exact() -> None:
    """Cells 0, 1 hold 150 and 2, 3 hold 120: one of each is at least 50 + 20 and at most 200."""
    made = history(4, ("A", [0, 1], 150, 150), ("A", [2, 3], 120, 120), targets=[[0, 2]])
    assert intervals(made, ("A",)) == [(70, 200)]


def test_rows_about_the_same_cells_meet_in_the_interval_that_both_allow() -> None:
    """8 to 12 under one rule and 7 to 12 under another, then 11 and over: 11 to 12."""
    made = history(1, ("A", [0], 8, 12), ("A", [0], 7, 12), ("A", [0], 11, 50))
    assert intervals(made, ("A",)) == [(11, 12)]


def test_a_contradiction_names_the_coalition_and_its_releases() -> None:
    made = history(2, ("A", [0, 1], 5, 5), ("B", [0], 9, 9))
    assert intervals(made, ("A",)) == [(0, 5), (0, 5)]
    with pytest.raises(InputError, match="held by A and B contradict each other: .* fit to A, to B"):
        intervals(made, ("A", "B"))


def test_what_the_work_limit_leaves_open_is_an_outer_bound_that_says_so() -> None:
    made = history(3, ("A", [0, 1], 3, 5), ("A", [1, 2], 3, 5), ("A", [0, 2], 3, 5), targets=[[0, 1, 2]])
    exact = coalition_bounds(made, ("A",), integer=True)
    assert [(b.low, b.high, b.proven) for b in exact] == [(5, 7, True)]
    (cut,) = coalition_bounds(made, ("A",), integer=True, work=Work(most_units=0))
    assert cut.low <= 5 and cut.high >= 7
    assert cut.as_json()["proven"] is False


@pytest.mark.parametrize(
    ("rule", "shown", "interval"),
    [
        ("exact", "12", (12, 12)),
        ("exact", "0", (0, 0)),
        ("rounding=5", "10", (8, 12)),
        ("rounding=5", "0", (0, 2)),
        ("stars=1-7+rounding=5", "10", (8, 12)),
        ("stars=1-7+rounding=5", "*", (1, 7)),
        ("stars=1-7+rounding=5", "0", (0, 0)),
        ("stars=1-7+rounding=5", "c", (0, 999)),
        ("stars=1-4+rounding=5", "5", (5, 7)),
        ("midpoint=6", "9", (7, 12)),
        ("midpoint=6", "0", (0, 0)),
        ("exact", "..", (0, 999)),
    ],
)
def test_a_shown_value_leaves_the_counts_that_its_rule_shows_so(
    rule: str, shown: str, interval: tuple[int, int]
) -> None:
    """Source: cld/reference/published-disclosure-rules.csv (1 to 7 starred, nearest 5); OpenSAFELY's midpoint-6."""
    assert parse_showing_rule(rule).interval(shown, 999) == interval


@pytest.mark.parametrize(
    ("rule", "shown"), [("rounding=5", "12"), ("stars=1-7+rounding=5", "5"), ("midpoint=6", "10"), ("exact", "-3"), ("exact", "4.5"), ("exact", "many")]
)  # fmt: skip
def test_a_value_that_its_rule_never_shows_is_refused(rule: str, shown: str) -> None:
    with pytest.raises(InputError):
        parse_showing_rule(rule).interval(shown, 999)


@pytest.mark.parametrize(
    "rule", ["", "rounding", "rounding=0", "stars=7-1", "exact+rounding=5", "midpoint=6+rounding=5", "nearest=5"]
)
def test_a_rule_that_is_none_is_refused(rule: str) -> None:
    with pytest.raises(InputError):
        parse_showing_rule(rule)


def test_a_code_may_lie_in_several_groups_and_a_group_in_groups() -> None:
    pairs = [
        ("65", "18 to 65"),
        ("65", "65 to 74"),
        ("40", "18 to 65"),
        ("70", "65 to 74"),
        ("18 to 65", "all"),
        ("65 to 74", "all"),
    ]
    found = grouping_of("age", pairs)
    assert found["18 to 65"] == {"40", "65"}
    assert found["65 to 74"] == {"65", "70"}
    assert found["all"] == {"40", "65", "70"}


def test_groups_that_lead_round_in_a_circle_are_refused() -> None:
    with pytest.raises(InputError, match="circle"):
        grouping_of("age", [("a", "b"), ("b", "c"), ("c", "a")])
