"""Primary rules: which cells are unsafe in themselves, and how far the attacker's interval of each must reach.

Rules are values, written as text such as ``threshold=1-4``, ``dominance=2,85``, ``p=10``, ``zeros=hideable`` and
``group``. Whatever the rules say, the status column may add primary cells and cells that are always shown.

Source: SOURCES.md of the shared examples (threshold: maximum at least 5, minimum at most count - 1, attacker knows 0 to
2 x count + 20); Hundepool et al. 2012, Statistical Disclosure Control, ch. 4 (dominance, p%, group disclosure).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from cld.errors import InputError
from disclosure.tables.cells import Cells
from disclosure.tables.system import CellState, System

__all__ = [
    "Dominance", "GroupDisclosure", "PPercent", "Rule", "StatusOnly", "Threshold", "ZerosHideable", "parse_rule", "system_of",
]  # fmt: skip

KNOWN_SLACK = 20.0


@dataclass(frozen=True, slots=True)
class Threshold:
    """Counts from ``low`` to ``high`` are unsafe: the attacker's interval must hold high + 1 and count - 1."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Dominance:
    """Unsafe when the ``n`` largest contributors (columns top1, top2, ...) make more than ``percent`` of the value."""

    n: int
    percent: float


@dataclass(frozen=True, slots=True)
class PPercent:
    """Unsafe when the value without the two largest is under ``percent`` of the largest, which the second then knows."""

    percent: float


@dataclass(frozen=True, slots=True)
class ZerosHideable:
    """Zeros may be hidden to protect others; else they are always shown."""


@dataclass(frozen=True, slots=True)
class GroupDisclosure:
    """A total that sits whole in one of its parts tells something of everybody in it: the part may not be certain."""


@dataclass(frozen=True, slots=True)
class StatusOnly:
    """Only the status column names primary cells."""


DEFAULT = Threshold(1, 4)
Rule = Threshold | Dominance | PPercent | ZerosHideable | GroupDisclosure | StatusOnly

REMEDY = "Write threshold=1-4, dominance=2,85, p=10, zeros=hideable or group."


def parse_rule(text: str) -> Rule:
    """Return the rule that a text names.

    Raises: InputError for a text of no rule, or bounds that make none.
    """
    name, _, value = text.partition("=")
    numbers = [float(part) for part in re.findall(r"\d+(?:\.\d+)?", value)]
    shape = re.sub(r"\d+(?:\.\d+)?", "0", value)
    match name, shape:
        case "threshold", "0-0" if 0 <= numbers[0] <= numbers[1] and all(n == int(n) for n in numbers):
            return Threshold(int(numbers[0]), int(numbers[1]))
        case "dominance", "0,0" if numbers[0] in (1, 2) and 0 < numbers[1] < 100:
            return Dominance(int(numbers[0]), numbers[1])
        case "p", "0" if 0 < numbers[0] <= 100:
            return PPercent(numbers[0])
        case "zeros", "hideable":
            return ZerosHideable()
        case "group", "":
            return GroupDisclosure()
        case _:
            message = "That is no primary rule."
            raise InputError(message, REMEDY)


