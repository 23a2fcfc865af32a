"""The audit room: an append-only Merkle log, signed checkpoints, proofs, ancestry and offline verification."""
