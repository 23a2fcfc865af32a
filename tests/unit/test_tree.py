"""The Merkle tree."""

from __future__ import annotations

import hashlib

import pytest

from audit.tree import consistency_proof, inclusion_proof, leaf_hash, root_from_inclusion, root_of, verify_consistency
from cld.errors import LogInconsistent

LEAVES = [leaf_hash(str(number).encode()) for number in range(70)]


def test_the_empty_tree_and_one_leaf_are_as_the_rfc_says() -> None:
    assert root_of([]) == hashlib.sha256(b"").digest()
    assert root_of([leaf_hash(b"")]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


def test_every_leaf_of_every_tree_proves_its_place_and_no_other() -> None:
    for size in range(1, len(LEAVES) + 1):
        root = root_of(LEAVES[:size])
        for index in range(size):
            path = inclusion_proof(LEAVES[:size], index)
            assert root_from_inclusion(LEAVES[index], index, size, path) == root
            assert root_from_inclusion(leaf_hash(b"other"), index, size, path) != root


def test_every_older_tree_is_shown_to_be_the_start_and_a_rewritten_one_is_not() -> None:
    for size in range(1, 33):
        for older in range(1, size + 1):
            proof = consistency_proof(LEAVES[:size], older)
            verify_consistency(older, root_of(LEAVES[:older]), size, root_of(LEAVES[:size]), proof)
            rewritten = [leaf_hash(b"other"), *LEAVES[1:size]]
            with pytest.raises(LogInconsistent):
                verify_consistency(
                    older, root_of(LEAVES[:older]), size, root_of(rewritten), consistency_proof(rewritten, older)
                )