def system_of(cells: Cells, rules: Sequence[Rule], *, unit_cost: bool = False) -> System:
    """Return the system that suppression and the attacker work on.

    A cell weighs what the cost column says and, without one, the larger of its value and 1; with ``unit_cost`` all weigh
    1. Zeros are shown unless a rule turns on them; a cell of status keep is shown whatever the rules say. Needs are the largest that any rule asks; the columns lower_protection and
    upper_protection hold over them.
    Raises: InputError if a rule lacks its columns, or bounds, costs or protections make no sense.
    """
    values = cells.values
    n_cells = len(values)
    state = np.full(n_cells, CellState.CANDIDATE, dtype=np.int8)
    if not any(isinstance(rule, ZerosHideable) for rule in rules):
        state[values == 0] = CellState.KEEP
    need_lower, need_upper = np.zeros(n_cells), np.zeros(n_cells)
    for rule in rules:
        unsafe, lower, upper = _asked(cells, rule, state)
        state[unsafe] = CellState.PRIMARY
        np.maximum(need_lower, np.where(unsafe, lower, 0.0), out=need_lower)
        np.maximum(need_upper, np.where(unsafe, upper, 0.0), out=need_upper)
    _add_status(cells, state, need_lower, need_upper)
    primary = state == CellState.PRIMARY
    need_lower = np.where(primary, _column(cells, "lower_protection", need_lower), 0.0)
    need_upper = np.where(primary, _column(cells, "upper_protection", need_upper), 0.0)
    _refuse_without_needs(primary & (need_lower + need_upper <= 0))
    lower, upper = _known(cells)
    weight = np.where(primary, 0.0, np.ones(n_cells) if unit_cost else _column(cells, "cost", np.maximum(values, 1.0)))
    parents = tuple(dimension.parents for dimension in cells.grid.dimensions)
    return System(
        values, cells.grid.matrix, lower, upper, state, weight, need_lower, need_upper, cells.grid.codes, parents
    )


Asked = tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]


def _asked(cells: Cells, rule: Rule, state: NDArray[np.int8]) -> Asked:
    """Return which cells a rule calls unsafe and how far their intervals must reach below and above.

    Group disclosure also turns the zeros beside such a cell into candidates, since only they can hide it.
    """
    values = cells.values
    none = np.zeros(len(values), dtype=bool)
    match rule:
        case Threshold(low, high):
            return (values >= low) & (values <= high), np.minimum(values, 1.0), high + 1.0 - values
        case Dominance(n, percent):
            largest = sum((_contributors(cells, place) for place in range(1, n + 1)), np.zeros(len(values)))
            need = largest * 100.0 / percent - values
            return (need > 0) & (values > 0), np.minimum(need, values), need
        case PPercent(percent):
            first, second = _contributors(cells, 1), _contributors(cells, 2)
            need = first * percent / 100.0 - (values - first - second)
            return (need > 0) & (values > 0), np.minimum(need, values), need
        case GroupDisclosure():
            return _group(cells, state)
        case ZerosHideable() | StatusOnly():
            return none, values, values
        case _:
            assert_never(rule)


def _contributors(cells: Cells, place: int) -> NDArray[np.float64]:
    """Return the largest or second largest contribution of every cell.

    Assumes: a contributor stands in one part of a total only, so that an added total's largest are among its parts'.
    Raises: InputError if the columns top1 and top2 are missing, unordered or over the value.
    """
    names = ("top1", "top2")
    if any(name not in cells.numbers for name in names):
        message = "Dominance and p% need the columns top1 and top2."
        raise InputError(message, "Give each cell's two largest contributions, or use another rule.")
    tops = np.stack([np.where(cells.values > 0, cells.numbers[name], 0.0) for name in names])
    known = ~np.isnan(tops).any(axis=0)
    slack = 1e-9 * np.maximum(cells.values, 1.0)
    wrong = known & ((tops[1] > tops[0]) | (tops[1] < 0) | (tops.sum(axis=0) > cells.values + slack))
    n_bad = int(np.sum(wrong) + np.sum(~known[: cells.grid.n_given]))
    if n_bad:
        message = f"{n_bad} cells have no top1 and top2, or such as cannot be the largest parts of their value."
        raise InputError(message, "top1 is at least top2, and both together at most the value.")
    found: NDArray[np.float64] = _tops_of_added(cells, tops, known)[place - 1]
    return found


