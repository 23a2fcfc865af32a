"""The one function that leads an application on, inside the transaction that keeps the event saying so."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from api.store.database import ApplicationRow
from api.store.life_rows import ApplicationVersionRow, DayRow, RecipientUserRow, RoleChangeRow
from audit.journal import Event
from cld.errors import InvalidTransition, WrongRole
from extracts.life.roles import RoleChange, RoleChangeKind, holds
from extracts.life.states import ACTS_OF, Act, State, step

__all__ = ["advance", "changes_of_roles", "is_user_of", "require_day", "require_role_on"]

WRITTEN = (Act.SAVE, Act.SUBMIT)
OF_THE_RECIPIENT = ("applicant", "recipient")
REFUSALS = (Act.REFUSE_BY_POLICY, Act.REFUSE_BY_CHECK)


def advance(session: Session, event: Event, today: date) -> ApplicationRow | None:
    """Lead the application that an event speaks of on, if the event is an act of the table; return its row.

    State, role of the day and person are held here and nowhere else. What no application stands behind passes: doors
    may be walked through with sealed documents alone.
    Raises: InvalidTransition, with what is possible, also for a day before one that was begun; WrongRole.
    """
    act, about = ACTS_OF.get(event.action), event.details.get("application")
    if act is None or about is None:
        return None
    reference = str(about["reference"] if isinstance(about, dict) else about)
    row = session.get(ApplicationRow, reference)
    if row is None and act not in WRITTEN:
        return None
    if act is Act.REFUSE_BY_POLICY and row is not None and not _is_open_to(row, act, event.role):
        row.reasons = _reasons(event)  # policy held something back that stays where it is
        return row
    require_day(session, today)
    transition = step(State(row.state) if row else None, act, event.role)
    _require_person(session, event, row, today)
    if act in WRITTEN:
        return _write(session, row, event, State(transition.target or State.DRAFT))
    row = session.get_one(ApplicationRow, reference)
    origin, target = row.state, transition.target.value if transition.target else row.held_state
    row.state, row.held_state = target, origin if act is Act.SUSPEND else ""
    row.round += act in (Act.UPHOLD_APPEAL, Act.RETURN_RELEASE)
    if act in REFUSALS:
        row.reasons = _reasons(event)
    return row


def _is_open_to(row: ApplicationRow, act: Act, role: str) -> bool:
    try:
        step(State(row.state), act, role)
    except InvalidTransition:
        return False
    return True


def _reasons(event: Event) -> list[str]:
    return list(event.details.get("clauses") or event.details.get("measures") or [])


def require_day(session: Session, today: date) -> None:
    """Hold that no later day was begun: a clock that went backwards makes ended agreements live again.

    Raises: InvalidTransition.
    """
    last = session.scalar(select(func.max(DayRow.day)))
    if last is not None and today < last:
        message = f"The clock stands at {today.isoformat()}, before a day that was begun: {last.isoformat()}."
        raise InvalidTransition(message, "Set the clock right.")


def _require_person(session: Session, event: Event, row: ApplicationRow | None, today: date) -> None:
    """Hold that the actor carries the event's role on the day."""
    if event.role not in OF_THE_RECIPIENT:
        require_role_on(session, event.actor, event.role, today)
        return
    held: Any = row.application if row is not None else event.details["application"]
    if event.actor != held["applicant"] and not is_user_of(session, str(held["body_code"]), event.actor, today):
        message = "Only the applicant, or a named user of the recipient, may do this."
        raise WrongRole(message, "Have the person named as a user of the recipient.")


def is_user_of(session: Session, body_code: str, person: str, day: date) -> bool:
    """Say whether a person is a named user of a recipient on a day."""
    wanted = select(RecipientUserRow).where(
        RecipientUserRow.body_code == body_code,
        RecipientUserRow.person == person,
        RecipientUserRow.from_day <= day,
        or_(RecipientUserRow.to_day.is_(None), RecipientUserRow.to_day >= day),
    )
    return session.scalars(wanted).first() is not None


def changes_of_roles(session: Session) -> tuple[RoleChange, ...]:
    """Return every change of a role, in order."""
    rows = session.scalars(select(RoleChangeRow).order_by(RoleChangeRow.change_id))
    return tuple(
        RoleChange(RoleChangeKind(row.kind), row.person, row.role, row.from_day, row.to_day, row.by) for row in rows
    )


def require_role_on(session: Session, person: str, role: str, day: date) -> None:
    """Hold that a person has a role on the very day of the act, whatever it was when the page was opened.

    Raises: WrongRole.
    """
    if not holds(person, role, day, changes_of_roles(session)):
        message = f"The person is no {role} on this day."
        raise WrongRole(message, f"Ask somebody who is {role} today.")


def _write(session: Session, row: ApplicationRow | None, event: Event, target: State) -> ApplicationRow:
    """Keep a version of an application; resubmitting begins a new round, in which earlier votes do not count."""
    details, application = event.details, event.details["application"]
    if row is None:
        row = ApplicationRow(reference=application["reference"], documents={}, held_state="", version=0, round=0)
        session.add(row)
    elif row.application["body_code"] != application["body_code"]:
        message = "An application stays that of its body."
        raise InvalidTransition(message, "Another body applies under another reference.")
    row.recipient, row.agreement = application["recipient"], application["agreement"]["reference"]
    row.application, row.plan, row.decision = application, details["plan"], details["decision"]
    row.state, row.reasons = target.value, []
    row.version += 1
    row.round += event.action == Act.SUBMIT.value
    session.add(
        ApplicationVersionRow(
            reference=row.reference, version=row.version, application=application, plan=details["plan"]
        )
    )
    return row
