"""Bodies in the place of bodies of Annex 3: an entry of the dated list, signed by an officer and kept in the log."""

from __future__ import annotations

from sqlalchemy.orm import Session

from api.life.refusals import told
from api.life.together import require_staff
from api.store.life_advance import require_role_on
from api.workspace.wiring import Workspace
from audit.journal import Event
from cld.errors import InputError
from extracts.life.standing import SUCCEEDED
from policies.versioned.annex3 import Successor, sign_successor
from policies.versioned.versions import version_on

__all__ = ["sign_succession"]

OFFICER = "officer"


def sign_succession(space: Workspace, from_code: str, to_code: str, person: str) -> Successor:
    """Sign that a body stands in a listed one's place from the day of its entry on; until then it receives nothing.

    Raises: WrongRole if the person is no officer today; InputError if the list of today has no such entry.
    Source: shared reading, Direction 1 and Annex 3.
    """
    require_staff(space, person)
    today, key = space.clock.today(), space.staff[person]
    with told(space, SUCCEEDED, person, OFFICER, to_code):
        found = [
            one for one in version_on(today).annex3.successors if (one.from_code, one.to_code) == (from_code, to_code)
        ]
        if not found:
            message = "The dated list has no such successor."
            raise InputError(message, "Have a version of the policies signed that lists it.")
        signed = sign_successor(found[0], person, key)
        details = signed.as_json() | {"public_key": key.public_key().public_bytes_raw().hex()}
        with Session(space.database) as session, session.begin():
            require_role_on(session, person, OFFICER, today)
            space.journal.record_within(session, Event(SUCCEEDED, person, OFFICER, details))
    return signed
