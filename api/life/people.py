"""Who may do what: roles given, taken away and delegated, and the named users of recipients; each change is an event."""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Session

from api.life.refusals import told
from api.store.database import reading
from api.store.life_advance import changes_of_roles, require_role_on
from api.store.life_kept import USER_NAMED
from api.workspace.wiring import Workspace
from audit.journal import Event
from cld.errors import InputError, NotPermitted
from cld.vocabulary import StaffRole
from extracts.life.roles import RoleChangeKind, holds, roles_on

__all__ = ["change_role", "name_user", "roles_of"]

OFFICER = StaffRole.OFFICER.value


def roles_of(space: Workspace, person: str) -> tuple[str, ...]:
    """Return the roles that a person holds today."""
    with reading(space.database) as session:
        return roles_on(person, space.clock.today(), changes_of_roles(session))


def change_role(
    space: Workspace, kind: RoleChangeKind, person: str, role: str, *, actor: str, from_day: date, to_day: date | None = None
) -> None:  # fmt: skip
    """Give a role, take it away, or let its holder delegate it from one day to another.

    An officer gives and takes away; a delegation is its holder's own, to another person, with both days.
    Raises: WrongRole if the actor is no officer today, or does not hold what is delegated; InputError; NotPermitted for an
            officer's own roles.
    """
    delegated = kind is RoleChangeKind.DELEGATED
    if role not in set(StaffRole) or (to_day is not None and to_day < from_day) or (delegated and to_day is None):
        message = "The role is unknown, or the days are the wrong way round or missing."
        raise InputError(message, f"The roles are: {', '.join(StaffRole)}; a delegation has two days.")
    today = space.clock.today()
    with told(space, kind.value, actor, role if delegated else OFFICER, role):
        if from_day < today or person == actor:
            message = "A role changes from today on, and never by one's own hand."
            raise NotPermitted(message, "Have somebody else do it, from today on.")
        details = {
            "person": person, "role": role, "from": from_day.isoformat(), "to": to_day.isoformat() if to_day else None,
            "by": actor,
        }  # fmt: skip
        with Session(space.database) as session, session.begin():
            require_role_on(session, actor, role if delegated else OFFICER, today)
            if delegated and _is_borrowed(session, actor, role, today):
                message = "What was delegated is not delegated on."
                raise NotPermitted(message, "Ask the one who holds the role.")
            space.journal.record_within(session, Event(kind.value, actor, role if delegated else OFFICER, details))


def _is_borrowed(session: Session, person: str, role: str, today: date) -> bool:
    """Say whether a role is held by delegation alone."""
    own = tuple(one for one in changes_of_roles(session) if one.kind is not RoleChangeKind.DELEGATED)
    return not holds(person, role, today, own)


def name_user(
    space: Workspace, body_code: str, person: str, *, actor: str, from_day: date, to_day: date | None = None
) -> None:
    """Name a user of a recipient from and to dates; naming again with a last day ends it.

    Raises: WrongRole if the actor is no officer today; InputError for days the wrong way round.
    """
    if to_day is not None and to_day < from_day:
        message = "The days are the wrong way round."
        raise InputError(message)
    details = {
        "body_code": body_code, "person": person, "from": from_day.isoformat(), "to": to_day.isoformat() if to_day else None
    }  # fmt: skip
    with told(space, USER_NAMED, actor, OFFICER, body_code), Session(space.database) as session, session.begin():
        require_role_on(session, actor, OFFICER, space.clock.today())
        space.journal.record_within(session, Event(USER_NAMED, actor, OFFICER, details))