def _tops_of_added(cells: Cells, tops: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fill in the two largest of every added total from those of its parts."""
    matrix, totals = cells.grid.matrix, cells.grid.totals
    rows = np.repeat(np.arange(len(totals)), np.diff(matrix.indptr))
    part = matrix.data > 0
    row, column = rows[part], matrix.indices[part]
    while not known.all():
        open_rows = np.bincount(row, weights=~known[column], minlength=len(totals)) > 0
        chosen = ~open_rows[row] & ~known[totals[row]]
        both = np.concatenate([tops[0][column[chosen]], tops[1][column[chosen]]])
        of_row = np.tile(row[chosen], 2)
        order = np.lexsort((-both, of_row))
        first = np.flatnonzero(np.diff(of_row[order], prepend=-1))
        filled = totals[of_row[order][first]]
        tops[0][filled], tops[1][filled] = both[order][first], both[order][first + 1]
        known[filled] = True
    return tops


def _group(cells: Cells, state: NDArray[np.int8]) -> Asked:
    """Find parts that hold their whole total; they and one zero beside each are unsafe, the other zeros may be hidden.

    The zero that must be able to rise is the one whose other totals are largest: beside a total of zero none can.
    """
    matrix, totals, values = cells.grid.matrix, cells.grid.totals, cells.values
    row = np.repeat(np.arange(len(totals)), np.diff(matrix.indptr))
    part = matrix.data > 0
    row, column = row[part], matrix.indices[part]
    above = np.full(len(values), np.inf)
    np.minimum.at(above, column, values[totals[row]])
    whole = (values[column] == values[totals[row]]) & (values[column] > 0)
    several = np.bincount(row, minlength=len(totals)) > 1
    beside = np.isin(row, row[whole & several[row]]) & (values[column] == 0)
    state[column[beside & (state[column] == CellState.KEEP)]] = CellState.CANDIDATE
    order = np.lexsort((column[beside], -above[column[beside]], row[beside]))
    first = np.flatnonzero(np.diff(row[beside][order], prepend=-1))
    unsafe = np.zeros(len(values), dtype=bool)
    unsafe[column[whole & several[row]]] = True
    unsafe[column[beside][order][first]] = True
    return unsafe, np.minimum(values, 1.0), np.where(values == 0, 1.0, 0.0)


def _add_status(
    cells: Cells, state: NDArray[np.int8], need_lower: NDArray[np.float64], need_upper: NDArray[np.float64]
) -> None:
    """Let the status column add primary cells and hold others open.

    A count named primary without protection of its own is treated as the threshold 1 to 4 would: its interval reaches
    5 and one below, and for larger counts one above and one below.
    """
    values = cells.values
    named = (cells.status == CellState.PRIMARY) & (state != CellState.PRIMARY)
    state[named] = CellState.PRIMARY
    if not cells.magnitude:
        need_lower[named] = np.minimum(values[named], 1.0)
        need_upper[named] = np.maximum(DEFAULT.high + 1.0 - values[named], 1.0)
    state[cells.status == CellState.KEEP] = CellState.KEEP


def _column(cells: Cells, name: str, default: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an optional column, the default where a cell has none.

    Raises: InputError if it holds negative numbers.
    """
    given = cells.numbers.get(name)
    if given is None:
        return default
    n_negative = int(np.sum(given < 0))
    if n_negative:
        message = f"The column {name} has {n_negative} negative numbers."
        raise InputError(message, "Costs and distances are 0 or more.")
    return np.where(np.isnan(given), default, given)


def _refuse_without_needs(bare: NDArray[np.bool_]) -> None:
    if bare.any():
        message = f"{int(bare.sum())} primary cells ask for no protection at all."
        raise InputError(message, "Give lower_protection and upper_protection, or a rule.")


def _known(cells: Cells) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what the attacker knows before: 0 to 2 x value + 20 unless the columns say more.

    Raises: InputError if a value lies outside what is known of it.
    """
    lower = _column(cells, "known_lower", np.zeros(len(cells.values)))
    upper = _column(cells, "known_upper", 2.0 * cells.values + KNOWN_SLACK)
    n_outside = int(np.sum((lower > cells.values) | (upper < cells.values)))
    if n_outside:
        message = f"{n_outside} values lie outside known_lower and known_upper."
        raise InputError(message, "What the attacker knows holds for the true value.")
    return lower, upper
