"""Numbers of an agreement's life as dated data: notice before it ends, days to destroy after it, people who lift a suspension.

Assumes: the numbers are this house's own; no public source states them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from policies.dated import latest_in_force

__all__ = ["LifeRules", "life_rules_on"]


@dataclass(frozen=True, slots=True)
class LifeRules:
    """days_of_notice before an agreement's last day, days_to_destroy after it, people_to_lift a suspension."""

    name: str
    days_of_notice: int
    days_to_destroy: int
    people_to_lift: int


def life_rules_on(day: date) -> LifeRules:
    """Return the rules in force on a day.

    Raises: UnknownSpecification if none is in force yet.
    """
    return LifeRules(**latest_in_force("life.json", "rules of an agreement's life", day))
