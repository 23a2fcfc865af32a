"""A history made from tables: their categories, nested or overlapping, and the rule that each was shown under.

A dimension that a table lacks is summed over. The label of totals stands for all codes that the table's own column
covers, as the parts of a table do, unless the grouping says what it covers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cld.engine import Query, Session, quote
from cld.errors import InputError, UnknownColumn
from disclosure.memory.boxes import Box, BoxFact, BoxRelease, FineCells, fine_cells, history_of
from disclosure.memory.groupings import Grouping, read_grouping
from disclosure.memory.history import LARGEST_COUNT, History
from disclosure.memory.shown import EXACT, ShowingRule

__all__ = ["TablesRequest", "history_of_tables"]


@dataclass(frozen=True, slots=True)
class TablesRequest:
    """Which columns are dimensions and value, what their codes cover, and for each table its recipient and rule."""

    dimensions: tuple[str, ...]
    value: str
    hierarchies: Mapping[str, Path]
    total: str
    recipients: tuple[str, ...]
    rules: tuple[ShowingRule, ...]
    upper_bound: int


@dataclass(frozen=True, slots=True)
class _Table:
    """A table as read: the dimensions that it has, and each row's codes and shown value."""

    name: str
    dimensions: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], str], ...]


def history_of_tables(session: Session, paths: Sequence[Path], request: TablesRequest) -> tuple[History, FineCells]:
    """Read tables, one release each in the order given, and return their history with the fine cells it is about.

    Raises: UnreadableFile; UnknownColumn; InputError for a code outside its hierarchy, a cell without a code or given
    twice, or a value that its rule does not show.
    """
    tables = [_read(session, place, path, request) for place, path in enumerate(paths)]
    groupings = {
        name: read_grouping(session, name, request.hierarchies[name], f"grouping_{place}")
        if name in request.hierarchies
        else _flat(tables, name, request.total)
        for place, name in enumerate(request.dimensions)
    }
    _require_known(tables, groupings, request.total)
    releases = [
        _release(table, groupings, request, recipient, rule)
        for table, recipient, rule in zip(tables, request.recipients, request.rules, strict=True)
    ]
    domains = {name: sorted(frozenset().union(*grouping.values())) for name, grouping in groupings.items()}
    cells = fine_cells(releases, domains)
    return history_of(releases, cells, request.upper_bound), cells


def _read(session: Session, place: int, path: Path, request: TablesRequest) -> _Table:
    table = f"release_{place}"
    session.read_file(table, path)
    held = session.columns(table)
    here = tuple(name for name in request.dimensions if name in held)
    if request.value not in held or not here:
        message = f"The table {path.name} has no column {request.value}, or none of the dimensions."
        raise UnknownColumn(message, "Name the columns as in the header, with --dimensions and --value.")
    chosen = ", ".join(f"cast({quote(name)} as varchar)" for name in (*here, request.value))
    found = session.rows(Query(f"select {chosen} from {table}", (table,)))  # noqa: S608
    rows = tuple((tuple(row[:-1]), row[-1] or "") for row in found)
    if any(not code for codes, _ in rows for code in codes) or len({codes for codes, _ in rows}) != len(rows):
        message = f"The table {path.name} has a cell without a code, or gives a cell twice."
        raise InputError(message, "Give every combination of codes once; totals are labelled too.")
    return _Table(path.name, here, rows)


def _flat(tables: Sequence[_Table], name: str, total: str) -> Grouping:
    """Without a hierarchy every code but the total stands for itself."""
    codes = {codes[t.dimensions.index(name)] for t in tables if name in t.dimensions for codes, _ in t.rows} - {total}
    return {code: frozenset({code}) for code in codes or {total}}


def _require_known(tables: Sequence[_Table], groupings: Mapping[str, Grouping], total: str) -> None:
    for table in tables:
        for place, name in enumerate(table.dimensions):
            unknown = {codes[place] for codes, _ in table.rows} - groupings[name].keys() - {total}
            if unknown:
                message = f"The table {table.name} has {len(unknown)} codes that the hierarchy of {name} lacks."
                raise InputError(message, "Add them, with every group that they lie in.")


def _release(
    table: _Table, groupings: Mapping[str, Grouping], request: TablesRequest, recipient: str, rule: ShowingRule
) -> BoxRelease:
    whole = {name: _whole(table, name, groupings[name], request.total) for name in table.dimensions}
    first = request.dimensions[0]
    nation = frozenset().union(*groupings[first].values())
    facts = []
    for codes, shown in table.rows:
        box: Box = {
            name: groupings[name].get(code, whole[name]) for name, code in zip(table.dimensions, codes, strict=True)
        }
        is_national = rule.national_exact and box.get(first, nation) == nation
        facts.append(BoxFact(box, *(EXACT if is_national else rule).interval(shown, LARGEST_COUNT)))
    return BoxRelease(table.name, recipient, tuple(facts))


def _whole(table: _Table, name: str, grouping: Grouping, total: str) -> frozenset[str]:
    """What a table's total covers: all that its column lists, or everything where it lists nothing else."""
    place = table.dimensions.index(name)
    listed = {codes[place] for codes, _ in table.rows} - {total}
    return frozenset().union(*(grouping[code] for code in listed or grouping.keys()))
