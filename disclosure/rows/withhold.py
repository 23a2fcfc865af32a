"""Columns outside k: withheld class by class, so that nobody is alone on all columns and no class tells too much.

Classes of the quasi-identifiers stay as they are: no row goes and no class changes its size. In a class where some
combination of further columns would leave a person with too few others, or where a sensitive column breaks a limit, the
fewest columns are withheld, and every row of the class shows ``*`` there. A class of k persons with all of them withheld is safe.
Source: Samarati 2001 (cell suppression); Machanavajjhala et al. 2007; Li, Li and Venkatasubramanian 2007; Brickell and
Shmatikov 2008. That a class rather than a row shows the star follows Wong et al. 2007: what stands out must not show it.
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

    fewest_alike:  persons that share all columns with anybody, themselves counted; 1 asks nothing.
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
    """Make the table ``into`` with columns withheld in some classes; return of each column the rows that lost it.

    Shape:  as ``table``, one row a person; a column that is withheld anywhere becomes text.
    Nulls:  a missing value is a value of its own.
    """
    listed = ", ".join(quote(name) for name in quasi)
    number = f"dense_rank() over (order by {listed})" if quasi else "1"
    session.table("rows_by_class", Query(f"select *, {number} - 1 as class_number from {quote(table)}", (table,)))  # noqa: S608
    of_class, *columns = read_columns(session, ("rows_by_class",), ["class_number", *outside.columns])
    classes = (
        of_class.values.to_numpy().astype(np.int64)[of_class.codes] if len(of_class.codes) else np.zeros(0, np.int64)
    )
    hidden = _hidden(classes, columns, outside)
    flags = {f"w{place}": pa.array(hidden[:, place]) for place in range(len(columns))}
    session.take("withheld_columns", pa.table({"class_number": np.arange(len(hidden)), **flags}))
    replaced = ", ".join(
        f"case when w{place} then '{WITHHELD}' else cast(r.{quote(name)} as varchar) end as {quote(name)}"
        for place, name in enumerate(outside.columns)
        if hidden[:, place].any()
    )
    replace = f" replace ({replaced})" if replaced else ""
    text = f"""
        select r.* exclude (class_number){replace} from rows_by_class r join withheld_columns w using (class_number)
    """  # noqa: S608
    session.table(into, Query(text, ("rows_by_class", "withheld_columns")))
    for made in ("rows_by_class", "withheld_columns"):
        session.drop(made)
    sizes = np.bincount(classes, minlength=len(hidden))
    return {name: int(sizes[hidden[:, place]].sum()) for place, name in enumerate(outside.columns)}


def _hidden(classes: Counts, columns: Sequence[Column], outside: Outside) -> Flags:
    """Say of each class which columns it withholds: first what tells too much, then what leaves people alone.

    What a class tells is measured against all classes that still show the column, so it is asked again until both hold.
    """
    n_classes = int(classes.max()) + 1 if len(classes) else 0
    hidden = np.zeros((n_classes, len(columns)), np.bool_)
    while True:
        before = hidden.copy()
        for place, column in enumerate(columns):
            if column.name in outside.sensitive:
                hidden[:, place] |= _telling(classes, column, outside.limits(column.name), hidden[:, place])
        hidden = _without_the_alone(classes, columns, outside.fewest_alike, hidden)
        if (hidden == before).all():
            return hidden


def _telling(classes: Counts, column: Column, limits: Limits, hidden: Flags) -> Flags:
    """Say of each class whether its values of a sensitive column, where shown, break a limit."""
    codes, n_values, is_ordered = column.ordered()
    found = hidden.copy()
    while not found.all():
        shown = ~found[classes]
        keys, n = count_keys(classes[shown] * np.int64(n_values) + codes[shown])
        owners = keys // n_values
        held = Held(run_starts(owners), keys % n_values, n)
        sizes = np.add.reduceat(n, held.starts)
        whole = Sensitive(np.bincount(codes[shown], minlength=n_values).astype(np.int64), is_ordered)
        flags = failing(sizes, {column.name: held}.__getitem__, limits, {column.name: whole})
        if not flags.any():
            break
        found[owners[held.starts[flags]]] = True
    return found


def _without_the_alone(classes: Counts, columns: Sequence[Column], fewest: int, hidden: Flags) -> Flags:
    """Withhold the fewest further columns in the classes where someone shares all columns with too few."""
    found = hidden.copy()
    waiting = np.ones(len(hidden), np.bool_)
    for gone in _choices(len(columns)):
        if not waiting.any():
            break
        tried = hidden | gone
        some = waiting & ~_has_too_few(classes, columns, fewest, tried, waiting)
        found[some] = tried[some]
        waiting &= ~some
    found[waiting] = True
    return found


def _choices(n_columns: int) -> Iterator[Flags]:
    """Return every choice of columns to withhold, the fewest first, of as many the last columns first."""
    for size in range(n_columns + 1):
        for chosen in combinations(reversed(range(n_columns)), size):
            flags = np.zeros(n_columns, np.bool_)
            flags[list(chosen)] = True
            yield flags


def _has_too_few(classes: Counts, columns: Sequence[Column], fewest: int, hidden: Flags, waiting: Flags) -> Flags:
    """Say of each waiting class whether some combination of what it shows has too few persons."""
    rows = np.flatnonzero(waiting[classes])
    key = classes[rows]
    for place, column in enumerate(columns):
        codes = np.where(hidden[classes[rows], place], column.n_values, column.codes[rows])
        key = np.unique(key * np.int64(column.n_values + 1) + codes, return_inverse=True)[1].astype(np.int64)
    sizes = np.bincount(key)
    too_few = np.zeros(len(hidden), np.bool_)
    too_few[classes[rows[sizes[key] < fewest]]] = True
    return too_few
