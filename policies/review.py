"""How clerical review is done, as dated data: how many pairs, how many of them twice, what a false link costs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from importlib.resources import files

from cld.errors import UnknownSpecification

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
    held = json.loads(files("policies").joinpath("review.json").read_text("utf-8"))
    in_force = {name: rules for name, rules in held.items() if date.fromisoformat(rules["from"]) <= day}
    if not in_force:
        message = f"No rules of clerical review are in force on {day.isoformat()}."
        raise UnknownSpecification(message)
    name = max(in_force, key=lambda one: (in_force[one]["from"], one))
    return ReviewRules(name, **{key: value for key, value in in_force[name].items() if key != "from"})
