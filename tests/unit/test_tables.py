"""The small-number profiles of an extract's tables, and what they leave an attacker."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cld.errors import DisclosureRefused
from disclosure.tables.profiles import Limits, shown_average, shown_counts, shown_ratio
from disclosure.tables.published import STAR
from disclosure.tables.stars import TOTAL, protect, with_totals
from tests.lib.plain_attack import plain_whole_attack

PUBLISHED = Limits(8, 5, secondary=False, least_width=0)
HOUSE = Limits(8, 5, secondary=True, least_width=3)
COUNTS = {
    ("a", "x"): 3,
    ("a", "y"): 40,
    ("a", "z"): 12,
    ("b", "x"): 90,
    ("b", "y"): 2,
    ("b", "z"): 0,
    ("c", "x"): 25,
    ("c", "y"): 31,
    ("c", "z"): 6,
}


def said(text: str) -> tuple[float, float]:
    """What an entry says under the NHS rule; a blank is of 8 and over."""
    if text == STAR:
        return 1, 7
    if text == "":
        return 8, 1e6
    value = int(text)
    return (0, 0) if value == 0 else (max(8, value - 2), value + 2)


def parents(counts: dict[tuple[str, str], int]) -> list[dict[str, str]]:
    return [{code: TOTAL for cell in counts for code in [cell[side]]} for side in (0, 1)]


def test_the_published_rule_stars_1_to_7_and_rounds_the_rest() -> None:
    shown = protect({("a", "x"): 7, ("a", "y"): 8, ("b", "x"): 0, ("b", "y"): 12}, PUBLISHED).shown
    assert (shown["a", "x"], shown["a", "y"], shown["b", "x"], shown["b", "y"]) == (STAR, "10", "0", "10")


def test_the_truth_lies_in_every_interval_and_the_house_profile_leaves_none_narrow() -> None:
    full = with_totals(COUNTS)
    for limits in (PUBLISHED, HOUSE):
        made = protect(COUNTS, limits)
        for cell, (low, high) in made.intervals.items():
            assert low <= full[cell] <= high
    assert all(high - low >= 2 and high >= 5 for cell, (low, high) in made.intervals.items() if cell in made.primary)


@pytest.mark.parametrize("limits", [PUBLISHED, HOUSE])
def test_the_intervals_of_a_protected_table_are_those_of_the_plain_attacker(limits: Limits) -> None:
    made = protect(COUNTS, limits)
    entries = {cell: said(text) for cell, text in made.shown.items()}
    found = plain_whole_attack(entries, parents(COUNTS), list(made.intervals))
    assert found == made.intervals


def test_a_starred_total_over_many_stars_cannot_be_made_safe_and_is_refused() -> None:
    """A total of at most 7 over four stars leaves each at most 4, whatever else is hidden."""
    counts = {("a", code): 1 for code in "wxyz"} | {("b", code): 50 for code in "wxyz"}
    assert protect(counts, PUBLISHED).intervals["a", "w"] == (1, 4)
    with pytest.raises(DisclosureRefused, match="4 small cells"):
        protect(counts, HOUSE)


def test_the_national_level_is_shown_exactly() -> None:
    """Published rule, national counts: no control for small numbers."""
    import numpy as np

    values = np.array([3.0, 3.0, 13.0, 13.0, 0.0])
    national = np.array([True, False, True, False, False])
    assert shown_counts(values, PUBLISHED, national) == ("3", STAR, "13", "15", "0")


def test_percentages_and_rates_are_made_of_rounded_numbers() -> None:
    """Published rule: computed from rounded numbers, suppressed when a part is suppressed; halves go up."""
    assert shown_ratio("15", "40") == "37.5"
    assert shown_ratio("5", "80") == "6.3", "6.25 goes up"
    assert shown_ratio("25", "1500", per=100_000) == "1666.7"
    assert shown_ratio(STAR, "40") == STAR
    assert shown_ratio("15", STAR) == STAR
    assert shown_ratio("15", "") == ""
    assert shown_ratio("0", "0") == "-", "nobody of nobody is no percentage"


def test_an_average_of_few_persons_is_starred() -> None:
    """Published rule: mean, median and mode are starred when based on 1 to 7 values and shown at 8 or more."""
    assert shown_average(Decimal("12.25"), 7, PUBLISHED) == STAR
    assert shown_average(Decimal("12.25"), 8, PUBLISHED) == "12.3"
    assert shown_average(Decimal("0"), 0, PUBLISHED) == "-"
