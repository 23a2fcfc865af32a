"""Merkle tree hashing and proofs, over any store that can tell the hash of a range of leaves.

Source: RFC 6962, section 2.1; the checks of proofs are those of RFC 9162, section 2.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from audit.verifying.merkle import continues, root_of_hash
from audit.verifying.outcome import Failed
from cld.errors import LogInconsistent

__all__ = [
    "EMPTY_ROOT", "HASH_BYTES", "RangeHash", "consistency_path", "consistency_proof", "hash_pairs", "inclusion_path",
    "inclusion_proof", "leaf_hash", "node_hash", "range_hash", "root_from_inclusion", "root_of", "split_of", "verify_consistency",
]  # fmt: skip

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
NOT_CONTINUED = "The log does not continue the checkpoint seen before."

RangeHash = Callable[[int, int], bytes]
"""MTH(D[start:end]) of RFC 6962, for start < end."""


def leaf_hash(leaf: bytes) -> bytes:
    """Hash a leaf (prefix 0)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two children (prefix 1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def split_of(n: int) -> int:
    """Return the largest power of two smaller than n."""
    return 1 << ((n - 1).bit_length() - 1)


def hash_pairs(level: bytes) -> bytes:
    """Hash neighbours of one level, joined bytes in and out; an odd last one rises as it is."""
    whole = len(level) // (2 * HASH_BYTES) * (2 * HASH_BYTES)
    sha256 = hashlib.sha256
    paired = [sha256(b"\x01" + level[at : at + 64]).digest() for at in range(0, whole, 2 * HASH_BYTES)]
    return b"".join(paired) + level[whole:]


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes."""
    level = b"".join(hashes)
    if not level:
        return EMPTY_ROOT
    while len(level) > HASH_BYTES:
        level = hash_pairs(level)
    return level


def range_hash(start: int, end: int, node: Callable[[int, int], bytes]) -> bytes:
    """Return the hash of a range from those of its whole subtrees, ``node(level, index)``."""
    n = end - start
    if n & (n - 1) == 0 and start % n == 0:
        level = n.bit_length() - 1
        return node(level, start >> level)
    middle = start + split_of(n)
    return node_hash(range_hash(start, middle, node), range_hash(middle, end, node))


def inclusion_path(index: int, size: int, of_range: RangeHash) -> tuple[bytes, ...]:
    """Return the audit path of a leaf, leaf end first.

    Raises: LogInconsistent if there is no such leaf.
    """
    if not 0 <= index < size:
        message = "There is no such leaf."
        raise LogInconsistent(message)
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + split_of(end - start)
        if index < middle:
            path.append(of_range(middle, end))
            end = middle
        else:
            path.append(of_range(start, middle))
            start = middle
    return tuple(reversed(path))


def consistency_path(older: int, size: int, of_range: RangeHash) -> tuple[bytes, ...]:
    """Return the proof that the tree of ``older`` leaves is the start of the tree of ``size``.

    Raises: LogInconsistent if the older tree is empty or larger.
    """
    if not 0 < older <= size:
        message = "A consistency proof needs an older, non-empty tree."
        raise LogInconsistent(message)
    start, end, path = 0, size, []
    while older != end:
        middle = start + split_of(end - start)
        if older <= middle:
            path.append(of_range(middle, end))
            end = middle
        else:
            path.append(of_range(start, middle))
            start = middle
    if start:
        path.append(of_range(start, end))
    return tuple(reversed(path))


def inclusion_proof(hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the audit path of a leaf among these leaf hashes."""
    return inclusion_path(index, len(hashes), lambda start, end: root_of(hashes[start:end]))


def consistency_proof(hashes: Sequence[bytes], older: int) -> tuple[bytes, ...]:
    """Return the proof that the tree of the first ``older`` of these leaf hashes is the start of the whole."""
    return consistency_path(older, len(hashes), lambda start, end: root_of(hashes[start:end]))


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that a leaf hash and its path lead to.

    Raises: LogInconsistent if the path has the wrong length or a step is no hash.
    """
    if any(len(held) != HASH_BYTES for held in (leaf, *path)):
        message = "An inclusion proof holds what is no hash."
        raise LogInconsistent(message)
    try:
        return root_of_hash(leaf, index, size, path)
    except Failed as fault:
        message = f"An inclusion proof does not hold: {fault}."
        raise LogInconsistent(message) from fault


def verify_consistency(older: int, older_root: bytes, newer: int, newer_root: bytes, proof: Sequence[bytes]) -> None:
    """Hold a newer root against an older one.

    Raises: LogInconsistent if the newer tree does not continue the older one, or the older one is empty: nothing is
    shown by continuing nothing.
    """
    hashes = all(len(step) == HASH_BYTES for step in proof)
    if not (older > 0 and hashes and continues(older, older_root, newer, newer_root, proof)):
        raise LogInconsistent(NOT_CONTINUED)
