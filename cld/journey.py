"""The six sealed documents of a record's journey, each naming its parents by digest.

accept -> AcceptedSubmission -> link -> LinkedDataset ; approve -> ApprovedPlan ;
build (ApprovedPlan, LinkedDataset) -> CandidateExtract -> check -> CheckedExtract -> release -> SignedRelease.

Beside the journey stand the three of clerical review, on which no step rests: LinkedDataset -> ReviewQueue ->
ReviewDecision, one an answer -> SettledReview. Written instructions (Direction 8), change records (3), review records (9)
and entries of successors (Annex 3) stand alone.

A document is sealed when the digest of its canonical bytes is in the log. None holds an identifier or a value of a
person: counts, digests, codes and the names of bodies only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cld.canonical import canonical_bytes, digest_of_bytes
from cld.datasets import Anonymised, Dataset, Identified, Pseudonymised

__all__ = [
    "PARENT_KINDS",
    "AcceptedSubmission",
    "ApprovedPlan",
    "CandidateExtract",
    "CheckedExtract",
    "Document",
    "DocumentKind",
    "LinkedDataset",
    "ReviewDecision",
    "ReviewQueue",
    "SettledReview",
    "SignedRelease",
    "released_dataset",
]


class DocumentKind(StrEnum):
    """The kinds of sealed document: six of the journey, three of clerical review, four written records."""

    ACCEPTED_SUBMISSION = "AcceptedSubmission"
    LINKED_DATASET = "LinkedDataset"
    APPROVED_PLAN = "ApprovedPlan"
    CANDIDATE_EXTRACT = "CandidateExtract"
    CHECKED_EXTRACT = "CheckedExtract"
    SIGNED_RELEASE = "SignedRelease"
    REVIEW_QUEUE = "ReviewQueue"
    REVIEW_DECISION = "ReviewDecision"
    SETTLED_REVIEW = "SettledReview"
    WRITTEN_INSTRUCTION = "WrittenInstruction"
    CHANGE_RECORD = "ChangeRecord"
    REVIEW_RECORD = "ReviewRecord"
    SUCCESSION_ENTRY = "SuccessionEntry"


PARENT_KINDS: Mapping[DocumentKind, frozenset[DocumentKind]] = {
    DocumentKind.ACCEPTED_SUBMISSION: frozenset(),
    DocumentKind.LINKED_DATASET: frozenset({DocumentKind.ACCEPTED_SUBMISSION}),
    DocumentKind.APPROVED_PLAN: frozenset(),
    DocumentKind.CANDIDATE_EXTRACT: frozenset({DocumentKind.APPROVED_PLAN, DocumentKind.LINKED_DATASET}),
    DocumentKind.CHECKED_EXTRACT: frozenset({DocumentKind.CANDIDATE_EXTRACT}),
    DocumentKind.SIGNED_RELEASE: frozenset({DocumentKind.CHECKED_EXTRACT}),
    DocumentKind.REVIEW_QUEUE: frozenset({DocumentKind.LINKED_DATASET}),
    DocumentKind.REVIEW_DECISION: frozenset({DocumentKind.REVIEW_QUEUE}),
    DocumentKind.SETTLED_REVIEW: frozenset({DocumentKind.REVIEW_QUEUE, DocumentKind.REVIEW_DECISION}),
    DocumentKind.WRITTEN_INSTRUCTION: frozenset(),
    DocumentKind.CHANGE_RECORD: frozenset(),
    DocumentKind.REVIEW_RECORD: frozenset(),
    DocumentKind.SUCCESSION_ENTRY: frozenset(),
}
"""Which kinds each document must rest on, all of them and no others."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document before or after sealing: its kind, its parents and its body."""

    kind: DocumentKind
    parents: tuple[str, ...]
    body: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the document as a JSON value."""
        return {"kind": self.kind.value, "parents": list(self.parents), "body": dict(self.body)}

    def canonical(self) -> bytes:
        """Return the bytes that are sealed."""
        return canonical_bytes(self.as_json())

    @property
    def digest(self) -> str:
        """The SHA-256 digest of the canonical bytes."""
        return digest_of_bytes(self.canonical())

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Document:
        """Read a document back."""
        return cls(DocumentKind(value["kind"]), tuple(value["parents"]), value["body"])


@dataclass(frozen=True, slots=True)
class AcceptedSubmission:
    """A council's file after its border checks. ``rows`` are mapped to Release 2; ``persons`` hold the trace."""

    document: Document

    @property
    def la_code(self) -> str:
        """The council's code."""
        return str(self.document.body["la_code"])

    @property
    def rows(self) -> Dataset[Identified]:
        """One row an event."""
        return Dataset.from_json(Identified, self.document.body["rows"])

    @property
    def persons(self) -> Dataset[Identified]:
        """One row a council person id, with the trace outcome."""
        return Dataset.from_json(Identified, self.document.body["persons"])

    @property
    def findings(self) -> Dataset[Identified]:
        """One row a finding: row number, column, rule; no values."""
        return Dataset.from_json(Identified, self.document.body["finding_rows"])


