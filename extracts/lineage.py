"""What an extract rests on, read back from its sealed documents alone: nothing that was not sealed has a say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from audit.ancestry import require_ancestry
from audit.journal import Journal
from cld.errors import NotSealed
from cld.journey import ApprovedPlan, Document, DocumentKind, LinkedDataset
from cld.plan import ExtractPlan, plan_from_json
from extracts.approve import Application, application_from_json, conditions_of, digest_of_words
from extracts.life.conditions import Condition
from extracts.life.rows import RowFacts, found_in
from extracts.life.votes import approval_from

__all__ = ["Lineage", "approved_words", "lineage_of", "released"]


@dataclass(frozen=True, slots=True)
class Lineage:
    """The application and plan as approved, under which conditions, the linked data, the version of the key that the extract
    was built with (None where it holds no pseudonyms), the digests of all documents, children first, what is told of its
    pseudonyms by kind, the destroyed versions of its key from which no bridge leads, what may be told of who was held back, and
    what its documents say of the rows, which is nothing before they were checked."""

    application: Application
    plan: ExtractPlan
    conditions: tuple[Condition, ...]
    linked: LinkedDataset
    key_version: int | None
    ancestry: tuple[str, ...]
    pseudonyms: Mapping[str, Any]
    not_bridged: tuple[int, ...]
    held_back: Mapping[str, str]
    rows: RowFacts


def approved_words(approved: ApprovedPlan, people: Mapping[str, str]) -> tuple[Application, ExtractPlan]:
    """Return the application and the plan that two people of the register signed; the signatures are checked anew.

    Raises: SamePerson, BadSignature.
    """
    body = approved.document.body
    signed = digest_of_words(body["application"], body["plan"], body["decision"])
    application = application_from_json(body["application"])
    approval_from(body["signs"], body["votes"], signed).require(people, application.applicant)
    return application, plan_from_json(body["plan"])


def lineage_of(digest: str, journal: Journal, people: Mapping[str, str]) -> Lineage:
    """Return the lineage of a candidate, checked or released extract.

    Raises: NotSealed if any document is missing, altered, out of order or not exactly one of its kind; SamePerson or
            BadSignature if the plan's sign-offs do not stand.
    """
    ancestry = require_ancestry(digest, journal)
    documents = [document for held in ancestry if (document := journal.load(held)) is not None]
    approved = ApprovedPlan(_only(documents, DocumentKind.APPROVED_PLAN))
    application, plan = approved_words(approved, people)
    linked = LinkedDataset(_only(documents, DocumentKind.LINKED_DATASET))
    candidate = _only(documents, DocumentKind.CANDIDATE_EXTRACT)
    body = candidate.body
    checked = next((one.body for one in documents if one.kind is DocumentKind.CHECKED_EXTRACT), {})
    told, lost = body.get("pseudonyms", {}), tuple(body.get("not_bridged", ()))
    back = body.get("held_back", {})
    return Lineage(
        application, plan, conditions_of(approved), linked, body["key_version"], ancestry, told, lost, back, found_in(plan, body, checked)
    )  # fmt: skip


def released(journal: Journal) -> Iterator[tuple[str, Document]]:
    """Yield every release in the log: its application's reference and its document."""
    for leaf in journal.leaves():
        held = json.loads(leaf)
        document = journal.load(held["document"]) if held["action"] == "release" else None
        if document is not None:
            yield held["details"]["application"], document


def _only(documents: list[Document], kind: DocumentKind) -> Document:
    found = [document for document in documents if document.kind is kind]
    if len(found) != 1:
        message = f"An extract rests on {len(found)} documents of kind {kind.value}, not on one."
        raise NotSealed(message, tuple(document.digest for document in found))
    return found[0]
