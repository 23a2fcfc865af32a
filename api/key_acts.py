"""Acts on a house's keys, each told to the log: done, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from api.house import House
from api.wiring import Workspace, journal_beside
from api.wiring import begin_period as begin
from audit.journal import Event
from cld.canonical import digest_of_file
from cld.datasets import Dataset, Pseudonymised
from cld.engine import Query
from cld.errors import InvalidTransition
from cld.journey import Document, DocumentKind, LinkedDataset
from extracts.keying import PERSON_KIND, key_id_for
from keys.bridge import bridge
from keys.ceremonies.making import CeremonyResult
from keys.certificate import KeySigner, signed_certificate
from keys.derivation import PseudonymDomain
from keys.states import KeyState
from keys.watch import watched

__all__ = ["begin_period", "bridge_file", "change_state", "destroy_key", "facts_of", "in_the_log", "rotate_key"]

CUSTODIANS = "custodians"


def facts_of(made: CeremonyResult) -> dict[str, Any]:
    """Return what may be told and logged of a ceremony."""
    return {
        "provider": made.provider.value,
        "dry_run": made.dry_run,
        "root_id": made.root_id,
        "n_opened": made.n_opened,
        "n_refused": made.n_refused,
    }


@contextmanager
def in_the_log(keystore: Path, act: str, *, begun: bool = False) -> Iterator[dict[str, Any]]:
    """Log a ceremony, or its refusal, where the keystore belongs to a house; ``details`` are filled in inside.

    ``begun`` logs beforehand too, so that an act whose process is killed once it counts stands in the log.
    """
    details: dict[str, Any] = {}
    with journal_beside(keystore) as journal:
        if begun and journal is not None:
            journal.record(Event(f"{act}: begun", CUSTODIANS, "custodian", {}))
        with watched(journal, act, CUSTODIANS):
            yield details
        if journal is not None:
            journal.record(Event(act, CUSTODIANS, "custodian", details))


@contextmanager
def _act(space: Workspace, act: str, by: str, details: dict[str, Any]) -> Iterator[None]:
    """Log an act with its details, filled in by the time it is done, or its refusal."""
    with watched(space.journal, act, by):
        yield
    space.journal.record(Event(act, by, "custodian", details))


def rotate_key(space: Workspace, key_id: str, by: str) -> int:
    """Give a key a fresh active version and return its number."""
    details: dict[str, Any] = {"key_id": key_id}
    with _act(space, "key rotated", by, details):
        details["version"] = space.keys.rotate(key_id, space.clock.today(), by)
    return int(details["version"])


def change_state(space: Workspace, key_id: str, number: int, state: KeyState, by: str) -> None:
    """Put a version into another state."""
    details = {"key_id": key_id, "version": number, "state": state.value}
    with _act(space, "key state changed", by, details):
        space.keys.change_state(key_id, number, state, space.clock.today(), by)


def destroy_key(space: Workspace, key_id: str, number: int | None, by: str) -> tuple[dict[str, Any], bytes]:
    """Destroy a key or one version and return the facts and the certificate, signed by the house's release key."""
    details: dict[str, Any] = {}
    with _act(space, "key destroyed", by, details):
        details |= space.keys.destroy(key_id, space.clock.today(), version=number, by=by)
    return details, signed_certificate(details, KeySigner(space.release_keys.release_key))


def begin_period(space: Workspace, period: str, by: str) -> int:
    """Begin a new period and end the one before: older backups of wrapped keys open nothing after it."""
    details: dict[str, Any] = {"period": period}
    with _act(space, "period begun", by, details):
        details["n_moved"] = begin(space, period)
    return int(details["n_moved"])


def bridge_file(space: Workspace, reference: str, out: Path, by: str) -> dict[str, Any]:
    """Write the bridge of an application's person keys from the version it was built with to the active one.

    Raises: InvalidTransition if that is the active one; KeyDestroyed if that one is gone.
    """
    details: dict[str, Any] = {"application": reference}
    with _act(space, "bridge written", by, details):
        details |= _write(space, reference, out)
    return details


def _write(space: Workspace, reference: str, out: Path) -> dict[str, Any]:
    house = House(space)
    application, plan = house.application(reference)
    key_id = key_id_for(application, plan)
    candidate = house.candidate(reference).document
    delivered = _delivered(candidate)
    old, new = candidate.body["key_version"], space.keys.active_version(key_id)
    if old == new:
        message = "The extract was built with the version that is active: the key was never rotated since."
        raise InvalidTransition(message, "Rotate it first.")
    names = (application.body_code, application.agreement.reference, plan.family, PERSON_KIND)
    domains = PseudonymDomain(*names, old), PseudonymDomain(*names, new)
    with space.engine.session() as session:
        session.attach("people", _linked(space, candidate).data_set("people"))
        session.attach("extract_rows", delivered)
        session.table(
            "delivered", Query("select distinct person_key as pseudonym from extract_rows", ("extract_rows",))
        )
        query = bridge(session, "people", "person_id", key_id, *domains, space.keys)
        n_rows = session.whole(Query(f"select count(*) from ({query.text})", query.inputs))  # noqa: S608 - our own text
        session.export(query, out)
    return {"n_rows": n_rows, "versions": [old, new], "digest": digest_of_file(out)}


def _linked(space: Workspace, candidate: Document) -> LinkedDataset:
    """Return the linked data that an extract was built from: its person keys are of those identities."""
    for parent in candidate.parents:
        document = space.journal.load(parent)
        if document is not None and document.kind is DocumentKind.LINKED_DATASET:
            return LinkedDataset(document)
    message = "The linked data that the extract was built from are gone."
    raise InvalidTransition(message, "Restore them from the backup.")


def _delivered(candidate: Document) -> Dataset[Pseudonymised]:
    """Return the rows of an extract that carry person keys."""
    for held in candidate.body["tables"].values():
        if "person_key" in held["dataset"]["columns"]:
            return Dataset.from_json(Pseudonymised, held["dataset"])
    message = "The extract holds no person keys."
    raise InvalidTransition(message, "Only pseudonymised extracts are bridged.")
