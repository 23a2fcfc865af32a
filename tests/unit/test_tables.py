"""The small-number profiles and the attacker."""

from __future__ import annotations

import itertools

from disclosure.tables.stars import STAR, TOTAL, Limits, attack, protect, with_totals

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


def test_the_attacker_equals_trying_every_whole_number() -> None:
    """A starred total over two starred parts: every combination is tried by hand."""
    shown = {
        ("a", "x"): STAR,
        ("a", "y"): STAR,
        ("a", TOTAL): STAR,
        (TOTAL, "x"): STAR,
        (TOTAL, "y"): STAR,
        (TOTAL, TOTAL): STAR,
    }
    possible = [(x, y) for x, y in itertools.product(range(1, 8), repeat=2) if x + y <= 7]
    found = attack(shown, PUBLISHED)
    assert found["a", "x"] == (min(x for x, _ in possible), max(x for x, _ in possible))
    assert found["a", TOTAL] == (2, 7)
