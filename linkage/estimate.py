"""m- and u-probabilities: u from the index's own frequencies, m by EM over counted agreement patterns.

Source: Fellegi and Sunter 1969; Winkler 1988 (EM for linkage).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["LEVELS", "Model", "estimate_m"]

LEVELS: Mapping[str, int] = {"given": 3, "family": 4, "birth": 3, "postcode": 3, "sex": 2}
"""Comparisons and their levels, 0 meaning no agreement; a missing value (-1) is neutral."""
MAX_ROUNDS = 200
TOLERANCE = 1e-9
SMALLEST = 1e-6
HALF_A_PAIR = 0.5


@dataclass(frozen=True, slots=True)
class Model:
    """m and u by comparison and level, and the share of matches among pairs that share a number."""

    m: Mapping[str, tuple[float, ...]]
    u: Mapping[str, tuple[float, ...]]
    share: float
    n_pairs: int

    def as_json(self) -> dict[str, object]:
        """Return the model with probabilities as text of eight digits, as sealed documents ask."""
        return {
            "m": {name: [f"{value:.8f}" for value in values] for name, values in self.m.items()},
            "u": {name: [f"{value:.8f}" for value in values] for name, values in self.u.items()},
            "share": f"{self.share:.8f}",
            "n_pairs": self.n_pairs,
        }


def estimate_m(patterns: Sequence[tuple[int, ...]], counts: Sequence[int], u: Mapping[str, tuple[float, ...]]) -> Model:
    """Estimate m by EM on patterns of pairs that share a number, u held fixed.

    Shape:  patterns: p rows x one level a comparison, -1 for missing; counts: p pairs.
    """
    gammas, weights = np.array(patterns, dtype=int), np.array(counts, dtype=float)
    m = {name: np.array(_start(levels)) for name, levels in LEVELS.items()}
    fixed = {name: np.array(u[name]) for name in LEVELS}
    share = 0.95
    for _ in range(MAX_ROUNDS):
        match = share * _likelihood(gammas, m)
        other = (1 - share) * _likelihood(gammas, fixed)
        belongs = match / (match + other)
        new_share = float((belongs * weights).sum() / weights.sum())
        m = {name: _updated(gammas[:, place], belongs * weights, LEVELS[name]) for place, name in enumerate(LEVELS)}
        if abs(new_share - share) < TOLERANCE:
            break
        share = new_share
    rounded = {name: tuple(float(value) for value in values) for name, values in m.items()}
    return Model(rounded, dict(u), share, int(weights.sum()))


def _start(levels: int) -> list[float]:
    low = [0.05 / (levels - 1)] * (levels - 1)
    return [*low, 0.95]


def _likelihood(gammas: np.ndarray, table: Mapping[str, np.ndarray]) -> np.ndarray:
    total = np.ones(len(gammas))
    for place, name in enumerate(LEVELS):
        levels = gammas[:, place]
        total *= np.where(levels >= 0, table[name][np.maximum(levels, 0)], 1.0)
    return total


def _updated(levels: np.ndarray, weights: np.ndarray, n_levels: int) -> np.ndarray:
    known = levels >= 0
    mass = np.bincount(levels[known], weights=weights[known], minlength=n_levels) + HALF_A_PAIR
    return np.asarray(mass / mass.sum())
