"""Two published attacks on encodings of names, by someone who knows the scheme and a list of names but no key.

The attacker sees filters alone, with how often each occurs, and answers with a name for each. An answer is worth
something only beyond the best guess without looking, which is the commonest name for everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
SEEDS = 300
FEWEST_ROWS = 8
FEWEST_OF_HASHES, MOST_OF_HASHES = 0.85, 1.3
WIDTH_OF_BEAM = 60


@dataclass(frozen=True)
class NameList:
    """What anybody can know: names, how common each is, and the q-grams of each."""

    names: tuple[str, ...]
    shares: Floats
    grams: tuple[str, ...]
    holds: npt.NDArray[np.bool_]
    """Names down, q-grams across."""


def a_name_list(names: Sequence[str], shares: Floats, q: int = 2) -> NameList:
    """Prepare a list of names as an attacker would."""
    cut = [{f"_{name}_"[i : i + q] for i in range(len(name) + 3 - q)} for name in names]
    grams = tuple(sorted(set().union(*cut)))
    holds = np.array([[gram in own for gram in grams] for own in cut], dtype=bool)
    return NameList(tuple(names), shares / shares.sum(), grams, holds)


@dataclass(frozen=True)
class Intercepted:
    """Distinct filters, how many records have each, and (for the judge alone) whose they are."""

    filters: Bits
    n_records: npt.NDArray[np.int64]
    truth: npt.NDArray[np.int64]


def intercept(filters: Bits, truth: npt.NDArray[np.int64]) -> Intercepted:
    """Count the distinct filters of a file."""
    distinct, first, counts = np.unique(filters, axis=0, return_index=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return Intercepted(distinct[order], counts[order], truth[first][order])


def share_right(seen: Intercepted, answers: npt.NDArray[np.int64]) -> float:
    """Return the share of records whose name was answered."""
    return float(seen.n_records[answers == seen.truth].sum() / seen.n_records.sum())


def align_frequencies(seen: Intercepted, known: NameList) -> npt.NDArray[np.int64]:
    """Answer the n-th commonest name for the n-th commonest filter; the rest get the commonest name.

    Source: Kuzu, Kantarcioglu, Durham and Malin 2011; Christen, Schnell, Vatsalan and Ranbaduge 2017, first step.
    """
    ranked = np.argsort(-known.shares, kind="stable")
    answers = np.full(len(seen.filters), ranked[0])
    n_ranked = min(len(ranked), len(answers))
    answers[:n_ranked] = ranked[:n_ranked]
    return answers


def align_cells(seen: Intercepted, known: NameList, year_shares: Floats) -> npt.NDArray[np.int64]:
    """Answer by the n-th commonest pair of name and year: the same attack by someone who knows of the salt."""
    cells = np.argsort(-np.outer(known.shares, year_shares).ravel(), kind="stable")[: len(seen.filters)]
    answers = np.full(len(seen.filters), int(np.argmax(known.shares)))
    answers[: len(cells)] = cells // len(year_shares)
    return answers


def mine_patterns(seen: Intercepted, n_hashes: int) -> list[npt.NDArray[np.bool_]]:
    """Find sets of rows whose filters have as many bits in common as one q-gram sets.

    From a pair of bits that occur together, bits are added that nearly all remaining rows have, until the rows agree on
    a closed set. Bits of one q-gram always occur together, so its rows come out.

    Source: Christen, Vidanage, Ranbaduge and Schnell 2018, pattern mining on Bloom filters (co-occurring bit positions).
    """
    bits = np.unpackbits(seen.filters, axis=1).astype(np.float32)
    weights = seen.n_records.astype(np.float32)
    together = (bits * weights[:, None]).T @ bits
    support = np.diag(together).copy()
    alike = together / np.maximum(support[:, None] + support[None, :] - together, 1)
    np.fill_diagonal(alike, 0)
    found: dict[bytes, npt.NDArray[np.bool_]] = {}
    for start in np.argsort(-alike.max(axis=1), kind="stable")[:SEEDS]:
        rows = (bits[:, start] > 0) & (bits[:, int(np.argmax(alike[start]))] > 0)
        closed = _closed(bits, weights, support, rows, n_hashes)
        if closed is not None:
            found.setdefault(closed.tobytes(), closed)
    return sorted(found.values(), key=lambda rows: -float(weights[rows].sum()))


def _closed(
    bits: npt.NDArray[np.float32],
    weights: npt.NDArray[np.float32],
    support: npt.NDArray[np.float32],
    rows: npt.NDArray[np.bool_],
    n_hashes: int,
) -> npt.NDArray[np.bool_] | None:
    """Add the bit that is most alike to the remaining rows, until they share the bits of one q-gram, not of two."""
    while rows.sum() >= FEWEST_ROWS:
        n_rows = float(weights[rows].sum())
        common = weights[rows] @ bits[rows]
        whole = common >= n_rows - 0.5
        if whole.sum() >= round(FEWEST_OF_HASHES * n_hashes):
            return rows if whole.sum() <= round(MOST_OF_HASHES * n_hashes) else None
        alike = np.where(whole, 0, common / np.maximum(n_rows + support - common, 1))
        rows = rows & (bits[:, int(np.argmax(alike))] > 0)
    return None


def name_patterns(patterns: list[npt.NDArray[np.bool_]], seen: Intercepted, known: NameList) -> dict[int, int]:
    """Say which q-gram each pattern is, by how often patterns occur alone and together.

    Source: Christen, Vidanage, Ranbaduge and Schnell 2018 (frequencies of q-grams); Vidanage, Christen, Ranbaduge and Schnell 2020
            (the frequencies of pairs as well).
    """
    if not patterns:
        return {}
    weights = seen.n_records / seen.n_records.sum()
    stacked = np.stack(patterns).astype(float)
    observed = (stacked * weights) @ stacked.T
    holds = known.holds.astype(float)
    expected = (holds.T * known.shares) @ holds
    n_records = float(seen.n_records.sum())
    beam: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    for place in range(len(patterns)):
        grown = [each for cost, chosen in beam for each in _grown(cost, chosen, place, observed, expected, n_records)]
        beam = sorted(grown)[:WIDTH_OF_BEAM]
    return dict(enumerate(beam[0][1]))


def _grown(
    cost: float, chosen: tuple[int, ...], place: int, observed: Floats, expected: Floats, n_records: float
) -> list[tuple[float, tuple[int, ...]]]:
    alone = np.diag(expected)
    spread = np.sqrt(alone / n_records) + 1e-4
    total = cost + ((observed[place, place] - alone) / spread) ** 2
    if chosen:
        with_others = expected[:, list(chosen)]
        spreads = np.sqrt(with_others / n_records) + 1e-3
        total = total + (((observed[place, : len(chosen)] - with_others) / spreads) ** 2).sum(axis=1)
        total[list(chosen)] = np.inf
    best = np.argsort(total, kind="stable")[:8]
    return [(float(total[gram]), (*chosen, int(gram))) for gram in best]


def read_patterns(seen: Intercepted, known: NameList, n_hashes: int, n_patterns: int = 60) -> npt.NDArray[np.int64]:
    """Answer the likeliest name that holds the q-grams found in a filter and none of those not found."""
    commonest = int(np.argmax(known.shares))
    patterns = mine_patterns(seen, n_hashes)[:n_patterns]
    named = name_patterns(patterns, seen, known)
    if not named:
        return np.full(len(seen.filters), commonest)
    has = np.stack([patterns[place] for place in named], axis=1).astype(float)
    ought = known.holds[:, list(named.values())].astype(float)
    unlike = has @ (1 - ought.T) + (1 - has) @ ought.T
    cost = 4.0 * unlike - np.log(known.shares)[None, :]
    return np.asarray(np.argmin(cost, axis=1), dtype=np.int64)
