"""The keystore: the only place that touches wrapped keys.

A root sealed under a passphrase (Argon2id, AES-256-GCM); period keys outside backups in ``periods/``; agreement secrets
and data keys kept only wrapped (AES key wrap) in ``wrapped/``. Destroying a period key or a wrapped key ends what it
opened. Key states are those of NIST SP 800-57 part 1.
"""

from __future__ import annotations

import json
import os
from datetime import date
from enum import StrEnum
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_wrap,
)

from cld.canonical import canonical_bytes
from cld.clock import Entropy
from cld.errors import Conflict, KeyDestroyed, KeyUnavailable
from cld.shelf import atomic_write
from keys.derivation import (
    KEY_BYTES,
    PseudonymDomain,
    Secret,
    domain_key,
    key_encryption_key,
    pepper_of,
)

__all__ = ["KeyState", "KeyStore", "create_root", "open_root"]

ARGON2_MEMORY_KIB = 65_536
ARGON2_PASSES = 3
ARGON2_LANES = 4
LINKAGE = "linkage"


class KeyState(StrEnum):
    """States of a key. Source: NIST SP 800-57 part 1, section 7."""

    PRE_ACTIVE = "pre-active"
    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    COMPROMISED = "compromised"
    DESTROYED = "destroyed"


def _from_passphrase(passphrase: str, salt: bytes) -> AESGCM:
    derived = Argon2id(
        salt=salt, length=KEY_BYTES, iterations=ARGON2_PASSES, lanes=ARGON2_LANES, memory_cost=ARGON2_MEMORY_KIB
    )
    return AESGCM(derived.derive(passphrase.encode()))


def create_root(path: Path, passphrase: str, entropy: Entropy) -> Secret:
    """Make a root and seal it under a passphrase. Source: RFC 9106 (Argon2id).

    Raises: Conflict if there is one already.
    """
    if path.exists():
        message = "There is a root already."
        raise Conflict(message, "Open it, or choose an empty keystore.")
    root = entropy.secret_bytes(KEY_BYTES, "root")
    salt, nonce = entropy.secret_bytes(16, "root salt"), entropy.secret_bytes(12, "root nonce")
    sealed = _from_passphrase(passphrase, salt).encrypt(nonce, root, b"caregate/root/1")
    atomic_write(
        path, canonical_bytes({"version": 1, "salt": salt.hex(), "nonce": nonce.hex(), "sealed": sealed.hex()})
    )
    path.chmod(0o600)
    return Secret(root)


def open_root(path: Path, passphrase: str) -> Secret:
    """Open a sealed root.

    Raises: KeyUnavailable, with one message for a wrong passphrase and a damaged file alike.
    """
    try:
        held = json.loads(path.read_text("utf-8"))
        cipher = _from_passphrase(passphrase, bytes.fromhex(held["salt"]))
        return Secret(cipher.decrypt(bytes.fromhex(held["nonce"]), bytes.fromhex(held["sealed"]), b"caregate/root/1"))
    except (OSError, ValueError, KeyError, InvalidTag) as fault:
        message = "The root does not open."
        raise KeyUnavailable(message, "Check the passphrase; if it is right, restore the file.") from fault


