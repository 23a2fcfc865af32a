"""What stands beside the payload: the signed statement, the crate, the log's proofs, trust policy and verifier.

The statement is made again, byte for byte, from the release's own document: a delivery that is repeated carries the same.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.journal import Journal
from audit.note import CosignerKeys
from audit.onefile import one_file
from audit.verifying.checks import REISSUE_TYPE
from audit.verifying.manifest import CONSISTENCY, CRATE, MANIFEST, PROOF, REISSUE, STATEMENT, payload_files, sha512_of
from audit.verifying.statement import PAYLOAD_TYPE, RELEASE_TYPE, STATEMENT_TYPE, pre_authentication
from cld.canonical import canonical_bytes
from cld.journey import DocumentKind
from cld.shelf import atomic_write
from extracts.crate import crate_json
from extracts.lineage import Lineage
from extracts.package import payload_sizes

__all__ = [
    "ReleaseKeys",
    "beside_digests",
    "reissue_note",
    "statement_of",
    "write_beside",
    "write_evidence",
]

TRUST, VERIFIER = "trust-policy.txt", "verify.py"
ACTS = (DocumentKind.APPROVED_PLAN, DocumentKind.CANDIDATE_EXTRACT, DocumentKind.CHECKED_EXTRACT)


class ReleaseKeys(Protocol):
    """The keys that sign releases and the log, whose name is its origin, and the text of the trust policy in force."""

    @property
    def release_key(self) -> Ed25519PrivateKey: ...  # noqa: D102
    @property
    def log(self) -> CosignerKeys: ...  # noqa: D102
    @property
    def trust(self) -> str: ...  # noqa: D102


def _release_key_name(keys: ReleaseKeys) -> str:
    return f"{keys.log.name}/release"


def beside_digests(keys: ReleaseKeys) -> dict[str, str]:
    """Return the SHA-512 digests of the files that travel beside every package, for the release's document to hold."""
    texts = {TRUST: keys.trust, VERIFIER: one_file()}
    return {name: hashlib.sha512(text.encode()).hexdigest() for name, text in texts.items()}


def write_beside(folder: Path, body: Mapping[str, Any], lineage: Lineage, journal: Journal, keys: ReleaseKeys) -> None:
    """Write crate, trust policy and verifier; of a release made under other texts, the two last are left out."""
    found = [(digest, journal.load(digest)) for digest in lineage.ancestry]
    acts = [
        (one.kind.value, digest, one.body.get("signs", []))
        for digest, one in found
        if one is not None and one.kind in ACTS
    ]
    crate = crate_json(
        body["facts"],
        body["released_on"],
        payload_sizes(folder),
        [*reversed(acts), ("SignedRelease", "", body["signs"])],
    )
    atomic_write(folder / CRATE, crate)
    for name, text in ((TRUST, keys.trust), (VERIFIER, one_file())):
        if body["beside"][name] == hashlib.sha512(text.encode()).hexdigest():
            atomic_write(folder / name, text.encode())


def statement_of(folder: Path, body: Mapping[str, Any], checked: str, lineage: Lineage) -> bytes:
    """Return the statement's bytes: every file that left, for whom and to which key, and every document it rests on.

    Source: in-toto Attestation Framework, Statement v1.
    """
    files = {**payload_files(folder), **body["beside"]}
    files |= {name: sha512_of(folder / name) for name in (MANIFEST, CRATE)}
    return canonical_bytes(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": name, "digest": {"sha512": digest}} for name, digest in sorted(files.items())],
            "predicateType": RELEASE_TYPE,
            "predicate": {
                **body["facts"],
                "recipient_key": body["recipient_key"],
                "body_code": body["body_code"],
                "released_on": body["released_on"],
                "payload": body["payload_digest"],
                "checked_extract": checked,
                "ancestry": list(lineage.ancestry),
            },
        }
    )


def envelope_of(body: bytes, keys: ReleaseKeys) -> bytes:
    """Sign a statement with the release key and return its envelope. Source: DSSE 1.0."""
    signature = base64.b64encode(keys.release_key.sign(pre_authentication(PAYLOAD_TYPE, body))).decode()
    return canonical_bytes(
        {
            "payloadType": PAYLOAD_TYPE,
            "payload": base64.b64encode(body).decode(),
            "signatures": [{"keyid": _release_key_name(keys), "sig": signature}],
        }
    )


def reissue_note(statement: bytes, recipient_key: str, day: str, keys: ReleaseKeys) -> bytes:
    """Return the signed note that a release was sealed anew to another key of its recipient."""
    digest = hashlib.sha256(statement).hexdigest()
    note = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": STATEMENT, "digest": {"sha256": digest}}],
        "predicateType": REISSUE_TYPE,
        "predicate": {"statement": digest, "recipient_key": recipient_key, "on": day},
    }
    return envelope_of(canonical_bytes(note), keys)


def write_evidence(
    folder: Path, statement: bytes, proof: str, continuing: str, keys: ReleaseKeys, note: bytes = b""
) -> None:
    """Put signature, log proof, the proofs that the log continues earlier checkpoints, and any note of re-issue beside."""
    atomic_write(folder / STATEMENT, envelope_of(statement, keys))
    atomic_write(folder / PROOF, proof.encode())
    if continuing:
        atomic_write(folder / CONSISTENCY, continuing.encode())
    if note:
        atomic_write(folder / REISSUE, note)
