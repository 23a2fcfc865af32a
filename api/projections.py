"""From documents and events to the rows that pages read, inside the transaction that keeps them."""

from __future__ import annotations

from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from api.database import ApplicationRow, SubmissionRow
from api.memory import remember_release
from audit.journal import Event
from cld.journey import Document, DocumentKind

__all__ = ["project_document", "project_event"]

STATES = {
    DocumentKind.APPROVED_PLAN: "approved",
    DocumentKind.CANDIDATE_EXTRACT: "built",
    DocumentKind.CHECKED_EXTRACT: "checked",
    DocumentKind.SIGNED_RELEASE: "released",
}


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

    Raises: StaleVersion if a release was weighed against less than its recipient holds by now.
    """
    if document.kind is DocumentKind.ACCEPTED_SUBMISSION:
        session.merge(SubmissionRow(digest=document.digest, la_code=str(document.body["la_code"])))
    if document.kind is DocumentKind.SIGNED_RELEASE:
        remember_release(session, document, str(event.details["application"]))
    row = session.get(ApplicationRow, event.details.get("application", ""))
    if row is not None and document.kind in STATES:
        row.state = STATES[document.kind]
        row.documents = {**row.documents, document.kind.value: document.digest}
        flag_modified(row, "documents")
