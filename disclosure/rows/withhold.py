"""Columns outside k: values withheld so that nobody is alone on all columns and no class tells too much.

Classes of the quasi-identifiers stay as they are: no row goes and no class changes its size. Where a class breaks a limit
on a sensitive column, the class withholds the column: every row of it shows ``*`` there. Whoever shares all columns with
too few others shows ``*`` in the fewest columns that give enough company, among rows that show ``*`` in the same ones. What is done
follows from the values alone, never from the order of rows. A class with everything withheld has its k persons alike.
Source: Samarati 2001 (cell suppression); Machanavajjhala et al. 2007 (l); Li, Li and Venkatasubramanian 2007 (t); Brickell
and Shmatikov 2008 (delta).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cld.engine import Query, Session, quote
from disclosure.rows.coded import Column, Counts, count_keys, read_columns, run_starts
from disclosure.rows.safety import Held, Limits, Sensitive, failing

__all__ = ["WITHHELD", "Outside", "withhold"]

WITHHELD = "*"
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Outside:
    """The columns outside k, those to keep longest first, and what each class must hold.

    fewest_alike:  persons that show the same in all columns, oneself counted; 1 asks nothing.
    distinct_l, t, delta:  limits on each sensitive column where it is shown; none asks nothing.
    """

    columns: tuple[str, ...]
    sensitive: tuple[str, ...]
    fewest_alike: int = 1
    distinct_l: int | None = None
    t: float | None = None
    delta: float | None = None

    def limits(self, name: str) -> Limits:
        """Return the limits on one sensitive column."""
        return Limits(
            1,
            {} if self.distinct_l is None else {name: self.distinct_l},
            {},
            {} if self.t is None else {name: self.t},
            delta={} if self.delta is None else {name: self.delta},
        )


def withhold(session: Session, table: str, quasi: Sequence[str], outside: Outside, into: str) -> dict[str, int]:
    """Make the table ``into`` with some values withheld; return of each column the rows that show a star for it.

    Shape:  as ``table``, one row a person; a column that is withheld anywhere becomes text.
    Nulls:  a missing value is a value of its own.
    """
    listed = ", ".join(quote(name) for name in quasi)
    number = f"dense_rank() over (order by {listed})" if quasi else "1"
    text = f"select *, {number} - 1 as class_number, row_number() over () - 1 as row_place from {quote(table)}"  # noqa: S608
    session.table("rows_by_class", Query(text, (table,)))
    of_class, place, *columns = read_columns(
        session, ("rows_by_class",), ["class_number", "row_place", *outside.columns]
    )
    hidden = _hidden(_numbers(of_class), [_Ordered.of(column) for column in columns], outside)
    flags = {f"w{number}": pa.array(hidden[:, number]) for number in range(len(columns))}
    session.take("withheld_values", pa.table({"row_place": _numbers(place), **flags}))
    replaced = ", ".join(
        f"case when w{number} then '{WITHHELD}' else cast(r.{quote(name)} as varchar) end as {quote(name)}"
        for number, name in enumerate(outside.columns)
        if hidden[:, number].any()
    )
    replace = f" replace ({replaced})" if replaced else ""
    text = f"""
        select r.* exclude (class_number, row_place){replace} from rows_by_class r join withheld_values using (row_place)
    """  # noqa: S608
    session.table(into, Query(text, ("rows_by_class", "withheld_values")))
    for made in ("rows_by_class", "withheld_values"):
        session.drop(made)
    return {name: int(hidden[:, number].sum()) for number, name in enumerate(outside.columns)}


def _numbers(column: Column) -> Counts:
    """Return the values of a column of whole numbers, row by row."""
    values: Counts = column.values.to_numpy(zero_copy_only=False).astype(np.int64)
    return values[column.codes]


@dataclass(frozen=True, slots=True)
class _Ordered:
    """A column by codes in the order of its values."""

    name: str
    codes: Counts
    n_values: int
    is_ordered: bool

    @classmethod
    def of(cls, column: Column) -> _Ordered:
        """Number the values of a column in their order."""
        codes, n_values, is_ordered = column.ordered()
        return cls(column.name, codes.astype(np.int64), n_values, is_ordered)


def _hidden(classes: Counts, columns: Sequence[_Ordered], outside: Outside) -> Flags:
    """Say of each row which columns it withholds: first what tells too much, then what leaves people alone.

    What a class tells is measured against all rows that still show the column, so it is asked again until both hold.
    """
    hidden = np.zeros((len(classes), len(columns)), np.bool_)
    while len(classes):
        before = hidden.copy()
        for place, column in enumerate(columns):
            if column.name in outside.sensitive:
                hidden[:, place] |= _telling(classes, column, outside.limits(column.name), hidden[:, place])
        hidden = _with_company(classes, columns, outside.fewest_alike, hidden)
        if (hidden == before).all():
            break
    return hidden


def _telling(classes: Counts, column: _Ordered, limits: Limits, hidden: Flags) -> Flags:
    """Flag the rows of each class whose values of a sensitive column, where shown, break a limit."""
    found = hidden.copy()
    while not found.all():
        shown = ~found
        keys, n = count_keys(classes[shown] * np.int64(column.n_values) + column.codes[shown])
        owners = keys // column.n_values
        held = Held(run_starts(owners), keys % column.n_values, n)
        sizes = np.add.reduceat(n, held.starts)
        whole = Sensitive(
            np.bincount(column.codes[shown], minlength=column.n_values).astype(np.int64), column.is_ordered
        )
        flags = failing(sizes, {column.name: held}.__getitem__, limits, {column.name: whole})
        if not flags.any():
            break
        found |= np.isin(classes, owners[held.starts[flags]])
    return found


def _with_company(classes: Counts, columns: Sequence[_Ordered], fewest: int, hidden: Flags) -> Flags:
    """Withhold the fewest further columns from whoever shares all that is shown with too few."""
    found = hidden.copy()
    alone = _sizes(_groups(classes, columns, found)) < fewest
    for gone in _choices(len(columns)):
        if not alone.any():
            return found
        tried = found.copy()
        tried[alone] = hidden[alone] | gone
        settled = alone & (_sizes(_groups(classes, columns, tried)) >= fewest)
        found[settled] = tried[settled]
        alone &= ~settled
    found[alone] = True
    return _joined(classes, columns, alone, found)


def _joined(classes: Counts, columns: Sequence[_Ordered], alone: Flags, hidden: Flags) -> Flags:
    """Let the smallest other group of a class join those whom even withholding everything left with too few."""
    groups = _groups(classes, columns, hidden)
    near = np.flatnonzero(np.isin(classes, classes[alone]) & ~hidden.all(axis=1))
    order = near[np.lexsort((groups[near], _sizes(groups)[near], classes[near]))]
    firsts = groups[order[run_starts(classes[order])]] if len(order) else groups[:0]
    hidden[np.isin(groups, firsts)] = True
    return hidden


def _choices(n_columns: int) -> Iterator[Flags]:
    """Return every choice of columns to withhold, the fewest first, of as many the last columns first."""
    for size in range(1, n_columns + 1):
        for chosen in combinations(reversed(range(n_columns)), size):
            flags = np.zeros(n_columns, np.bool_)
            flags[list(chosen)] = True
            yield flags


def _groups(classes: Counts, columns: Sequence[_Ordered], hidden: Flags) -> Counts:
    """Number the rows that show the same in all columns, class by class, in the order of what they show."""
    key = classes
    for place, column in enumerate(columns):
        shown = np.where(hidden[:, place], column.n_values, column.codes)
        key = np.unique(key * np.int64(column.n_values + 1) + shown, return_inverse=True)[1].astype(np.int64)
    return key


def _sizes(groups: Counts) -> Counts:
    """Return for each row how many rows its group has."""
    return np.bincount(groups)[groups] if len(groups) else groups
