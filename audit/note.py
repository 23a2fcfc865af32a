"""Signed checkpoints: C2SP signed notes with Ed25519.

Source: C2SP signed-note and tlog-checkpoint.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from cld.errors import BadSignature

__all__ = ["Checkpoint", "NoteKey", "open_checkpoint", "parse_verifier_key", "sign_checkpoint"]

ED25519 = b"\x01"
DASH = "\u2014"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: its origin, size and root."""

    origin: str
    size: int
    root: bytes

    def body(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A name and an Ed25519 public key, written ``name+hash+key``."""

    name: str
    public: bytes

    @property
    def key_hash(self) -> bytes:
        """The four bytes that stand before each signature."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    def text(self) -> str:
        """Return the verifier key as one line."""
        return f"{self.name}+{self.key_hash.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"


def parse_verifier_key(text: str) -> NoteKey:
    """Read a verifier key.

    Raises: BadSignature if the line is not one.
    """
    try:
        name, key_hash, encoded = text.strip().split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
    except ValueError as fault:
        message = "A trust policy holds a line that is no verifier key."
        raise BadSignature(message) from fault
    key = NoteKey(name, raw[1:])
    if raw[:1] != ED25519 or key.key_hash.hex() != key_hash:
        message = "A verifier key does not agree with its own hash."
        raise BadSignature(message)
    return key


def sign_checkpoint(checkpoint: Checkpoint, signers: tuple[tuple[str, Ed25519PrivateKey], ...]) -> str:
    """Return the signed note: the body, an empty line, one signature line a signer."""
    lines = []
    for name, private in signers:
        key = NoteKey(name, private.public_key().public_bytes_raw())
        signature = private.sign(checkpoint.body().encode())
        lines.append(f"{DASH} {name} {base64.b64encode(key.key_hash + signature).decode()}\n")
    return checkpoint.body() + "\n" + "".join(lines)


def open_checkpoint(note: str, required: tuple[NoteKey, ...]) -> Checkpoint:
    """Read a signed note that every required key has signed.

    Raises: BadSignature, naming the missing signer.
    """
    body, _, tail = note.partition("\n\n")
    signed = (body + "\n").encode()
    for key in required:
        if not _is_signed_by(signed, tail, key):
            message = f"The checkpoint is not signed by {key.name}."
            raise BadSignature(message)
    try:
        origin, size, root = body.split("\n")[:3]
        return Checkpoint(origin, int(size), base64.b64decode(root, validate=True))
    except ValueError as fault:
        message = "The checkpoint is malformed."
        raise BadSignature(message) from fault


def _is_signed_by(signed: bytes, tail: str, key: NoteKey) -> bool:
    for line in tail.splitlines():
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        if dash != DASH or name != key.name:
            continue
        try:
            raw = base64.b64decode(encoded, validate=True)
            Ed25519PublicKey.from_public_bytes(key.public).verify(raw[4:], signed)
        except (ValueError, InvalidSignature):
            continue
        return raw[:4] == key.key_hash
    return False
