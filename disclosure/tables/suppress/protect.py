"""The door of secondary suppression: a system in, a safe pattern with its cost and bound out, or a refusal.

Small tables are solved whole. Larger ones block by block, which is the whole answer where no middle cell need be hidden
(theorem in ``blocks``); what blocks leave open is met in the table as a whole, with what they learned.

Source: Fischetti and Salazar 2001 (the model and its cuts). Method and limits: docs/methods/disclosure-suppression.md.
"""

from __future__ import annotations

import numpy as np

from cld.errors import InvariantBroken
from disclosure.tables.suppress.blocks import blocks_of
from disclosure.tables.suppress.by_blocks import solved_blocks
from disclosure.tables.suppress.effort import Effort
from disclosure.tables.suppress.feasible import require_protectable
from disclosure.tables.suppress.joining import joined
from disclosure.tables.suppress.part import Part, part_of
from disclosure.tables.suppress.pattern import Pattern
from disclosure.tables.suppress.search import Search
from disclosure.tables.suppress.workers import Workers
from disclosure.tables.system import CellState, System

__all__ = ["protect_system"]

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
        search = _solved_whole(whole, effort)
        return _pattern(system, whole, search.pattern, search.least(), effort)
    with Workers(n_processes if whole.n_cells > MANY_CELLS else 1) as workers:
        union = solved_blocks(system, whole, blocks, effort, workers)
    if union.is_safe and union.is_proven:
        return _pattern(system, whole, union.pattern, union.bound, effort)
    pattern, bound = joined(system, whole, blocks, union, effort)
    return _pattern(system, whole, pattern, bound, effort)


def _solved_whole(whole: Part, effort: Effort) -> Search:
    require_protectable(whole)
    search = Search(whole)
    search.tighten_by_slices(effort)
    search.improve(effort)
    search.ensure(effort)
    return search


def _pattern(system: System, whole: Part, pattern: np.ndarray | None, bound: float, effort: Effort) -> Pattern:
    if pattern is None:
        message = "A search ends without a pattern."
        raise InvariantBroken(message)
    hidden = system.state == CellState.PRIMARY
    hidden[whole.cells[pattern > 0]] = True
    secondary = hidden & (system.state != CellState.PRIMARY)
    return Pattern(hidden, float(system.weight[secondary].sum()), bound, by_clock=effort.is_over())
