"""Walk back through every document a release rests on; anything missing, altered or out of order refuses.

1. Each parent named must be kept.  2. Its bytes must give its digest.  3. Its digest must be in the log, before the
child's.  4. The kinds must be exactly those the journey asks for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from audit.journal import Journal
from cld.errors import NotSealed
from cld.journey import PARENT_KINDS, Document

__all__ = ["require_ancestry"]


def require_ancestry(digest: str, journal: Journal, logged: Mapping[str, int] | None = None) -> tuple[str, ...]:
    """Return the digests of a document and all it rests on, children first.

    ``logged`` gives the first place of every document in the log, where the caller has read it already.
    Raises: NotSealed, listing what is missing, altered or not in the log.
    """
    logged = _logged_documents(journal) if logged is None else logged
    seen: dict[str, None] = {}
    waiting = [(digest, max(logged.values(), default=0) + 1)]
    while waiting:
        current, child_place = waiting.pop()
        document = _require(current, child_place, journal, logged)
        if current not in seen:
            seen[current] = None
            waiting.extend((parent, logged[current]) for parent in document.parents)
    return tuple(seen)


def _logged_documents(journal: Journal) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, leaf in enumerate(journal.leaves()):
        document = json.loads(leaf)["document"]
        if document:
            places.setdefault(document, place)
    return places


def _require(digest: str, child_place: int, journal: Journal, logged: Mapping[str, int]) -> Document:
    document = journal.load(digest)
    if document is None or document.digest != digest:
        _refuse("A sealed document is missing or altered", digest)
    if digest not in logged or logged[digest] >= child_place:
        _refuse("A document is not in the log before what rests on it", digest)
    assert document is not None  # noqa: S101 - narrowed by the refusal above
    kinds = set()
    for parent in document.parents:
        found = journal.load(parent)
        if found is None:
            _refuse("A sealed document is missing or altered", parent)
        else:
            kinds.add(found.kind)
    if kinds != PARENT_KINDS[document.kind]:
        _refuse("A document rests on the wrong documents", digest)
    return document


def _refuse(message: str, digest: str) -> None:
    raise NotSealed(f"{message}: {digest[:16]}.", (digest,), "Restore it from the backup; until then nothing leaves.")
