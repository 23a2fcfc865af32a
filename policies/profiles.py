"""Disclosure profiles as dated data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from importlib.resources import files

from cld.errors import UnknownSpecification
from policies.limits import StatedLimit, limits_in_force

__all__ = ["Coalition", "Profile", "profile_named"]


@dataclass(frozen=True, slots=True)
class Coalition:
    """Bodies, by their codes, that are taken to put together what they hold; with who said so and why."""

    name: str
    members: tuple[str, ...]
    set_by: str
    why: str


@dataclass(frozen=True, slots=True)
class Profile:
    """Limits in force: k in persons, the smallest count shown, the rounding base, the narrowest interval allowed.

    memory_units:  how much may be solved to weigh a candidate against memory (pivots times rows).
    coalitions, limits:  those in force on the day.
    """

    name: str
    k: int
    smallest_shown: int
    round_to: int
    secondary: bool
    national_exact: bool
    least_width: int
    smallest_overlap: int
    memory_units: int
    coalitions: tuple[Coalition, ...]
    limits: tuple[StatedLimit, ...]

    def limits_for(self, form: str, recipient: str) -> tuple[StatedLimit, ...]:
        """Return the limits for an extract of a form to a class of body."""
        return tuple(limit for limit in self.limits if limit.is_for(form, recipient))

    def coalitions_with(self, body_code: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return the name and members of each coalition that a body belongs to."""
        return tuple((one.name, one.members) for one in self.coalitions if body_code in one.members)


def profile_named(name: str, on: date) -> Profile:
    """Return a profile in force on a day. Source: cld/reference/published-disclosure-rules.csv (NHS rule).

    Raises: UnknownSpecification if there is none.
    """
    held = json.loads(files("policies").joinpath("profiles.json").read_text("utf-8"))
    found = held.get(name)
    if found is None or date.fromisoformat(found.pop("from")) > on:
        message = f"No disclosure profile {name} is in force on {on.isoformat()}."
        raise UnknownSpecification(message, "Choose one of: " + ", ".join(sorted(held)) + ".")
    stated = found.pop("coalitions")
    in_force = tuple(
        Coalition(str(one["name"]), tuple(one["members"]), str(one["set_by"]), str(one["why"]))
        for one in stated
        if date.fromisoformat(one["from"]) <= on
    )
    return Profile(name=name, coalitions=in_force, limits=limits_in_force(name, on), **found)
