"""Replay: every stored decision taken again under its own policies, from its own facts, and held against what is stored.

A decision stands in the log where an application was received or policy refused, in each approved plan, and in the row that
the pages read. What was altered on the way is named; what cannot be repeated is told with its reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import select

from api.store.database import ApplicationRow, reading
from api.store.kept_policies import version_of
from api.workspace.wiring import Workspace
from audit.tree import leaf_hash
from cld.canonical import canonical_bytes
from cld.errors import CLDError, InputError
from cld.journey import DocumentKind
from extracts.life.states import Act
from policies.decide import decide_facts
from policies.facts import facts_from_json

__all__ = ["Repeated", "Result", "repeat_decisions"]

NOT_THE_LOG_S = "the log has another leaf at this place"
NO_FACTS = "it was taken before facts were kept with decisions"


class Result(StrEnum):
    """What came of repeating something."""

    SAME = "same"
    DIFFERENT = "different"
    NOT_POSSIBLE = "not possible"


@dataclass(frozen=True, slots=True)
class Repeated:
    """One thing that was repeated: what, where it is stored, of which application, and what came of it."""

    what: str
    where: str
    application: str
    result: Result
    reason: str = ""

    def as_json(self) -> dict[str, str]:
        """Return it as a JSON value."""
        return asdict(self)


def repeat_decisions(space: Workspace) -> Iterator[Repeated]:
    """Yield every stored decision, repeated, in the order of the log; then those of the rows that pages read."""
    received: dict[str, Any] = {}
    for place, leaf in enumerate(space.journal.leaves()):
        held = json.loads(leaf)
        details = held["details"]
        if held["document"] and held["action"] == "approve":
            yield _of_document(space, held["document"], str(details["application"]))
        elif isinstance(details.get("decision"), Mapping):
            reference = _reference(details["application"])
            if held["action"] in (Act.SAVE, Act.SUBMIT):
                received[reference] = details["decision"]
            altered = NOT_THE_LOG_S if _is_altered(space, place, leaf) else ""
            yield _repeat(space, details["decision"], f"leaf {place}", reference, altered)
    yield from _of_rows(space, received)


def _reference(application: object) -> str:
    return str(application["reference"]) if isinstance(application, Mapping) else str(application)


def _is_altered(space: Workspace, place: int, leaf: bytes) -> bool:
    """Say whether the tiles of the log, which its witnesses saw, hold another leaf; what is not in them yet is not."""
    tiles = space.log.tiles
    return place < tiles.size and tiles.hashes(place, place + 1) != [leaf_hash(leaf)]


def _of_document(space: Workspace, digest: str, reference: str) -> Repeated:
    where = f"{DocumentKind.APPROVED_PLAN.value} {digest[:16]}"
    document = space.journal.load(digest)
    if document is None:
        return Repeated("decision", where, reference, Result.DIFFERENT, "the document is missing")
    altered = "" if document.digest == digest else "the document is not the one that was sealed"
    return _repeat(space, document.body["decision"], where, reference, altered)


def _of_rows(space: Workspace, received: Mapping[str, Any]) -> Iterator[Repeated]:
    with reading(space.database) as session:
        rows = [
            (row.reference, row.decision)
            for row in session.scalars(select(ApplicationRow).order_by(ApplicationRow.reference))
        ]
    for reference, decision in rows:
        is_same = canonical_bytes(decision) == canonical_bytes(received.get(reference))
        reason = "" if is_same else "the log tells another decision"
        yield Repeated(
            "decision", "the row that pages read", reference, Result.SAME if is_same else Result.DIFFERENT, reason
        )


def _repeat(space: Workspace, decision: Mapping[str, Any], where: str, reference: str, altered: str) -> Repeated:
    try:
        result, reason = _again(space, decision)
    except CLDError as fault:
        result, reason = Result.NOT_POSSIBLE, str(fault)
    if altered:
        result, reason = Result.DIFFERENT, altered
    return Repeated("decision", where, reference, result, reason)


def _again(space: Workspace, decision: Mapping[str, Any]) -> tuple[Result, str]:
    """Take one decision again.

    Raises: UnknownSpecification or UntrustedPolicy if its policies are not held.
    """
    if not decision.get("facts"):
        return Result.NOT_POSSIBLE, NO_FACTS
    version = version_of(str(decision["policy_digest"]), space.folder)
    try:
        facts = facts_from_json(decision["facts"])
    except InputError:
        return Result.DIFFERENT, "its facts cannot be read"
    found = decide_facts(facts, version).as_record()
    if canonical_bytes(found) == canonical_bytes(dict(decision)):
        return Result.SAME, ""
    parts = sorted(name for name in {*found, *decision} if found.get(name) != decision.get(name))
    return Result.DIFFERENT, f"decided again, it differs in: {', '.join(parts)}"
