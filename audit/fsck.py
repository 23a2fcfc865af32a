"""Recompute the whole log and trust nothing: order, digests, and the ancestry of everything that left."""

from __future__ import annotations

import json

from audit.ancestry import require_ancestry
from audit.journal import Journal
from audit.tree import leaf_hash, root_of
from cld.canonical import canonical_bytes
from cld.errors import NotSealed

__all__ = ["fsck"]


def fsck(journal: Journal) -> dict[str, object]:
    """Return the log's size, root and faults; no fault names anything but digests and places.

    Source: Tessera's fsck, whose habit of trusting nothing this follows.
    """
    leaves = journal.leaves()
    faults: list[str] = []
    for place, leaf in enumerate(leaves):
        held = json.loads(leaf)
        if held["seq"] != place or canonical_bytes(held) != leaf:
            faults.append(f"leaf {place} is out of order or not canonical")
        digest = held["document"]
        document = journal.load(digest) if digest else None
        if digest and (document is None or document.digest != digest):
            faults.append(f"the document of leaf {place} is missing or altered")
        elif held["action"] == "release":
            faults += _ancestry_faults(digest, journal)
    return {"n_leaves": len(leaves), "root": root_of([leaf_hash(leaf) for leaf in leaves]).hex(), "faults": faults}


def _ancestry_faults(digest: str, journal: Journal) -> list[str]:
    try:
        require_ancestry(digest, journal)
    except NotSealed as fault:
        return [fault.message]
    return []
