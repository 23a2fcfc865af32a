"""Who holds which role on a day: given, taken away, delegated from one day to another.

In a demo workspace the staff are called by their roles; what the record says of a person goes before the name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cld.vocabulary import StaffRole

__all__ = ["RoleChange", "RoleChangeKind", "holds", "role_of", "roles_on"]


class RoleChangeKind(StrEnum):
    """What was done; the value is the kind of audit event."""

    GIVEN = "role given"
    TAKEN = "role taken away"
    DELEGATED = "role delegated"


@dataclass(frozen=True, slots=True)
class RoleChange:
    """One change. A delegation is from one person to another, both days included; while it runs the first lacks the role."""

    kind: RoleChangeKind
    person: str
    role: str
    from_day: date
    to_day: date | None = None
    by: str = ""

    def runs_on(self, day: date) -> bool:
        """Say whether the change is in force on a day."""
        return self.from_day <= day and (self.to_day is None or day <= self.to_day)


def role_of(person: str) -> str:
    """Return the role of a member of the demo's staff, who is called by it: ``approver one`` is an approver."""
    return person.rsplit(" ", 1)[0]


def holds(person: str, role: str, day: date, changes: Sequence[RoleChange]) -> bool:
    """Say whether a person holds a role on a day; ``changes`` in the order in which they were made."""
    held = role_of(person) == role
    borrowed, lent = False, False
    for change in changes:
        if change.role != role or not change.runs_on(day):
            continue
        match change.kind:
            case RoleChangeKind.GIVEN if change.person == person:
                held = True
            case RoleChangeKind.TAKEN if change.person == person:
                held, borrowed = False, False
            case RoleChangeKind.TAKEN:
                # what somebody lent ends with their own role
                borrowed = borrowed and not _lent_by(change.person, person, role, changes)
            case RoleChangeKind.DELEGATED if change.person == person:
                borrowed = True
            case RoleChangeKind.DELEGATED if change.by == person:
                lent = True
    return borrowed or (held and not lent)


def _lent_by(lender: str, person: str, role: str, changes: Sequence[RoleChange]) -> bool:
    return any(
        one.kind is RoleChangeKind.DELEGATED and (one.by, one.person, one.role) == (lender, person, role)
        for one in changes
    )


def roles_on(person: str, day: date, changes: Sequence[RoleChange]) -> tuple[str, ...]:
    """Return the roles that a person holds on a day."""
    return tuple(role.value for role in StaffRole if holds(person, role.value, day, changes))
