"""Faults put into pseudonyms on purpose: one character changed, or two neighbours exchanged."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from keys.text_form import ALPHABET

__all__ = ["injected_faults"]

LETTERS = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)
N_COVERED = 26  # version letter, tag and check character; the domain character is held against the domain


def injected_faults(texts: pa.Array, n_faults: int, seed: int) -> tuple[pa.Array, int, int]:
    """Return texts of which each has one fault, with how many were changed and how many exchanged.

    A draw that would change nothing (the same letter, or equal neighbours) is left out, so fewer may come back.
    """
    source = np.random.default_rng(seed)
    held = np.frombuffer(texts.buffers()[2], dtype=np.uint8).reshape(-1, 27)
    rows = held[source.integers(0, len(held), n_faults)].copy()
    every, is_swap = np.arange(n_faults), source.random(n_faults) < 0.5
    places = source.integers(0, N_COVERED, n_faults)
    letters = LETTERS[source.integers(0, 32, n_faults)]
    nexts = np.where(is_swap, (places % (N_COVERED - 1)) + 1, places)
    lefts = np.where(is_swap, nexts - 1, places)
    before = rows.copy()
    rows[every, lefts] = np.where(is_swap, before[every, nexts], letters)
    rows[every, nexts] = np.where(is_swap, before[every, lefts], rows[every, nexts])
    is_changed = (rows != before).any(axis=1)
    joined = rows[is_changed].tobytes().decode()
    faulty = pa.array([joined[start : start + 27] for start in range(0, len(joined), 27)], pa.string())
    return faulty, int((is_changed & ~is_swap).sum()), int((is_changed & is_swap).sum())
