"""Inclusion and consistency of a Merkle tree, as a verifier recomputes them. Source: RFC 6962, section 2.1; RFC 9162, 2.1.3 and 2.1.4."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from audit.verifying.outcome import Failed

__all__ = ["continues", "root_of_hash", "root_of_leaf"]


def _joined(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of_leaf(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that a leaf and its path lead to.

    Raises: Failed if the path has the wrong length or the leaf lies outside the tree.
    """
    return root_of_hash(hashlib.sha256(b"\x00" + leaf).digest(), index, size, path)


def root_of_hash(leaf_hash: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that a leaf's hash and its path lead to.

    Raises: Failed as for the leaf.
    """
    if not 0 <= index < size:
        message = "the leaf lies outside the tree of the checkpoint"
        raise Failed(message)
    running, place, last = leaf_hash, index, size - 1
    for step in path:
        if last == 0:
            message = "the inclusion proof is too long"
            raise Failed(message)
        if place % 2 or place == last:
            running = _joined(step, running)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            running = _joined(running, step)
        place, last = place >> 1, last >> 1
    if last:
        message = "the inclusion proof is too short"
        raise Failed(message)
    return running


def continues(older: int, older_root: bytes, newer: int, newer_root: bytes, proof: Sequence[bytes]) -> bool:
    """Say whether a proof shows that the tree of ``newer`` leaves begins with the tree of ``older`` leaves."""
    if older == newer:
        return not proof and older_root == newer_root
    if not 0 < older < newer or not proof:
        return False
    steps = list(proof)
    place, last = older - 1, newer - 1
    while place % 2:
        place, last = place >> 1, last >> 1
    old = new = steps.pop(0) if place else older_root
    for step in steps:
        if last == 0:
            return False
        if place % 2 or place == last:
            old, new = _joined(step, old), _joined(step, new)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            new = _joined(new, step)
        place, last = place >> 1, last >> 1
    return old == older_root and new == newer_root and last == 0
