"""Conditions that approvers set: a closed list, each held against the plan and the day whenever policy is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from cld.errors import InputError
from cld.plan import ExtractPlan
from cld.vocabulary import Form
from extracts.life.dars import day_of
from policies.profiles import profile_named

__all__ = ["Condition", "ConditionKind", "Judged", "broken", "conditions_from", "union"]


class ConditionKind(StrEnum):
    """What may be set: the last day, one collection alone, keys of one release alone, a profile at least as strict."""

    LATEST_DATE = "latest-date"
    ONLY_ONCE = "only-once"
    NO_FURTHER_LINKAGE = "no-further-linkage"
    PROFILE_AT_LEAST = "profile-at-least"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition; ``value`` is a day or a profile's name where the kind has one, else empty."""

    kind: ConditionKind
    value: str = ""

    def as_json(self) -> dict[str, str]:
        """Return it as a JSON value."""
        return {"kind": self.kind.value, "value": self.value}

    def __str__(self) -> str:
        """Return the condition as a person writes it."""
        return f"{self.kind.value}={self.value}" if self.value else self.kind.value


@dataclass(frozen=True, slots=True)
class Judged:
    """What conditions are held against."""

    plan: ExtractPlan
    today: date
    n_collections: int


def conditions_from(value: object) -> tuple[Condition, ...]:
    """Read conditions, sorted, each once.

    Raises: InputError for a condition that is not of the list: nobody could hold it.
    """
    try:
        return union(tuple(_condition(one) for one in value))  # type: ignore[attr-defined]
    except (KeyError, TypeError, ValueError) as fault:
        message = "A condition is unknown or its value is of the wrong kind."
        raise InputError(message, f"The conditions are: {', '.join(ConditionKind)}.") from fault


def _condition(one: Mapping[str, Any]) -> Condition:
    found = Condition(ConditionKind(one["kind"]), str(one.get("value") or ""))
    if found.kind is ConditionKind.LATEST_DATE:
        day_of(found.value)
    elif (found.kind is ConditionKind.PROFILE_AT_LEAST) != bool(found.value):
        raise ValueError
    return found


def union(*sets: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Return every condition of several approvers: what one of them set, holds."""
    return tuple(sorted({one for held in sets for one in held}, key=str))


def _profile_is_as_strict(value: str, facts: Judged) -> bool:
    """Hold every limit of the plan's profile against the named one's."""
    asked, planned = profile_named(value, facts.today), profile_named(facts.plan.profile, facts.today)
    at_least = ("k", "smallest_shown", "round_to", "secondary", "least_width", "smallest_overlap")
    return all(getattr(planned, name) >= getattr(asked, name) for name in at_least) and (
        asked.national_exact or not planned.national_exact
    )


HELD: Mapping[ConditionKind, Callable[[str, Judged], bool]] = {
    ConditionKind.LATEST_DATE: lambda value, facts: facts.today <= day_of(value),
    ConditionKind.ONLY_ONCE: lambda _, facts: facts.n_collections == 0,
    ConditionKind.NO_FURTHER_LINKAGE: lambda _, facts: (
        facts.plan.form is not Form.PSEUDONYMISED or facts.plan.pseudonyms_last == "release"
    ),
    ConditionKind.PROFILE_AT_LEAST: _profile_is_as_strict,
}


def broken(conditions: tuple[Condition, ...], facts: Judged) -> tuple[Condition, ...]:
    """Return the conditions that do not hold."""
    return tuple(one for one in conditions if not HELD[one.kind](one.value, facts))
