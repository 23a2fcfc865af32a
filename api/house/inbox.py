"""What waits for a person: every application whose next act is theirs by the role of the day, and that they have not done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.house.house import House, Stage
from api.life.people import roles_of
from api.life.post import Post
from api.life.voting import has_nothing_to_vote
from api.store.database import ApplicationRow, reading
from api.store.life_advance import is_user_of
from extracts.life.states import OWNERS, State, possible

__all__ = ["Waiting", "inbox_in", "inbox_of", "tell_by_mail"]

VOTED = {"approver": Stage.APPROVE, "releaser": Stage.RELEASE}
OF_THE_RECIPIENT = ("applicant", "recipient")
AND_ALSO = {"applicant": OF_THE_RECIPIENT, "recipient": OF_THE_RECIPIENT}
"""Roles that the people of a recipient share."""
SUBJECT = "Something waits for you in Caregate"
WORDS = "Something waits for you in Caregate. Sign in to see what it is; this message says nothing more.\n"


@dataclass(frozen=True, slots=True)
class Waiting:
    """An application that waits for a role of the person."""

    reference: str
    recipient: str
    state: State
    role: str

    @property
    def acts(self) -> tuple[str, ...]:
        """What the role may do with it now, in the words of the table of states."""
        roles = AND_ALSO.get(self.role, (self.role,))
        return tuple(dict.fromkeys(one.act.value for one in possible(self.state) if one.roles & {*roles}))


def inbox_of(house: House, person: str) -> tuple[Waiting, ...]:
    """Return what waits for a person by the roles of the day."""
    return inbox_in(house, person, roles_of(house.space, person))


def inbox_in(house: House, person: str, roles: Iterable[str]) -> tuple[Waiting, ...]:
    """Return what waits for a person in some roles, by reference; what they voted on already waits for somebody else."""
    space, held = house.space, frozenset(roles)
    with reading(space.database) as session:
        rows = session.scalars(select(ApplicationRow).order_by(ApplicationRow.reference)).all()
        own = {row.reference for row in rows if _is_theirs(session, house, row, person)}
    found = []
    for row in rows:
        state = State(row.state)
        role = OWNERS[state]
        theirs = row.reference in own if role in OF_THE_RECIPIENT else role in held
        if role and theirs and not _has_voted(house, row.reference, role, person):
            found.append(Waiting(row.reference, row.recipient, state, role))
    return tuple(found)


def _is_theirs(session: Session, house: House, row: ApplicationRow, person: str) -> bool:
    """Say whether a person acts for the recipient of an application today."""
    code = str(row.application["body_code"])
    return person == row.application["applicant"] or is_user_of(session, code, person, house.space.clock.today())


def _has_voted(house: House, reference: str, role: str, person: str) -> bool:
    if role not in VOTED:
        return False
    stage = VOTED[role]
    return has_nothing_to_vote(house.space, reference, stage, house.to_sign(reference, stage), person)


def tell_by_mail(house: House, post: Post, addresses: Iterable[tuple[str, str]]) -> int:
    """Tell everybody who has something waiting, by person and address; return how many messages went.

    A message carries no content: no reference, no name of a body, no state.
    """
    n_sent = 0
    for person, address in addresses:
        if inbox_of(house, person):
            post.send(address, SUBJECT, WORDS)
            n_sent += 1
    return n_sent
