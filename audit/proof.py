"""Proofs that travel: that an entry is in the log, and that a newer checkpoint continues those seen before.

A ``.tlog-proof`` is the format of C2SP. Its ``extra`` line holds the leaf and is not trusted: only a leaf that hashes into
the signed tree is believed. Consistency travels as one block for each earlier size, written as a log writes to a witness:
``old SIZE``, the hashes in base64, an empty line.

Source: C2SP tlog-proof; C2SP tlog-witness for the form of a consistency proof.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audit.note import (
    Checkpoint,
    NoteKey,
    SignedNote,
    canonical_base64,
    read_checkpoint,
    read_note,
    verified_at,
)
from audit.policy import WitnessPolicy
from audit.tree import HASH_BYTES, leaf_hash, root_from_inclusion, verify_consistency
from cld.errors import BadSignature, LogInconsistent

__all__ = [
    "LogProof", "consistency_text", "hold_last_seen", "read_consistency", "read_proof", "require_signed", "require_witnessed",
    "verify_proof", "write_proof",
]  # fmt: skip

HEADER = "c2sp.org/tlog-proof@v1"
INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")
OLD = re.compile(r"old ([1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class LogProof:
    """A leaf (as the proof says it is), its place, its path, and the signed checkpoint; nothing verified yet."""

    extra: bytes
    index: int
    path: tuple[bytes, ...]
    note: SignedNote


def write_proof(leaf: bytes, index: int, path: Sequence[bytes], note: str) -> str:
    """Write a proof with the leaf as its extra data."""
    head = [HEADER, f"extra {base64.b64encode(leaf).decode()}", f"index {index}"]
    return "\n".join([*head, *(base64.b64encode(step).decode() for step in path)]) + "\n\n" + note


def read_proof(text: str) -> LogProof:
    """Read a proof without believing it.

    Raises: BadSignature if it is malformed.
    """
    head, found, rest = text.partition("\n\n")
    lines = head.split("\n")
    if not found or lines.pop(0) != HEADER:
        raise _malformed()
    extra = canonical_base64(lines.pop(0)[len("extra ") :]) if lines and lines[0].startswith("extra ") else b""
    index = INDEX.fullmatch(lines.pop(0)) if lines else None
    if index is None:
        raise _malformed()
    return LogProof(extra, int(index[1]), _hashes(lines), read_note(rest))


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    found = tuple(canonical_base64(line) for line in lines)
    if any(len(step) != HASH_BYTES for step in found):
        raise _malformed()
    return found


def _malformed() -> BadSignature:
    return BadSignature("A proof from the log is malformed.", "Ask the sender for it again.")


def require_signed(note: SignedNote, policy: WitnessPolicy, origin: str = "") -> Checkpoint:
    """Require every key of its log that is in force to have signed a checkpoint, of ``origin`` if given; return it.

    Raises: BadSignature.
    """
    checkpoint = read_checkpoint(note.text)
    keys = policy.log_keys(checkpoint.origin, checkpoint.size)
    if not keys or set(verified_at(note, keys)) != set(keys) or origin not in ("", checkpoint.origin):
        message = "The checkpoint is not signed by every trusted key of its log."
        raise BadSignature(message)
    return checkpoint


def require_witnessed(note: SignedNote, policy: WitnessPolicy) -> dict[NoteKey, int]:
    """Require the policy's quorum of witnesses on a checkpoint; return who signed and when.

    Raises: BadSignature.
    """
    signed = verified_at(note, policy.witness_keys())
    if not policy.is_met(signed, read_checkpoint(note.text).size):
        message = "Too few of the trusted witnesses signed the checkpoint."
        raise BadSignature(message, "Ask the sender for a proof with their signatures.")
    return signed


def verify_proof(proof: LogProof, leaf: bytes, policy: WitnessPolicy) -> Checkpoint:
    """Hold a leaf, rebuilt by the caller, against a proof; return the checkpoint it is in.

    Raises: BadSignature, LogInconsistent.
    Source: C2SP tlog-proof, verifying a tlog proof.
    """
    checkpoint = require_signed(proof.note, policy)
    require_witnessed(proof.note, policy)
    if root_from_inclusion(leaf_hash(leaf), proof.index, checkpoint.size, proof.path) != checkpoint.root:
        message = "The leaf is not in the tree of the checkpoint."
        raise LogInconsistent(message)
    return checkpoint


def consistency_text(proofs: Mapping[int, Sequence[bytes]]) -> str:
    """Write the proofs that a tree continues those of earlier sizes, oldest first."""
    blocks = []
    for old in sorted(proofs):
        steps = "".join(base64.b64encode(step).decode() + "\n" for step in proofs[old])
        blocks.append(f"old {old}\n{steps}\n")
    return "".join(blocks)


def read_consistency(text: str) -> dict[int, tuple[bytes, ...]]:
    """Read proofs from earlier sizes.

    Raises: BadSignature if they are malformed.
    """
    found: dict[int, tuple[bytes, ...]] = {}
    for block in text.split("\n\n")[:-1]:
        first, *rest = block.split("\n")
        old = OLD.fullmatch(first)
        if old is None or int(old[1]) in found:
            raise _malformed()
        found[int(old[1])] = _hashes(rest)
    if text and not text.endswith("\n\n"):
        raise _malformed()
    return found


def hold_last_seen(seen: Checkpoint, now: Checkpoint, proofs: Mapping[int, Sequence[bytes]]) -> None:
    """Require a checkpoint to continue the last one seen, both verified before.

    Raises: LogInconsistent, naming two histories, an older log, or the proof that is missing.
    """
    if seen.origin != now.origin:
        message = "The checkpoint seen before is of another log."
        raise LogInconsistent(message, "Give the last checkpoint of this log.")
    if seen.size == now.size and seen.root != now.root:
        message = "Two histories are signed with one key: two checkpoints of one size have different roots."
        raise LogInconsistent(message, "Keep both checkpoints: together they prove it. Tell every recipient.")
    if seen.size > now.size:
        message = "The checkpoint is older than the last one seen."
        raise LogInconsistent(message, "Ask for a proof that the newer one continues it.")
    if seen.size not in (0, now.size) and seen.size not in proofs:
        message = f"There is no proof that the log continues the checkpoint of {seen.size} entries seen before."
        raise LogInconsistent(message, "Ask the sender for a proof from that size.")
    if 0 < seen.size < now.size:
        verify_consistency(seen.size, seen.root, now.size, now.root, proofs[seen.size])
