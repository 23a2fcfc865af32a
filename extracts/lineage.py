"""What an extract rests on, read back from its sealed documents alone: nothing that was not sealed has a say."""

from __future__ import annotations

from dataclasses import dataclass

from audit.ancestry import require_ancestry
from audit.journal import Journal
from cld.errors import NotSealed
from cld.journey import ApprovedPlan, Document, DocumentKind, LinkedDataset
from cld.plan import ExtractPlan, plan_from_json
from extracts.approve import Application, application_from_json

__all__ = ["Lineage", "approved_words", "lineage_of"]


@dataclass(frozen=True, slots=True)
class Lineage:
    """The application and plan as approved, the linked data, and the digests of all documents, children first."""

    application: Application
    plan: ExtractPlan
    linked: LinkedDataset
    ancestry: tuple[str, ...]


def approved_words(approved: ApprovedPlan) -> tuple[Application, ExtractPlan]:
    """Return the application and the plan that two people signed."""
    body = approved.document.body
    return application_from_json(body["application"]), plan_from_json(body["plan"])


def lineage_of(digest: str, journal: Journal) -> Lineage:
    """Return the lineage of a candidate, checked or released extract.

    Raises: NotSealed if any document is missing, altered, out of order or not exactly one of its kind.
    """
    ancestry = require_ancestry(digest, journal)
    documents = [document for held in ancestry if (document := journal.load(held)) is not None]
    application, plan = approved_words(ApprovedPlan(_only(documents, DocumentKind.APPROVED_PLAN)))
    return Lineage(application, plan, LinkedDataset(_only(documents, DocumentKind.LINKED_DATASET)), ancestry)


def _only(documents: list[Document], kind: DocumentKind) -> Document:
    found = [document for document in documents if document.kind is kind]
    if len(found) != 1:
        message = f"An extract rests on {len(found)} documents of kind {kind.value}, not on one."
        raise NotSealed(message, tuple(document.digest for document in found))
    return found[0]
