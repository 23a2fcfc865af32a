"""Signed notes and checkpoints: written, read strictly, and held against keys of three kinds.

Source: C2SP signed-note (type 0x01), tlog-checkpoint, tlog-cosignature (types 0x04 and 0x06); RFC 8032; FIPS 204.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from cld.errors import BadSignature

__all__ = [
    "ED25519_COSIGNATURE", "ED25519_NOTE", "ML_DSA_44_COSIGNATURE", "Checkpoint", "CosignerKeys", "NoteKey", "SignedNote",
    "canonical_base64", "cosign", "read_checkpoint", "read_note", "sign_head", "sign_note", "subtree_message", "verified_at",
]  # fmt: skip

ED25519_NOTE = 0x01
ED25519_COSIGNATURE = 0x04
ML_DSA_44_COSIGNATURE = 0x06
KEY_BYTES = {ED25519_NOTE: 32, ED25519_COSIGNATURE: 32, ML_DSA_44_COSIGNATURE: 1312}
MOST_NOTE_BYTES = 1_000_000
MOST_SIGNATURES = 100
DASH = "\u2014"
SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
NAME = re.compile(r"[^\s+]+")
ROOT_BYTES = 32
LEAST_LINES = 3
KEY_ID_BYTES = 4
STAMP_BYTES = 8


def canonical_base64(text: str) -> bytes:
    """Decode base64 written the one canonical way.

    Raises: BadSignature for any other spelling: spare bits, line breaks, another alphabet.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as fault:
        raise _malformed() from fault
    if base64.b64encode(raw).decode() != text:
        raise _malformed()
    return raw


def _malformed() -> BadSignature:
    return BadSignature("A signed note, checkpoint or key is malformed.", "Get it again from who gave it.")


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
    """A name, a signature type and a public key, written ``name+key id+base64(type, key)``."""

    name: str
    kind: int
    public: bytes

    @classmethod
    def parse(cls, text: str) -> NoteKey:
        """Read a verifier key as written.

        Raises: BadSignature if it is malformed, of an unknown type, or its id is not its own.
        """
        parts = text.split("+", 2)
        if len(parts) != 3 or not NAME.fullmatch(parts[0]):  # noqa: PLR2004 - name, id, key
            raise _malformed()
        raw = canonical_base64(parts[2])
        if not raw or KEY_BYTES.get(raw[0]) != len(raw) - 1:
            raise _malformed()
        key = cls(parts[0], raw[0], raw[1:])
        if key.key_id.hex() != parts[1]:
            raise _malformed()
        return key

    @property
    def key_id(self) -> bytes:
        """The four bytes that stand before each signature."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:KEY_ID_BYTES]

    def text(self) -> str:
        """Return the verifier key as one line."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"

    def line(self, signature: bytes) -> str:
        """Return a signature line of a note."""
        return f"{DASH} {self.name} {base64.b64encode(self.key_id + signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class CosignerKeys:
    """The two keys of one signer, so that neither a broken curve nor a young scheme alone is trusted."""

    name: str
    ed25519: Ed25519PrivateKey
    ml_dsa: MLDSA44PrivateKey

    def note_key(self) -> NoteKey:
        """Return the Ed25519 key as a log uses it."""
        return NoteKey(self.name, ED25519_NOTE, self.ed25519.public_key().public_bytes_raw())

    def cosigner_key(self) -> NoteKey:
        """Return the Ed25519 key as a witness uses it."""
        return NoteKey(self.name, ED25519_COSIGNATURE, self.ed25519.public_key().public_bytes_raw())

    def ml_dsa_key(self) -> NoteKey:
        """Return the ML-DSA-44 key, for log and witness alike."""
        return NoteKey(self.name, ML_DSA_44_COSIGNATURE, self.ml_dsa.public_key().public_bytes_raw())

    def log_keys(self) -> tuple[NoteKey, NoteKey]:
        """Return the two keys of a log."""
        return self.note_key(), self.ml_dsa_key()

    def witness_keys(self) -> tuple[NoteKey, NoteKey]:
        """Return the two keys of a witness."""
        return self.cosigner_key(), self.ml_dsa_key()


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A note's text and its signature lines: name, key id with signature. Nothing in it is verified yet."""

    text: str
    signatures: tuple[tuple[str, bytes], ...]
    content: str


