"""Disclosure profiles as dated data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from importlib.resources import files

from cld.errors import UnknownSpecification

__all__ = ["Profile", "profile_named"]


@dataclass(frozen=True, slots=True)
class Profile:
    """Limits in force: k in persons, the smallest count shown, the rounding base, the narrowest interval allowed."""

    name: str
    k: int
    smallest_shown: int
    round_to: int
    secondary: bool
    national_exact: bool
    least_width: int
    smallest_overlap: int


def profile_named(name: str, on: date) -> Profile:
    """Return a profile in force on a day. Source: cld/reference/published-disclosure-rules.csv (NHS rule).

    Raises: UnknownSpecification if there is none.
    """
    held = json.loads(files("policies").joinpath("profiles.json").read_text("utf-8"))
    found = held.get(name)
    if found is None or date.fromisoformat(found.pop("from")) > on:
        message = f"No disclosure profile {name} is in force on {on.isoformat()}."
        raise UnknownSpecification(message, "Choose one of: " + ", ".join(sorted(held)) + ".")
    return Profile(name=name, **found)
