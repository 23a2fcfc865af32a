"""The log's side of a package: leaf, inclusion, signed checkpoint, witnesses, and the continuation of what was seen.

Source: C2SP tlog-proof, tlog-checkpoint, signed-note, tlog-cosignature (types 0x01, 0x04 and 0x06); FIPS 204.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from audit.verifying.encoding import decoded, number_of, read_json
from audit.verifying.manifest import PROOF
from audit.verifying.merkle import continues, root_of_leaf
from audit.verifying.outcome import Failed, NotPossible
from audit.verifying.statement import Statement, good_ed25519
from audit.verifying.trust import KEY_ID_BYTES, TrustPolicy, VerifierKey

__all__ = [
    "LogProof",
    "SignedHead",
    "consistency_held",
    "enough_witnesses",
    "leaf_speaks",
    "log_signed",
    "log_signed_after",
    "proof_leads_to_root",
    "read_head",
    "read_proof",
]

PROOF_VERSION = "c2sp.org/tlog-proof@v1"
HASH_BYTES = 32
MOST_PATH = 63
ED25519_SIGNS, ED25519_COSIGNS, ML_DSA_44_COSIGNS = 1, 4, 6
TIME_BYTES = 8
DASH = "\u2014"


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A checkpoint and its signature lines: (name, key id and signature)."""

    origin: str
    size: int
    root: bytes
    signed: bytes
    signatures: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class LogProof:
    """A leaf, its index and path, and the checkpoint it is proved under."""

    leaf: bytes
    index: int
    path: tuple[bytes, ...]
    head: SignedHead


def read_head(text: str) -> SignedHead:
    """Read a signed checkpoint.

    Raises: ValueError. Source: C2SP tlog-checkpoint.
    """
    body, gap, signatures = text.partition("\n\n")
    lines = signatures.split("\n")
    origin, size, root, *extensions = body.split("\n")
    if not gap or lines.pop() != "" or not lines or not origin or extensions:
        message = "a checkpoint is malformed"
        raise ValueError(message)
    held = []
    for line in lines:
        dash, name, encoded = line.split(" ")
        raw = decoded(encoded)
        if dash != DASH or not name or len(raw) <= KEY_ID_BYTES:
            message = "a signature line is malformed"
            raise ValueError(message)
        held.append((name, raw))
    return SignedHead(origin, number_of(size), _hash(root), (body + "\n").encode(), tuple(held))


def _hash(text: str) -> bytes:
    raw = decoded(text)
    if len(raw) != HASH_BYTES:
        message = "a hash has another length"
        raise ValueError(message)
    return raw


def read_proof(folder: Path) -> LogProof:
    """Read the proof of a package.

    Raises: Failed if it is missing or malformed.
    """
    try:
        head, gap, checkpoint = (folder / PROOF).read_bytes().decode("utf-8").partition("\n\n")
        version, extra, index, *path = head.split("\n")
        if version != PROOF_VERSION or not gap or not extra.startswith("extra ") or not index.startswith("index "):
            raise ValueError
        if len(path) > MOST_PATH:
            raise ValueError
        leaf = decoded(extra.removeprefix("extra "))
        place = number_of(index.removeprefix("index "))
        return LogProof(leaf, place, tuple(_hash(line) for line in path), read_head(checkpoint))
    except FileNotFoundError as fault:
        message = "the log proof is missing: ask the sender for the package again"
        raise Failed(message) from fault
    except (OSError, ValueError) as fault:
        message = "the log proof is malformed"
        raise Failed(message) from fault


def leaf_speaks(proof: LogProof, statement: Statement) -> str:
    """Build the leaf anew from what it says and the statement, and hold it against the one that is in the tree.

    The line ``extra`` of a proof is not authenticated; the leaf is, by the root, once the inclusion holds.
    Raises: Failed if it is not the leaf of this release.
    """
    try:
        leaf = read_json(proof.leaf)
        rebuilt = {**leaf, "action": "release", "seq": proof.index}
        rebuilt["details"] = {"application": statement.predicate["name"], "statement": statement.digest}
        kind, place, details = leaf["action"], leaf["seq"], leaf["details"]
        stated, named = details.get("statement"), details.get("application")
    except (ValueError, KeyError, AttributeError) as fault:
        message = "the log's leaf cannot be read"
        raise Failed(message) from fault
    if kind != "release":
        message = "the log's leaf is not of a release"
        raise Failed(message)
    if stated != statement.digest:
        message = "the log's leaf speaks of another statement: proof and package belong to different releases"
        raise Failed(message)
    if named != statement.predicate["name"] or place != proof.index:
        message = "the log's leaf speaks of another release"
        raise Failed(message)
    if (
        json.dumps(
            {**leaf, "details": {**details, **rebuilt["details"]}},
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
        ).encode()
        != proof.leaf
    ):
        message = "the log's leaf is not canonical"
        raise Failed(message)
    return f"leaf {proof.index} of {proof.head.size}, {leaf.get('at_utc', 'no time')}"


def proof_leads_to_root(proof: LogProof) -> str:
    """Hold the inclusion proof against the root of the checkpoint.

    Raises: Failed.
    """
    if root_of_leaf(proof.leaf, proof.index, proof.head.size, list(proof.path)) != proof.head.root:
        message = "the leaf is not in the tree of the checkpoint"
        raise Failed(message)
    return f"{len(proof.path)} steps"