@dataclass(frozen=True, slots=True)
class LinkedDataset:
    """Who is who: every data set with a person id, the model and what its quality is."""

    document: Document

    def data_set(self, name: str) -> Dataset[Identified]:
        """Return one linked data set by name (cld, apc, attendances, deaths, people)."""
        return Dataset.from_json(Identified, self.document.body["data_sets"][name])

    @property
    def answers(self) -> Dataset[Identified]:
        """One row a distinct record of a person: whom it was linked to, by which step, model and index version."""
        return Dataset.from_json(Identified, self.document.body["answers"])

    @property
    def links(self) -> Dataset[Identified]:
        """One row a council and person reference: whom it was linked to, if anybody."""
        return Dataset.from_json(Identified, self.document.body["links"])


@dataclass(frozen=True, slots=True)
class ApprovedPlan:
    """An application with its plan, the clause trace and two sign-offs over all three."""

    document: Document


@dataclass(frozen=True, slots=True)
class CandidateExtract:
    """Rows built from an approved plan, not yet checked; nothing in it is identified."""

    document: Document


@dataclass(frozen=True, slots=True)
class CheckedExtract:
    """Rows or cells that passed the profile, with risk before and after."""

    document: Document


@dataclass(frozen=True, slots=True)
class SignedRelease:
    """A checked extract with two release signatures and its payload digest."""

    document: Document


@dataclass(frozen=True, slots=True)
class ReviewQueue:
    """Pairs of a LinkedDataset drawn for people to decide; the pairs lie encrypted, the document holds counts."""

    document: Document

    @property
    def items(self) -> Dataset[Identified]:
        """One row a pair: what each record says, the levels of agreement and what each weighs."""
        return Dataset.from_json(Identified, self.document.body["items"])

    @property
    def n_items(self) -> int:
        """How many pairs there are; they are numbered from 1."""
        return int(self.document.body["n_items"])

    @property
    def asked_twice(self) -> frozenset[int]:
        """The items that two people decide."""
        return frozenset(self.document.body["asked_twice"])


@dataclass(frozen=True, slots=True)
class ReviewDecision:
    """One person's answer on one item of a queue, with a reason of the list."""

    document: Document

    @property
    def item(self) -> int:
        """The item decided."""
        return int(self.document.body["item"])

    @property
    def reviewer(self) -> str:
        """Who decided."""
        return str(self.document.body["reviewer"])

    @property
    def answer(self) -> str:
        """``link``, ``not`` or ``unsure``."""
        return str(self.document.body["answer"])

    @property
    def reason(self) -> str:
        """The code of the reason."""
        return str(self.document.body["reason"])


@dataclass(frozen=True, slots=True)
class SettledReview:
    """What the decisions on a queue say: agreement, precision and recall with intervals, a threshold to ask for."""

    document: Document


def released_dataset(value: Mapping[str, Any]) -> Dataset[Pseudonymised] | Dataset[Anonymised]:
    """Read a dataset of a candidate or checked extract.

    Raises: ValueError if it is of the identified zone.
    """
    if value["zone"] == Pseudonymised.name:
        return Dataset.from_json(Pseudonymised, dict(value))
    return Dataset.from_json(Anonymised, dict(value))