def read_note(content: str) -> SignedNote:
    """Read a signed note without believing it.

    Raises: BadSignature if it is malformed.
    Source: C2SP signed-note, format.
    """
    text, found, block = content.rpartition("\n\n")
    if not found or not text or not block.endswith("\n") or len(content) > MOST_NOTE_BYTES:
        raise _malformed()
    if any(character < " " and character != "\n" for character in content):
        raise _malformed()
    lines = block[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise _malformed()
    return SignedNote(text + "\n", tuple(_signature(line) for line in lines), content)


def _signature(line: str) -> tuple[str, bytes]:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != DASH or not NAME.fullmatch(parts[1]):  # noqa: PLR2004 - dash, name, signature
        raise _malformed()
    raw = canonical_base64(parts[2])
    if len(raw) <= KEY_ID_BYTES:
        raise _malformed()
    return parts[1], raw


def read_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint; extension lines are allowed and not kept.

    Raises: BadSignature if it is malformed.
    Source: C2SP tlog-checkpoint, note text.
    """
    lines = text.split("\n")
    if lines.pop() or len(lines) < LEAST_LINES or not all(lines) or not SIZE.fullmatch(lines[1]):
        raise _malformed()
    root = canonical_base64(lines[2])
    if len(root) != ROOT_BYTES:
        raise _malformed()
    return Checkpoint(lines[0], int(lines[1]), root)


def verified_at(note: SignedNote, keys: Iterable[NoteKey]) -> dict[NoteKey, int]:
    """Return the given keys that signed, each with the time it states in seconds since 1970 (0 for a plain signature).

    Raises: BadSignature if a signature of a given key does not verify; lines of other keys are passed over.
    Source: C2SP signed-note, signatures; tlog-cosignature, format.
    """
    known = {(key.name, key.key_id): key for key in keys}
    found: dict[NoteKey, int] = {}
    for name, raw in note.signatures:
        key = known.get((name, raw[:KEY_ID_BYTES]))
        if key is not None and key not in found:
            found[key] = _require_good(key, raw[KEY_ID_BYTES:], note)
    return found


def _require_good(key: NoteKey, signature: bytes, note: SignedNote) -> int:
    """Hold one signature against its key; return the time that it states."""
    stamped = key.kind != ED25519_NOTE
    time = int.from_bytes(signature[:STAMP_BYTES], "big") if stamped else 0
    rest = signature[STAMP_BYTES:] if stamped else signature
    try:
        if key.kind == ML_DSA_44_COSIGNATURE:
            covered = subtree_message(key.name, time, read_checkpoint(note.text))
            MLDSA44PublicKey.from_public_bytes(key.public).verify(rest, covered)
        else:
            content = stamped_text(time, note.text) if stamped else note.text
            Ed25519PublicKey.from_public_bytes(key.public).verify(rest, content.encode())
    except (InvalidSignature, ValueError) as fault:
        message = f"The signature of {key.name} does not verify."
        raise BadSignature(message) from fault
    return time


def stamped_text(time: int, text: str) -> str:
    """Return what an Ed25519 cosignature covers. Source: C2SP tlog-cosignature, Ed25519 signed message."""
    return f"cosignature/v1\ntime {time}\n{text}"


def subtree_message(name: str, timestamp: int, checkpoint: Checkpoint) -> bytes:
    """Return the bytes that an ML-DSA-44 cosignature covers. Source: C2SP tlog-cosignature, cosigned_message."""
    named, origin = name.encode(), checkpoint.origin.encode()
    return (
        b"subtree/v1\n\0"
        + bytes([len(named)])
        + named
        + timestamp.to_bytes(8, "big")
        + bytes([len(origin)])
        + origin
        + (0).to_bytes(8, "big")
        + checkpoint.size.to_bytes(8, "big")
        + checkpoint.root
    )


def sign_note(text: str, signers: Iterable[tuple[str, Ed25519PrivateKey]]) -> str:
    """Return any text as a note signed by named Ed25519 keys."""
    lines = []
    for name, key in signers:
        public = NoteKey(name, ED25519_NOTE, key.public_key().public_bytes_raw())
        lines.append(public.line(key.sign(text.encode())))
    return text + "\n" + "".join(lines)


def _ml_dsa_line(keys: CosignerKeys, timestamp: int, checkpoint: Checkpoint) -> str:
    signature = keys.ml_dsa.sign(subtree_message(keys.name, timestamp, checkpoint))
    return keys.ml_dsa_key().line(timestamp.to_bytes(STAMP_BYTES, "big") + signature)


def sign_head(checkpoint: Checkpoint, log: CosignerKeys, timestamp: int) -> str:
    """Return the checkpoint as a note signed by both keys of its log; ``timestamp`` is in seconds since 1970."""
    body = checkpoint.body()
    return sign_note(body, [(log.name, log.ed25519)]) + _ml_dsa_line(log, timestamp, checkpoint)


def cosign(checkpoint: Checkpoint, text: str, witness: CosignerKeys, timestamp: int) -> str:
    """Return the two signature lines of a witness on a checkpoint whose text it read."""
    signature = witness.ed25519.sign(stamped_text(timestamp, text).encode())
    first = witness.cosigner_key().line(timestamp.to_bytes(STAMP_BYTES, "big") + signature)
    return first + _ml_dsa_line(witness, timestamp, checkpoint)
