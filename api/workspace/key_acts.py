"""Acts on a house's keys, each told to the log: done, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from api.workspace.wiring import Workspace, journal_beside
from api.workspace.wiring import begin_period as begin
from audit.journal import Event
from keys.as_logged import require_as_logged
from keys.ceremonies.making import CeremonyResult
from keys.certificate import KeySigner, signed_certificate
from keys.states import KeyState
from keys.watch import watched

__all__ = ["begin_period", "change_state", "destroy_key", "facts_of", "in_the_log", "rotate_key"]

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
        require_as_logged(key_id, space.keys, space.journal)
        details["version"] = space.keys.rotate(key_id, space.clock.today(), by)
    return int(details["version"])


def change_state(space: Workspace, key_id: str, number: int, state: KeyState, by: str) -> None:
    """Put a version into another state."""
    details = {"key_id": key_id, "version": number, "state": state.value}
    with _act(space, "key state changed", by, details):
        require_as_logged(key_id, space.keys, space.journal)
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
