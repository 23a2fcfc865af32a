"""Groupings: which fine codes each category of a dimension covers, where a category may lie in several groups.

A grouping file has the columns ``child,parent``; codes that are nobody's parent are the fine codes. Unlike a table's
hierarchy it is no tree: bands may be shifted, areas may overlap, and there may be several tops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cld.engine import Query, Session
from cld.errors import InputError, UnknownColumn

__all__ = ["Grouping", "grouping_of", "read_grouping"]

Grouping = Mapping[str, frozenset[str]]
REMEDY = "Give one line for each child and each parent that it lies in, in the columns child and parent."


def read_grouping(session: Session, name: str, path: Path, table: str) -> Grouping:
    """Read a grouping file (CSV or Parquet) of a dimension.

    Raises: UnreadableFile; UnknownColumn without child and parent; InputError for a circle.
    """
    session.read_file(table, path)
    if not {"child", "parent"} <= set(session.columns(table)):
        message = f"The hierarchy of {name} lacks the column child or the column parent."
        raise UnknownColumn(message, REMEDY)
    text = f"select cast(child as varchar) as c, cast(parent as varchar) as p from {table} order by all"  # noqa: S608
    return grouping_of(name, session.rows(Query(text, (table,))))


def grouping_of(name: str, pairs: Sequence[tuple[str | None, str | None]]) -> Grouping:
    """Return the fine codes that each code covers, from (child, parent) pairs; a child without a parent is a top.

    Raises: InputError for a row without a child, or codes that lead round in a circle.
    """
    children: dict[str, set[str]] = {}
    for child, parent in pairs:
        if not child:
            message = f"The hierarchy of {name} has a row without a child."
            raise InputError(message, REMEDY)
        children.setdefault(child, set())
        if parent:
            children.setdefault(parent, set()).add(child)
    covered: dict[str, frozenset[str]] = {code: frozenset({code}) for code, below in children.items() if not below}
    waiting = [code for code in children if code not in covered]
    while waiting:
        ready = [code for code in waiting if children[code] <= covered.keys()]
        if not ready:
            message = f"The hierarchy of {name} leads round in a circle, through {len(waiting)} codes at most."
            raise InputError(message, REMEDY)
        for code in ready:
            covered[code] = frozenset().union(*(covered[child] for child in children[code]))
        waiting = [code for code in waiting if code not in covered]
    return covered
