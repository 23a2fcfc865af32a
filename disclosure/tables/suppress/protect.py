"""The door of secondary suppression: a system in, a safe pattern with its cost and bound out, or a refusal.

Small tables are solved whole. Larger ones block by block, which is the whole answer where no middle cell need be hidden
(theorem in ``blocks``); what blocks leave open is met in the table as a whole, with what they learned.

Source: Fischetti and Salazar 2001 (the model and its cuts). Method and limits: docs/methods/disclosure-suppression.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cld.errors import InvariantBroken
from disclosure.tables.suppress.block import BlockState, begin_block
from disclosure.tables.suppress.blocks import Blocks, blocks_of
from disclosure.tables.suppress.cuts import Cut
from disclosure.tables.suppress.effort import Effort
from disclosure.tables.suppress.part import Part, part_of
from disclosure.tables.suppress.pattern import Pattern, Unprotectable
from disclosure.tables.suppress.safety import Auditor
from disclosure.tables.suppress.search import Search
from disclosure.tables.suppress.separate import Separator
from disclosure.tables.suppress.slices import slices_of
from disclosure.tables.suppress.workers import Workers
from disclosure.tables.system import CellState, System

__all__ = ["protect_system"]

Vector = NDArray[np.float64]
FEW_CELLS = 400
MANY_CELLS = 5_000


def protect_system(system: System, effort: Effort | None = None, *, n_processes: int = 1) -> Pattern:
    """Return a safe pattern of least cost, or as near to it as the work allows, with its proven bound.

    Raises: Unprotectable, naming the cells, if no pattern is safe.
    """
    effort = effort or Effort()
    whole = part_of(system, np.arange(system.n_cells))
    blocks = blocks_of(system) if whole.n_cells > FEW_CELLS else None
    if blocks is None:
        return _solved_whole(system, whole, effort)
    with Workers(n_processes if whole.n_cells > MANY_CELLS else 1) as workers:
        return _solved_by_blocks(system, whole, blocks, effort, workers)


def _solved_whole(system: System, whole: Part, effort: Effort) -> Pattern:
    unmet = Auditor(whole).unmet(np.ones(whole.n_cells, dtype=bool))
    if unmet:
        raise Unprotectable(np.unique(whole.cells[[need.cell for need in unmet]]))
    search = Search(whole)
    search.tighten_by_slices(effort)
    search.improve(effort)
    return _pattern(system, whole, search.pattern, search.least())


def _solved_by_blocks(system: System, whole: Part, blocks: Blocks, effort: Effort, workers: Workers) -> Pattern:
    parts = [part_of(system, cells) for cells in blocks.cells]
    tasks = [(part, blocks.middle[part.cells], effort) for part in parts]
    states = workers.over(begin_block, tasks, [float(len(part.needs)) for part in parts])
    pattern, bound = whole.primary.astype(np.float64), 0.0
    for state in states:
        at = np.searchsorted(whole.cells, state.part.cells)
        pattern[at] = np.maximum(pattern[at], state.pattern if state.pattern is not None else 1.0 * ~state.closed)
        bound += state.bound
    in_blocks = {int(cell) for state in states for cell in _met(state)}
    left = [need for need in whole.needs if int(whole.cells[need.cell]) not in in_blocks]
    if not left and all(state.proven for state in states):
        return _pattern(system, whole, pattern, bound)
    return _joined(system, whole, blocks, states, pattern, bound, effort)


def _met(state: BlockState) -> NDArray[np.int64]:
    """Return the primaries all of whose needs the block meets."""
    aside = {need.cell for need in state.set_aside}
    cells = [need.cell for need in state.part.needs if need.cell not in aside]
    return state.part.cells[np.array(cells, dtype=np.int64)]


def _joined(
    system: System,
    whole: Part,
    blocks: Blocks,
    states: Sequence[BlockState],
    pattern: Vector,
    bound: float,
    effort: Effort,
) -> Pattern:
    """Solve the table as a whole, from what blocks know."""
    unmet = Auditor(whole).unmet(np.ones(whole.n_cells, dtype=bool))
    if unmet:
        raise Unprotectable(np.unique(whole.cells[[need.cell for need in unmet]]))
    cuts = [cut for state in states for cut in _moved(state, np.searchsorted(whole.cells, state.part.cells))]
    search = Search(whole, cuts=cuts)
    search.bound = bound
    top = part_of(system, blocks.top)
    for part in (*(state.part for state in states), top):
        at = np.searchsorted(whole.cells, part.cells)
        for n_free in range(2, part.codes.shape[1] + 1):
            search.separators += [Separator(one, at[places]) for places, one in slices_of(part, n_free)]
    search.grower.separators = search.separators
    search.tighten(effort)
    search.repair(pattern, effort)
    search.improve(effort)
    return _pattern(system, whole, search.pattern, search.least())


def _moved(state: BlockState, at: NDArray[np.int64]) -> list[Cut]:
    return [Cut(at[cut.cells], cut.shares) for cut in (*state.cuts, *state.extra)]


def _pattern(system: System, whole: Part, pattern: Vector | None, bound: float) -> Pattern:
    if pattern is None:
        message = "A search ends without a pattern."
        raise InvariantBroken(message)
    hidden = system.state == CellState.PRIMARY
    hidden[whole.cells[pattern > 0]] = True
    secondary = hidden & (system.state != CellState.PRIMARY)
    return Pattern(hidden, float(system.weight[secondary].sum()), bound)
