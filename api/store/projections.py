"""From documents and events to the rows that pages read, inside the transaction that keeps them."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from api.store.database import ReviewDecisionRow, ReviewRow, StopRow, SubmissionRow
from api.store.life_advance import advance
from api.store.life_kept import keep_life
from api.store.memory import remember_release
from api.store.opt_out_rules import keep_opt_out_rule
from audit.journal import Event
from audit.stop import LIFTED, STOPPED
from cld.errors import StaleVersion, Stopped
from cld.journey import Document, DocumentKind

__all__ = ["project_document", "project_event", "project_stop"]

OPEN = "open"
STEPS = (
    DocumentKind.APPROVED_PLAN,
    DocumentKind.CANDIDATE_EXTRACT,
    DocumentKind.CHECKED_EXTRACT,
    DocumentKind.SIGNED_RELEASE,
)
HALTED = (DocumentKind.CANDIDATE_EXTRACT, DocumentKind.CHECKED_EXTRACT, DocumentKind.SIGNED_RELEASE)


def _require_running(session: Session) -> None:
    """Hold in the transaction itself that no emergency stop is on."""
    if session.scalar(select(StopRow.is_on).order_by(StopRow.seq.desc()).limit(1)):
        raise Stopped


def project_stop(session: Session, event: Event, seq: int) -> None:
    """Keep that the leaf at a place stops everything, or lifts the stop, so that every transaction can ask."""
    if event.action in (STOPPED, LIFTED):
        session.add(StopRow(seq=seq, is_on=event.action == STOPPED))


def project_event(session: Session, event: Event, today: date) -> None:
    """Carry an event into the rows that it speaks of.

    Raises: InvalidTransition, WrongRole if an application may not be led on like this.
    """
    advance(session, event, today)
    keep_life(session, event)


def project_document(session: Session, document: Document, event: Event, today: date) -> None:
    """Carry a sealed document into the rows it concerns.

    Raises: StaleVersion if a release was weighed against less than its recipient holds by now; Stopped if an extract or a
    release would be kept while the emergency stop is on, however long ago its making began; InvalidTransition or WrongRole if
    the application may not be led on like this by now; DisclosureRefused if its recipient has the same data under the other
    opt-out rule.
    """
    if document.kind in HALTED:
        _require_running(session)
    if document.kind is DocumentKind.CANDIDATE_EXTRACT:
        keep_opt_out_rule(session, document)
    if document.kind is DocumentKind.ACCEPTED_SUBMISSION:
        session.merge(SubmissionRow(digest=document.digest, la_code=str(document.body["la_code"])))
    elif document.kind is DocumentKind.REVIEW_QUEUE:
        session.add(ReviewRow(queue=document.digest, state=OPEN, n_decisions=0))
    elif document.kind is DocumentKind.REVIEW_DECISION:
        _project_decision(session, document)
    elif document.kind is DocumentKind.SETTLED_REVIEW:
        _project_settled(session, document)
    elif document.kind is DocumentKind.SIGNED_RELEASE:
        remember_release(session, document, str(event.details["application"]))
    if document.kind in STEPS:
        row = advance(session, event, today)
        if row is not None:
            row.documents = {**row.documents, document.kind.value: document.digest}
            flag_modified(row, "documents")
    else:
        keep_life(session, event)


def _project_decision(session: Session, document: Document) -> None:
    """Hold in the transaction itself that a queue is open, and by its keys that nobody decides an item twice."""
    queue, body = document.parents[0], document.body
    row = session.get_one(ReviewRow, queue)
    if row.state != OPEN:
        raise _came_between()
    row.n_decisions += 1
    session.add(ReviewDecisionRow(queue=queue, item=body["item"], turn=body["turn"], reviewer=body["reviewer"]))


def _project_settled(session: Session, document: Document) -> None:
    """Hold in the transaction itself that a settled review rests on every decision that was made."""
    row = session.get_one(ReviewRow, document.parents[0])
    if row.state != OPEN or row.n_decisions != len(document.parents) - 1:
        raise _came_between()
    row.state = "settled"


def _came_between() -> StaleVersion:
    return StaleVersion("Somebody else changed this first.", "Look at it again.")
