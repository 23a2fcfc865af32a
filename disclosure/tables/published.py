"""Published tables as an attacker reads them: what each shown value, star or blank says of the true one.

Source: cld/reference/published-disclosure-rules.csv (NHS rule: 0 as 0, 1 to 7 starred, 8 and over to the nearest 5,
national level exact; Safeguarding Adults Collection: nearest 5, halves up).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cld.engine import Session
from cld.errors import InputError, Refused
from disclosure.tables.cells import numbers_of
from disclosure.tables.reading import Rows, TableRequest, read_rows

__all__ = ["HIDDEN", "STAR", "Published", "ShownRule", "read_shown", "rounded_bounds"]

STAR = "*"
HIDDEN = ("", STAR, "x", "..", "c")
KNOWN = ("known_lower", "known_upper")
NEAR = 1e-9
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ShownRule:
    """How values were made ready to show.

    base:  they are multiples of it; 0 where they are exact.
    adjacent:  whether a value may have gone to either multiple beside it (controlled and random rounding), not only to
        the nearest, halves up.
    smallest_shown:  counts from 1 up to it are starred and 0 is 0; 0 where a hidden cell says nothing of itself.
    secondary:  whether cells hidden otherwise than by a star are of at least ``smallest_shown``.
    national_exact:  whether one dimension's total, the nation, is shown exactly.
    """

    base: float = 0.0
    adjacent: bool = False
    smallest_shown: int = 0
    secondary: bool = False
    national_exact: bool = False


@dataclass(frozen=True, slots=True)
class Published:
    """A published table: for each cell of the grid the bounds that its own entry leaves, and how it was shown.

    hidden, rounded:  which given cells are not shown at all, and which are shown rounded; added totals are neither.
    """

    rows: Rows
    low: Vector
    high: Vector
    hidden: NDArray[np.bool_]
    rounded: NDArray[np.bool_]


def rounded_bounds(shown: Vector, rule: ShownRule) -> tuple[Vector, Vector]:
    """Return the least and the most that a value rounded to the rule's base can have been.

    Units:  whole numbers if the base is one; else reals.
    """
    base, whole = rule.base, rule.base == int(rule.base)
    if rule.adjacent:
        below = above = base - (1.0 if whole else 0.0)
    else:
        below = float(base // 2) if whole else base / 2
        above = base - 1.0 - below if whole else base / 2
    low, high = np.maximum(shown - below, 0.0), shown + above
    if rule.smallest_shown:
        zero = shown == 0
        low = np.where(zero, 0.0, np.maximum(low, rule.smallest_shown))
        high = np.where(zero, 0.0, high)
    return low, high


def read_shown(session: Session, paths: Sequence[Path], request: TableRequest, rule: ShownRule) -> Published:
    """Read what is shown of one table or several linked ones.

    A hidden cell is empty, ``*``, ``x``, ``..`` or ``c``; the columns known_lower and known_upper say what is known of it
    before. Totals that the table leaves out are unknown; parts that it leaves out are zero.
    Raises: as read_rows; InputError for entries that are neither numbers nor hidden, or that the rule cannot have made.
    """
    rows = read_rows(session, paths, replace(request, optional=(*request.optional, *KNOWN)))
    text = pc.fill_null(pc.utf8_trim_whitespace(rows.text[request.value]), "")
    hidden = pc.is_in(text, pa.array(HIDDEN)).to_numpy(zero_copy_only=False)
    shown = numbers_of(pc.if_else(pa.array(hidden), None, text), request.value)
    if np.any(shown < 0):
        message = f"{int(np.sum(shown < 0))} values of {request.value} are negative."
        raise InputError(message, "Counts and sums of contributions are 0 or more.")
    starred = pc.equal(text, STAR).to_numpy(zero_copy_only=False)
    low, high = np.zeros(len(shown)), np.full(len(shown), np.inf)
    _read_hidden(rows, starred, hidden, rule, low, high)
    least, most = rounded_bounds(shown, rule)
    rounded = ~hidden & ~_exact(rows, shown, rule) & (least < most)
    low, high = np.where(rounded, least, low), np.where(rounded, most, high)
    low, high = np.where(hidden | rounded, low, shown), np.where(hidden | rounded, high, shown)
    return _by_cell(rows, low, high, hidden, rounded)


def _read_hidden(
    rows: Rows, starred: NDArray[np.bool_], hidden: NDArray[np.bool_], rule: ShownRule, low: Vector, high: Vector
) -> None:
    """Set the bounds of hidden entries: by the rule, then by what is known before."""
    if rule.smallest_shown:
        low[starred], high[starred] = 1.0, rule.smallest_shown - 1.0
        if rule.secondary:
            low[hidden & ~starred] = rule.smallest_shown
    known_low, known_high = (numbers_of(rows.text[name], name) for name in KNOWN)
    use_low, use_high = hidden & ~np.isnan(known_low), hidden & ~np.isnan(known_high)
    low[use_low] = np.maximum(low[use_low], known_low[use_low])
    high[use_high] = np.minimum(high[use_high], known_high[use_high])
    n_empty = int(np.sum(low > high))
    if n_empty:
        message = f"What is known of {n_empty} hidden cells leaves no value."
        raise InputError(message, "known_lower is at most known_upper, and within what a star means.")


def _exact(rows: Rows, shown: Vector, rule: ShownRule) -> NDArray[np.bool_]:
    """Say which shown values are exact: all without a rule, and the national ones under a rule that leaves them so.

    The nation is the dimension whose total shows values that are no multiples of the base.
    Raises: InputError for other values that the rule cannot have made.
    """
    if not rule.base:
        return np.ones(len(shown), dtype=bool)
    off = np.abs(shown / rule.base - np.rint(shown / rule.base)) > NEAR
    least, most = rounded_bounds(shown, rule)
    off |= least > most
    at_root = rows.grid.codes[rows.cell] == 0
    exact = np.zeros(len(shown), dtype=bool)
    if rule.national_exact:
        single = off & (at_root.sum(axis=1) == 1)
        for place in np.flatnonzero(at_root[single].any(axis=0)):
            exact |= at_root[:, place]
        exact |= off & (at_root.sum(axis=1) > 1)
    n_off = int(np.sum(off & ~exact & ~np.isnan(shown)))
    if n_off:
        message = f"{n_off} values are not what rounding to {rule.base:g} gives."
        raise InputError(message, "Name the rule by which the table was made; values shown exactly need none.")
    return exact


def _by_cell(rows: Rows, low: Vector, high: Vector, hidden: NDArray[np.bool_], rounded: NDArray[np.bool_]) -> Published:
    """Bring rows together by cell: what linked tables say of one cell holds all at once.

    Raises: Refused if two tables contradict each other on a cell.
    """
    n_cells = rows.grid.n_cells
    least, most = np.zeros(n_cells), np.full(n_cells, np.inf)
    np.maximum.at(least, rows.cell, low)
    np.minimum.at(most, rows.cell, high)
    n_apart = int(np.sum(least > most))
    if n_apart:
        message = f"The linked tables contradict each other on {n_apart} cells."
        raise Refused(message, "Cells with the same codes are the same persons; check dimensions and labels.")
    unseen = np.ones((2, n_cells), dtype=bool)
    unseen[0, rows.cell[~hidden]] = False
    unseen[1, rows.cell[~(hidden | rounded)]] = False
    given = np.arange(n_cells) < rows.grid.n_given
    return Published(rows, least, most, given & unseen[0], given & unseen[1] & ~unseen[0])
