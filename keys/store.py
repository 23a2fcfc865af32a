"""The keystore: the only place that opens wrapped keys.

The root is with its provider; period keys lie outside backups in ``periods/``; agreement secrets and data keys are kept
only wrapped (AES key wrap) in ``wrapped/``, each version of a key with a random secret of its own. Destroying a version
or a period key ends what it opened: nothing here can be derived again from the root alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from cld.canonical import digest_of_bytes
from cld.clock import Entropy
from cld.errors import InputError, KeyDestroyed, KeyUnavailable
from cld.shelf import atomic_write
from keys.derivation import KEY_BYTES, PseudonymDomain, Secret, domain_key
from keys.opening import ROOT_ID, require_own_root
from keys.periods import Periods
from keys.plain_files import is_there
from keys.providers.root import HeldRoot, RootProvider
from keys.records import KeyRecord, KeyVersion, new_version, read_record, record_names, record_path, write_record
from keys.states import PROCESSING, KeyState
from keys.wrapping import unwrap, wrap

__all__ = ["KeyState", "KeyStore"]

LINKAGE = "linkage"
PERIOD = re.compile(r"[A-Za-z0-9-]{1,40}")
OWN_PERIOD = re.compile(r"own\d+-")


def _own_period(key_id: str, number: int) -> str:
    """Name the period key that ends with one version of one key."""
    return f"own{number}-{key_id}"


def _stays(period: str, present: str) -> bool:
    """Say whether a period stays when the house's earlier ones end: it is the present one, or of one version alone."""
    return period == present or OWN_PERIOD.match(period) is not None


