"""Signed checkpoints: a log's own Ed25519 note signature, and cosignatures by Ed25519 and ML-DSA-44.

Source: C2SP signed-note (type 0x01), tlog-checkpoint, tlog-cosignature (types 0x04 and 0x06); RFC 8032; FIPS 204.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

__all__ = ["Checkpoint", "CosignerKeys", "NoteKey", "sign_checkpoint", "subtree_message"]

ED25519_NOTE = 0x01
ED25519_COSIGNATURE = 0x04
ML_DSA_44_COSIGNATURE = 0x06
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
    """A name, a signature type and a public key, written ``name+key id+base64(type, key)``."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes that stand before each signature."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

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


def _ml_dsa_line(keys: CosignerKeys, timestamp: int, checkpoint: Checkpoint) -> str:
    signature = keys.ml_dsa.sign(subtree_message(keys.name, timestamp, checkpoint))
    return keys.ml_dsa_key().line(timestamp.to_bytes(8, "big") + signature)


def sign_checkpoint(checkpoint: Checkpoint, log: CosignerKeys, witness: CosignerKeys, timestamp: int) -> str:
    """Return the signed note: log and witness each with both their keys; ``timestamp`` is in seconds since 1970."""
    body = checkpoint.body()
    stamped = f"cosignature/v1\ntime {timestamp}\n{body}".encode()
    lines = (
        log.note_key().line(log.ed25519.sign(body.encode())),
        _ml_dsa_line(log, timestamp, checkpoint),
        witness.cosigner_key().line(timestamp.to_bytes(8, "big") + witness.ed25519.sign(stamped)),
        _ml_dsa_line(witness, timestamp, checkpoint),
    )
    return body + "\n" + "".join(lines)
