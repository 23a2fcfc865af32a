"""Walk back through every document a release rests on; anything missing, altered or out of order refuses.

1. Each parent named must be kept.  2. Its bytes must give its digest.  3. Its digest must be in the log, before the
child's.  4. The kinds must be exactly those the journey asks for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from audit.journal import Journal
from cld.errors import NotSealed
from cld.journey import PARENT_KINDS, DocumentKind

__all__ = ["Outline", "outline_of", "require_ancestry", "walk_ancestry"]


class Outline(NamedTuple):
    """What the walk asks of a kept document whose bytes give its digest."""

    kind: DocumentKind
    parents: tuple[str, ...]


def outline_of(journal: Journal, digest: str) -> Outline | None:
    """Return the outline of a document, or None if it is missing or altered."""
    document = journal.load(digest)
    return Outline(document.kind, document.parents) if document is not None and document.digest == digest else None


def require_ancestry(digest: str, journal: Journal) -> tuple[str, ...]:
    """Return the digests of a document and all it rests on, children first.

    Raises: NotSealed, listing what is missing, altered or not in the log.
    """
    return walk_ancestry(digest, lambda wanted: outline_of(journal, wanted), _logged_documents(journal))


def walk_ancestry(digest: str, look: Callable[[str], Outline | None], logged: Mapping[str, int]) -> tuple[str, ...]:
    """Do the same for a caller who read the log, and maybe documents, already.

    ``look`` gives the outline of a document, ``logged`` the first place of every document in the log.
    Raises: NotSealed.
    """
    seen: dict[str, None] = {}
    waiting = [(digest, max(logged.values(), default=0) + 1)]
    while waiting:
        current, child_place = waiting.pop()
        outline = _require(current, child_place, look, logged)
        if current not in seen:
            seen[current] = None
            waiting.extend((parent, logged[current]) for parent in outline.parents)
    return tuple(seen)


def _logged_documents(journal: Journal) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, leaf in enumerate(journal.leaves()):
        document = json.loads(leaf)["document"]
        if document:
            places.setdefault(document, place)
    return places


def _require(
    digest: str, child_place: int, look: Callable[[str], Outline | None], logged: Mapping[str, int]
) -> Outline:
    outline = look(digest)
    if outline is None:
        raise _refusal("A sealed document is missing or altered", digest)
    if digest not in logged or logged[digest] >= child_place:
        raise _refusal("A document is not in the log before what rests on it", digest)
    kinds = set()
    for parent in outline.parents:
        found = look(parent)
        if found is None:
            raise _refusal("A sealed document is missing or altered", parent)
        kinds.add(found.kind)
    if kinds != PARENT_KINDS[outline.kind]:
        raise _refusal("A document rests on the wrong documents", digest)
    return outline


def _refusal(message: str, digest: str) -> NotSealed:
    return NotSealed(f"{message}: {digest[:16]}.", (digest,), "Restore it from the backup; until then nothing leaves.")
