"""The two small-number profiles: what is shown of a count, and of percentages, rates and averages made from counts.

``nhs-published`` shows 0 as 0, stars 1 to 7, rounds 8 and over to the nearest 5 and leaves the national level exact.
``caregate`` does the same at every level and hides further cells until an attacker who knows the rule, every total and
every shown value is left with a wide interval for every star.

Source: cld/reference/published-disclosure-rules.csv (NHS secondary care, from 2018-09).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from cld.errors import DisclosureRefused
from disclosure.tables.audit import Intervals, intervals
from disclosure.tables.bounds import Bounds, propagate
from disclosure.tables.grid import Grid
from disclosure.tables.moves import Layout
from disclosure.tables.published import STAR, ShownRule, rounded_bounds

__all__ = ["BLANK", "Limits", "ShownTable", "protect_table", "shown_average", "shown_counts", "shown_ratio"]

BLANK = ""
NOT_APPLICABLE = "-"
# an interval that reaches this much over the narrowest allowed cannot be told for a handful
OVER_NARROWEST = 2
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Limits:
    """Smallest count shown, rounding base, whether to protect secondarily and the narrowest interval allowed."""

    smallest_shown: int
    round_to: int
    secondary: bool
    least_width: int


@dataclass(frozen=True, slots=True)
class ShownTable:
    """What is shown of n cells, which are starred and which hidden to protect those, and each hidden cell's interval.

    low, high:  the attacker's exact interval over whole numbers; shown cells' are what their value leaves.
    """

    shown: tuple[str, ...]
    primary: NDArray[np.bool_]
    secondary: NDArray[np.bool_]
    low: Vector
    high: Vector


def shown_counts(values: Vector, limits: Limits, exact: NDArray[np.bool_] | None = None) -> tuple[str, ...]:
    """Return counts of persons as they are shown, below national level; ``exact`` says which are national.

    Source: cld/reference/published-disclosure-rules.csv, counts (0 as 0; small starred; the rest rounded, halves up).
    """
    counts = values.astype(np.int64)
    base = limits.round_to
    rounded = ((counts + base // 2) // base * base).astype(str)
    shown = np.where((counts > 0) & (counts < limits.smallest_shown), STAR, rounded)
    shown = np.where(counts == 0, "0", shown)
    return tuple(shown if exact is None else np.where(exact, counts.astype(str), shown))


def shown_ratio(part: str, whole: str, *, per: int = 100, n_decimals: int = 1) -> str:
    """Return a percentage, or a rate per so many, from shown numbers alone; hidden where either is hidden.

    Source: cld/reference/published-disclosure-rules.csv, percentages and rates (from rounded numbers; suppressed when a
    part is suppressed).
    """
    if not (part.isdigit() and whole.isdigit()):
        return STAR if STAR in (part, whole) else BLANK
    if int(whole) == 0:
        return NOT_APPLICABLE
    step = Decimal(1).scaleb(-n_decimals)
    return str((Decimal(part) * per / Decimal(whole)).quantize(step, ROUND_HALF_UP))


def shown_average(average: Decimal, n_persons: int, limits: Limits, *, n_decimals: int = 1) -> str:
    """Return a mean, median or mode as it is shown: starred when it is of few persons, not applicable when of none.

    Source: cld/reference/published-disclosure-rules.csv, mean, median, mode (starred when based on 1 to 7 values).
    """
    if n_persons == 0:
        return NOT_APPLICABLE
    if n_persons < limits.smallest_shown:
        return STAR
    return str(average.quantize(Decimal(1).scaleb(-n_decimals), ROUND_HALF_UP))


def protect_table(grid: Grid, values: Vector, limits: Limits, exact: NDArray[np.bool_] | None = None) -> ShownTable:
    """Show a table of persons under a profile, and attack what is shown.

    Shape:  values n, whole and additive over the grid; exact n, the cells that are shown as they are (national level).
    Raises: DisclosureRefused, saying how many cells, if the limits ask for secondary protection and no more can be hidden.
    """
    national = np.zeros(len(values), dtype=bool) if exact is None else exact
    primary = (values > 0) & (values < limits.smallest_shown) & ~national
    hidden = primary.copy()
    found: Intervals | Bounds = _attacked(grid, values, limits, primary, hidden, national)
    while limits.secondary and len(narrow := np.flatnonzero(primary & _is_narrow(found.low, found.high, limits))):
        _hide_beside(grid, values, narrow, found, hidden, national)
        # bounds carried along the equations show most narrow cells at once; the exact attack has the last word
        least, most = _seen(values, limits, primary, hidden, national)
        found = propagate(grid.matrix, np.zeros(grid.matrix.shape[0]), least, most, integer=True)
        if not np.any(primary & _is_narrow(found.low, found.high, limits)):
            found = _attacked(grid, values, limits, primary, hidden, national)
    texts = np.array(shown_counts(values, limits, national), dtype=object)
    texts[hidden & ~primary] = BLANK
    return ShownTable(tuple(texts), primary, hidden & ~primary, found.low, found.high)


def _seen(
    values: Vector, limits: Limits, primary: NDArray[np.bool_], hidden: NDArray[np.bool_], national: NDArray[np.bool_]
) -> tuple[Vector, Vector]:
    """Return what each cell's own entry says: a star is a small count, a blank is none."""
    base = limits.round_to
    rule = ShownRule(base, smallest_shown=limits.smallest_shown)
    least, most = rounded_bounds((values + base // 2) // base * base, rule)
    blank = hidden & ~primary
    least = np.where(primary, 1.0, np.where(blank, limits.smallest_shown, least))
    most = np.where(primary, limits.smallest_shown - 1.0, np.where(blank, np.inf, most))
    return np.where(national, values, least), np.where(national, values, most)


def _attacked(
    grid: Grid, values: Vector, limits: Limits, primary: NDArray[np.bool_], hidden: NDArray[np.bool_],
    national: NDArray[np.bool_],
) -> Intervals:  # fmt: skip
    least, most = _seen(values, limits, primary, hidden, national)
    layout = Layout(grid.codes, tuple(dimension.parents for dimension in grid.dimensions))
    return intervals(grid.matrix, least, most, targets=hidden, layout=layout, start=values, whole=True)


def _is_narrow(low: Vector, high: Vector, limits: Limits) -> NDArray[np.bool_]:
    too_few = high - low + 1 < limits.least_width
    return too_few | (high < limits.least_width + OVER_NARROWEST)


def _hide_beside(
    grid: Grid, values: Vector, narrow: NDArray[np.int64], found: Intervals | Bounds, hidden: NDArray[np.bool_],
    national: NDArray[np.bool_],
) -> None:  # fmt: skip
    """Hide, for each narrow cell, the smallest count in an equation that narrows it: parts before totals, never the whole.

    A cell whose equations have gained a hidden cell in the same turn waits for the next.
    Raises: DisclosureRefused if none of the narrow cells has such a neighbour.
    """
    by_cell = grid.matrix.tocsc()
    free = ~hidden & ~national & (values > 0) & (grid.codes != 0).any(axis=1)
    depths = [dimension.depths[grid.codes[:, place]] for place, dimension in enumerate(grid.dimensions)]
    depth = np.sum(depths, axis=0)
    touched = np.zeros(grid.matrix.shape[0], dtype=bool)
    for cell in narrow.tolist():
        rows = by_cell.indices[by_cell.indptr[cell] : by_cell.indptr[cell + 1]]
        if touched[rows].any():
            continue
        telling = [row for row in rows.tolist() if _narrows(grid.matrix, row, cell, found)]
        for chosen_rows in (telling, rows.tolist()):
            beside = np.unique([place for row in chosen_rows for place in _cells_of(grid.matrix, row)]).astype(np.int64)
            beside = beside[free[beside]]
            if len(beside):
                chosen = beside[np.lexsort((beside, values[beside], -depth[beside]))[0]]
                hidden[chosen], free[chosen] = True, False
                touched[by_cell.indices[by_cell.indptr[chosen] : by_cell.indptr[chosen + 1]]] = True
                break
    if not touched.any():
        message = f"{len(narrow)} small cells can be worked out and nothing more can be hidden."
        raise DisclosureRefused(message, ("feasible intervals",), "Ask for coarser categories.")


def _cells_of(matrix: csr_matrix, row: int) -> list[int]:
    found: list[int] = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]].tolist()
    return found


def _narrows(matrix: csr_matrix, row: int, cell: int, found: Intervals | Bounds) -> bool:
    """Say whether one equation alone gives a cell an end that it has."""
    cells = np.array(_cells_of(matrix, row))
    sign = matrix.data[matrix.indptr[row] : matrix.indptr[row + 1]]
    own = sign[cells == cell][0]
    cells, sign = cells[cells != cell], -sign[cells != cell] * own
    least = np.where(sign > 0, found.low[cells], -found.high[cells]).sum()
    most = np.where(sign > 0, found.high[cells], -found.low[cells]).sum()
    return bool(least >= found.low[cell] or most <= found.high[cell])
