"""What makes a class safe: k, distinct and entropy l, t and delta together, from class sizes and the values each class holds.

A class that is not safe is suppressed. Closeness is asked twice: against the values of the whole file, and against the
values of what is kept, since that is what a reader of the released file measures; classes are let go until both hold.
Source: Samarati 2001 (k); Machanavajjhala et al. 2007 (distinct and entropy l); Li, Li and Venkatasubramanian 2007 (t).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from disclosure.rows.ladders import Ints
from disclosure.rows.tallies import Flags

__all__ = ["Held", "Limits", "Sensitive", "closeness", "entropies", "failing", "far", "logarithms", "unsafe_classes"]

EXACT = 1e-12  # what arithmetic in binary fractions may be out by
Floats = npt.NDArray[np.float64]
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Limits:
    """What every class must hold: k records, and by sensitive column distinct values, effective values, closeness, delta.

    ``k_of`` names the column of persons where k counts persons and one may have several records.
    """

    k: int
    distinct_l: Mapping[str, int] = field(default_factory=dict)
    entropy_l: Mapping[str, float] = field(default_factory=dict)
    t: Mapping[str, float] = field(default_factory=dict)
    k_of: str | None = None
    delta: Mapping[str, float] = field(default_factory=dict)

    @property
    def sensitive(self) -> tuple[str, ...]:
        """The sensitive columns, each once."""
        return tuple(dict.fromkeys([*self.distinct_l, *self.entropy_l, *self.t, *self.delta]))

    @property
    def against_whole(self) -> tuple[str, ...]:
        """The sensitive columns that are held against the values of all that is kept."""
        return tuple(dict.fromkeys([*self.t, *self.delta]))

    @property
    def distinct(self) -> dict[str, int]:
        """The fewest distinct values asked for, by column, persons among them."""
        return {**self.distinct_l, **({} if self.k_of is None else {self.k_of: self.k})}


@dataclass(frozen=True, slots=True)
class Sensitive:
    """The values of a sensitive column: records of each in the whole file, and whether they are ordered numbers.

    ``kept_elsewhere`` are the records of each that are kept whatever happens to the classes looked at.
    """

    n: Ints
    is_ordered: bool
    kept_elsewhere: Ints | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """The values that classes hold: per class and value the records, class after class, values ascending within each."""

    starts: Ints
    codes: Ints
    n: Ints

    @property
    def lengths(self) -> Ints:
        """How many different values each class holds."""
        return np.diff(self.starts, append=len(self.n))

    def per_pair(self, of_class: npt.NDArray[T]) -> npt.NDArray[T]:
        """Repeat a figure of each class for each of its values."""
        return np.repeat(of_class, self.lengths)


def entropies(sizes: Ints, held: Held) -> Floats:
    """Return the entropy of the values of each class, natural logarithm; its exponential is entropy l.

    Source: Machanavajjhala et al. 2007.
    """
    weighed = np.add.reduceat(held.n * np.log(held.n), held.starts)
    found: Floats = np.log(sizes) - weighed / sizes
    return found


def closeness(sizes: Ints, held: Held, reference: Sensitive) -> Floats:
    """Return the earth mover's distance of each class from a reference: ordered for numbers, else equal.

    Only values that the reference holds count as values; of classes that hold others the figure means nothing.
    Source: Li, Li and Venkatasubramanian 2007.
    """
    present = reference.n > 0
    if present.sum() < 2:
        return np.zeros(len(sizes))
    if reference.is_ordered:
        ranks = (np.cumsum(present) - 1)[held.codes]
        return _ordered(sizes, held, ranks, np.cumsum(reference.n[present]) / reference.n.sum())
    expected = (reference.n / reference.n.sum())[held.codes]
    share = held.n / held.per_pair(sizes)
    found: Floats = (np.add.reduceat(np.abs(share - expected) - expected, held.starts) + 1) / 2
    return found


def logarithms(sizes: Ints, held: Held, reference: Sensitive) -> Floats:
    """Return delta of each class: the largest |ln(q / p)| over the values that it holds, p being shares in the reference.

    Source: Brickell and Shmatikov 2008.
    """
    p = (reference.n / reference.n.sum())[held.codes]
    found: Floats = np.maximum.reduceat(np.abs(np.log(held.n / held.per_pair(sizes) / p)), held.starts)
    return found


def _ordered(sizes: Ints, held: Held, ranks: Ints, cumulated: Floats) -> Floats:
    """Sum |P - Q| over all ranks, P and Q cumulated: P is flat between the ranks that a class holds, Q never falls."""
    summed = np.concatenate([[0.0], np.cumsum(cumulated)])  # summed[i] = cumulated[0] + ... + cumulated[i - 1]
    running = np.cumsum(held.n)
    before = (running - held.n)[held.starts]
    reached = (running - held.per_pair(before)) / held.per_pair(sizes)
    last = len(cumulated) - 1
    ends = np.append(ranks[1:], last)
    ends[held.starts[1:] - 1] = last
    crossing = np.clip(np.searchsorted(cumulated, reached), ranks, ends)
    above = reached * (crossing - ranks) - (summed[crossing] - summed[ranks])
    below = (summed[ends] - summed[crossing]) - reached * (ends - crossing)
    found: Floats = (np.add.reduceat(above + below, held.starts) + summed[ranks[held.starts]]) / last
    return found


def failing(sizes: Ints, held: Callable[[str], Held], limits: Limits, sensitive: Mapping[str, Sensitive]) -> Flags:
    """Flag the classes that break some limit, closeness being to the values given.

    Order:  as ``sizes`` and the classes of ``held``, which is asked only for the columns that the limits name.
    """
    flags: Flags = sizes < limits.k
    for name, l in limits.distinct.items():
        flags |= held(name).lengths < l
    for name, effective in limits.entropy_l.items():
        flags |= entropies(sizes, held(name)) < math.log(effective) - EXACT
    return flags | far(sizes, held, limits, sensitive)


def far(sizes: Ints, held: Callable[[str], Held], limits: Limits, sensitive: Mapping[str, Sensitive]) -> Flags:
    """Flag the classes whose values are farther from those given than t, or whose shares differ more than delta."""
    flags: Flags = np.zeros(len(sizes), np.bool_)
    for name, t in limits.t.items():
        flags |= closeness(sizes, held(name), sensitive[name]) > t + EXACT
    for name, delta in limits.delta.items():
        flags |= logarithms(sizes, held(name), sensitive[name]) > delta + EXACT
    return flags


def unsafe_classes(
    sizes: Ints, held: Callable[[str], Held], limits: Limits, sensitive: Mapping[str, Sensitive], most: int
) -> Flags | None:
    """Flag the classes to suppress, or return None as soon as more than ``most`` records would go, or all."""
    if _too_many(sizes, sizes < limits.k, most):
        return None
    flags = failing(sizes, held, limits, sensitive)
    while not _too_many(sizes, flags, most):
        if not (limits.against_whole and flags.any()):
            return flags
        kept = {name: _kept(held(name), flags, sensitive[name]) for name in limits.against_whole}
        further = far(sizes, held, limits, kept) & ~flags
        if not further.any():
            return flags
        flags |= further
    return None


def _too_many(sizes: Ints, flags: Flags, most: int) -> bool:
    return int(sizes[flags].sum()) > most or bool(flags.all())


def _kept(values: Held, flags: Flags, whole: Sensitive) -> Sensitive:
    """Return the values of what is kept, here and elsewhere."""
    n_kept = np.where(values.per_pair(flags), 0, values.n)
    kept = np.bincount(values.codes, n_kept, len(whole.n)).astype(np.int64)
    return Sensitive(kept if whole.kept_elsewhere is None else kept + whole.kept_elsewhere, whole.is_ordered)
