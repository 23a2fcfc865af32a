"""One block: its bound with middle cells hideable, and the best pattern found that hides none of them.

Its state is plain values, so that any process can go on with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from disclosure.tables.suppress.cuts import Cut
from disclosure.tables.suppress.effort import Effort
from disclosure.tables.suppress.part import Need, Part
from disclosure.tables.suppress.safety import Auditor
from disclosure.tables.suppress.search import Search

__all__ = ["BlockState", "begin_block", "improve_block"]

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]
# by a clock, the bound takes at most so much of a block's time
SHARE_OF_BOUND = 0.4


@dataclass(frozen=True, slots=True)
class BlockState:
    """What is known of a block of n cells.

    part:  the block, its needs those that can be met inside it while the middle row is published.
    closed:  n, the middle row.
    aside:  needs that can be met inside only with middle cells hidden.
    outside:  needs that cannot be met inside at all.
    cuts, extra:  from the part's needs and from those aside, valid with every cell hideable.
    bound:  what any safe pattern of the table hides in the block at least.
    pattern, cost:  the best pattern that meets the part's needs and hides no middle cell.
    tightened:  whether slices have nothing more to tell of the fractional pattern.
    """

    part: Part
    closed: Flags
    aside: tuple[Need, ...]
    outside: tuple[Need, ...]
    cuts: tuple[Cut, ...] = ()
    extra: tuple[Cut, ...] = ()
    bound: float = 0.0
    pattern: Vector | None = None
    cost: float = np.inf
    proven: bool = False
    tightened: bool = False

    @property
    def set_aside(self) -> tuple[Need, ...]:
        """All needs that patterns of the block leave to the table."""
        return (*self.aside, *self.outside)


def begin_block(task: tuple[Part, Flags, Effort, float]) -> BlockState:
    """Part the needs, raise the bound by slices and find a first pattern, in so many seconds where there is a clock."""
    part, closed, effort, seconds = task
    effort = effort.within(seconds)
    everything = np.ones(part.n_cells, dtype=bool)
    outside = Auditor(part).unmet(everything)
    inside = replace(part, needs=_without(part.needs, outside))
    aside = Auditor(inside).unmet(~closed) if closed.any() else []
    state = BlockState(replace(part, needs=_without(inside.needs, aside)), closed, tuple(aside), tuple(outside))
    return improve_block((state, effort, effort.left()))


def improve_block(task: tuple[BlockState, Effort, float]) -> BlockState:
    """Go on with a block until it is proven or the work is used up, within so many seconds where there is a clock."""
    state, effort, seconds = task
    effort = effort.within(seconds)
    search = Search(state.part, closed=state.closed, aside=state.aside, cuts=state.cuts, extra=state.extra)
    search.bound = state.bound
    for_bound = effort.within(SHARE_OF_BOUND * effort.left())
    if state.tightened:
        search.resume()
    else:
        search.tighten_by_slices(for_bound)
    tightening_cut_off = for_bound.is_over()
    if state.pattern is not None:
        search.offer(state.pattern)
    search.improve(effort)
    search.ensure(effort)
    return replace(
        state, cuts=tuple(search.pool.cuts), extra=tuple(search.extra.cuts), bound=search.least(),
        pattern=search.pattern, cost=search.cost, proven=search.is_proven(),
        tightened=state.tightened or not tightening_cut_off,
    )  # fmt: skip


def _without(needs: tuple[Need, ...], left_out: list[Need]) -> tuple[Need, ...]:
    gone = frozenset(left_out)
    return tuple(need for need in needs if need not in gone)
