"""All blocks of a table, each by itself, and the union of their patterns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from disclosure.tables.suppress.block import BlockState, begin_block, improve_block
from disclosure.tables.suppress.blocks import Blocks
from disclosure.tables.suppress.effort import Effort
from disclosure.tables.suppress.part import Need, Part, part_of
from disclosure.tables.suppress.workers import Workers
from disclosure.tables.system import System

__all__ = ["Union", "solved_blocks"]

Vector = NDArray[np.float64]
# by a clock: what of the time left the first turn may take, what every further one, and when turns are no longer worth it
FIRST_TURN, FURTHER_TURN = 0.65, 0.7
# blocks of few needs take more time a need
N_NEEDS_AS_WELL = 100.0
LEAST_TURN_SECONDS = 4.0
# where needs are left to the table as a whole, blocks leave so much of the time to them
SHARE_OF_JOINING = 0.25


@dataclass(frozen=True, slots=True)
class Union:
    """The patterns of all blocks together, over the n cells of the whole part.

    left:  needs of the whole that no block meets.
    bound:  the sum of the blocks' bounds.
    """

    states: tuple[BlockState, ...]
    pattern: Vector
    bound: float
    left: tuple[Need, ...]

    @property
    def is_safe(self) -> bool:
        """Say whether the blocks meet every need of the table."""
        return not self.left

    @property
    def is_proven(self) -> bool:
        """Say whether every block's pattern costs its bound."""
        return all(state.proven for state in self.states)


def solved_blocks(system: System, whole: Part, blocks: Blocks, effort: Effort, workers: Workers) -> Union:
    """Solve every block, those that hang back again while a clock leaves time, and unite them."""
    parts = [part_of(system, cells) for cells in blocks.cells]
    sizes = [len(part.needs) + N_NEEDS_AS_WELL for part in parts]
    left = effort.left()
    seconds = FIRST_TURN * left * workers.n_processes / sum(sizes)
    tasks = [(part, blocks.middle[part.cells], effort, seconds * size) for part, size in zip(parts, sizes, strict=True)]
    states = workers.over(begin_block, tasks, sizes)
    if effort.deadline is not None:
        needs_joining = any(state.set_aside for state in states) or bool(_at_top(whole, states))
        turns = effort.within(effort.left() - SHARE_OF_JOINING * left) if needs_joining else effort
        states = _turns(states, turns, workers)
    return _united(whole, states)


def _turns(states: list[BlockState], effort: Effort, workers: Workers) -> list[BlockState]:
    """Let blocks that are not proven go on, turn by turn; where time is short, those alone that hang back furthest."""
    while True:
        behind = [place for place, state in enumerate(states) if not state.proven]
        behind.sort(key=lambda place: states[place].bound - states[place].cost)
        seconds = FURTHER_TURN * effort.left() * workers.n_processes
        behind = behind[: int(seconds / LEAST_TURN_SECONDS)]
        if not behind:
            return states
        share = seconds / max(len(behind), workers.n_processes)
        sizes = [states[place].cost - states[place].bound for place in behind]
        made = workers.over(improve_block, [(states[place], effort, share) for place in behind], sizes)
        for place, state in zip(behind, made, strict=True):
            states[place] = state


def _at_top(whole: Part, states: Sequence[BlockState]) -> list[Need]:
    """Return the needs of cells that lie in no block."""
    inside = np.zeros(whole.n_cells, dtype=bool)
    for state in states:
        inside[np.searchsorted(whole.cells, state.part.cells)] = True
    return [need for need in whole.needs if not inside[need.cell]]


def _united(whole: Part, states: Sequence[BlockState]) -> Union:
    pattern = whole.primary.astype(np.float64)
    left = _at_top(whole, states)
    for state in states:
        at = np.searchsorted(whole.cells, state.part.cells)
        if state.pattern is not None:
            pattern[at] = np.maximum(pattern[at], state.pattern)
        left += [replace(need, cell=int(at[need.cell])) for need in state.set_aside]
    return Union(tuple(states), pattern, sum(state.bound for state in states), tuple(sorted(left)))
