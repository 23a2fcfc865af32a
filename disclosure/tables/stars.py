"""Tables: the two small-number profiles, and the attacker who computes what every hidden cell can be.

A table is two-way with totals. Small counts are starred, others rounded; then linear programmes give the interval of
each star from all that is shown. Where the profile asks for secondary protection, cells are hidden until every
interval is wide enough, or the table is refused.

Source: NHS rule in cld/reference/published-disclosure-rules.csv; Fischetti and Salazar 2001 (attacker's intervals).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from cld.errors import DisclosureRefused

__all__ = ["Limits", "ProtectedTable", "attack", "protect"]

TOTAL = "Total"
STAR = "*"
Cell = tuple[str, str]
SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class Limits:
    """Smallest count shown, rounding base, whether to protect secondarily and the narrowest interval allowed."""

    smallest_shown: int
    round_to: int
    secondary: bool
    least_width: int


@dataclass(frozen=True, slots=True)
class ProtectedTable:
    """What is shown, which cells are hidden and the attacker's interval of each hidden cell (for the approver alone)."""

    shown: Mapping[Cell, str]
    primary: frozenset[Cell]
    secondary: frozenset[Cell]
    intervals: Mapping[Cell, tuple[int, int]]


def with_totals(counts: Mapping[Cell, int]) -> dict[Cell, int]:
    """Add the totals of rows, columns and the whole."""
    rows, columns = sorted({cell[0] for cell in counts}), sorted({cell[1] for cell in counts})
    full = {(row, column): counts.get((row, column), 0) for row in rows for column in columns}
    for row in rows:
        full[row, TOTAL] = sum(full[row, column] for column in columns)
    for column in [*columns, TOTAL]:
        full[TOTAL, column] = sum(full[row, column] for row in rows)
    return full


def _rounded(count: int, base: int) -> int:
    return (count + base // 2) // base * base


def _bounds(text: str, limits: Limits) -> tuple[int, int | None]:
    """What a shown value says of the true one."""
    if text == STAR:
        return 1, limits.smallest_shown - 1
    if text == "":
        return limits.smallest_shown, None
    value = int(text)
    if value == 0:
        return 0, 0
    half = limits.round_to // 2
    return max(limits.smallest_shown, value - half), value + limits.round_to - 1 - half


def attack(shown: Mapping[Cell, str], limits: Limits) -> dict[Cell, tuple[int, int]]:
    """Return the interval of every hidden cell (starred or blank), exact over the reals and rounded inward.

    Units:  counts of persons.
    """
    cells = sorted(shown)
    place = {cell: number for number, cell in enumerate(cells)}
    equations = _equations(cells)
    matrix = np.zeros((len(equations), len(cells)))
    for row, equation in enumerate(equations):
        matrix[row, [place[cell] for cell in equation[1:]]] = 1.0
        matrix[row, place[equation[0]]] -= 1.0
    bounds = [_bounds(shown[cell], limits) for cell in cells]
    hidden = [cell for cell in cells if shown[cell] in (STAR, "")]
    return {cell: _interval(matrix, bounds, place[cell]) for cell in hidden}


def _equations(cells: list[Cell]) -> list[list[Cell]]:
    rows, columns = sorted({cell[0] for cell in cells}), sorted({cell[1] for cell in cells})
    across = [[(row, TOTAL), *[(row, column) for column in columns if column != TOTAL]] for row in rows]
    down = [[(TOTAL, column), *[(row, column) for row in rows if row != TOTAL]] for column in columns]
    return [*across, *down]


def _interval(matrix: np.ndarray, bounds: list[tuple[int, int | None]], column: int) -> tuple[int, int]:
    """Solve for the least and the most that one cell can be, with HiGHS."""
    ends = []
    for sign in (1.0, -1.0):
        cost = np.zeros(matrix.shape[1])
        cost[column] = sign
        found = linprog(cost, A_eq=matrix, b_eq=np.zeros(len(matrix)), bounds=bounds, method="highs")
        if not found.success:
            message = "The attacker's programme has no answer in time."
            raise DisclosureRefused(message, ("intervals",), "What is not proven safe does not leave.")
        ends.append(sign * found.fun)
    return math.ceil(ends[0] - SLACK), math.floor(ends[1] + SLACK)


def protect(counts: Mapping[Cell, int], limits: Limits) -> ProtectedTable:
    """Protect a two-way table of persons.

    Raises: DisclosureRefused, saying how many cells, if secondary protection is asked for and no pattern is safe.
    """
    full = with_totals(counts)
    shown = {cell: _shown(count, limits) for cell, count in full.items()}
    primary = frozenset(cell for cell, text in shown.items() if text == STAR)
    secondary: set[Cell] = set()
    intervals = attack(shown, limits)
    while limits.secondary:
        narrow = [cell for cell in sorted(primary) if _is_narrow(intervals[cell], limits)]
        if not narrow:
            break
        partner = _partner(full, shown, narrow[0])
        if partner is None:
            message = f"{len(narrow)} small cells can be worked out and nothing more can be hidden."
            raise DisclosureRefused(message, ("feasible intervals",), "Ask for coarser categories.")
        shown[partner] = ""
        secondary.add(partner)
        intervals = attack(shown, limits)
    return ProtectedTable(shown, primary, frozenset(secondary), intervals)


def _shown(count: int, limits: Limits) -> str:
    if count == 0:
        return "0"
    return STAR if count < limits.smallest_shown else str(_rounded(count, limits.round_to))


def _is_narrow(interval: tuple[int, int], limits: Limits) -> bool:
    low, high = interval
    return high - low + 1 < limits.least_width or high < limits.least_width + 2


def _partner(full: Mapping[Cell, int], shown: Mapping[Cell, str], cell: Cell) -> Cell | None:
    """The cheapest cell still shown in the same row or column, inner cells before totals, never the grand total."""
    same = [
        other
        for other in full
        if other != cell and (other[0] == cell[0] or other[1] == cell[1]) and other != (TOTAL, TOTAL)
    ]
    free = [other for other in same if shown[other] not in (STAR, "", "0")]
    return min(free, key=lambda other: (TOTAL in other, full[other], other), default=None)
