"""Replay of extracts: each release's payload from the shelf, and each extract from the linked rows, to the same digests.

The door ``build`` itself runs again, on the day and with the log of then, with a journal that writes nothing and the version
of the key that made the pseudonyms. Where a key, a table or an answer about opt-outs is gone for good, that is the answer,
with the log's certificate.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from api.house.replay import Repeated, Result
from api.workspace.wiring import Workspace
from audit.journal import Event
from cld.canonical import canonical_bytes
from cld.clock import day_in_london
from cld.engine import Session
from cld.errors import CLDError, KeyDestroyed, NotSealed, OptOutsUnknown
from cld.journey import ApprovedPlan, Document, DocumentKind, LinkedDataset, SignedRelease
from cld.plan import plan_from_json
from extracts.approve import application_from_json
from extracts.build import build
from extracts.keying import key_id_for
from extracts.opt_outs.cache import FORGOTTEN
from extracts.opt_outs.gate import OptOutGate, question_of
from extracts.release import payload_again
from keys.store import KeyStore

__all__ = ["repeat_extracts"]

ONE_TIME = "values that stand for missing identifiers were drawn for it and forgotten"
ENDINGS = ("key destroyed", FORGOTTEN)


@dataclass(frozen=True, slots=True)
class _JournalOfThen:
    """The journal as it stood before a place of the log; what would be written is not."""

    space: Workspace
    place: int

    def seal(self, document: Document, event: Event) -> str:
        del event
        return document.digest

    def record(self, event: Event) -> None:
        del event

    def load(self, digest: str) -> Document | None:
        return self.space.journal.load(digest)

    def leaves(self) -> tuple[bytes, ...]:
        return self.space.journal.leaves()[: self.place]

    def prove(self, digest: str) -> tuple[str, str]:
        return self.space.journal.prove(digest)


class _KeysOfThen:
    """The keystore, held to the version that a key had; it makes none."""

    def __init__(self, keys: KeyStore, version: int | None) -> None:
        self._keys, self._version = keys, version

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else a build asks of its keystore
        return getattr(self._keys, name)

    def new_agreement(self, key_id: str, *, of_one_release: bool = False) -> None:
        del of_one_release
        if self._keys.is_destroyed(key_id):
            self._keys.active_version(key_id)  # says so, with the day

    def active_version(self, key_id: str) -> int:
        return self._version or self._keys.active_version(key_id)


class _NotAsked:
    """Nobody is asked again about people for a replay."""

    def willing(self, session: Session, asked: str, into: str, question: str) -> datetime:
        """Refuse."""
        message = "The answer about opt-outs is no longer kept."
        raise OptOutsUnknown(message)


def repeat_extracts(space: Workspace) -> Iterator[Repeated]:
    """Yield, in the log's order, every extract built again and every payload made again."""
    for place, leaf in enumerate(space.journal.leaves()):
        held = json.loads(leaf)
        if held["document"] and held["action"] in ("build", "release"):
            what = "extract" if held["action"] == "build" else "payload"
            result, reason = _outcome(space, place, held)
            where = f"leaf {place}, document {held['document'][:16]}"
            yield Repeated(what, where, str(held["details"]["application"]), result, reason)


def _outcome(space: Workspace, place: int, held: dict[str, Any]) -> tuple[Result, str]:
    document = space.journal.load(held["document"])
    if document is None or document.digest != held["document"]:
        return Result.DIFFERENT, "the document is missing or not the one that was sealed"
    try:
        if document.kind is DocumentKind.SIGNED_RELEASE:
            return _same_payload(space, document)
        return _same_extract(space, place, held, document)
    except CLDError as fault:
        return Result.NOT_POSSIBLE, " ".join(filter(None, (str(fault), _certificate(space, document, fault))))


def _same_payload(space: Workspace, release: Document) -> tuple[Result, str]:
    found = payload_again(SignedRelease(release), people=space.people(), engine=space.engine, journal=space.journal)
    if found == release.body["payload_digest"]:
        return Result.SAME, ""
    return Result.DIFFERENT, f"its payload has the digest {found[:16]} now"


def _same_extract(space: Workspace, place: int, held: dict[str, Any], candidate: Document) -> tuple[Result, str]:
    """Build an extract again and hold every part of its document against the one sealed.

    Raises: whatever the door raises where something is gone.
    """
    approved, linked = _parents(space, candidate)
    if plan_from_json(approved.document.body["plan"]).missing_identifiers == "one-time":
        return Result.NOT_POSSIBLE, ONE_TIME
    gate = space.opt_outs if space.opt_outs.cache is None else OptOutGate(_NotAsked(), space.opt_outs.cache)
    keys = cast(KeyStore, _KeysOfThen(space.keys, candidate.body["key_version"]))
    made = build(
        approved, linked, engine=space.engine, journal=_JournalOfThen(space, place), keys=keys, opt_outs=gate,
        people=space.people(), today=day_in_london(datetime.fromisoformat(held["at_utc"])), actor=str(held["actor"]),
    ).document.body  # fmt: skip
    before, now = (_without_moments(body) for body in (candidate.body, made))
    if canonical_bytes(before) == canonical_bytes(now):
        return Result.SAME, ""
    parts = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    return Result.DIFFERENT, f"built again, it differs in: {', '.join(parts)}"


def _without_moments(body: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out when opt-outs were asked about, which is the one thing that another build has of its own."""
    held_back = {name: told for name, told in body["held_back"].items() if name != "asked_at_utc"}
    return {**body, "held_back": held_back}


def _parents(space: Workspace, candidate: Document) -> tuple[ApprovedPlan, LinkedDataset]:
    found = {document.kind: document for parent in candidate.parents if (document := space.journal.load(parent))}
    try:
        return ApprovedPlan(found[DocumentKind.APPROVED_PLAN]), LinkedDataset(found[DocumentKind.LINKED_DATASET])
    except KeyError:
        message = "A document that this extract rests on is missing."
        raise NotSealed(message, candidate.parents) from None


def _certificate(space: Workspace, document: Document, fault: CLDError) -> str:
    """Return where the log says that what is missing was destroyed."""
    wanted = _names_of_what_ended(space, document) if isinstance(fault, KeyDestroyed | OptOutsUnknown) else set()
    for place, leaf in enumerate(space.journal.leaves()):
        held = json.loads(leaf)
        if held["action"] in ENDINGS and wanted & {*_texts(held["details"])}:
            return f"Destroyed on {held['at_utc'][:10]}: certificate in leaf {place}."
    return ""


def _names_of_what_ended(space: Workspace, document: Document) -> set[str]:
    approved, linked = _parents(space, document)
    application, plan = application_from_json(approved.document.body["application"]), plan_from_json(approved.document.body["plan"])  # fmt: skip
    data_keys = {str(one["key_id"]) for one in _datasets(linked.document.body) if one.get("key_id")}
    return {key_id_for(application, plan), question_of(linked, plan), *data_keys}


def _datasets(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        if "key_id" in value:
            yield value
        for one in value.values():
            yield from _datasets(one)


def _texts(value: object) -> Iterator[str]:
    """Yield every text that stands as a value in the details of an event."""
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, str):
        yield value
