"""Change and review records of Directions 3 and 9, sealed as documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from api.life.refusals import told
from api.life.together import require_staff
from api.store.life_advance import require_role_on
from api.workspace.wiring import Workspace
from audit.journal import Event
from cld.journey import Document, DocumentKind
from extracts.life.instructions import record_from

__all__ = ["RECORDS", "keep_record"]

OFFICER = "officer"
RECORDS = {"change": DocumentKind.CHANGE_RECORD, "review": DocumentKind.REVIEW_RECORD}


def keep_record(space: Workspace, name: str, value: Mapping[str, Any], person: str) -> Document:
    """Seal a record of a change of the specification, or of a review of the Direction.

    Raises: WrongRole if the person is no officer today; InputError.
    Source: Direction 3 (change management), 9 (review).
    """
    require_staff(space, person)
    today = space.clock.today()
    act = f"{name} recorded"
    with told(space, act, person, OFFICER, name):
        document = record_from(RECORDS[name], value, today)
        with Session(space.database) as session, session.begin():
            require_role_on(session, person, OFFICER, today)
            space.journal.seal_within(session, document, Event(act, person, OFFICER, {}))
    return document
