"""The table as a whole, after its blocks: needs that no block meets, and the proof where blocks alone do not give it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from disclosure.tables.suppress.blocks import Blocks
from disclosure.tables.suppress.by_blocks import Union
from disclosure.tables.suppress.cuts import Cut
from disclosure.tables.suppress.effort import Effort
from disclosure.tables.suppress.feasible import require_protectable
from disclosure.tables.suppress.flow import Flow
from disclosure.tables.suppress.part import Need, Part, part_of
from disclosure.tables.suppress.safety import Auditor
from disclosure.tables.suppress.search import Search
from disclosure.tables.suppress.separate import Separator
from disclosure.tables.suppress.slices import slices_of
from disclosure.tables.system import System

__all__ = ["joined"]

Vector = NDArray[np.float64]
# tables of more cells that may move are not searched as a whole, only completed
MOST_CELLS = 12_000


def joined(system: System, whole: Part, blocks: Blocks, union: Union, effort: Effort) -> tuple[Vector | None, float]:
    """Return a safe pattern of the whole and its bound.

    Raises: Unprotectable if needs are left that no pattern meets.
    """
    left = replace(whole, needs=union.left)
    require_protectable(left)
    if whole.n_cells > MOST_CELLS:
        return _completed(left, blocks, union), union.bound
    search = _search(system, whole, blocks, union)
    search.tighten(effort)
    search.repair(union.pattern, effort)
    search.improve(effort)
    return search.pattern, search.least()


def _search(system: System, whole: Part, blocks: Blocks, union: Union) -> Search:
    """Begin a search over the whole with what the blocks know, and with slices of the blocks and of the top."""
    cuts = [cut for state in union.states for cut in _moved(state.cuts + state.extra, whole, state.part)]
    search = Search(whole, cuts=cuts)
    search.bound = union.bound
    for part in (*(state.part for state in union.states), part_of(system, blocks.top)):
        at = np.searchsorted(whole.cells, part.cells)
        for n_free in range(2, part.codes.shape[1] + 1):
            search.separators += [Separator(one, at[places]) for places, one in slices_of(part, n_free)]
    search.grower.separators = search.separators
    return search


def _moved(cuts: tuple[Cut, ...], whole: Part, part: Part) -> list[Cut]:
    at = np.searchsorted(whole.cells, part.cells)
    return [Cut(at[cut.cells], cut.shares) for cut in cuts]


def _completed(left: Part, blocks: Blocks, union: Union) -> Vector:
    """Meet what is left by the cheapest deviations over hidden cells, the top, and the rows of the needs that are left.

    What the blocks hide stays hidden, so that what they meet stays met. Other cells are the last resort.
    """
    pattern = union.pattern.copy()
    own_rows = np.isin(left.codes[:, blocks.axis], [left.codes[need.cell, blocks.axis] for need in left.needs])
    near = np.isin(left.cells, blocks.top) | own_rows | (pattern > 0)
    auditor, flow = Auditor(left), Flow(left, ~near)
    unmet = auditor.unmet(pattern > 0)
    while unmet:
        for need in unmet:
            if auditor.unmet(pattern > 0, needs=[need]):
                pattern[_completing(auditor, flow, pattern, need)] = 1.0
        unmet = auditor.unmet(pattern > 0, needs=unmet)
    return pattern


def _completing(auditor: Auditor, flow: Flow, pattern: Vector, need: Need) -> NDArray[np.int64]:
    """Return cells with which a need is met: of the cheapest deviation near, of the cheapest cube, or all."""
    cells = flow.cells(pattern, need)
    if cells is None or np.all(pattern[cells] > 0):  # near is not enough, or two programmes differ in the last digits
        cells = auditor.cubes.cheapest(need, np.where(pattern > 0, 0.0, auditor.part.weight))
    if cells is None or np.all(pattern[cells] > 0):
        return np.arange(len(pattern))
    return cells
