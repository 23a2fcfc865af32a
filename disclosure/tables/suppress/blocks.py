"""Blocks: the sub-tables under each middle code of the largest hierarchy, and the top above them.

A block is what lies under one child of a hierarchy's root, that child's own row with it. Every cell but the root's lies
in one block. Theorem: the least costs of blocks sum to no more than the table's; and if no cell of a middle row is
hidden, the union of the blocks' patterns is safe for the whole table, so that optimal blocks make an optimal table.
Proof: a block's attacker knows fewer equations than the table's, which gives the sum. A deviation inside a block that
leaves its middle row alone satisfies every other equation of the table too, since nothing else moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from disclosure.tables.system import System

__all__ = ["Blocks", "blocks_of"]

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Blocks:
    """How a table falls into blocks.

    cells:  the places of each block's cells, ascending.
    top:  the places of the root's cells and of the middle rows.
    middle:  n, whether a cell lies in a middle row.
    axis:  the place of the hierarchy among the dimensions.
    """

    cells: tuple[Places, ...]
    top: Places
    middle: NDArray[np.bool_]
    axis: int


def blocks_of(system: System) -> Blocks | None:
    """Return the blocks along the hierarchy that makes the largest number of them; None without a deep hierarchy.

    Assumes: a parent's code is smaller than its children's.
    """
    best = max(range(len(system.parents)), key=lambda place: (_n_branches(system.parents[place]), -place), default=None)
    if best is None or not _n_branches(system.parents[best]):
        return None
    parents = system.parents[best]
    branch = np.zeros(len(parents), dtype=np.int64)
    for code in range(1, len(parents)):
        branch[code] = code if parents[code] == 0 else branch[parents[code]]
    of_cell = branch[system.codes[:, best]]
    is_middle = parents == 0
    middle = is_middle[system.codes[:, best]]
    cells = tuple(np.flatnonzero(of_cell == code) for code in np.flatnonzero(is_middle).tolist())
    return Blocks(tuple(one for one in cells if len(one)), np.flatnonzero(middle | (of_cell == 0)), middle, best)


def _n_branches(parents: NDArray[np.int32]) -> int:
    """Return how many children of the root have children of their own."""
    under_root = np.flatnonzero(parents == 0)
    return int(np.isin(under_root, parents).sum())
