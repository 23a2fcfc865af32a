"""Limits on what the check measures, as dated data: for which form and recipients, who set them, why, and what they answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib.resources import files
from typing import Any

__all__ = ["StatedLimit", "limits_in_force", "parameters_in_force"]

EVERYONE = "*"
WORDS = ("set_by", "why", "answers")


@dataclass(frozen=True, slots=True)
class StatedLimit:
    """One limit of a profile: on a measure of a form, for classes of recipients.

    ``bound`` is ``at least``, ``at most`` or ``reported``: measured and shown, but no number is in force.
    """

    form: str
    recipients: tuple[str, ...]
    measure: str
    bound: str
    value: Decimal | None
    set_by: str
    why: str
    answers: str

    def is_for(self, form: str, recipient: str) -> bool:
        """Say whether the limit holds for an extract of this form to this class of body."""
        return form == self.form and (EVERYONE in self.recipients or recipient in self.recipients)

    def allows(self, found: Decimal) -> bool:
        """Say whether a measured value is within the limit."""
        if self.value is None:
            return True
        return found >= self.value if self.bound == "at least" else found <= self.value


def _held() -> dict[str, Any]:
    value: dict[str, Any] = json.loads(files("policies").joinpath("limits.json").read_text("utf-8"))
    return value


def _is_in_force(entry: Mapping[str, Any], on: date) -> bool:
    return date.fromisoformat(entry["from"]) <= on


def limits_in_force(profile: str, on: date) -> tuple[StatedLimit, ...]:
    """Return a profile's limits of the day; of the same limit stated twice the later holds.

    Source: ICO anonymisation guidance of 28 March 2025, by the clause that each limit names.
    Assumes: every number that a limit says the project set.
    """
    found = {}
    for entry in sorted(_held()["limits"], key=lambda one: str(one["from"])):
        if entry["profile"] == profile and _is_in_force(entry, on):
            value = None if entry["value"] is None else Decimal(entry["value"])
            words = [str(entry[name]) for name in WORDS]
            limit = StatedLimit(
                entry["form"], tuple(entry["recipients"]), entry["measure"], entry["bound"], value, *words
            )
            found[(limit.form, limit.recipients, limit.measure)] = limit
    return tuple(found.values())


def parameters_in_force(on: date) -> dict[str, dict[str, str]]:
    """Return, for each parameter of the profiles, who set it, why, and the clause it answers."""
    return {
        entry["name"]: {name: entry[name] for name in ("from", *WORDS)}
        for entry in _held()["parameters"]
        if _is_in_force(entry, on)
    }
