"""Entries of successors, recorded and signed by an officer, and agreements that a successor signed anew.

Source: shared reading, Direction 1 and Annex 3.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from api.life.agreements import rows_under
from api.life.refusals import told
from api.life.together import require_staff
from api.store.life_advance import require_day, require_role_on
from api.workspace.wiring import Workspace
from audit.journal import Event
from cld.canonical import digest_of_file
from cld.errors import InputError, InvalidTransition
from extracts.life.successions import RECORDED, RESIGNED, document_of, successions_in
from policies.versioned.annex3 import Annex3, Successor, sign_successor
from policies.versioned.versions import version_on
from policies.words import Succession

__all__ = ["record_succession", "resign_agreement"]

OFFICER = "officer"


def record_succession(
    space: Workspace, person: str, *, from_code: str, to_code: str, on: date, evidence: str, source: str
) -> str:
    """Sign and seal the entry by which a body stands in a listed one's place from a day on; return its document's digest.

    Raises: WrongRole if the person is no officer today; InputError if the body before is not listed on the eve, the one after
            is, or nothing shows it; InvalidTransition if the entry is recorded already.
    """
    require_staff(space, person)
    today = space.clock.today()
    with told(space, RECORDED, person, OFFICER, to_code):
        entry = sign_successor(_entry(version_on(today).annex3, from_code, to_code, on, (evidence, source)), person, space.staff[person])  # fmt: skip
        if any(one.digest == entry.digest for one in successions_in(space.journal).entries):
            message = "This entry is recorded already."
            raise InvalidTransition(message, "Record it once; it holds from its day on.")
        document = document_of(entry)
        details = {"from_code": from_code, "to_code": to_code, "on": on.isoformat()}
        with Session(space.database) as session, session.begin():
            require_day(session, today)
            require_role_on(session, person, OFFICER, today)
            space.journal.seal_within(session, document, Event(RECORDED, person, OFFICER, details))
    return document.digest


def _entry(annex3: Annex3, from_code: str, to_code: str, on: date, shown: tuple[str, str]) -> Successor:
    """Return the entry to sign; its class is that of the policies' own entry, where they hold one, or of the body before."""
    before = annex3.body_on(from_code, on - timedelta(days=1))
    if before is None or annex3.body_on(to_code, on) is not None or not all(text.strip() for text in shown):
        message = "The entry names no listed body and its successor, or does not say what shows it."
        raise InputError(message, "Name a body listed on the eve, one that is not listed, the evidence and its source.")
    held = [one for one in annex3.successors if (one.from_code, one.to_code, one.on) == (from_code, to_code, on)]
    kind = held[0].kind if held else before.kind.value
    return Successor(before.code, to_code, kind, on, *shown, "", "")


def resign_agreement(space: Workspace, agreement: str, to_code: str, signed: Path, person: str) -> None:
    """Record that a successor signed an agreement, of the body before it or of its own, with the digest of what was signed.

    Raises: WrongRole if the person is no officer today; InvalidTransition unless the body is a successor today by a signed
            entry, and it or a body in whose place it stands applied under the agreement.
    """
    require_staff(space, person)
    today = space.clock.today()
    with told(space, RESIGNED, person, OFFICER, agreement):
        details = {"agreement": agreement, "body_code": to_code, "signed_digest": digest_of_file(signed)}
        held = successions_in(space.journal, space.people())
        stands, _ = held.of(to_code, today, version_on(today).annex3)
        with Session(space.database) as session, session.begin():
            require_day(session, today)
            require_role_on(session, person, OFFICER, today)
            applied = {str(row.application["body_code"]) for row in rows_under(session, agreement)}
            codes = applied & held.codes_of(to_code, today)
            if stands is not Succession.SIGNED or not codes:
                message = "This body is no successor to a party of such an agreement."
                raise InvalidTransition(message, "Record the signed entry of the succession first.")
            space.journal.record_within(session, Event(RESIGNED, person, OFFICER, details))
