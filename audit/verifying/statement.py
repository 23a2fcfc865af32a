"""The signed statement: an in-toto statement in a DSSE envelope, verified over the very bytes that are then read.

Source: in-toto Attestation Framework, Statement v1; DSSE 1.0 (pre-authentication encoding); RFC 8032.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.verifying.encoding import decoded, read_json
from audit.verifying.manifest import CRATE, DATA_MANIFEST, MANIFEST, STATEMENT, payload_files, sha512_of
from audit.verifying.outcome import Failed
from audit.verifying.trust import TrustPolicy

__all__ = [
    "PAYLOAD_TYPE",
    "RELEASE_TYPE",
    "STATEMENT_TYPE",
    "Statement",
    "good_ed25519",
    "pre_authentication",
    "read_statement",
    "same_files",
]

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
RELEASE_TYPE = "urn:caregate:release:1"
SIGNED_BESIDE = {CRATE: True, "trust-policy.txt": False, "verify.py": False}
"""Files beside the payload that the statement names, and whether they must be there."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement whose signatures held, with the bytes that were signed."""

    body: bytes
    subjects: dict[str, str]
    predicate: dict[str, Any]
    n_signers: int

    @property
    def digest(self) -> str:
        """The SHA-256 digest of the signed bytes, which the log's leaf holds."""
        return hashlib.sha256(self.body).hexdigest()


def pre_authentication(kind: str, body: bytes) -> bytes:
    """Return the bytes that a DSSE signature covers. Source: DSSE protocol, PAE."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(body), body)


def good_ed25519(public: bytes, signature: bytes, content: bytes) -> bool:
    """Say whether an Ed25519 signature holds. Source: RFC 8032."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def opened_envelope(path: Path, policy: TrustPolicy, place: int) -> tuple[bytes, int]:
    """Return the body of an envelope and how many different trusted keys signed it.

    Raises: Failed if the envelope is missing or malformed; ``place`` is that of the leaf, for retired keys.
    """
    try:
        content = path.read_bytes()
        envelope = read_json(content)
        if json.dumps(envelope, sort_keys=True, separators=(",", ":")).encode() != content:
            message = "the envelope is not canonical"
            raise ValueError(message)
        body, kind = decoded(envelope["payload"]), envelope["payloadType"]
        signed = pre_authentication(kind, body)
        signers = set()
        for signature in envelope["signatures"]:
            raw = decoded(signature["sig"])
            named = [key for key in policy.releases if key.name == signature["keyid"] and policy.counts_at(key, place)]
            signers |= {key.public for key in named if good_ed25519(key.public, raw, signed)}
    except FileNotFoundError as fault:
        message = f"{path.name} is missing"
        raise Failed(message) from fault
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        message = f"{path.name} is malformed"
        raise Failed(message) from fault
    if kind != PAYLOAD_TYPE:
        message = f"{path.name} is of another payload type"
        raise Failed(message)
    return body, len(signers)


def read_statement(folder: Path, policy: TrustPolicy, place: int) -> Statement:
    """Verify the envelope and return its statement.

    Raises: Failed if too few trusted keys signed, or what they signed is no statement of a release.
    """
    body, n_signers = opened_envelope(folder / STATEMENT, policy, place)
    if n_signers < policy.threshold:
        message = (
            "no trusted release key signed the statement"
            if not n_signers
            else f"{n_signers} trusted release keys signed the statement, the policy asks for {policy.threshold}"
        )
        raise Failed(
            message + ": it was altered or is another sender's; get the present trust policy if keys were changed"
        )
    try:
        held = read_json(body)
        subjects = {one["name"]: one["digest"] for one in held["subject"]}
        if (
            held["_type"] != STATEMENT_TYPE
            or held["predicateType"] != RELEASE_TYPE
            or len(subjects) != len(held["subject"])
        ):
            raise ValueError
        digests = {name: digest["sha512"] for name, digest in subjects.items()}
        predicate = dict(held["predicate"])
        for name in ("name", "recipient", "recipient_key", "body_code", "agreement", "agreement_from", "agreement_to"):
            if not isinstance(predicate[name], str):
                raise TypeError
    except (ValueError, KeyError, TypeError) as fault:
        message = "what was signed is not a statement of a release"
        raise Failed(message) from fault
    return Statement(body, digests, predicate, n_signers)


def same_files(folder: Path, statement: Statement) -> str:
    """Hold the statement's digests against the manifests and the files beside them.

    Raises: Failed, naming the file.
    """
    listed = {**payload_files(folder), MANIFEST: sha512_of(folder / MANIFEST)}
    for name, needed in SIGNED_BESIDE.items():
        if (folder / name).is_file():
            listed[name] = sha512_of(folder / name)
        elif needed:
            message = f"{name} is missing"
            raise Failed(message)
    stated = {
        name: digest for name, digest in statement.subjects.items() if name in listed or SIGNED_BESIDE.get(name, True)
    }
    if stated.get(MANIFEST) != listed[MANIFEST] or stated.get(DATA_MANIFEST) != listed[DATA_MANIFEST]:
        message = "the statement speaks of another manifest: signature and files are of different packages"
        raise Failed(message)
    differing = sorted(name for name in {*stated, *listed} if stated.get(name) != listed.get(name))
    if differing:
        message = "not as the statement says: " + ", ".join(differing[:5])
        raise Failed(message)
    return f"{len(stated)} files, signed by {statement.n_signers}"
