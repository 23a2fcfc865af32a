"""From documents and events to the rows that pages read, inside the transaction that keeps them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from api.database import ApplicationRow, ReviewDecisionRow, ReviewRow, StopRow, SubmissionRow
from api.memory import remember_release
from api.opt_out_rules import keep_opt_out_rule
from audit.journal import Event
from audit.stop import LIFTED, STOPPED
from cld.errors import StaleVersion, Stopped
from cld.journey import Document, DocumentKind

__all__ = ["project_document", "project_event", "project_stop"]

OPEN = "open"
STATES = {
    DocumentKind.APPROVED_PLAN: "approved",
    DocumentKind.CANDIDATE_EXTRACT: "built",
    DocumentKind.CHECKED_EXTRACT: "checked",
    DocumentKind.SIGNED_RELEASE: "released",
}
HALTED = (DocumentKind.CANDIDATE_EXTRACT, DocumentKind.CHECKED_EXTRACT, DocumentKind.SIGNED_RELEASE)


def _require_running(session: Session) -> None:
    """Hold in the transaction itself that no emergency stop is on."""
    if session.scalar(select(StopRow.is_on).order_by(StopRow.seq.desc()).limit(1)):
        raise Stopped


def project_stop(session: Session, event: Event, seq: int) -> None:
    """Keep that the leaf at a place stops everything, or lifts the stop, so that every transaction can ask."""
    if event.action in (STOPPED, LIFTED):
        session.add(StopRow(seq=seq, is_on=event.action == STOPPED))


def project_event(session: Session, event: Event) -> None:
    """Carry an event into the application it speaks of: received, or refused with its reasons."""
    details = event.details
    if event.action == "application received":
        session.merge(
            ApplicationRow(
                reference=details["application"]["reference"], recipient=details["application"]["recipient"], state="received",
                application=details["application"], plan=details["plan"], decision=details["decision"], reasons=[], documents={},
            )
        )  # fmt: skip
    elif event.action in ("refused by policy", "refused by check"):
        row = session.get(ApplicationRow, details["application"])
        if row is not None:
            row.state = "refused"
            row.reasons = list(details.get("clauses") or details.get("measures") or [])


def project_document(session: Session, document: Document, event: Event) -> None:
    """Carry a sealed document into the rows it concerns.

    Raises: StaleVersion if a release was weighed against less than its recipient holds by now; Stopped if an extract or a
    release would be kept while the emergency stop is on, however long ago its making began; DisclosureRefused if its recipient has
    the same data under the other opt-out rule.
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
    row = session.get(ApplicationRow, event.details.get("application", ""))
    if row is not None and document.kind in STATES:
        row.state = STATES[document.kind]
        row.documents = {**row.documents, document.kind.value: document.digest}
        flag_modified(row, "documents")


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
