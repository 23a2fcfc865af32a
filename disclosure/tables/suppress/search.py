"""The least-cost safe pattern of one part: bound, whole patterns, repair, until bound and cost meet or work is used up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from disclosure.tables.suppress.bound import tighten
from disclosure.tables.suppress.cuts import Pool
from disclosure.tables.suppress.integer import WholeLimits, grain_of, least_whole, rounded_up
from disclosure.tables.suppress.master import Master, Relaxed
from disclosure.tables.suppress.part import Part
from disclosure.tables.suppress.repair import Grower, drop
from disclosure.tables.suppress.safety import Auditor
from disclosure.tables.suppress.separate import Separator
from disclosure.tables.suppress.slices import slices_of

__all__ = ["Effort", "Search"]

Vector = NDArray[np.float64]


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Effort:
    """How much work a search may do, in things counted and not in seconds; ``is_over`` is the caller's clock, if any."""

    most_rounds: int = 200
    most_programmes: int = 60
    n_checks: int = 4_000
    most_tries: int = 200
    gap: float = 0.0
    first_gap: float = 0.005
    is_over: Callable[[], bool] = _never


@dataclass(slots=True)
class Search:
    """The state of a search over one part.

    pattern, cost:  the best safe pattern so far; None and infinity before there is one.
    bound:  what every safe pattern of the part costs at least.
    """

    part: Part
    pool: Pool
    separators: list[Separator]
    master: Master
    auditor: Auditor
    grower: Grower
    grain: float
    relaxed: Relaxed | None = None
    pattern: Vector | None = None
    cost: float = np.inf
    bound: float = 0.0
    log: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, part: Part, pool: Pool | None = None) -> Search:
        """Begin a search; cuts that a pool brings are asked for from the start."""
        pool = pool or Pool(part.n_cells)
        auditor, master = Auditor(part), Master(part)
        master.add(pool.cuts)
        grower = Grower(part, pool, auditor)
        return cls(part, pool, [], master, auditor, grower, grain_of(part.weight))

    def is_proven(self) -> bool:
        """Say whether no pattern is cheaper than the one found."""
        return self.cost <= rounded_up(self.bound, self.grain) * (1 + 1e-9) + 1e-6

    def tighten(self, effort: Effort, *, orders: Sequence[int]) -> None:
        """Raise the bound with cuts from slices with so many free dimensions."""
        for n_free in orders:
            separators = [Separator(part, places) for places, part in slices_of(self.part, n_free)]
            self.separators += separators
            # whole patterns ask the auditor about the part itself
            self.grower.separators += [one for one in separators if one.part.n_cells < self.part.n_cells]
            self._tighten(effort, separators)

    def _tighten(self, effort: Effort, separators: Sequence[Separator]) -> None:
        known = len(self.pool.cuts)
        self.relaxed = tighten(
            self.master, self.pool, separators, most_rounds=effort.most_rounds, is_over=effort.is_over
        )
        del known
        if self.relaxed is not None:
            self.bound = max(self.bound, self.relaxed.cost)

    def offer(self, pattern: Vector) -> None:
        """Take a safe pattern if it is the cheapest."""
        cost = float(self.part.weight @ pattern)
        if cost < self.cost:
            self.pattern, self.cost = pattern, cost

    def improve(self, effort: Effort) -> None:
        """Solve whole programmes over the pool, cut what is not safe and repair it, until proven or work is used up."""
        gap = effort.first_gap
        for _ in range(effort.most_programmes):
            if effort.is_over() or (self.pattern is not None and self._is_enough(effort)):
                return
            n_before = len(self.pool.cuts)
            limits = WholeLimits(gap, effort.n_checks, effort.is_over)
            found = least_whole(self.part.weight, self.pool.rows(), self.master.low, self._high(), limits)
            if found.none:
                self.bound = max(self.bound, self.cost)
                return
            if not found.patterns and not found.finished:
                return
            self.bound = max(self.bound, min(found.bound, self.cost))
            clean = self._learn(found.patterns, effort)
            fresh = self.pool.cuts[n_before:]
            if fresh:
                self.master.add(fresh)
                self._tighten(effort, self.separators)
            elif clean and found.finished and gap <= effort.gap:
                return
            elif not found.finished:
                return
            if clean:
                gap = effort.gap if gap <= effort.gap * 4 or gap < 1e-3 else gap / 4

    def _is_enough(self, effort: Effort) -> bool:
        return self.is_proven() or self.cost - self.bound <= effort.gap * self.cost

    def _high(self) -> Vector:
        """Fix cells whose reduced cost shows that no cheaper pattern hides them."""
        if self.relaxed is None or self.pattern is None:
            return self.master.high
        room = self.cost - max(self.grain, 0.0) - self.relaxed.cost
        dear = (self.relaxed.reduced > room + 1e-6) & (self.master.low == 0) & (self.pattern == 0)
        return np.where(dear, 0.0, self.master.high)

    def _learn(self, patterns: Sequence[Vector], effort: Effort) -> bool:
        """Cut the patterns that are not safe, repair the first; say whether it was safe as it stood."""
        for place, pattern in enumerate(patterns):
            if float(self.part.weight @ pattern) >= self.cost:
                continue
            cuts = self.grower.slice_cuts(pattern)
            unmet = [] if cuts else self.auditor.unmet(pattern > 0)
            if unmet:
                self.pool.add(self.grower.cuts_against(pattern, unmet))
            if place == 0 and (cuts or unmet):
                grown = self.grower.grown(pattern)
                self.offer(drop(self.part, grown, self.pool, self.grower, most_tries=effort.most_tries))
            elif not cuts and not unmet:
                self.offer(pattern)
                return place == 0
        return bool(len(patterns)) and float(self.part.weight @ patterns[0]) >= self.cost
