"""A witness's own folder: its two keys, readable by its account alone, and the last head of each log it watches."""

from __future__ import annotations

import json
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from audit.note import CosignerKeys
from audit.trust import read_trust
from audit.witness import Witness
from cld.clock import Clock, SystemClock
from cld.errors import Conflict, KeyUnavailable

__all__ = ["create_witness_keys", "open_witness"]

KEYS = "keys.json"


def create_witness_keys(folder: Path, name: str) -> CosignerKeys:
    """Make both keys of a witness.

    Raises: Conflict if the folder has keys already: a witness that loses its keys is another witness.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ed25519, ml_dsa = Ed25519PrivateKey.generate(), MLDSA44PrivateKey.generate()
    held = {
        "name": name,
        "ed25519": ed25519.private_bytes_raw().hex(),
        "ml_dsa_44_seed": ml_dsa.private_bytes_raw().hex(),
    }
    try:
        handle = os.open(folder / KEYS, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as fault:
        message = "This witness has its keys already."
        raise Conflict(message, "Give another folder.") from fault
    with os.fdopen(handle, "w") as stream:
        json.dump(held, stream)
        stream.flush()
        os.fsync(handle)
    return CosignerKeys(name, ed25519, ml_dsa)


def open_witness(folder: Path, trust: str, clock: Clock | None = None) -> Witness:
    """Open a witness over its folder, watching every log of a policy.

    Raises: KeyUnavailable if its keys cannot be read; InputError if the policy cannot.
    """
    try:
        held = json.loads((folder / KEYS).read_text("utf-8"))
        ed25519 = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(held["ed25519"]))
        ml_dsa = MLDSA44PrivateKey.from_seed_bytes(bytes.fromhex(held["ml_dsa_44_seed"]))
        keys = CosignerKeys(str(held["name"]), ed25519, ml_dsa)
    except (OSError, ValueError, KeyError, TypeError):
        message = "The witness's keys cannot be read."
        raise KeyUnavailable(message, "Make them with: caregate log witness create.") from None
    policy = read_trust(trust).witnessing
    logs = {log.key.name: policy.log_keys(log.key.name) for log in policy.logs}
    return Witness(keys, folder, logs, clock or SystemClock())
