"""What the log says of an agreement, its recipient and the Direction by now: signed, extended, suspended, ended, collected.

An application is approved with the agreement as it was; whatever happened since stands in the log alone, and policy is
given it each time it is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any

from audit.journal import Journal
from extracts.life.successions import NOBODY, RESIGNED, Successions, successions_in

__all__ = [
    "DESTROYED",
    "EXTENDED",
    "LIFTED",
    "REVOKED",
    "SIGNED",
    "SUSPENDED",
    "DirectionStanding",
    "Scope",
    "Standing",
    "Suspension",
    "direction_standing",
    "standing_of",
    "suspensions_in",
]

SIGNED, EXTENDED = "agreement signed", "agreement term extended"
REVOKED, DESTROYED = "agreement revoked", "agreement destroyed"
SUSPENDED, LIFTED = "suspension begun", "suspension lifted"
COLLECTED, ACCEPTED = "collected", "accept"
MARKS = tuple(f'"action":"{name}'.encode() for name in ("agreement ", "suspension ", COLLECTED, ACCEPTED))


class Scope(StrEnum):
    """What an instruction suspends."""

    AGREEMENT = "agreement"
    RECIPIENT = "recipient"
    DIRECTION = "direction"


@dataclass(frozen=True, slots=True)
class Suspension:
    """A suspension in the log: its instruction's digest, what it is of, from which day, whether it was lifted.

    ends:  a cessation, which is never lifted.
    """

    digest: str
    scope: Scope
    subject: str
    from_day: date
    lifted: bool = False
    ends: bool = False

    def reaches(self, agreement: str, body_code: str) -> bool:
        """Say whether it speaks of an agreement of a body."""
        match self.scope:
            case Scope.DIRECTION:
                return True
            case Scope.RECIPIENT:
                return self.subject == body_code
            case Scope.AGREEMENT:
                return self.subject == agreement

    def is_on(self, day: date) -> bool:
        """Say whether it is in force on a day."""
        return not self.lifted and self.from_day <= day


@dataclass(frozen=True, slots=True)
class Standing:
    """What happened to an agreement since it was applied for; ``submitted``: the log holds a file of its council;
    ``resigned``: this very body, a successor, signed it anew."""

    submitted: bool = False
    signed: bool = False
    to_day: date | None = None
    suspended: tuple[Suspension, ...] = ()
    revoked: bool = False
    destroyed: bool = False
    n_collections: int = 0
    resigned: bool = False
    successions: Successions = field(default_factory=Successions)

    def suspended_since(self, scope: Scope) -> date | None:
        """Return the day from which a suspension of a scope is on, None where none is."""
        return _since(self.suspended, scope, ends=False)

    def ended_since(self, scope: Scope) -> date | None:
        """Return the day from which a scope was ended by a written instruction, None where it was not."""
        return _since(self.suspended, scope, ends=True)

    def remedies(self) -> tuple[str, ...]:
        """Return what would change what was suspended, revoked or destroyed."""
        told = [
            f"Nobody: the {one.scope.value} was ended by a written instruction."
            if one.ends
            else f"Two officers lift the suspension of the {one.scope.value}."
            for one in self.suspended
        ]
        if self.revoked or self.destroyed:
            told.append("A new agreement: this one was revoked, or its data were destroyed.")
        return tuple(dict.fromkeys(told))


@dataclass(frozen=True, slots=True)
class DirectionStanding:
    """From which day the Direction is suspended or revoked by a written instruction that is in force, if it is."""

    suspended_from: date | None
    revoked_from: date | None


def direction_standing(journal: Journal, today: date) -> DirectionStanding:
    """Return how the Direction itself stands on a day. Source: Direction 8."""
    on = tuple(one for one in suspensions_in(journal) if one.is_on(today))
    suspended, revoked = (_since(on, Scope.DIRECTION, ends=ends) for ends in (False, True))
    return DirectionStanding(suspended, revoked)


def _since(suspensions: tuple[Suspension, ...], scope: Scope, *, ends: bool) -> date | None:
    return min((one.from_day for one in suspensions if one.scope is scope and one.ends is ends), default=None)


def _told(journal: Journal) -> Iterator[dict[str, Any]]:
    for leaf in journal.leaves():
        if any([mark in leaf for mark in MARKS]):
            yield json.loads(leaf)


def standing_of(
    agreement: str, body_code: str, journal: Journal, today: date, *, keyed_by: str = "", reference: str = "",
    people: Mapping[str, str] = NOBODY,
) -> Standing:  # fmt: skip
    """Return how an agreement of a body stands.

    keyed_by:  the agreement whose pseudonyms it goes on with, itself where it does not; destroyed with that one's key.
    reference:  the application whose collections are counted.  people:  whose signatures under entries of successors count.
    """
    submitted, signed, to_day, revoked, destroyed, n_collections = False, False, None, False, False, 0
    resigned = False
    held = {agreement, keyed_by}
    for leaf in _told(journal):
        details, action = leaf["details"], leaf["action"]
        if action == COLLECTED:
            n_collections += details.get("application") == reference
        elif action == ACCEPTED:
            submitted = submitted or details.get("la_code") == body_code
        elif action == DESTROYED:
            destroyed = destroyed or bool(held & {details["agreement"], details["keyed_by"]} - {""})
        elif details.get("agreement") == agreement:
            signed, revoked = signed or action == SIGNED, revoked or action == REVOKED
            to_day = date.fromisoformat(details["to"]) if action == EXTENDED else to_day
            resigned = resigned or (action == RESIGNED and details["body_code"] == body_code)
    on = tuple(one for one in suspensions_in(journal) if one.reaches(agreement, body_code) and one.is_on(today))
    return Standing(
        submitted, signed, to_day, on, revoked, destroyed, n_collections, resigned, successions_in(journal, people)
    )


def suspensions_in(journal: Journal) -> tuple[Suspension, ...]:
    """Return every suspension in the log, lifted or not, in its order."""
    found: dict[str, Suspension] = {}
    for leaf in _told(journal):
        details = leaf["details"]
        if leaf["action"] == SUSPENDED:
            digest, start = details["instruction"], date.fromisoformat(details["effective"])
            found[digest] = Suspension(
                digest, Scope(details["scope"]), details["subject"], start, ends=details["ends"] is True
            )
        elif leaf["action"] == LIFTED:
            old = found[details["instruction"]]
            found[old.digest] = replace(old, lifted=True)
    return tuple(found.values())
