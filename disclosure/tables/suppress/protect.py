"""The door of secondary suppression: a system in, a safe pattern with its cost and bound out, or a refusal.

Source: Fischetti and Salazar 2001 (the model and its cuts). Method and limits: docs/methods/disclosure-suppression.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from disclosure.tables.suppress.blocks import Blocks, blocks_of
from disclosure.tables.suppress.part import Part, part_of
from disclosure.tables.suppress.pattern import Pattern, Unprotectable
from disclosure.tables.suppress.safety import Auditor
from disclosure.tables.suppress.search import Effort, Search
from disclosure.tables.system import CellState, System

__all__ = ["protect_system"]

FEW_CELLS = 400


def protect_system(system: System, effort: Effort = Effort()) -> Pattern:  # noqa: B008 - frozen
    """Return a safe pattern of least cost, or as near to it as the work allows, with its proven bound.

    Raises: Unprotectable, naming the cells, if no pattern is safe.
    """
    whole = part_of(system, np.arange(system.n_cells))
    unmet = Auditor(whole).unmet(np.ones(whole.n_cells, dtype=bool))
    if unmet:
        raise Unprotectable(np.unique(whole.cells[[need.cell for need in unmet]]))
    blocks = blocks_of(system) if whole.n_cells > FEW_CELLS else None
    search = Search.of(whole)
    if blocks is None:
        search.tighten(effort, orders=range(2, whole.codes.shape[1] + 1))
    else:
        _by_blocks(system, blocks, search, effort)
    search.improve(effort)
    return _pattern(system, search)


def _by_blocks(system: System, blocks: Blocks, search: Search, effort: Effort) -> None:
    ...


def _pattern(system: System, search: Search) -> Pattern:
    hidden = system.state == CellState.PRIMARY
    assert search.pattern is not None
    hidden[search.part.cells[search.pattern > 0]] = True
    secondary = hidden & (system.state != CellState.PRIMARY)
    return Pattern(hidden, float(system.weight[secondary].sum()), search.bound)
