"""How clerical review is done, as dated data: how many pairs, how many of them twice, what a false link costs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from policies.dated import latest_in_force

__all__ = ["ReviewRules", "review_rules_on"]


@dataclass(frozen=True, slots=True)
class ReviewRules:
    """Pairs of a queue, the percent of them that two people decide, and how many missed links one false link is worth."""

    name: str
    n_items: int
    twice_percent: int
    cost_of_a_false_link: int


def review_rules_on(day: date) -> ReviewRules:
    """Return the rules in force on a day, the latest where several are.

    Raises: UnknownSpecification if none is in force yet.
    """
    return ReviewRules(**latest_in_force("review.json", "rules of clerical review", day))
