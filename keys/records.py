"""The record of a key in the store: its versions side by side, each with its state and its wrapped bytes.

One file a key, replaced whole: a rotation that the disk has no room for leaves the record as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cld.canonical import canonical_bytes, digest_of_bytes
from cld.errors import InputError, KeyUnavailable
from cld.shelf import atomic_write
from keys.plain_files import json_in, read_plain
from keys.states import KeyState, require_transition

__all__ = ["KeyRecord", "KeyVersion", "read_record", "record_names", "record_path", "write_record"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of state: into what, when and by whom."""

    state: KeyState
    on: str
    by: str


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """One version: number, state, the period key it is wrapped under, wrapped bytes (none once destroyed), changes."""

    number: int
    state: KeyState
    period: str
    wrapped: bytes = field(repr=False)
    wrapped_sha256: str
    changes: tuple[Change, ...] = ()

    def changed(self, state: KeyState, on: str, by: str) -> KeyVersion:
        """Return the version in another state; a destroyed one keeps only the digest of its wrapped bytes.

        Raises: InvalidTransition.
        """
        require_transition(self.state, state)
        wrapped = b"" if state is KeyState.DESTROYED else self.wrapped
        return replace(self, state=state, wrapped=wrapped, changes=(*self.changes, Change(state, on, by)))


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key with all its versions, the first first."""

    key_id: str
    versions: tuple[KeyVersion, ...]

    def version(self, number: int) -> KeyVersion:
        """Return a version.

        Raises: KeyUnavailable for a number that the key does not have.
        """
        for version in self.versions:
            if version.number == number:
                return version
        message = f"The key has no version {number}."
        raise KeyUnavailable(message, "Look at its versions: caregate keys list.")

    def active(self) -> KeyVersion | None:
        """Return the one active version, or None."""
        return next((version for version in self.versions if version.state is KeyState.ACTIVE), None)

    def with_version(self, changed: KeyVersion) -> KeyRecord:
        """Return the record with one version put in its place, or added."""
        others = tuple(version for version in self.versions if version.number != changed.number)
        return replace(self, versions=tuple(sorted((*others, changed), key=lambda version: version.number)))


def new_version(number: int, state: KeyState, period: str, wrapped: bytes) -> KeyVersion:
    """Return a version just made."""
    return KeyVersion(number, state, period, wrapped, digest_of_bytes(wrapped))


def record_names(folder: Path) -> tuple[str, ...]:
    """Return the names of all keys in a store."""
    return tuple(sorted(path.stem for path in (folder / "wrapped").glob("[!.]*.json")))


def record_path(folder: Path, key_id: str) -> Path:
    """Return the file of a key's record.

    Raises: InputError for a name that would lead elsewhere.
    """
    if not key_id or key_id.startswith(".") or "/" in key_id or "\0" in key_id:
        message = "That is no name of a key."
        raise InputError(message, "Use the name as caregate keys list shows it.")
    return folder / "wrapped" / f"{key_id}.json"


def _version_json(version: KeyVersion) -> dict[str, Any]:
    return {
        "number": version.number,
        "state": version.state.value,
        "period": version.period,
        "wrapped": version.wrapped.hex(),
        "wrapped_sha256": version.wrapped_sha256,
        "changes": [[change.state.value, change.on, change.by] for change in version.changes],
    }


def _version_from(held: Mapping[str, Any]) -> KeyVersion:
    changes = tuple(Change(KeyState(state), str(on), str(by)) for state, on, by in held["changes"])
    wrapped = bytes.fromhex(held["wrapped"])
    if wrapped and digest_of_bytes(wrapped) != held["wrapped_sha256"]:
        raise ValueError
    return KeyVersion(
        int(held["number"]), KeyState(held["state"]), str(held["period"]), wrapped, str(held["wrapped_sha256"]), changes
    )


def read_record(folder: Path, key_id: str) -> KeyRecord:
    """Read a key's record.

    Raises: KeyUnavailable if it is missing, damaged or another key's, with one message.
    """
    try:
        held = json_in(read_plain(record_path(folder, key_id)))
        if held["key_id"] != key_id:
            raise ValueError
        return KeyRecord(key_id, tuple(_version_from(version) for version in held["versions"]))
    except (OSError, ValueError, KeyError, TypeError):
        message = "A key is not in the store."
        raise KeyUnavailable(message, "Restore the keystore.") from None


def write_record(folder: Path, record: KeyRecord) -> None:
    """Write a key's record, whole or not at all."""
    held = {"key_id": record.key_id, "versions": [_version_json(version) for version in record.versions]}
    atomic_write(record_path(folder, record.key_id), canonical_bytes(held))
