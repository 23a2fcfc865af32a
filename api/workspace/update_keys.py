"""A custodian's update key: one file, readable by its account alone, kept apart from the house."""

from __future__ import annotations

import json
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.note import ED25519_NOTE, NoteKey
from cld.errors import BadSignature, Conflict, InputError, KeyUnavailable

__all__ = ["create_update_key", "read_update_key"]


def create_update_key(path: Path, name: str) -> NoteKey:
    """Make an update key.

    Raises: Conflict if there is a file of that name; InputError if the name cannot stand in a policy.
    """
    secret = Ed25519PrivateKey.generate()
    public = NoteKey(name, ED25519_NOTE, secret.public_key().public_bytes_raw())
    try:
        NoteKey.parse(public.text())
    except BadSignature as fault:
        message = "A key's name has no spaces and no plus sign."
        raise InputError(message, "Write one such as house.example/update/custodian-one.") from fault
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as fault:
        message = "There is a file of that name already."
        raise Conflict(message, "Choose another: a key that is overwritten is lost.") from fault
    with os.fdopen(handle, "w") as stream:
        json.dump({"name": name, "ed25519": secret.private_bytes_raw().hex()}, stream)
        stream.flush()
        os.fsync(handle)
    return public


def read_update_key(path: Path) -> tuple[str, Ed25519PrivateKey]:
    """Return the name and the secret of an update key.

    Raises: KeyUnavailable.
    """
    try:
        held = json.loads(path.read_text("utf-8"))
        return str(held["name"]), Ed25519PrivateKey.from_private_bytes(bytes.fromhex(held["ed25519"]))
    except (OSError, ValueError, KeyError, TypeError):
        message = "The update key cannot be read."
        raise KeyUnavailable(message, "Give the file that caregate log trust new-update-key made.") from None
