"""Bodies that stand in a listed one's place: entries that the house recorded, each dated and signed by an authorised person.

Source: shared reading, Direction 1 and Annex 3: successors only by a dated entry that an authorised person signed; one takes
over an agreement only when it is signed anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from audit.journal import Journal
from cld.free_text import FreeText
from cld.journey import Document, DocumentKind
from cld.vocabulary import BodyClass
from policies.versioned.annex3 import Annex3, Successor
from policies.words import Succession

__all__ = ["NOBODY", "RECORDED", "RESIGNED", "Successions", "document_of", "successions_in"]

RECORDED, RESIGNED = "succession recorded", "agreement re-signed"
NOBODY: Mapping[str, str] = {}
MARK = f'"action":"{RECORDED}"'.encode()


@dataclass(frozen=True, slots=True)
class Successions:
    """The entries in the log, and the people whose signatures count, name to public key; without people none counts."""

    entries: tuple[Successor, ...] = ()
    people: Mapping[str, str] = field(default_factory=dict)

    def of(self, code: str, day: date, annex3: Annex3) -> tuple[Succession, BodyClass | None]:
        """Say how a body stands on a day, and as what class it counts."""
        return annex3.succession_of(code, day, people=self.people, entries=self.entries)

    def codes_of(self, code: str, day: date) -> frozenset[str]:
        """Return a body's code with those of the bodies in whose place it stands on a day."""
        return frozenset({code, *self._before(code, day)})

    def _before(self, code: str, day: date) -> set[str]:
        return {
            one.from_code
            for one in self.entries
            if one.to_code == code and one.on <= day and one.is_signed(self.people)
        }


def document_of(entry: Successor) -> Document:
    """Return an entry as a document to seal."""
    body = {
        "from_code": entry.from_code, "to_code": entry.to_code, "class": entry.kind, "on": entry.on.isoformat(),
        "evidence": FreeText(entry.evidence), "source": FreeText(entry.source), "signed_by": entry.signed_by,
        "signature": entry.signature,
    }  # fmt: skip
    return Document(DocumentKind.SUCCESSION_ENTRY, (), body)


def successions_in(journal: Journal, people: Mapping[str, str] = NOBODY) -> Successions:
    """Return every entry in the log that an officer recorded."""
    found = []
    for leaf in journal.leaves():
        told = json.loads(leaf) if MARK in leaf else {}
        document = journal.load(told["document"]) if told.get("action") == RECORDED else None
        if document is not None and told["role"] == "officer":
            body = document.body
            found.append(
                Successor(
                    body["from_code"], body["to_code"], body["class"], date.fromisoformat(body["on"]), "", "", body["signed_by"], body["signature"]
                )
            )  # fmt: skip
    return Successions(tuple(found), people)
