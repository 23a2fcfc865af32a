"""Merkle tree hashing and proofs.

Source: RFC 6962, section 2.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from cld.errors import LogInconsistent

__all__ = ["consistency_proof", "inclusion_proof", "leaf_hash", "root_from_inclusion", "root_of", "verify_consistency"]


def leaf_hash(leaf: bytes) -> bytes:
    """Hash a leaf (prefix 0)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two children (prefix 1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(n: int) -> int:
    return 1 << ((n - 1).bit_length() - 1)


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    level = list(hashes)
    while len(level) > 1:
        paired = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = paired + ([level[-1]] if len(level) % 2 else [])
    return level[0]


def inclusion_proof(hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the audit path of a leaf, leaf end first."""
    if not 0 <= index < len(hashes):
        message = "There is no such leaf."
        raise LogInconsistent(message)
    if len(hashes) == 1:
        return ()
    k = _split(len(hashes))
    if index < k:
        return (*inclusion_proof(hashes[:k], index), root_of(hashes[k:]))
    return (*inclusion_proof(hashes[k:], index - k), root_of(hashes[:k]))


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that a leaf hash and its path lead to.

    Raises: LogInconsistent if the path has the wrong length.
    """
    if not 0 <= index < size:
        message = "An inclusion proof names a leaf outside its tree."
        raise LogInconsistent(message)
    running, place, last = leaf, index, size - 1
    for step in path:
        if last == 0:
            message = "An inclusion proof is too long."
            raise LogInconsistent(message)
        if place % 2 or place == last:
            running = node_hash(step, running)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            running = node_hash(running, step)
        place, last = place >> 1, last >> 1
    if last:
        message = "An inclusion proof is too short."
        raise LogInconsistent(message)
    return running


def consistency_proof(hashes: Sequence[bytes], older: int) -> tuple[bytes, ...]:
    """Return the proof that the tree of ``older`` leaves is the start of this one."""
    if not 0 < older <= len(hashes):
        message = "A consistency proof needs an older, non-empty tree."
        raise LogInconsistent(message)
    return _subproof(older, hashes, whole=True)


def _subproof(older: int, hashes: Sequence[bytes], *, whole: bool) -> tuple[bytes, ...]:
    if older == len(hashes):
        return () if whole else (root_of(hashes),)
    k = _split(len(hashes))
    if older <= k:
        return (*_subproof(older, hashes[:k], whole=whole), root_of(hashes[k:]))
    return (*_subproof(older - k, hashes[k:], whole=False), root_of(hashes[:k]))


def verify_consistency(older: int, older_root: bytes, newer: int, newer_root: bytes, proof: Sequence[bytes]) -> None:
    """Hold a newer root against an older one.

    Raises: LogInconsistent if the newer tree does not continue the older one.
    """
    message = "The log does not continue the checkpoint seen before."
    if older == newer:
        if proof or older_root != newer_root:
            raise LogInconsistent(message)
        return
    steps = list(proof)
    place, last = older - 1, newer - 1
    while place % 2:
        place, last = place >> 1, last >> 1
    if older < 1 or older > newer or (place and not steps):
        raise LogInconsistent(message)
    old = new = steps.pop(0) if place else older_root
    for step in steps:
        if last == 0:
            raise LogInconsistent(message)
        if place % 2 or place == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, step)
        place, last = place >> 1, last >> 1
    if old != older_root or new != newer_root or last:
        raise LogInconsistent(message)