class KeyStore:
    """Wrapped keys of one house, under one root."""

    def __init__(
        self, folder: Path, root: RootProvider | Secret, entropy: Entropy, period: str, *, periods: Path | None = None
    ) -> None:
        """Open the store; ``period`` names the period key for new secrets, made if it is new.

        ``periods`` is the folder of period keys where it is not the store's own.
        Raises: KeyUnavailable if the store belongs to another root.
        """
        self._folder = folder
        self._root = HeldRoot(root) if isinstance(root, Secret) else root
        self._entropy = entropy
        self._period = period
        self._periods = Periods(periods or folder / "periods", entropy)
        self._hold_root()
        self._pepper = self._root.pepper()

    def _hold_root(self) -> None:
        require_own_root(self._folder, self._root)
        if not is_there(self._folder / ROOT_ID):
            atomic_write(self._folder / ROOT_ID, self._root.root_id().encode())

    def new_data_key(self) -> tuple[str, Secret]:
        """Make a data key for one table on the shelf."""
        key_id = "d" + os.urandom(8).hex()
        secret = Secret(os.urandom(KEY_BYTES))
        self._add(KeyRecord(key_id, ()), secret, self._period, KeyState.ACTIVE)
        return key_id, secret

    def open_data_key(self, key_id: str) -> Secret:
        """Return a data key.

        Raises: KeyDestroyed or KeyUnavailable.
        """
        return self._open(key_id, 1)

    def new_agreement(self, key_id: str, *, of_one_release: bool = False) -> None:
        """Make an agreement's random secret, or leave it as it is.

        The secret of one release is wrapped under a period key of its own, which ends with it: an old backup of the
        wrapped secret opens nothing.
        Raises: KeyDestroyed if it was destroyed: a destroyed key's name is never used again.
        """
        if record_path(self._folder, key_id).exists():
            self.active_version(key_id)
            return
        secret = Secret(self._entropy.secret_bytes(KEY_BYTES, f"agreement {key_id}"))
        self._add(
            KeyRecord(key_id, ()), secret, _own_period(key_id, 1) if of_one_release else self._period, KeyState.ACTIVE
        )

    def linkage_key(self) -> Secret:
        """Return the key of blocking keys in prepared indexes, random and used for nothing else; made when first asked for."""
        self.new_agreement(LINKAGE)
        return self._open(LINKAGE, self.active_version(LINKAGE))

    def active_version(self, key_id: str) -> int:
        """Return the number of the version that makes new pseudonyms; it opens.

        Raises: KeyDestroyed if every version is destroyed; KeyUnavailable if none is active or it does not open.
        """
        record = read_record(self._folder, key_id)
        active = record.active()
        if active is None:
            self._refuse_destroyed(record)
            message = "The key has no active version."
            raise KeyUnavailable(message, "Rotate it, or make a version active.")
        self._open(key_id, active.number)
        return active.number

    def pseudonym_key(self, key_id: str, domain: PseudonymDomain) -> Secret:
        """Return the HMAC key of a domain under the version of an agreement's secret that the domain names.

        Active, deactivated and compromised versions recompute what they made; whoever makes new pseudonyms takes the
        domain's version from ``active_version``.
        Raises: KeyDestroyed; KeyUnavailable, for a version that the key does not have too.
        """
        return domain_key(self._open(key_id, domain.version), self._pepper, domain)

    def key_ids(self) -> tuple[str, ...]:
        """Return the names of all keys."""
        return record_names(self._folder)

    def versions(self, key_id: str) -> tuple[KeyVersion, ...]:
        """Return a key's versions, whatever their state; their bytes are wrapped."""
        return read_record(self._folder, key_id).versions

    def prepare_version(self, key_id: str, *, of_its_own_period: bool = False) -> int:
        """Add a version with a fresh random secret, not yet active, and return its number."""
        return self._add_version(key_id, KeyState.PRE_ACTIVE, of_its_own_period=of_its_own_period)

    def rotate(self, key_id: str, day: date, by: str, *, of_its_own_period: bool = False) -> int:
        """Add a version with a fresh random secret, make it active and deactivate the one before, in one write.

        The earlier version recomputes its pseudonyms until it is destroyed, so both live side by side.
        """
        record = read_record(self._folder, key_id)
        active = record.active()
        if active is not None:
            record = record.with_version(active.changed(KeyState.DEACTIVATED, day.isoformat(), by))
        return self._add_version(key_id, KeyState.ACTIVE, record, of_its_own_period=of_its_own_period)

    def change_state(self, key_id: str, number: int, state: KeyState, day: date, by: str) -> None:
        """Put a version into another state; the version active until then is deactivated when another becomes active.

        Raises: InvalidTransition; KeyUnavailable for an unknown version. Destroying has a method of its own.
        Source: NIST SP 800-57 part 1, section 7.
        """
        if state is KeyState.DESTROYED:
            self.destroy(key_id, day, version=number, by=by)
            return
        record = read_record(self._folder, key_id)
        changed = record.version(number).changed(state, day.isoformat(), by)
        active = record.active()
        if state is KeyState.ACTIVE and active is not None:
            record = record.with_version(active.changed(KeyState.DEACTIVATED, day.isoformat(), by))
        write_record(self._folder, record.with_version(changed))

    def destroy(self, key_id: str, day: date, *, version: int | None = None, by: str = "system") -> dict[str, Any]:
        """Destroy a key, or one version of it, and return the facts of its certificate.

        Period keys of the key's own go first, then the wrapped bytes. What was cut off half way is finished by asking
        again, and what is destroyed already gives the same facts again.
        Source: NIST SP 800-57 part 1, destroyed state.
        """
        record = read_record(self._folder, key_id)
        numbers = [held.number for held in record.versions] if version is None else [record.version(version).number]
        for number in numbers:
            held = record.version(number)
            if held.period == _own_period(key_id, number) and not self._periods.is_destroyed(held.period):
                self._periods.destroy(held.period)
            if held.state is not KeyState.DESTROYED:
                record = record.with_version(held.changed(KeyState.DESTROYED, day.isoformat(), by))
        write_record(self._folder, record)
        return self._facts(record, numbers)

    def _facts(self, record: KeyRecord, numbers: list[int]) -> dict[str, Any]:
        ended = [record.version(number) for number in numbers]
        return {
            "key_id": record.key_id,
            "state": KeyState.DESTROYED.value,
            "destroyed_on": ended[-1].changes[-1].on,
            "by": ended[-1].changes[-1].by,
            "versions": [
                {
                    "version": version.number,
                    "wrapped_sha256": version.wrapped_sha256,
                    "period": version.period,
                    "period_key": "destroyed" if self._periods.is_destroyed(version.period) else "kept for other keys",
                }
                for version in ended
            ],
        }

    def is_destroyed(self, key_id: str) -> bool:
        """Say whether every version of a key was destroyed.

        Raises: KeyUnavailable if the store does not hold it.
        """
        return all(version.state is KeyState.DESTROYED for version in read_record(self._folder, key_id).versions)

    def destroy_period(self, period: str) -> None:
        """Destroy a period key: every secret wrapped under it ends, in old backups too."""
        self._periods.destroy(period)

    def begin_period(self, period: str) -> None:
        """Wrap new secrets under a period key of another name from now on, made if it is new.

        Raises: InputError for a name that is none; KeyUnavailable for a period that was destroyed.
        """
        if not PERIOD.fullmatch(period) or OWN_PERIOD.match(period):
            message = "That is no name of a period."
            raise InputError(message, "Use letters, digits and hyphens, such as 2023.")
        self._periods.make(period)
        self._period = period

    def retire_earlier_periods(self) -> int:
        """Retire every period of the house but the present one; keys with a period of their own keep it."""
        return sum(self.retire_period(name) for name in self._periods.names() if not _stays(name, self._period))

    def retire_period(self, period: str) -> int:
        """Wrap all that lives under a period anew under the store's present one, destroy its key and return how many moved.

        After that every older backup of the wrapped secrets opens nothing. Cut off half way, nothing is lost and
        asking again finishes it.
        Raises: KeyUnavailable if the period is the present one.
        """
        if period == self._period:
            message = "That is the period in use."
            raise KeyUnavailable(message, "Begin a new period first.")
        self._periods.make(self._period)
        n_moved = 0
        for record, version in self._wrapped_under(period):
            wrapped = wrap(self._kek(self._period), self._unwrapped(version))
            moved = replace(version, period=self._period, wrapped=wrapped, wrapped_sha256=digest_of_bytes(wrapped))
            write_record(self._folder, read_record(self._folder, record.key_id).with_version(moved))
            n_moved += 1
        self._periods.destroy(period)
        return n_moved

    def _wrapped_under(self, period: str) -> Iterator[tuple[KeyRecord, KeyVersion]]:
        for key_id in self.key_ids():
            record = read_record(self._folder, key_id)
            for version in record.versions:
                if version.period == period and version.wrapped:
                    yield record, version

    def _add_version(
        self, key_id: str, state: KeyState, record: KeyRecord | None = None, *, of_its_own_period: bool
    ) -> int:
        record = record or read_record(self._folder, key_id)
        number = max(version.number for version in record.versions) + 1
        secret = Secret(self._entropy.secret_bytes(KEY_BYTES, f"agreement {key_id} {number}"))
        self._add(record, secret, _own_period(key_id, number) if of_its_own_period else self._period, state)
        return number

    def _add(self, record: KeyRecord, secret: Secret, period: str, state: KeyState) -> None:
        number = max((version.number for version in record.versions), default=0) + 1
        self._periods.make(period)
        wrapped = wrap(self._kek(period), secret)
        write_record(self._folder, record.with_version(new_version(number, state, period, wrapped)))

    def _kek(self, period: str) -> Secret:
        return self._root.key_encryption_key(self._periods.key(period))

    def _refuse_destroyed(self, record: KeyRecord) -> None:
        if all(version.state is KeyState.DESTROYED for version in record.versions):
            message = f"The key was destroyed on {record.versions[-1].changes[-1].on}."
            raise KeyDestroyed(message)

    def _open(self, key_id: str, number: int) -> Secret:
        version = read_record(self._folder, key_id).version(number)
        if version.state is KeyState.DESTROYED:
            message = f"The key was destroyed on {version.changes[-1].on}."
            raise KeyDestroyed(message)
        if version.state not in PROCESSING:
            message = "The key is not active yet."
            raise KeyUnavailable(message, "Make this version active first.")
        return self._unwrapped(version)

    def _unwrapped(self, version: KeyVersion) -> Secret:
        secret = unwrap(self._kek(version.period), version.wrapped)
        if secret is None:
            message = "A key does not open."
            raise KeyUnavailable(message, "Check that the root and the period key belong to this store.")
        return secret
