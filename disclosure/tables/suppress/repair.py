"""Making a whole pattern safe, and thrifty: cells added until every need is met, then those that nothing needs dropped.

Cells are only added while it grows, and only needs that are still open are asked about again, so growing always ends.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from disclosure.tables.suppress.attacker import Attacker
from disclosure.tables.suppress.cuts import Cut, Pool, cut_of
from disclosure.tables.suppress.effort import Effort
from disclosure.tables.suppress.flow import Flow
from disclosure.tables.suppress.integer import WholeLimits, least_whole
from disclosure.tables.suppress.part import Need, Part
from disclosure.tables.suppress.safety import Auditor
from disclosure.tables.suppress.separate import Separator

__all__ = ["Grower", "drop"]

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]
LIFT = 0.01
N_BY_CUTS = 2
# a pattern is thinned afresh so often, then only mended, in so many steps at most
N_THINNED = 3
MOST_THINNED = 12
N_IN_SLICES = 4
FLOW = 1e-7


class Grower:
    """Adds cells to patterns of one part until they are safe; every cut that it finds goes into the pool."""

    def __init__(self, part: Part, pool: Pool, auditor: Auditor, closed: Flags) -> None:
        """Take the part, the pool to add to, the auditor and the cells that are never hidden.

        ``separators`` of slices, where given, are asked first.
        """
        self.part, self.pool, self.auditor, self.closed = part, pool, auditor, closed
        self.separators: list[Separator] = []
        self._whole = Separator(part)
        self._plain = Attacker(part.matrix)
        self._flow: Flow | None = None

    def cuts_against(self, pattern: Vector, unmet: Sequence[Need]) -> list[Cut]:
        """Return a cut for needs that a whole pattern leaves unmet, strong ones where they are found."""
        found = self._whole.cuts(pattern, lift=LIFT if self.part.n_cells < 1000 else 0.0, only=unmet)
        return found or self.plain_cuts(pattern, unmet)

    def plain_cuts(self, pattern: Vector, unmet: Sequence[Need]) -> list[Cut]:
        """Return the cuts of unclipped programmes; where a need is unmet there is one."""
        self._plain.allow(self.part.down * pattern, self.part.up * pattern)
        cuts = [cut_of(self.part, need, self._plain.furthest(need.cell, need.direction).duals) for need in unmet]
        return [cut for cut in cuts if cut is not None and cut.at(pattern) < 1.0]

    def grown(self, pattern: Vector) -> Vector:
        """Return a safe pattern that hides all that a pattern hides, and more.

        Assumes: with every cell hidden, every need of the part is met.
        """
        pattern = self._clean_in_slices(pattern.copy())
        unmet = self.auditor.unmet(pattern > 0)
        for _ in range(N_BY_CUTS):
            if not unmet:
                return pattern
            cuts = self.cuts_against(pattern, unmet)
            self.pool.add(cuts)
            if not cuts:
                break
            pattern = self._clean_in_slices(self._covering(pattern, cuts))
            unmet = self.auditor.unmet(pattern > 0, needs=unmet)
        return self.completed(pattern, unmet)

    def completed(self, pattern: Vector, unmet: Sequence[Need] | None = None) -> Vector:
        """Return a safe pattern that hides more: for each need that is unmet the cells of its cheapest deviation."""
        pattern = pattern.copy()
        unmet = self.auditor.unmet(pattern > 0) if unmet is None else unmet
        while unmet:
            before = pattern.copy()
            for need in unmet:
                if not self.auditor.has_cube(need, pattern > 0):
                    pattern[self._completing(pattern, need)] = 1.0
            if np.array_equal(pattern, before):  # two programmes differ in the last digits: hiding all is certain to do
                return np.where(self.closed, pattern, 1.0)
            unmet = self.auditor.unmet(pattern > 0, needs=unmet)
        return pattern

    def _completing(self, pattern: Vector, need: Need) -> Places:
        """Return cells with which a need is met: those of the cheapest deviation, or of the cheapest cube, or all."""
        self._flow = self._flow or Flow(self.part, self.closed)
        cells = self._flow.cells(pattern, need)
        if cells is None:
            price = np.where(self.closed, np.inf, np.where(pattern > 0, 0.0, self.part.weight))
            cells = self.auditor.cubes.cheapest(need, price)
        return np.flatnonzero(~self.closed) if cells is None else cells

    def thinned(self, pattern: Vector, effort: Effort) -> Vector:
        """Return a safe pattern among the cells of a safe one: the cheapest that the pool allows, mended from the rest."""
        thin = pattern
        for place in range(MOST_THINNED):
            if effort.is_over() and place >= N_THINNED:
                break
            low = self.part.primary.astype(np.float64) if place < N_THINNED else thin
            found = least_whole(self.part.weight, self.pool.rows(), low, pattern, WholeLimits(gap=0.002, n_checks=200))
            if not found.patterns:
                break
            thin = found.patterns[0]
            cuts = self.slice_cuts(thin)
            unmet = [] if cuts else self.auditor.unmet(thin > 0)
            if not cuts and not unmet:
                return thin
            self.pool.add(self.cuts_against(thin, unmet) if unmet else ())
        return pattern

    def slice_cuts(self, pattern: Vector) -> list[Cut]:
        """Return cuts of slices that a whole pattern breaks, also added to the pool."""
        cuts = [cut for separator in self.separators for cut in separator.cuts(pattern, lift=LIFT)]
        self.pool.add(cuts)
        return cuts

    def _clean_in_slices(self, pattern: Vector) -> Vector:
        """Add the cheapest cells that leave slices no cut, or few rounds later what is left."""
        for _ in range(N_IN_SLICES):
            cuts = self.slice_cuts(pattern)
            if not cuts:
                break
            pattern = self._covering(pattern, cuts)
        return pattern

    def _covering(self, pattern: Vector, cuts: Sequence[Cut]) -> Vector:
        """Add the cheapest cells that satisfy cuts."""
        own = Pool(self.part.n_cells)
        own.add(cuts)
        rows = own.rows()
        asked_of = (np.asarray(rows.sum(axis=0)).ravel() > 0) & ~self.closed
        high = np.maximum(pattern, asked_of.astype(np.float64))
        found = least_whole(self.part.weight, rows, pattern, high, WholeLimits(gap=0.01, n_checks=200))
        return found.patterns[0] if found.patterns else high


def drop(part: Part, pattern: Vector, pool: Pool, grower: Grower, effort: Effort) -> Vector:
    """Return a safe pattern without cells that a safe pattern does not need, the dearest tried first.

    A cell without which a cut of the pool is broken is not tried; each refusal adds its cut.
    """
    pattern = pattern.copy()
    auditor, covers = grower.auditor, _Covers(pool, pattern)
    order = np.lexsort((np.arange(part.n_cells), -part.weight))
    n_tries = 0
    for cell in order[(pattern > 0)[order] & (part.weight > 0)[order]].tolist():
        if covers.needs(cell):
            continue
        n_tries += 1
        if n_tries > effort.most_tries or effort.is_over():
            break
        hidden = pattern > 0
        doubtful = auditor.relying_on(cell, hidden)
        hidden[cell] = False
        unmet = auditor.unmet(hidden, needs=doubtful, most=1)
        if unmet:
            pool.add(grower.plain_cuts(hidden.astype(np.float64), unmet))
        else:
            pattern[cell] = 0.0
        if unmet or len(pool.cuts) != covers.n_cuts:
            covers = _Covers(pool, pattern)
        else:
            covers.without(cell)
    return pattern


class _Covers:
    """How far each cut of a pool is satisfied by a pattern."""

    def __init__(self, pool: Pool, pattern: Vector) -> None:
        rows = pool.rows()
        self._left, self._by_cell, self.n_cuts = rows @ pattern, rows.tocsc(), len(pool.cuts)

    def _of(self, cell: int) -> tuple[NDArray[np.int32], Vector]:
        entries = slice(self._by_cell.indptr[cell], self._by_cell.indptr[cell + 1])
        return self._by_cell.indices[entries], self._by_cell.data[entries]

    def needs(self, cell: int) -> bool:
        cuts, shares = self._of(cell)
        return bool(np.any(self._left[cuts] - shares < 1.0 - FLOW))

    def without(self, cell: int) -> None:
        cuts, shares = self._of(cell)
        self._left[cuts] -= shares
