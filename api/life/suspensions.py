"""Suspension and cessation by written instruction, of an agreement, a recipient or the Direction; two officers lift.

Source: Direction 8.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.life.refusals import told
from api.life.together import require_staff, sign_together
from api.store.database import ApplicationRow, reading
from api.store.life_advance import require_role_on
from api.store.life_rows import SuspensionRow
from api.workspace.wiring import Workspace
from audit.journal import Event
from cld.canonical import digest_of_file
from cld.errors import InvalidTransition
from extracts.life.instructions import digest_to_resume, instruction
from extracts.life.standing import LIFTED, SUSPENDED, Scope, Suspension
from extracts.life.states import Act, State, possible
from policies.life import life_rules_on

__all__ = ["instruct", "lift_suspension", "settle_suspensions"]

OFFICER = "officer"


def instruct(
    space: Workspace, person: str, *, scope: str, subject: str, sender: str, letter: Path, notice: str, effective: str,
    ends: bool = False,
) -> str:  # fmt: skip
    """Record a written instruction; from its effective day nothing that it reaches is built, released or collected.

    Returns the digest of the instruction, by which it is lifted.
    Raises: WrongRole if the person is no officer today; InputError.
    """
    require_staff(space, person)
    document = instruction(
        scope=scope, subject=subject, sender=sender, letter=digest_of_file(letter), notice=notice, effective=effective, ends=ends
    )  # fmt: skip
    body, today = document.body, space.clock.today()
    details = {
        "instruction": document.digest,
        **{name: body[name] for name in ("scope", "subject", "effective", "ends")},
    }
    with told(space, SUSPENDED, person, OFFICER, subject), Session(space.database) as session, session.begin():
        require_role_on(session, person, OFFICER, today)
        if session.get(SuspensionRow, document.digest) is not None:
            message = "This instruction is recorded already."
            raise InvalidTransition(message, "Record another letter.")
        space.journal.seal_within(session, document, Event(SUSPENDED, person, OFFICER, details))
        settle_suspensions(space, session, today, person, OFFICER)
    return document.digest


def lift_suspension(space: Workspace, digest: str, person: str) -> bool:
    """Sign to lift a suspension; the second officer's signature lifts it. Returns whether it is lifted.

    Raises: InvalidTransition if there is none to lift: what was ended stays ended.
    """
    today = space.clock.today()
    with told(space, LIFTED, person, OFFICER, digest[:16]):
        with reading(space.database) as session:
            row = session.get(SuspensionRow, digest)
        if row is None or row.lifted or row.ends:
            message = "There is no such suspension to lift."
            raise InvalidTransition(message, "Name it by the digest of its instruction; what was ended stays ended.")
        n_people = life_rules_on(today).people_to_lift
        signs = sign_together(space, "resume", digest_to_resume(digest), person, OFFICER, n_people)
        if not signs:
            return False
        names = sorted(sign.person for sign in signs)
        with Session(space.database) as session, session.begin():
            details = {"instruction": digest, "people": names}
            space.journal.record_within(session, Event(LIFTED, person, OFFICER, details))
            session.flush()
            settle_suspensions(space, session, today, person, OFFICER)
    return True


def settle_suspensions(space: Workspace, session: Session, today: date, actor: str, role: str) -> int:
    """Lead every application to where the instructions in force put it; return how many moved."""
    session.flush()
    held = [row for row in session.scalars(select(SuspensionRow)) if not row.lifted and row.from_day <= today]
    n_moved = 0
    for row in session.scalars(select(ApplicationRow).order_by(ApplicationRow.reference)).all():
        code = str(row.application["body_code"])
        hits = [one for one in held if _suspension(one).reaches(row.agreement, code)]
        act = Act.REVOKE if any(one.ends for one in hits) else Act.SUSPEND if hits else Act.RESUME
        if act in {one.act for one in possible(State(row.state))}:
            details = {"application": row.reference, "instructions": sorted(one.instruction for one in hits)}
            space.journal.record_within(session, Event(act.value, actor, role, details))
            n_moved += 1
    return n_moved


def _suspension(row: SuspensionRow) -> Suspension:
    return Suspension(row.instruction, Scope(row.scope), row.subject, row.from_day, row.lifted)
