"""Limits of re-identification, of oblivious keying and of the emergency stop, as dated data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from policies.dated import latest_in_force

__all__ = ["Safeguards", "safeguards_on"]


@dataclass(frozen=True, slots=True)
class Safeguards:
    """How many pseudonyms of one agreement may ever be asked, how many at once, for how long a question stays open, and
    how many people lift the emergency stop, how many identifiers are keyed obliviously at once, and ever under one agreement."""

    name: str
    cap_of_an_agreement: int
    most_at_once: int
    most_days_open: int
    quorum_to_lift: int
    oblivious_at_once: int
    oblivious_of_an_agreement: int


def safeguards_on(day: date) -> Safeguards:
    """Return the limits in force on a day, the latest where several are.

    Raises: UnknownSpecification if none is in force yet.
    """
    return Safeguards(**latest_in_force("safeguards.json", "safeguards", day))
