"""The door for files: read, find the optimum of the lattice, recode locally where asked, write.

What is written is checked once more as a reader will see it, from its classes and not from the search.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import pyarrow as pa

from cld.engine import Query, Session, quote
from cld.errors import InputError, InvariantBroken, UnknownColumn
from disclosure.rows.cells import Recoding, Rows, rows_of
from disclosure.rows.census import Census
from disclosure.rows.hierarchy_files import read_hierarchy
from disclosure.rows.ladders import Ladder
from disclosure.rows.lattice import FIGURES, MOST_WORK, Found, best_node, cover
from disclosure.rows.local import recoded_by_lattice, recoded_locally
from disclosure.rows.recode import code_rows, ladder_for, released_query, value_counts
from disclosure.rows.safety import Limits
from disclosure.rows.utility import utility_named

__all__ = ["Anonymising", "anonymise_file"]


@dataclass(frozen=True, slots=True)
class Anonymising:
    """What is asked: columns, hierarchies, limits, the share of records that may go, and what to write.

    ``limits.k_of`` is left to the door: it follows from ``person``.
    """

    quasi: tuple[str, ...]
    hierarchies: Mapping[str, Path]
    limits: Limits
    most_suppressed: Fraction
    utility: str
    out: Path
    person: str | None = None
    is_local: bool = False
    lattice: Path | None = None
    most_work: int = MOST_WORK


def anonymise_file(session: Session, file: Path, asked: Anonymising, stage: Callable[[str], None]) -> dict[str, object]:
    """Write a file whose classes are all safe, and return the summary without times.

    Shape:  the columns of the file without the person's, rows ordered by all columns; generalised values are text.
    Raises: DisclosureRefused if no generalisation passes; InputError for files and columns that cannot be used.
    """
    stage("read")
    session.scan_file("given", file, ",;")
    _require_columns(session, asked)
    ladders = [_ladder(session, column, asked.hierarchies.get(column)) for column in asked.quasi]
    ordered = sorted(ladders, key=lambda ladder: -len(ladder.values))
    stage("count")
    limits = _limits(session, asked)
    census = code_rows(session, "given", ordered, limits.sensitive, row="file_row_number", person=limits.k_of)
    stage("search")
    found = _search(census, limits, asked)
    if asked.lattice is not None:
        stage("lattice")
        _write_lattice(session, census, asked)
    stage("recode")
    rows = rows_of(census)
    utility = utility_named(asked.utility, census)
    made = (
        recoded_locally(rows, limits, asked.utility, found)
        if asked.is_local
        else recoded_by_lattice(rows, found, utility)
    )
    _require_safe(rows, made, limits)
    stage("write")
    without = () if asked.person is None else (asked.person,)
    session.export(released_query(session, "given", rows, made, without=without), asked.out)
    return _summary(census, found, rows, made, asked)


def _require_columns(session: Session, asked: Anonymising) -> None:
    """Refuse names that the file does not have, that stand twice, or that are asked for in two roles."""
    known = session.columns("given")
    persons = [] if asked.person is None else [asked.person]
    named = [*asked.quasi, *asked.limits.sensitive, *persons]
    absent = [name for name in dict.fromkeys([*named, *asked.hierarchies]) if name not in known]
    if absent:
        message = f"The file has no column {', '.join(absent)}."
        raise UnknownColumn(
            message, f"Its columns are {', '.join(name for name in known if name != 'file_row_number')}."
        )
    if len(set(named)) != len(named):
        message = "A column is named twice, among the quasi-identifiers, the sensitive columns and the person."
        raise InputError(message, "Give each column one role.")
    unused = [name for name in asked.hierarchies if name not in asked.quasi]
    if unused:
        message = f"There is a hierarchy for {', '.join(unused)}, which is no quasi-identifier."
        raise InputError(message, "Name the column among the quasi-identifiers too.")


def _ladder(session: Session, column: str, path: Path | None) -> Ladder:
    hierarchy = None if path is None else read_hierarchy(column, path)
    return ladder_for(column, *value_counts(session, "given", column), hierarchy)


def _limits(session: Session, asked: Anonymising) -> Limits:
    """Return the limits, with k counted in persons where a person has several records."""
    counted = "0" if asked.person is None else f"count(distinct {quote(asked.person)})"
    text = f"select count(*), {counted} from given"  # noqa: S608
    n_rows, n_persons = session.rows(Query(text, ("given",)))[0]
    if not n_rows:
        message = "The file has no records."
        raise InputError(message, "Give a file with at least k records.")
    return asked.limits if n_persons == n_rows else replace(asked.limits, k_of=asked.person)


def _search(census: Census, limits: Limits, asked: Anonymising) -> Found:
    most = math.floor(asked.most_suppressed * census.n_records)
    places = {ladder.column: place for place, ladder in enumerate(census.ladders)}
    order = [places[column] for column in asked.quasi]
    utility = utility_named(asked.utility, census)
    return best_node(census, limits, utility, most, order=order, most_work=asked.most_work)


def _require_safe(rows: Rows, made: Recoding, limits: Limits) -> None:
    """Hold what will be written to the limits once more."""
    if rows.unsafe(made.classes, limits, rows.kept(made.classes, limits.against_whole)).any():
        message = "The recoding found breaks its own limits."
        raise InvariantBroken(message)


def _write_lattice(session: Session, census: Census, asked: Anonymising) -> None:
    """Write every node of the lattice with its figures, by levels in the order of the columns asked for."""
    levels, figures = cover(census)
    places = {ladder.column: place for place, ladder in enumerate(census.ladders)}
    columns = {f"level_{name}": pa.array(levels[:, places[name]]) for name in asked.quasi}
    columns |= {name: pa.array(figures[:, place]) for place, name in enumerate(FIGURES)}
    session.take("lattice_nodes", pa.table(columns))
    assert asked.lattice is not None
    session.export(Query("select * from lattice_nodes order by all", ("lattice_nodes",)), asked.lattice)


def _summary(census: Census, found: Found, rows: Rows, made: Recoding, asked: Anonymising) -> dict[str, object]:
    sizes = rows.sizes(made.classes)
    levels = {ladder.column: level for ladder, level in zip(census.ladders, found.levels, strict=True)}
    summary: dict[str, object] = {
        "levels": {column: levels[column] for column in asked.quasi},
        "n_suppressed": made.n_suppressed,
        "score": _plain(made.score),
        "utility": asked.utility,
        "n_nodes": census.n_nodes,
        "n_nodes_checked": found.n_nodes_checked,
        "optimal": found.is_optimal,
        "n_records": census.n_records,
        "n_classes": len(sizes),
        "smallest_class": int(sizes.min()),
    }
    if asked.is_local:
        summary["local"] = {
            "lattice_score": _plain(found.score),
            "lattice_n_suppressed": found.n_suppressed,
            "saved": _plain(found.score - made.score),
            "saved_share": round(1 - made.score / found.score, 6) if found.score else 0.0,
        }
    return summary


def _plain(score: float) -> float | int:
    """Return whole scores as whole numbers."""
    return int(score) if score.is_integer() else score
