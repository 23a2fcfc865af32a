"""An agreement's later life: its term extended by two people, renewed by another agreement, its data destroyed."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.life.refusals import told
from api.life.together import require_staff, sign_together
from api.store.database import ApplicationRow, reading
from api.store.life_advance import require_role_on
from api.store.life_rows import AgreementTermRow
from api.workspace.key_acts import destroy_key
from api.workspace.wiring import Workspace
from audit.journal import Event
from cld.canonical import digest_of, digest_of_bytes
from cld.errors import InputError, InvalidTransition, KeyDestroyed, UnreadableFile
from cld.shelf import atomic_write
from extracts.approve import application_from_json
from extracts.life.certificate import RecipientCertificate, certificate_from
from extracts.life.standing import DESTROYED, EXTENDED
from extracts.life.states import Act, State, possible, step
from keys.as_logged import require_as_logged

__all__ = ["destroy_agreement", "extend", "last_day_of", "rows_under"]

APPROVER, CUSTODIAN, OFFICER = "approver", "custodian", "officer"
LIVE_AFTER = frozenset({Act.EXPIRE, Act.RESUME})


def last_day_of(session: Session, row: ApplicationRow) -> date:
    """Return the last day of an application's agreement, as extended by now."""
    term = session.get(AgreementTermRow, row.agreement)
    agreement: Any = row.application["agreement"]
    return term.to_day if term is not None else date.fromisoformat(agreement["to"])


def rows_under(session: Session, agreement: str) -> list[ApplicationRow]:
    """Return the applications of an agreement, by reference."""
    wanted = select(ApplicationRow).where(ApplicationRow.agreement == agreement)
    return list(session.scalars(wanted.order_by(ApplicationRow.reference)))


def extend(space: Workspace, agreement: str, to_day: date, person: str) -> bool:
    """Sign for a later last day of an agreement that is in force; two approvers extend it. Returns whether it is extended.

    Raises: InvalidTransition if the agreement has ended, is not approved, or would not end later.
    """
    today, digest = space.clock.today(), digest_of({"extend": agreement, "to": to_day.isoformat()})
    with told(space, EXTENDED, person, APPROVER, agreement):
        with reading(space.database) as session:
            _require_extendable(session, agreement, to_day, today)
        signs = sign_together(space, "extend", digest, person, APPROVER, 2)
        if not signs:
            return False
        details = {"agreement": agreement, "to": to_day.isoformat(), "people": sorted(sign.person for sign in signs)}
        with Session(space.database) as session, session.begin():
            _require_extendable(session, agreement, to_day, today)
            space.journal.record_within(session, Event(EXTENDED, person, APPROVER, details))
            for row in rows_under(session, agreement):
                if Act.EXTEND in {one.act for one in possible(State(row.state))}:
                    told_of = {"application": row.reference}
                    space.journal.record_within(session, Event(Act.EXTEND.value, person, APPROVER, told_of))
    return True


def _require_extendable(session: Session, agreement: str, to_day: date, today: date) -> None:
    rows = [row for row in rows_under(session, agreement) if "ApprovedPlan" in row.documents]
    acts = {one.act for row in rows for one in possible(State(row.state))}
    if not acts & LIVE_AFTER or any(last_day_of(session, row) < today for row in rows):
        message = "There is no such agreement in force."
        raise InvalidTransition(message, "Renew it by an application under a new agreement.")
    if any(last_day_of(session, row) >= to_day for row in rows):
        message = "The agreement would not end later."
        raise InvalidTransition(message, "Give a later day.")


def destroy_agreement(space: Workspace, agreement: str, file: Path, person: str) -> Path:
    """Take a recipient's certificate, end the pseudonym key of the agreement for good, and write the house's certificate.

    Keys end first, so that a run cut off half way leaves no key behind what the log calls destroyed; asking again ends it.
    Raises: InputError for a certificate that does not do; InvalidTransition if something under the agreement is under
            way, or a renewal goes on with its pseudonyms; WrongRole if the person is no custodian today.
    """
    require_staff(space, person)
    today = space.clock.today()
    with told(space, DESTROYED, person, CUSTODIAN, agreement):
        with reading(space.database) as session:
            require_role_on(session, person, CUSTODIAN, today)
            rows = _require_destructible(session, agreement)
            application = application_from_json(rows[0].application)
        certificate, digest = _read(file, agreement, application.body_code, today)
        root = application.agreement.pseudonyms_of
        references = [row.reference for row in rows]
        held = _end_keys(space, [f"agreement-{root}", *(f"release-{name}" for name in references)], person)
        details = {
            "agreement": agreement, "keyed_by": root, "certificate": digest, "told": certificate.as_json(),
            "keys": [one["certificate"]["key_id"] for one in held],
        }  # fmt: skip
        with Session(space.database) as session, session.begin():
            _require_destructible(session, agreement)
            space.journal.record_within(session, Event(DESTROYED, person, CUSTODIAN, details))
            for name in references:
                about = {"application": name, "certificate": digest}
                space.journal.record_within(session, Event(Act.DESTROY.value, person, CUSTODIAN, about))
    path = space.folder / "destroyed" / f"{agreement}.json"
    atomic_write(path, json.dumps({"agreement": agreement, "recipients": digest, "keys": held}, indent=2).encode())
    return path


def _require_destructible(session: Session, agreement: str) -> list[ApplicationRow]:
    """Return the applications under an agreement that are destroyed with it."""
    rows = [row for row in rows_under(session, agreement) if row.documents.get("ApprovedPlan")]
    going = [row for row in rows if possible(State(row.state))]
    for row in going:
        step(State(row.state), Act.DESTROY, CUSTODIAN)
    if not going:
        message = f"Nothing under agreement {agreement} waits to be destroyed."
        raise InvalidTransition(message, "Name an agreement under which something was released.")
    root = application_from_json(going[0].application).agreement.pseudonyms_of
    for row in session.scalars(select(ApplicationRow).where(ApplicationRow.agreement != agreement)):
        other: Any = row.application["agreement"]
        goes_on = (other.get("keyed_by") or other["reference"]) == root
        if goes_on and "ApprovedPlan" in row.documents and possible(State(row.state)):
            message = f"Agreement {row.agreement} goes on with these pseudonyms."
            raise InvalidTransition(message, "They are destroyed at the end of that one.")
    return going


def _read(file: Path, agreement: str, body_code: str, today: date) -> tuple[RecipientCertificate, str]:
    try:
        content = file.read_bytes()
    except OSError as fault:
        message = "The certificate cannot be read."
        raise UnreadableFile(message, "Give the recipient's file.") from fault
    try:
        value = json.loads(content)
    except ValueError as fault:
        message = "The certificate is no JSON."
        raise InputError(message, "Give the recipient's file.") from fault
    if not isinstance(value, dict):
        message = "The certificate is no object."
        raise InputError(message, "Give the recipient's file.")
    return certificate_from(value, agreement=agreement, body_code=body_code, today=today), digest_of_bytes(content)


def _end_keys(space: Workspace, key_ids: list[str], person: str) -> list[dict[str, Any]]:
    """Destroy those of the keys that were ever made; return the house's signed certificates.

    Raises: KeyUnavailable if the log knows one that the keystore lacks: what opens it may lie elsewhere still.
    """
    held = set(space.keys.key_ids())
    for key_id in set(key_ids) - held:
        with suppress(KeyDestroyed):
            require_as_logged(key_id, space.keys, space.journal)
    return [json.loads(destroy_key(space, key_id, None, person)[1]) for key_id in key_ids if key_id in held]
