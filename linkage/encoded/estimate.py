"""m and u of any comparisons by EM on counted agreement patterns; nothing here knows what a field is.

Source: Fellegi and Sunter 1969; Winkler 1988 (EM for linkage); Dempster, Laird and Rubin 1977.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["EncodedModel", "Patterns", "count_patterns", "fit_model", "pattern_weights"]

MAX_ROUNDS = 500
TOLERANCE = 1e-9
HALF_A_PAIR = 0.5
FIRST_M = 0.9
FIRST_SHARE = 0.1
Levels = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]
Tables = Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Patterns:
    """Distinct agreement patterns (p rows x one level a comparison), how many pairs have each, and each pair's own."""

    levels: Levels
    n_pairs: npt.NDArray[np.int64]
    own: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class EncodedModel:
    """m and u by comparison and level, with the pairs that they were estimated on."""

    m: Mapping[str, tuple[float, ...]]
    u: Mapping[str, tuple[float, ...]]
    n_candidates: int
    n_random: int

    def as_json(self) -> dict[str, object]:
        """Return the model with probabilities as text of eight digits."""
        return {
            "m": {name: [f"{value:.8f}" for value in values] for name, values in self.m.items()},
            "u": {name: [f"{value:.8f}" for value in values] for name, values in self.u.items()},
            "n_candidates": self.n_candidates,
            "n_random": self.n_random,
        }


def count_patterns(levels: Levels, n_levels: tuple[int, ...]) -> Patterns:
    """Count the agreement patterns of pairs.

    Shape:  in p pairs x c comparisons, -1 for neutral; out the distinct rows in ascending order.
    """
    code = np.zeros(len(levels), dtype=np.int64)
    for place, number in enumerate(n_levels):
        code = code * (number + 1) + levels[:, place] + 1
    distinct, own, counts = np.unique(code, return_inverse=True, return_counts=True)
    found = np.empty((len(distinct), len(n_levels)), dtype=np.int8)
    for place in reversed(range(len(n_levels))):
        distinct, found[:, place] = np.divmod(distinct, n_levels[place] + 1)
    return Patterns(found - np.int8(1), counts.astype(np.int64), own.reshape(-1).astype(np.int64))


def fit_model(names: Mapping[str, int], candidates: Patterns, random: Patterns) -> EncodedModel:
    """Estimate m on candidates, the others among them having tables of their own; then u on random pairs.

    Random pairs hold a few matches, which would swamp the rare agreements of the rest; they are weighed out by the same
    EM with m held.

    Assumes: comparisons are independent given match or not; blocked others differ from random others.
    Source:  Winkler 1988; Dempster, Laird and Rubin 1977.
    """
    first_m = {name: _start(number) for name, number in names.items()}
    first_u = {name: _shares(random, place, number, None) for place, (name, number) in enumerate(names.items())}
    m, _ = _maximise(candidates, names, first_m, first_u, is_m_held=False)
    _, u = _maximise(random, names, m, first_u, is_m_held=True)
    return EncodedModel(_plain(m), _plain(u), int(candidates.n_pairs.sum()), int(random.n_pairs.sum()))


def _plain(tables: Tables) -> dict[str, tuple[float, ...]]:
    return {name: tuple(float(value) for value in values) for name, values in tables.items()}


def _start(number: int) -> Floats:
    return np.array([(1 - FIRST_M) / (number - 1)] * (number - 1) + [FIRST_M])


def _maximise(
    patterns: Patterns, names: Mapping[str, int], m: Tables, u: Tables, *, is_m_held: bool
) -> tuple[Tables, Tables]:
    """Run EM until the share of matches stands still."""
    share, n_pairs = (1 / max(patterns.n_pairs.sum(), 2) if is_m_held else FIRST_SHARE), patterns.n_pairs
    for _ in range(MAX_ROUNDS):
        match, other = share * _likelihood(patterns, m), (1 - share) * _likelihood(patterns, u)
        belongs = match / (match + other)
        u = {name: _shares(patterns, i, n, 1 - belongs) for i, (name, n) in enumerate(names.items())}
        if not is_m_held:
            m = {name: _shares(patterns, i, n, belongs) for i, (name, n) in enumerate(names.items())}
        new_share = float((belongs * n_pairs).sum() / max(n_pairs.sum(), 1))
        if abs(new_share - share) < TOLERANCE * share:
            break
        share = max(new_share, TOLERANCE)
    return m, u


def _likelihood(patterns: Patterns, tables: Tables) -> Floats:
    total = np.ones(len(patterns.levels))
    for place, table in enumerate(tables.values()):
        levels = patterns.levels[:, place]
        total *= np.where(levels >= 0, table[np.maximum(levels, 0)], 1.0)
    return total


def _shares(patterns: Patterns, place: int, number: int, belongs: Floats | None) -> Floats:
    levels = patterns.levels[:, place]
    weights = patterns.n_pairs * (1.0 if belongs is None else belongs)
    known = levels >= 0
    mass = np.bincount(levels[known], weights=weights[known], minlength=number) + HALF_A_PAIR
    return np.asarray(mass / mass.sum())


def pattern_weights(names: Mapping[str, int], patterns: Patterns, model: EncodedModel, n_right: int) -> Floats:
    """Return each pattern's match weight in bits: the prior of one right record, and log2(m / u) of each comparison.

    Source: Fellegi and Sunter 1969.
    """
    weights = np.full(len(patterns.levels), -np.log2(max(n_right, 2)))
    for place, name in enumerate(names):
        bits = np.log2(np.array(model.m[name]) / np.array(model.u[name]))
        levels = patterns.levels[:, place]
        weights += np.where(levels >= 0, bits[np.maximum(levels, 0)], 0.0)
    return weights
