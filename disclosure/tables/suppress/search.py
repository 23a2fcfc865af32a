"""The least-cost safe pattern of one part: bound, whole patterns, repair, until bound and cost meet or work is used up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from disclosure.tables.suppress.bound import tighten
from disclosure.tables.suppress.cuts import Cut, Pool
from disclosure.tables.suppress.effort import Effort
from disclosure.tables.suppress.integer import Found, WholeLimits, grain_of, least_whole, rounded_up
from disclosure.tables.suppress.master import Master, Relaxed
from disclosure.tables.suppress.part import Need, Part
from disclosure.tables.suppress.repair import Grower, drop
from disclosure.tables.suppress.safety import Auditor
from disclosure.tables.suppress.separate import Separator
from disclosure.tables.suppress.slices import slices_of

__all__ = ["Search"]

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]
SLACK = 1e-6
WHOLE = 1e-3
ROUNDED_UP = 0.3
# parts of more needs and dimensions are not attacked as a whole while fractional: it takes most of the time, gains least
MOST_NEEDS_WHOLE, MOST_DIMENSIONS_WHOLE = 250, 3
# a dive fixes this share of what is still fractional at a time, and cuts so many rounds after each
SHARE_FIXED, ROUNDS_OF_DIVE = 0.2, 2
# by a clock, one whole programme takes at most so much of the time left, and so does a dive
SHARE_OF_PROGRAMME, SHARE_OF_DIVE = 0.4, 0.4


class Search:
    """A search over one part.

    part:  its needs can all be met while the cells of ``closed`` stand still. Patterns hide none of them but primaries.
    aside:  needs that cannot; they count for the bound, in which closed cells may be hidden, and not for patterns.
    pool, extra:  cuts from the part's needs, and from those aside.
    pattern, cost:  the best pattern so far that meets the part's needs; None and infinity before there is one.
    bound:  what any pattern that meets all needs costs at least, closed cells hidden or not.
    """

    def __init__(
        self, part: Part, *, closed: Flags | None = None, aside: Sequence[Need] = (), cuts: Sequence[Cut] = (),
        extra: Sequence[Cut] = (),
    ) -> None:  # fmt: skip
        """Begin; cuts that are known are asked for from the start."""
        self.part = part
        self.closed = np.zeros(part.n_cells, dtype=bool) if closed is None else closed
        self.aside = replace(part, needs=tuple(aside))
        self.pool, self.extra = Pool(part.n_cells), Pool(part.n_cells)
        self.master = Master(part)
        self.pool.add(cuts)
        self.extra.add(extra)
        self.master.add([*self.pool.fresh(), *self.extra.fresh()])
        self.auditor = Auditor(part, self.closed)
        self.grower = Grower(part, self.pool, self.auditor, self.closed)
        self.separators: list[Separator] = []
        self.beside: list[Separator] = []
        self.grain = grain_of(part.weight)
        self.relaxed: Relaxed | None = None
        self.pattern: Vector | None = None
        self.cost, self.bound = np.inf, 0.0

    @property
    def is_large(self) -> bool:
        """Say whether attacking the part as a whole is left to whole patterns."""
        return len(self.part.needs) > MOST_NEEDS_WHOLE and self.part.codes.shape[1] > MOST_DIMENSIONS_WHOLE

    def is_proven(self) -> bool:
        """Say whether no pattern is cheaper than the one found."""
        return self.cost <= self.least() * (1 + 1e-9) + 1e-6

    def least(self) -> float:
        """Return the bound, rounded up to the next cost that there can be."""
        return rounded_up(self.bound, self.grain)

    def use_slices(self, n_free: int) -> None:
        """Cut with slices of so many free dimensions from now on; of all dimensions means the part itself."""
        for separators, part in ((self.separators, self.part), (self.beside, self.aside)):
            separators += [Separator(one, places) for places, one in slices_of(part, n_free)]
        # the auditor is the one to ask about the part itself when patterns are whole
        self.grower.separators = [one for one in self.separators if one.part.n_cells < self.part.n_cells]

    def tighten(self, effort: Effort, n_latest: int | None = None) -> None:
        """Raise the bound with the separators in use, or with the latest ones alone."""
        first = 0 if n_latest is None else len(self.separators) - n_latest
        sources = [(self.pool, one) for one in self.separators[first:]] + [(self.extra, one) for one in self.beside]
        self.relaxed = tighten(self.master, sources, most_rounds=effort.most_rounds, is_over=effort.is_over)
        if self.relaxed is not None:
            self.bound = max(self.bound, self.relaxed.cost)

    def tighten_by_slices(self, effort: Effort) -> None:
        """Raise the bound with slices of two free dimensions, then of more, up to the part itself."""
        for n_free in self._stages():
            before = len(self.separators)
            self.use_slices(n_free)
            self.tighten(effort, len(self.separators) - before)

    def resume(self) -> None:
        """Go on where slices have been asked before and their cuts are known."""
        for n_free in self._stages():
            self.use_slices(n_free)
        self.relaxed = self.master.solve()

    def _stages(self) -> range:
        """Return how many dimensions are free, stage by stage."""
        n_dimensions = self.part.codes.shape[1]
        return range(min(2, n_dimensions), n_dimensions + (not self.is_large))

    def offer(self, pattern: Vector) -> None:
        """Take a pattern that meets the part's needs if it is the cheapest."""
        cost = float(self.part.weight @ pattern)
        if cost < self.cost:
            self.pattern, self.cost = pattern, cost

    def improve(self, effort: Effort) -> None:
        """Solve whole programmes, cut what is not safe and repair it, until proven or work is used up."""
        is_exact = False
        if self.is_large and self.pattern is None:
            self.dive(effort)
        for _ in range(effort.programmes_for(len(self.part.needs))):
            if effort.is_over() or self.is_proven():
                return
            gap = 0.0 if is_exact else self._gap(effort)
            turn = effort.within(SHARE_OF_PROGRAMME * effort.left())
            found = self._solved(WholeLimits(gap, effort.n_checks, turn.is_over))
            self.bound = max(self.bound, min(found.bound, self.cost))
            clean = self._learn(found.patterns, effort)
            fresh = [*self.pool.fresh(), *self.extra.fresh()]
            if fresh:
                self.master.add(fresh)
                if not self.is_large:
                    self.tighten(effort)
            elif not found.finished or is_exact or not clean:  # the same programme would be solved again
                return
            is_exact = is_exact or clean

    def _gap(self, effort: Effort) -> float:
        """Return how near the next whole programme need come: far from safe, the very best of its patterns tells no more."""
        left = (self.cost - self.bound) / self.bound if self.bound > 0 else np.inf
        return float(min(effort.first_gap, left / 4.0))

    def dive(self, effort: Effort) -> None:
        """Have a first pattern: of the fractional one the largest shares are fixed, the rest solved and cut anew, until whole.

        The cuts met on the way are those that whole patterns break, which the fractional one alone does not tell.
        """
        master = Master(self.part)
        low = self.part.primary.astype(np.float64)
        high = np.where(self.closed, low, 1.0)
        master.fix(low, high)
        self.master.add(self.pool.fresh())
        master.add(self.pool.cuts)
        sources = [(self.pool, one) for one in self.separators]
        turn = effort.within(SHARE_OF_DIVE * effort.left())
        before = len(self.pool.cuts)
        relaxed = tighten(master, sources, most_rounds=ROUNDS_OF_DIVE, is_over=turn.is_over)
        while relaxed is not None and not turn.is_over():
            fixed = _largest(relaxed.pattern, low)
            if not len(fixed):
                break
            low = low.copy()
            low[fixed] = 1.0
            master.fix(low, high)
            relaxed = tighten(master, sources, most_rounds=ROUNDS_OF_DIVE, is_over=turn.is_over)
        self.master.add(self.pool.cuts[before:])
        self.repair((self.part.primary | _rounded(relaxed, self.closed)).astype(np.float64), effort)

    def _solved(self, limits: WholeLimits) -> Found:
        """Solve for a pattern that satisfies all cuts; where it hides closed cells, its patterns are those that do not."""
        weight, low, high = self.part.weight, self.master.low, self._high()
        both = Pool(self.part.n_cells)
        both.add([*self.pool.cuts, *self.extra.cuts])
        found = least_whole(weight, both.rows(), low, high, limits)
        if self.extra.cuts or any(bool(np.any(pattern[self.closed] > low[self.closed])) for pattern in found.patterns):
            without = least_whole(weight, self.pool.rows(), low, np.where(self.closed, low, high), limits)
            return replace(found, patterns=without.patterns, finished=found.finished and without.finished)
        return found

    def _high(self) -> Vector:
        """Fix cells whose reduced cost shows that no cheaper pattern hides them."""
        if self.relaxed is None or self.pattern is None:
            return self.master.high
        room = self.cost - self.grain - self.relaxed.cost
        dear = (self.relaxed.reduced > room + SLACK) & (self.master.low == 0) & (self.pattern == 0)
        return np.where(dear, 0.0, self.master.high)

    def _learn(self, patterns: Sequence[Vector], effort: Effort) -> bool:
        """Cut the patterns that do not meet the needs, repair the first; say whether it stands as it is."""
        for place, pattern in enumerate(patterns):
            if float(self.part.weight @ pattern) >= self.cost:
                return place == 0
            cuts = self.grower.slice_cuts(pattern)
            unmet = [] if cuts else self.auditor.unmet(pattern > 0)
            if unmet:
                self.pool.add(self.grower.cuts_against(pattern, unmet))
            if not cuts and not unmet:
                self.offer(pattern)
                return place == 0
            if place == 0:
                self.repair(pattern, effort)
        return False

    def ensure(self, effort: Effort) -> None:
        """Have a pattern, if only the fractional one rounded and repaired."""
        if self.pattern is not None:
            return
        self.repair((self.part.primary | _rounded(self.relaxed, self.closed)).astype(np.float64), effort)

    def repair(self, pattern: Vector, effort: Effort) -> None:
        """Make a safe pattern of one that is not and offer it."""
        grown = self.grower.grown(pattern)
        thin = self.grower.thinned(grown, effort)
        self.offer(drop(self.part, thin, self.pool, self.grower, effort))


def _rounded(relaxed: Relaxed | None, closed: Flags) -> Flags:
    """Return the cells that a fractional pattern hides for a good part, without closed ones; all where there is none."""
    return ~closed if relaxed is None else (relaxed.pattern >= ROUNDED_UP) & ~closed


def _largest(pattern: Vector, low: Vector) -> NDArray[np.int64]:
    """Return the cells to fix next: those hidden whole, and the largest of the fractional shares."""
    open_cells = np.flatnonzero((pattern > SLACK) & (low < 1.0))
    ordered = open_cells[np.lexsort((open_cells, -pattern[open_cells]))]
    n_whole = int(np.sum(pattern[ordered] > 1.0 - WHOLE))
    rest = len(ordered) - n_whole
    return ordered[: n_whole + max(1, int(rest * SHARE_FIXED))] if rest else ordered[:0]
