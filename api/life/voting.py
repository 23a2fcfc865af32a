"""Votes as they are cast and kept: two people a stage, neither the applicant, neither shown the other's before their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.store.database import ApplicationRow, reading
from api.store.life_advance import require_day, require_role_on
from api.store.life_rows import VoteRow
from api.workspace.wiring import Workspace
from audit.journal import Event
from cld.errors import InputError, InvalidTransition, NotPermitted, SamePerson, StaleVersion
from cld.free_text import FreeText
from cld.signing import SignOff, sign_off
from extracts.life.conditions import Condition, conditions_from
from extracts.life.states import Act, State, step
from extracts.life.votes import N_VOTES, Answer, Vote, digest_of_vote, fresh, outcome, who_refused_before

__all__ = ["Ballot", "cast_vote", "fresh_votes", "has_nothing_to_vote", "shown_to"]

ENDS = {
    ("approve", Answer.APPROVE): Act.APPROVE,
    ("approve", Answer.RETURN): Act.RETURN,
    ("approve", Answer.REFUSE): Act.REFUSE,
    ("release", Answer.APPROVE): Act.RELEASE,
    ("release", Answer.RETURN): Act.RETURN_RELEASE,
    ("release", Answer.REFUSE): Act.REFUSE_RELEASE,
}
"""Where an answer leads at a stage; only what leads on from the present state is voted on."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """What a person says: the answer, its conditions and reason, and the digest that was seen (the present one where none)."""

    answer: Answer
    conditions: tuple[Condition, ...] = ()
    reason: str = ""
    seen: str = ""


def cast_vote(
    space: Workspace, reference: str, stage: str, person: str, key: Ed25519PrivateKey, *, now: str, role: str, ballot: Ballot
) -> Vote:  # fmt: skip
    """Cast one person's vote over the digest that stands ``now``; a second that returns or refuses leads on at once.

    Raises: StaleVersion if it is not what the person saw; NotPermitted if the person voted on it already, or refused what an
            appeal brought back; SamePerson for the applicant; WrongRole by the role of the day; InvalidTransition if nothing is voted on.
    """
    if ballot.seen and ballot.seen != now:
        message = "What you saw has changed since."
        raise StaleVersion(message, "Look at it again and vote on what stands there now.")
    if stage == "release" and ballot.answer is Answer.APPROVE and (ballot.conditions or ballot.reason):
        message = "Conditions are set at approval; a release is signed as it is."
        raise InputError(message, "Return it, or sign it without.")
    today = space.clock.today()
    try:
        with Session(space.database) as session, session.begin():
            row = _row(session, reference)
            require_day(session, today)
            step(State(row.state), ENDS[stage, ballot.answer], role)
            require_role_on(session, person, role, today)
            if person == row.application["applicant"]:
                message = "Two different people must sign, neither of them the applicant."
                raise SamePerson(message)
            if person in who_refused_before(_votes(session, reference, stage), row.round):
                message = "Whoever refused it does not vote on it again after an appeal."
                raise NotPermitted(message, "Others decide.")
            signed = digest_of_vote(now, ballot.answer, ballot.conditions, ballot.reason)
            vote = Vote(sign_off(person, key, signed), now, ballot.answer, ballot.conditions, ballot.reason, row.round)
            _keep(session, reference, stage, vote)
            details = {"application": reference, "stage": stage, "digest": now}
            space.journal.append(session, Event("signed", person, role, details), "")
            _lead_on(space, session, row, stage, role, now)
    except IntegrityError:
        message = f"{person} has signed already."
        raise NotPermitted(message, "Another person signs next.") from None
    return vote


def _row(session: Session, reference: str) -> ApplicationRow:
    row = session.get(ApplicationRow, reference)
    if row is None:
        message = f"There is no application {reference}."
        raise InvalidTransition(message, "Take it in first.")
    return row


def _keep(session: Session, reference: str, stage: str, vote: Vote) -> None:
    session.add(
        VoteRow(
            reference=reference, stage=stage, round=vote.round, person=vote.sign.person, seen=vote.seen, answer=vote.answer.value,
            conditions=[one.as_json() for one in vote.conditions], reason=vote.reason, signature=vote.sign.signature,
            public_key=vote.sign.public_key,
        )
    )  # fmt: skip
    session.flush()


def _lead_on(space: Workspace, session: Session, row: ApplicationRow, stage: str, role: str, now: str) -> None:
    """Return or refuse once both have voted and one of them wants it; an approval is sealed by its own door."""
    votes = fresh(_votes(session, row.reference, stage), now, row.round)
    decided = outcome(votes)
    if decided in (None, Answer.APPROVE):
        return
    told = [
        {"person": v.sign.person, "answer": v.answer.value, "reason": FreeText(v.reason), "signature": v.sign.signature}
        for v in votes
    ]
    details = {"application": row.reference, "digest": now, "votes": told}
    act = ENDS[stage, decided]
    space.journal.record_within(session, Event(act.value, votes[0].sign.person, role, details))
    row.reasons = [v.reason for v in votes if v.answer is not Answer.APPROVE]


def _votes(session: Session, reference: str, stage: str) -> tuple[Vote, ...]:
    wanted = select(VoteRow).where(VoteRow.reference == reference, VoteRow.stage == stage)
    rows = session.scalars(wanted.order_by(VoteRow.round, VoteRow.person, VoteRow.seen))
    return tuple(
        Vote(
            SignOff(row.person, row.signature, row.public_key), row.seen, Answer(row.answer), conditions_from(row.conditions), row.reason, row.round
        )
        for row in rows
    )  # fmt: skip


def fresh_votes(space: Workspace, reference: str, stage: str, now: str) -> tuple[Vote, ...]:
    """Return the votes that count on what stands now, by person."""
    with reading(space.database) as session:
        return fresh(_votes(session, reference, stage), now, _row(session, reference).round)


def has_nothing_to_vote(space: Workspace, reference: str, stage: str, now: str, person: str) -> bool:
    """Say whether a person voted on what stands now already, or refused what an appeal brought back."""
    with reading(space.database) as session:
        votes, row = _votes(session, reference, stage), _row(session, reference)
    voted = {vote.sign.person for vote in fresh(votes, now, row.round)}
    return person in voted | who_refused_before(votes, row.round)


def shown_to(space: Workspace, reference: str, stage: str, now: str, viewer: str) -> list[dict[str, Any]]:
    """Return the votes of a stage as a person may see them: another's of this round only beside one's own, or once two
    are cast; whether a vote still counts, or went stale.
    """
    with reading(space.database) as session:
        votes, row = _votes(session, reference, stage), _row(session, reference)
    counted = fresh(votes, now, row.round)
    open_to = len(counted) >= N_VOTES or any(vote.sign.person == viewer for vote in counted)
    shown = [v for v in votes if v.sign.person == viewer or v.round < row.round or open_to]
    return [
        {
            "person": v.sign.person, "answer": v.answer.value, "conditions": [str(one) for one in v.conditions], "reason": v.reason,
            "round": v.round, "stale": v not in counted, "seen": v.seen,
        }
        for v in shown
    ]  # fmt: skip
