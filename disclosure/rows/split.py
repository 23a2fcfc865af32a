"""Splitting classes: each round, every class takes one column one level down where that is safe and saves most.

A part that is not safe alone stays in the rest of its class under the old name; if the rest is not safe either, the
smallest safe part joins it; if that does not do, the class is not split by this column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from disclosure.rows.cells import GONE, Rows
from disclosure.rows.ladders import Ints
from disclosure.rows.safety import Floats
from disclosure.rows.tallies import Flags, numbered
from disclosure.rows.utility import CellUtility, ClassUtility

__all__ = ["refine"]

Unsafe = Callable[[Ints], Flags]


@dataclass(frozen=True, slots=True)
class _Move:
    """One column tried one level down: for each row its new class and whether it moved; for each class the saving.

    Classes that cannot be split so save less than nothing.
    """

    parts: Ints
    moved: Flags
    saving: Floats


def refine(
    rows: Rows, unsafe: Unsafe, utility: ClassUtility | CellUtility, levels: list[Ints], classes: Ints
) -> tuple[list[Ints], Ints]:
    """Split classes until none can be split; every class given must be safe, and every class returned is.

    ``unsafe`` flags the classes that break a limit. The arrays given are not changed.
    """
    levels, classes = [one.copy() for one in levels], classes.copy()
    is_open = classes != GONE
    while is_open.any():
        active = np.flatnonzero(is_open)
        _, local = numbered(classes[active], int(classes.max()) + 1)
        moves = [
            _tried(rows, unsafe, utility, place, levels[place][active], active, local) for place in range(len(levels))
        ]
        savings = np.stack([move.saving for move in moves])
        chosen = np.where(savings.max(axis=0) >= 0, savings.argmax(axis=0), len(moves))[local]
        parts = np.zeros(len(active), np.int64)
        for place, move in enumerate(moves):
            mine = chosen == place
            parts[mine] = move.parts[mine]
            levels[place][active[mine & move.moved]] -= 1
        is_open[active[chosen == len(moves)]] = False
        classes[active] = classes.max() + 1 + _numbers(local, parts)
    return levels, _dense(classes)


def _numbers(local: Ints, parts: Ints) -> Ints:
    """Number the parts of classes afresh."""
    width = int(parts.max()) + 1
    return numbered(local * width + parts, (int(local.max()) + 1) * width)[1]


def _dense(classes: Ints) -> Ints:
    kept = classes != GONE
    found = np.full(len(classes), GONE)
    found[kept] = numbered(classes[kept], int(classes.max()) + 1)[1]
    return found


def _tried(
    rows: Rows, unsafe: Unsafe, utility: ClassUtility | CellUtility, place: int, levels: Ints, active: Ints, local: Ints
) -> _Move:
    """Try one column one level down in every class at once."""
    n_classes = int(local.max()) + 1
    can = levels > 0
    digits = rows.digits(place, np.maximum(levels - 1, 0), active)
    width = rows.groups[place].shape[1]
    keys, parts = numbered(local * width + digits, n_classes * width)
    owner = keys // width
    n_of_part = np.bincount(parts, rows.n[active], len(keys)).astype(np.int64)
    stays = _of_parts(unsafe, parts, active, len(rows.n))
    rest = len(keys) + owner
    stays = _with_smallest(unsafe, parts, stays, rest, n_of_part, active, len(rows.n))
    n_moved = np.bincount(owner, ~stays, n_classes)
    movable = np.bincount(local, ~can, n_classes) == 0
    fits = movable & (n_moved > 0)
    new = np.where(stays, rest, np.arange(len(keys)))
    moved = ~stays[parts]
    saving = _saving(rows, utility, place, levels, active, local, new[parts], moved, n_classes)
    return _Move(new[parts], moved, np.where(fits, saving, -1.0))


def _of_parts(unsafe: Unsafe, parts: Ints, active: Ints, n_rows: int) -> Flags:
    """Flag parts that are not safe; parts are numbered from 0 without gaps."""
    classes = np.full(n_rows, GONE)
    classes[active] = parts
    return unsafe(classes)


def _rest_flags(unsafe: Unsafe, parts: Ints, stays: Flags, rest: Ints, active: Ints, n_rows: int) -> tuple[Ints, Ints]:
    """Return the rests there are and those among them that are not safe."""
    there, numbers = np.unique(rest[stays], return_inverse=True)
    if not len(there):
        return there, there
    of_part = np.full(len(rest), GONE)
    of_part[stays] = numbers
    classes = np.full(n_rows, GONE)
    classes[active] = of_part[parts]
    return there, there[unsafe(classes)]


def _with_smallest(
    unsafe: Unsafe, parts: Ints, stays: Flags, rest: Ints, n_of_part: Ints, active: Ints, n_rows: int
) -> Flags:
    """Flag the parts that stay: those not safe, and where they are not safe together the smallest safe one.

    Where even that is not safe, all stay.
    """
    _, weak = _rest_flags(unsafe, parts, stays, rest, active, n_rows)
    if not len(weak):
        return stays
    free = np.flatnonzero(~stays & np.isin(rest, weak))
    order = free[np.lexsort((n_of_part[free], rest[free]))]
    first = np.ones(len(order), np.bool_)
    first[1:] = rest[order][1:] != rest[order][:-1]
    stays = stays.copy()
    stays[order[first]] = True
    _, weak = _rest_flags(unsafe, parts, stays, rest, active, n_rows)
    return stays | np.isin(rest, weak)


def _saving(
    rows: Rows, utility: ClassUtility | CellUtility, place: int, levels: Ints, active: Ints, local: Ints, parts: Ints,
    moved: Flags, n_classes: int,
) -> Floats:  # fmt: skip
    """Return what each class saves: by sizes, by number of classes, or cell by cell."""
    n = rows.n[active].astype(np.float64)
    if isinstance(utility, CellUtility):
        of_level = utility.further[place]
        saved = np.zeros(len(active))
        for level in range(1, len(of_level)):
            at = np.flatnonzero(moved & (levels == level))
            fine = of_level[level - 1][rows.digits(place, level - 1, active[at])]
            saved[at] = n[at] * (fine - of_level[level][rows.digits(place, level, active[at])])
        return _summed(local, saved, n_classes)
    there, numbers = numbered(parts, int(parts.max()) + 1)
    owner = np.zeros(len(there), np.int64)
    owner[numbers] = local
    sizes = _summed(numbers, n, len(there))
    if utility.by_size:
        return np.square(_summed(local, n, n_classes)) - _summed(owner, np.square(sizes), n_classes)
    return _summed(owner, np.ones(len(owner)), n_classes) - 1.0


def _summed(owner: Ints, figures: Floats, n_classes: int) -> Floats:
    """Sum figures by their owner."""
    return np.bincount(owner, figures, n_classes).astype(np.float64)
