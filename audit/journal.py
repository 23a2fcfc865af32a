"""Events, and the journal that seals documents: document and event are kept in one transaction or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits
from typing import Any, Protocol

from cld.canonical import canonical_bytes
from cld.errors import InvariantBroken
from cld.journey import Document
from cld.nhs_number import fault_of

__all__ = ["SET_BACK", "Event", "Journal", "leaf_bytes"]

SET_BACK = "set back"
NUMBER = re.compile(rb"(?<![0-9A-Za-z])[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}(?![0-9A-Za-z])")
PSEUDONYM = re.compile(rb"(?<![0-9A-Za-z])[A-Z][0-9A-HJKMNP-TV-Z]{26}(?![0-9A-Za-z])")


def _outline(kinds: tuple[str, str]) -> bytes:
    """Return a table that writes every byte of the first kind as 0, of the second as a, and any other as a full stop."""
    zeros, letters = (set(kind.encode()) for kind in kinds)
    return bytes(48 if byte in zeros else 97 if byte in letters else 46 for byte in range(256))


DIGITS = _outline((digits, ascii_letters))
CAPITALS = _outline((digits + ascii_uppercase, ascii_lowercase))
NUMBER_OUTLINES = (b".0000000000.", b".000.000.0000.", b".000.0000000.", b".000000.0000.")
PSEUDONYM_OUTLINE = b"." + b"0" * 27 + b"."


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, without personal data: action, actor, role, and the digests and codes it is about."""

    action: str
    actor: str
    role: str
    details: Mapping[str, Any]


class Journal(Protocol):
    """Keep documents and events. Implementations append the leaf in the transaction of the change itself."""

    def seal(self, document: Document, event: Event) -> str:
        """Keep the document and log the event with its digest; return the digest."""
        ...

    def record(self, event: Event) -> None:
        """Log an event that makes no document (a refusal, a failed attempt)."""
        ...

    def load(self, digest: str) -> Document | None:
        """Return a kept document, or None."""
        ...

    def leaves(self) -> tuple[bytes, ...]:
        """Return every leaf in order."""
        ...

    def prove(self, digest: str) -> tuple[str, str]:
        """Return the proof that a document is in the log under a signed and witnessed head (.tlog-proof), and the proofs
        that this head continues those handed out before.
        """
        ...


def leaf_bytes(seq: int, at_utc: str, event: Event, document: str, *, set_back: bool = False) -> bytes:
    """Return the canonical bytes of a leaf. ``document`` is a digest, empty for an event without one.

    ``set_back`` marks an event whose clock stands before the leaf ahead of it.
    Raises: InvariantBroken if an NHS number or a pseudonym stands in it: a log cannot forget.
    """
    held = {
        "seq": seq,
        "at_utc": at_utc,
        "action": event.action,
        "actor": event.actor,
        "role": event.role,
        "document": document,
        "details": dict(event.details),
    }
    leaf = canonical_bytes({**held, "clock": SET_BACK} if set_back else held)
    if _names_a_person(leaf):
        message = "An event would put a person's number or pseudonym into the log."
        raise InvariantBroken(message, "Log a count or a digest instead.")
    return leaf


def _names_a_person(leaf: bytes) -> bool:
    """Look for a valid NHS number or the form of a pseudonym; the outlines rule most leaves out without a pattern."""
    if PSEUDONYM_OUTLINE in leaf.translate(CAPITALS) and PSEUDONYM.search(leaf):
        return True
    outline = leaf.translate(DIGITS)
    if not any([number in outline for number in NUMBER_OUTLINES]):
        return False
    return any(fault_of(found.decode(), synthetic_allowed=True) is None for found in NUMBER.findall(leaf))
