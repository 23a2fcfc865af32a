"""The log's proofs for one release: that its leaf is in the log, and that the log continues what earlier packages showed."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from audit.journal import Journal
from audit.note import Checkpoint, sign_checkpoint
from audit.tree import consistency_proof, inclusion_proof, leaf_hash, root_of
from extracts.evidence import ReleaseKeys

__all__ = ["log_proofs"]

MOST_EARLIER = 256
SHOWN = (b'"action":"release"', b'"action":"delivered again"', b'"action":"sealed anew"')


def log_proofs(document: str, journal: Journal, keys: ReleaseKeys) -> tuple[str, str]:
    """Return the proof of a document's leaf under a checkpoint signed by log and witness, and the consistency proofs from
    the checkpoints of earlier packages.

    Source: C2SP tlog-proof; C2SP tlog-witness for the form of a consistency proof.
    """
    leaves = journal.leaves()
    hashes = [leaf_hash(leaf) for leaf in leaves]
    needle = f'"document":"{document}"'.encode()
    index = next(place for place, leaf in enumerate(leaves) if needle in leaf)
    checkpoint = Checkpoint(keys.log.name, len(hashes), root_of(hashes))
    at_utc = datetime.strptime(json.loads(leaves[-1])["at_utc"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    note = sign_checkpoint(checkpoint, keys.log, keys.witness, int(at_utc.timestamp()))
    path = [base64.b64encode(step).decode() for step in inclusion_proof(hashes, index)]
    head = ["c2sp.org/tlog-proof@v1", f"extra {base64.b64encode(leaves[index]).decode()}", f"index {index}", *path]
    return "\n".join(head) + "\n\n" + note, _continuing(leaves, hashes)


def _continuing(leaves: Sequence[bytes], hashes: Sequence[bytes]) -> str:
    blocks = []
    for size in _sizes_shown(leaves):
        steps = "".join(base64.b64encode(step).decode() + "\n" for step in consistency_proof(hashes, size))
        blocks.append(f"old {size}\n{steps}\n")
    return "".join(blocks)


def _sizes_shown(leaves: Sequence[bytes]) -> list[int]:
    """Return the sizes of the log under which earlier packages left: after their leaf, and the end of a key of one release."""
    sizes = set()
    for place, leaf in enumerate(leaves):
        if any(mark in leaf for mark in SHOWN):
            after = place + 1
            ended = after < len(leaves) and b'"action":"key destroyed"' in leaves[after]
            sizes.add(after + 1 if ended else after)
    return sorted(size for size in sizes if size < len(leaves))[-MOST_EARLIER:]
