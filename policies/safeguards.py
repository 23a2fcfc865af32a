"""Limits of re-identification and of the emergency stop, as dated data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from importlib.resources import files

from cld.errors import UnknownSpecification

__all__ = ["Safeguards", "safeguards_on"]


@dataclass(frozen=True, slots=True)
class Safeguards:
    """How many pseudonyms of one agreement may ever be asked, how many at once, for how long a question stays open, and
    how many people lift the emergency stop."""

    name: str
    cap_of_an_agreement: int
    most_at_once: int
    most_days_open: int
    quorum_to_lift: int


def safeguards_on(day: date) -> Safeguards:
    """Return the limits in force on a day, the latest where several are.

    Raises: UnknownSpecification if none is in force yet.
    """
    held = json.loads(files("policies").joinpath("safeguards.json").read_text("utf-8"))
    in_force = {name: limits for name, limits in held.items() if date.fromisoformat(limits["from"]) <= day}
    if not in_force:
        message = f"No safeguards are in force on {day.isoformat()}."
        raise UnknownSpecification(message)
    name = max(in_force, key=lambda one: (in_force[one]["from"], one))
    return Safeguards(name, **{key: value for key, value in in_force[name].items() if key != "from"})