class KeyStore:
    """Wrapped keys of one house, under one root."""

    def __init__(self, folder: Path, root: Secret, entropy: Entropy, period: str) -> None:
        """Open the store; ``period`` names the period key for new secrets, made if it is new."""
        self._folder = folder
        self._root = root
        self._entropy = entropy
        self._period = period
        self._pepper = pepper_of(root)

    def new_data_key(self) -> tuple[str, bytes]:
        """Make a data key for one table on the shelf."""
        key_id = "d" + os.urandom(8).hex()
        secret = Secret(os.urandom(KEY_BYTES))
        self._keep(key_id, secret, self._period)
        return key_id, secret.reveal()

    def open_data_key(self, key_id: str) -> bytes:
        """Return a data key's bytes.

        Raises: KeyDestroyed or KeyUnavailable.
        """
        return self._open(key_id).reveal()

    def new_agreement(self, key_id: str, *, of_one_release: bool = False) -> None:
        """Make an agreement's random secret, or leave it as it is.

        The secret of one release is wrapped under a period key of its own, which ends with it: an old backup of the
        wrapped secret opens nothing.
        Raises: KeyDestroyed if it was destroyed: a destroyed key's name is never used again.
        """
        if self._path(key_id).exists():
            self._open(key_id)
            return
        secret = Secret(self._entropy.secret_bytes(KEY_BYTES, f"agreement {key_id}"))
        self._keep(key_id, secret, f"of-{key_id}" if of_one_release else self._period)

    def linkage_key(self) -> Secret:
        """Return the key of blocking keys in prepared indexes, random and used for nothing else; made when first asked for."""
        self.new_agreement(LINKAGE)
        return self._open(LINKAGE)

    def pseudonym_key(self, key_id: str, domain: PseudonymDomain) -> Secret:
        """Return the HMAC key of a domain under an agreement's secret."""
        return domain_key(self._open(key_id), self._pepper, domain)

    def destroy(self, key_id: str, day: date) -> dict[str, str]:
        """Destroy a key and return the facts of its certificate; the wrapped bytes are gone from the store.

        Source: NIST SP 800-57 part 1, destroyed state.
        """
        self._open(key_id)
        certificate = {"key_id": key_id, "state": KeyState.DESTROYED.value, "destroyed_on": day.isoformat()}
        own_period = f"of-{key_id}"
        if self._held(key_id)["period"] == own_period:
            self.destroy_period(own_period)
        atomic_write(self._path(key_id), canonical_bytes(certificate))
        return certificate

    def is_destroyed(self, key_id: str) -> bool:
        """Say whether a key was destroyed.

        Raises: KeyUnavailable if the store does not hold it.
        """
        return bool(self._held(key_id)["state"] == KeyState.DESTROYED.value)

    def destroy_period(self, period: str) -> None:
        """Destroy a period key: every secret wrapped under it ends, in old backups too."""
        (self._folder / "periods" / period).unlink(missing_ok=True)
        atomic_write(self._folder / "periods" / f"{period}.destroyed", b"")

    def _path(self, key_id: str) -> Path:
        return self._folder / "wrapped" / f"{key_id}.json"

    def _kek(self, period: str, *, make: bool) -> bytes:
        path = self._folder / "periods" / period
        if not path.exists():
            if not make or path.with_name(f"{period}.destroyed").exists():
                message = "The period key is gone."
                raise KeyUnavailable(message, "What it wrapped cannot be opened any more.")
            atomic_write(path, self._entropy.secret_bytes(KEY_BYTES, f"period {period}"))
            path.chmod(0o600)
        return key_encryption_key(self._root, Secret(path.read_bytes())).reveal()

    def _keep(self, key_id: str, secret: Secret, period: str) -> None:
        wrapped = aes_key_wrap(self._kek(period, make=True), secret.reveal())
        held = {"key_id": key_id, "state": KeyState.ACTIVE.value, "period": period, "wrapped": wrapped.hex()}
        atomic_write(self._path(key_id), canonical_bytes(held))

    def _held(self, key_id: str) -> dict[str, str]:
        try:
            held: dict[str, str] = json.loads(self._path(key_id).read_text("utf-8"))
        except (OSError, ValueError) as fault:
            message = "A key is not in the store."
            raise KeyUnavailable(message, "Restore the keystore.") from fault
        return held

    def _open(self, key_id: str) -> Secret:
        held = self._held(key_id)
        if held["state"] == KeyState.DESTROYED.value:
            message = f"The key was destroyed on {held['destroyed_on']}."
            raise KeyDestroyed(message)
        try:
            return Secret(aes_key_unwrap(self._kek(held["period"], make=False), bytes.fromhex(held["wrapped"])))
        except InvalidUnwrap as fault:
            message = "A key does not open."
            raise KeyUnavailable(message, "Check that the root and the period key belong to this store.") from fault
