"""Events, and the journal that seals documents: document and event are kept in one transaction or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cld.canonical import canonical_bytes
from cld.journey import Document

__all__ = ["Event", "Journal", "leaf_bytes"]


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


def leaf_bytes(seq: int, at_utc: str, event: Event, document: str) -> bytes:
    """Return the canonical bytes of a leaf. ``document`` is a digest, empty for an event without one."""
    return canonical_bytes(
        {
            "seq": seq,
            "at_utc": at_utc,
            "action": event.action,
            "actor": event.actor,
            "role": event.role,
            "document": document,
            "details": dict(event.details),
        }
    )