def key_signed(head: SignedHead, key: VerifierKey) -> bool:
    """Say whether a checkpoint carries a good signature of one key."""
    for name, raw in head.signatures:
        if name != key.name or raw[:KEY_ID_BYTES] != key.key_id:
            continue
        signature = raw[KEY_ID_BYTES:]
        if key.kind == ED25519_SIGNS:
            return good_ed25519(key.public, signature, head.signed)
        timestamp, signature = int.from_bytes(signature[:TIME_BYTES], "big"), signature[TIME_BYTES:]
        if key.kind == ED25519_COSIGNS:
            return good_ed25519(key.public, signature, f"cosignature/v1\ntime {timestamp}\n".encode() + head.signed)
        return key.kind == ML_DSA_44_COSIGNS and _good_ml_dsa(
            key.public, signature, _cosigned(key.name, timestamp, head)
        )
    return False


def _cosigned(name: str, timestamp: int, head: SignedHead) -> bytes:
    """Return the bytes that an ML-DSA-44 cosignature covers. Source: C2SP tlog-cosignature, cosigned_message."""
    named, origin = name.encode(), head.origin.encode()
    numbers = (0).to_bytes(8, "big") + head.size.to_bytes(8, "big")
    start = b"subtree/v1\n\0" + bytes([len(named)]) + named + timestamp.to_bytes(8, "big")
    return start + bytes([len(origin)]) + origin + numbers + head.root


def _good_ml_dsa(public: bytes, signature: bytes, content: bytes) -> bool:
    try:
        MLDSA44PublicKey.from_public_bytes(public).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def log_signed(head: SignedHead, policy: TrustPolicy) -> str:
    """Hold that every key in force of the log that made the checkpoint signed it; a log's name is its origin.

    Raises: Failed.
    """
    keys = policy.log_keys(head.origin, head.size)
    if not keys:
        message = "the checkpoint is of a log that the trust policy does not name: get the present policy"
        raise Failed(message)
    if not all(key_signed(head, key) for key in keys):
        message = "the checkpoint is not signed by every trusted key of the log"
        raise Failed(message)
    return f"{head.origin}, {head.size} leaves"


def log_signed_after(proof: LogProof, policy: TrustPolicy) -> str:
    """Hold the log's signatures, and that the leaf's own time is not after the one that the log stated as it signed.

    Raises: Failed.
    """
    said = log_signed(proof.head, policy)
    keys = {
        (key.name, key.key_id)
        for key in policy.log_keys(proof.head.origin, proof.head.size)
        if key.kind == ML_DSA_44_COSIGNS
    }
    stamps = [
        raw[KEY_ID_BYTES : KEY_ID_BYTES + TIME_BYTES]
        for name, raw in proof.head.signatures
        if (name, raw[:KEY_ID_BYTES]) in keys
    ]
    try:
        stated = datetime.strptime(str(read_json(proof.leaf)["at_utc"]), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except (ValueError, KeyError):
        return said
    if stamps and stated.timestamp() > int.from_bytes(stamps[0], "big"):
        message = "the log's leaf states a later time than the signature on the checkpoint that holds it"
        raise Failed(message)
    return said


def enough_witnesses(head: SignedHead, policy: TrustPolicy) -> str:
    """Hold that the policy's quorum of witnesses signed the checkpoint.

    Raises: Failed.
    """
    counted = {name: key for name, key in policy.witnesses.items() if policy.counts_at(key, head.size - 1)}
    signed = {name for name, key in counted.items() if key_signed(head, key)}
    if not policy.witnessed(signed, head.size):
        message = f"{len(signed)} of {len(counted)} trusted witness keys signed the checkpoint, which is no quorum of the policy"
        raise Failed(message)
    return "the policy asks for none" if policy.quorum == "none" else ", ".join(sorted(signed))


def read_consistency(text: str) -> dict[int, list[bytes]]:
    """Read consistency proofs by their older size: blocks of ``old SIZE`` and hashes, each ended by an empty line.

    Raises: ValueError. Source: C2SP tlog-witness, for the form of a block.
    """
    found: dict[int, list[bytes]] = {}
    *blocks, rest = text.split("\n\n")
    for block in blocks:
        old, *hashes = block.split("\n")
        size = number_of(old.removeprefix("old "))
        if not old.startswith("old ") or size in found:
            message = "a consistency proof is malformed"
            raise ValueError(message)
        found[size] = [_hash(line) for line in hashes]
    if rest:
        message = "a consistency proof was cut short"
        raise ValueError(message)
    return found


def consistency_held(head: SignedHead, seen: SignedHead, proofs: Mapping[int, list[bytes]], policy: TrustPolicy) -> str:
    """Hold that this checkpoint and one seen before are of one log that only grew.

    Whether one continues the other is a matter of hashes: a checkpoint seen whose key was stolen since does no harm where
    it is continued, and is named for what it is where it is not.
    Raises: NotPossible if the one seen is of another log; Failed if they contradict or nothing joins them.
    """
    if seen.origin != head.origin:
        message = f"the checkpoint seen before is of another log, {seen.origin}"
        raise NotPossible(message)
    older, newer = sorted((head, seen), key=lambda one: one.size)
    fault = _break_between(older, newer, proofs)
    if fault:
        log_signed(seen, policy)
        raise Failed(fault)
    return f"from {older.size} to {newer.size} leaves"


def _break_between(older: SignedHead, newer: SignedHead, proofs: Mapping[int, list[bytes]]) -> str:
    """Say why the newer checkpoint is not known to continue the older one, or nothing."""
    if older.size == newer.size:
        same = older.root == newer.root
        return (
            ""
            if same
            else "the log shows two histories of one size: it was rewritten; tell the sender and the witnesses"
        )
    proof = proofs.get(older.size)
    if proof is None:
        return (
            f"nothing joins the checkpoint of {older.size} leaves to that of {newer.size}: "
            "ask the sender for a consistency proof and give it with --consistency"
        )
    if continues(older.size, older.root, newer.size, newer.root, proof):
        return ""
    return "the log does not continue the checkpoint seen before: it was rewritten; tell the sender and the witnesses"
