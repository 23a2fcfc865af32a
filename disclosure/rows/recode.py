"""From a table to a census and back: values become codes in SQL, rows are counted there, and names are written back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from cld.engine import Query, Session, quote
from cld.errors import InputError
from disclosure.rows.cells import GONE, Recoding, Rows, names_of
from disclosure.rows.census import Census, census_of
from disclosure.rows.coded import Column
from disclosure.rows.hierarchy_files import HierarchyFile
from disclosure.rows.ladders import Ints, Ladder, Line, as_they_are, ladder_of
from disclosure.rows.safety import Sensitive

__all__ = ["code_rows", "ladder_for", "released_query", "value_counts"]


def value_counts(session: Session, table: str, column: str) -> tuple[list[str | None], Ints]:
    """Return the values of a column as text, null for a missing one, and the rows that hold each."""
    text = f"select cast({quote(column)} as varchar) as value, count(*) as n from {quote(table)} group by 1 order by 1"  # noqa: S608
    found = session.arrow(Query(text, (table,)))
    values: list[str | None] = found["value"].to_pylist()
    return values, found["n"].to_numpy()


def ladder_for(column: str, values: Sequence[str | None], n: Ints, hierarchy: HierarchyFile | None) -> Ladder:
    """Return the ladder of a column's values; without a hierarchy they stay as they are.

    Nulls:  a missing value is the hierarchy's empty one; without such a line it is a group of its own up to the last
    level, where it joins the one group of all if there is one.
    Raises: InputError for values that the hierarchy does not list.
    """
    if hierarchy is None:
        return as_they_are(column, values)
    lines: dict[str | None, Line] = {value: line for value, line in hierarchy.lines.items()}
    absent = [count for value, count in zip(values, n, strict=True) if value is not None and value not in lines]
    if absent:
        message = f"{len(absent)} values of {column}, in {sum(absent)} records, are not in its hierarchy."
        raise InputError(message, "Add a line for each value of the column, spelt as in the file.")
    if None in values:
        lines[None] = _missing(hierarchy)
    return ladder_of(column, lines, values)


def _missing(hierarchy: HierarchyFile) -> Line:
    empty = hierarchy.lines.get("")
    if empty is not None:
        return (None, *empty[1:])
    last = {line[-1] for line in hierarchy.lines.values()}
    return (None,) * (hierarchy.n_levels - 1) + ((last.pop() if len(last) == 1 and hierarchy.n_levels > 1 else None),)


def code_rows(
    session: Session, table: str, ladders: Sequence[Ladder], sensitive: Sequence[str] = (), *, row: str,
    person: str | None = None,
) -> Census:  # fmt: skip
    """Number the values of every row and count the rows by their codes.

    Shape:  makes ``coded_rows`` x (place, q0, q1, ..., s0, ...), the ladders and then the sensitive columns in order;
    place is the column ``row``.
    Raises: InputError for records without a person.
    """
    of_sensitive = {name: _sensitive_codes(session, table, name) for name in sensitive}
    parts: list[tuple[str, str, Sequence[str | None]]] = [
        (f"q{place}", ladder.column, ladder.values) for place, ladder in enumerate(ladders)
    ]
    parts += [(f"s{place}", name, of_sensitive[name][0]) for place, name in enumerate(sensitive)]
    for part, column, values in parts:
        codes = range(len(values)) if part[0] == "q" else of_sensitive[column][1]
        session.take(f"values_{part}", pa.table({"value": pa.array(values, pa.string()), part: list(codes)}))
    if person is not None:
        _number_persons(session, table, person)
        parts.append(("p", person, ()))
    joins = " ".join(
        f"join values_{part} on cast(r.{quote(column)} as varchar) is not distinct from values_{part}.value"
        for part, column, _ in parts
    )
    cells = ", ".join(part for part, _, _ in parts)
    text = f"select r.{quote(row)} as place, {cells} from {quote(table)} r {joins}"  # noqa: S608
    session.table("coded_rows", Query(text, (table,)))
    names = dict(zip(sensitive, (f"s{place}" for place in range(len(sensitive))), strict=True))
    figures = {name: of_sensitive[name][2] for name in sensitive}
    if person is not None:
        names[person] = "p"
        n_persons = session.whole(Query("select count(*) from values_p", ("values_p",)))
        figures[person] = Sensitive(np.zeros(n_persons, np.int64), is_ordered=False)
    for part, _, _ in parts:
        session.drop(f"values_{part}")
    return _counted(session, ladders, names, figures)


def _sensitive_codes(session: Session, table: str, name: str) -> tuple[list[str | None], list[int], Sensitive]:
    """Return the values of a sensitive column, their codes in the order of the values, and the records of each code."""
    values, n = value_counts(session, table, name)
    codes, n_codes, is_ordered = Column(
        name, np.arange(len(values), dtype=np.int32), pa.array(values, pa.string())
    ).ordered()
    whole = np.bincount(codes, n, n_codes).astype(np.int64)
    return values, codes.tolist(), Sensitive(whole, is_ordered)


def _number_persons(session: Session, table: str, person: str) -> None:
    n_missing = session.whole(Query(f"select count(*) from {quote(table)} where {quote(person)} is null", (table,)))  # noqa: S608
    if n_missing:
        message = f"{n_missing} records have no {person}, so persons cannot be counted."
        raise InputError(message, "Give each record its person, or leave --person out if each is a person of its own.")
    text = f"""
        select value, row_number() over (order by value) - 1 as p
        from (select distinct cast({quote(person)} as varchar) as value from {quote(table)})
    """  # noqa: S608
    session.table("values_p", Query(text, (table,)))


def _counted(
    session: Session, ladders: Sequence[Ladder], names: Mapping[str, str], sensitive: Mapping[str, Sensitive]
) -> Census:
    quasi = [f"q{place}" for place in range(len(ladders))]
    codes, _, n = _grouped(session, quasi, None)
    pairs = {}
    for name, part in names.items():
        of_pair, values, counted = _grouped(session, quasi, part)
        pairs[name] = (of_pair, values, counted)
    return census_of(ladders, codes, n, sensitive, pairs)


def _grouped(session: Session, quasi: Sequence[str], part: str | None) -> tuple[list[Ints], Ints, Ints]:
    """Return the distinct codes, with the codes of a further part, and the rows of each."""
    listed = ", ".join([*quasi, *([] if part is None else [part])])
    text = f"select {listed}, count(*) as n from coded_rows group by all order by {listed}"  # noqa: S608
    found = session.arrow(Query(text, ("coded_rows",)))
    columns = [found[name].to_numpy().astype(np.int64) for name in found.column_names]
    return columns[: len(quasi)], columns[-2], columns[-1]


def released_query(
    session: Session, table: str, rows: Rows, recoding: Recoding, *, without: Sequence[str] = ()
) -> Query:
    """Return the query of the released rows: generalised, suppressed rows and some columns left out, ordered by all.

    The order is that of the released values, so that it says nothing about the order of the file.
    """
    kept = np.flatnonzero(recoding.classes != GONE)
    columns: dict[str, pa.Array] = {}
    for place, ladder in enumerate(rows.census.ladders):
        of_level, names = names_of(ladder)
        levels = recoding.levels[place][kept]
        columns[f"q{place}"] = pa.array(rows.codes[place][kept])
        indices = of_level[levels, rows.digits(place, levels, kept)]
        columns[f"o{place}"] = pa.DictionaryArray.from_arrays(
            indices.astype(np.int32), pa.array(names, pa.string())
        ).cast(pa.string())
    session.take("released_names", pa.table(columns))
    replaced = ", ".join(f"o{place} as {quote(ladder.column)}" for place, ladder in enumerate(rows.census.ladders))
    matched = " and ".join(f"n.q{place} = c.q{place}" for place in range(len(rows.census.ladders)))
    left_out = ", ".join(quote(name) for name in ("file_row_number", *without))
    text = f"""
        select r.* exclude ({left_out}) replace ({replaced}) from {quote(table)} r
        join coded_rows c on c.place = r.file_row_number join released_names n on {matched} order by all
    """  # noqa: S608
    return Query(text, (table, "coded_rows", "released_names"))
