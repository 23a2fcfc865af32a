"""Released rows as boxes over dimensions, and the fine cells that their boxes tell apart.

A box names, for each dimension, the codes it covers; a dimension it does not name it covers whole. Codes of a dimension
that lie in the same categories of every release are one *atom*; fine cells are the products of atoms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, identity, kron, vstack

from cld.errors import InputError
from disclosure.memory.history import MOST_FINE_CELLS, Fact, History, Release
from disclosure.memory.reduce import labels, membership

__all__ = ["Box", "BoxFact", "BoxRelease", "FineCells", "fine_cells", "history_of", "targets_of"]

MOST_DIFFERENCES = 200_000
Codes = frozenset[str]
Box = Mapping[str, Codes]


@dataclass(frozen=True, slots=True)
class BoxFact:
    """The persons in a box lie between two numbers."""

    box: Box
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class BoxRelease:
    """What one recipient was given at one time, as boxes."""

    name: str
    recipient: str
    facts: tuple[BoxFact, ...]


@dataclass(frozen=True, slots=True)
class FineCells:
    """The atoms of each dimension, and with them the fine cells, numbered with the last dimension running fastest."""

    dimensions: tuple[str, ...]
    atoms: tuple[tuple[tuple[str, ...], ...], ...]
    atom_of: tuple[Mapping[str, int], ...]

    @property
    def n_fine(self) -> int:
        """Number of fine cells."""
        return math.prod(map(len, self.atoms))

    def cells_of(self, box: Box) -> NDArray[np.int64]:
        """Return the fine cells of a box, rising."""
        chosen = []
        for name, atoms, place_of in zip(self.dimensions, self.atoms, self.atom_of, strict=True):
            codes = box.get(name)
            places = range(len(atoms)) if codes is None else sorted({place_of[code] for code in codes})
            chosen.append(np.array(places, dtype=np.int64))
        sizes = tuple(map(len, self.atoms))
        found: NDArray[np.int64] = np.ravel_multi_index(np.ix_(*chosen), sizes).ravel()
        return found

    def label(self, cell: int) -> dict[str, tuple[str, ...]]:
        """Return the codes of a fine cell, by dimension."""
        places = np.unravel_index(cell, tuple(map(len, self.atoms)))
        return {name: atoms[int(p)] for name, atoms, p in zip(self.dimensions, self.atoms, places, strict=True)}

    def margins(self) -> csr_matrix:
        """Return every fine cell and every sum of fine cells over all atoms of some dimensions, one row each, 0/1."""
        made = csr_matrix(np.ones((1, 1)))
        for atoms in self.atoms:
            whole = [csr_matrix(np.ones((1, len(atoms))))] if len(atoms) > 1 else []
            made = csr_matrix(kron(made, vstack([identity(len(atoms)), *whole]), format="csr"))
        made.eliminate_zeros()
        return made


def fine_cells(releases: Sequence[BoxRelease], domains: Mapping[str, Sequence[str]]) -> FineCells:
    """Return the fine cells of releases over the codes that each dimension has.

    Raises: InputError if the categories make more fine cells than can be worked on.
    """
    names = tuple(sorted(domains))
    atoms, places = [], []
    for name in names:
        used = dict.fromkeys(f.box[name] for release in releases for f in release.facts if name in f.box)
        signature: dict[tuple[bool, ...], list[str]] = {}
        for code in sorted(domains[name]):
            signature.setdefault(tuple(code in category for category in used), []).append(code)
        atoms.append(tuple(map(tuple, signature.values())))
        places.append({code: place for place, codes in enumerate(atoms[-1]) for code in codes})
    made = FineCells(names, tuple(atoms), tuple(places))
    if made.n_fine > MOST_FINE_CELLS:
        message = (
            f"The categories cut each other into {made.n_fine:,} fine cells; at most {MOST_FINE_CELLS:,} are worked on."
        )
        raise InputError(message, "Leave a dimension out, or take fewer releases.")
    return made


def history_of(releases: Sequence[BoxRelease], cells: FineCells, upper_bound: float) -> History:
    """Return releases as a history over fine cells that asks for every margin, every row and every nested difference.

    Raises: InputError if there are too many differences to ask for.
    """
    made = tuple(
        Release(r.name, r.recipient, tuple(Fact(tuple(cells.cells_of(f.box).tolist()), f.low, f.high) for f in r.facts))
        for r in releases
    )
    asked = targets_of(made, cells)
    targets = [tuple(part.tolist()) for part in np.split(asked.indices, asked.indptr[1:-1])]
    return History(cells.n_fine, upper_bound, made, tuple(targets))


def targets_of(releases: Sequence[Release], cells: FineCells, *, largest: float | None = None) -> csr_matrix:
    """Return what can be asked of releases, each once: fine cells and their margins, every row, and what a row of one
    release leaves of a row of another that it lies inside.

    largest:  leave out differences that certainly hold more persons than this, by their two rows alone.
    Raises: InputError if there are too many.
    """
    facts = [fact for release in releases for fact in release.facts]
    owner = np.repeat(np.arange(len(releases)), [len(release.facts) for release in releases])
    rows = membership([fact.cells for fact in facts], cells.n_fine)
    label, first = labels(rows)
    held_by = csr_matrix((np.ones(len(label)), (label, owner)), shape=(len(first), len(releases))).toarray() > 0
    low, high = np.full(len(first), -np.inf), np.full(len(first), np.inf)
    np.maximum.at(low, label, np.array([fact.low for fact in facts], dtype=np.float64))
    np.minimum.at(high, label, np.array([fact.high for fact in facts], dtype=np.float64))
    distinct = rows[first]
    outer, inner = _nested(distinct, held_by)
    if largest is not None:
        small = low[outer] - high[inner] <= largest
        outer, inner = outer[small], inner[small]
    if len(outer) > MOST_DIFFERENCES:
        message = f"The releases leave more than {MOST_DIFFERENCES:,} differences."
        raise InputError(message, "Take fewer releases, or tables with fewer totals.")
    left = csr_matrix(distinct[outer] - distinct[inner])
    left.eliminate_zeros()
    asked = csr_matrix(vstack([cells.margins(), distinct, left]))
    asked.sort_indices()
    return asked[labels(asked)[1]]


def _nested(distinct: csr_matrix, held_by: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of rows, the second inside the first, that are not both of one release alone."""
    overlap, size = csr_matrix(distinct @ distinct.T), np.diff(distinct.indptr)
    outer, inner = np.repeat(np.arange(len(size)), np.diff(overlap.indptr)), overlap.indices
    nested = np.flatnonzero((overlap.data == size[inner]) & (size[inner] < size[outer]))
    outer, inner = outer[nested], inner[nested]
    across = (held_by[outer] | held_by[inner]).sum(axis=1) > 1
    return outer[across], inner[across]
