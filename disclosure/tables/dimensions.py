"""Dimensions of tables: every code, its parent, and one root, which is the dimension's total.

A hierarchy file has the columns ``child,parent``; a root may also stand there as a child without a parent. A dimension
without a hierarchy is flat: all its codes lie under one total.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cld.engine import Query, Session
from cld.errors import InputError, UnknownColumn

__all__ = ["Dimension", "dimension_of", "flat_dimension", "read_dimension", "some"]

N_NAMED = 5
REMEDY = "Give every code but one a single parent, in the columns child and parent."


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension: labels by code, parents before children, so that code 0 is the root.

    parents:  the parent of each code, -1 for the root.
    depths:  0 for the root, then one more a level.
    """

    name: str
    labels: tuple[str, ...]
    parents: NDArray[np.int32]
    depths: NDArray[np.int32]


def some(names: Sequence[str]) -> str:
    """Name the first few of many."""
    more = len(names) - N_NAMED
    return ", ".join(names[:N_NAMED]) + (f" and {more} more" if more > 0 else "")


def flat_dimension(name: str, labels: Sequence[str], total: str) -> Dimension:
    """Return a dimension whose codes all lie under one total."""
    under = [label for label in labels if label != total]
    parents = np.zeros(len(under) + 1, dtype=np.int32)
    parents[0] = -1
    return Dimension(name, (total, *under), parents, (parents >= 0).astype(np.int32))


def read_dimension(session: Session, name: str, path: Path, *, place: int) -> Dimension:
    """Read a hierarchy file (CSV or Parquet); ``place`` tells the files of one session apart.

    Raises: UnreadableFile; UnknownColumn without child and parent; InputError for a hierarchy that is no tree.
    """
    table = f"hierarchy_{place}"
    session.scan_file(table, path)
    absent = {"child", "parent"} - set(session.columns(table))
    if absent:
        message = f"The hierarchy of {name} has no column {' and no column '.join(sorted(absent))}."
        raise UnknownColumn(message, "A hierarchy has the columns child,parent.")
    text = f"select cast(child as varchar) as c, cast(parent as varchar) as p from {table} order by file_row_number"  # noqa: S608
    return dimension_of(name, session.rows(Query(text, (table,))))


def dimension_of(name: str, pairs: Sequence[tuple[str | None, str | None]]) -> Dimension:
    """Return the dimension that (child, parent) pairs make.

    Raises: InputError for a row without a child, a code with two parents or none, or codes that lead round in a circle.
    """
    parent_of: dict[str, str] = {}
    double, places = set(), dict[str, None]()
    for child, parent in pairs:
        if not child:
            message = f"The hierarchy of {name} has a row without a child."
            raise InputError(message, REMEDY)
        places.setdefault(child)
        if parent:
            places.setdefault(parent)
            if parent_of.setdefault(child, parent) != parent:
                double.add(child)
    _refuse_if(sorted(double), f"The hierarchy of {name} gives two parents to")
    roots = [code for code in places if code not in parent_of]
    if len(roots) > 1:
        _refuse_if(roots, f"The hierarchy of {name} must have one root, and these have no parent:")
    return _in_levels(name, parent_of, list(places), roots)


def _refuse_if(codes: Sequence[str], words: str) -> None:
    if codes:
        message = f"{words} {some(codes)}."
        raise InputError(message, REMEDY)


def _in_levels(name: str, parent_of: dict[str, str], codes: list[str], roots: list[str]) -> Dimension:
    """Number codes level by level, in the file's order inside a level."""
    children: dict[str, list[str]] = {}
    for child in codes:
        if child in parent_of:
            children.setdefault(parent_of[child], []).append(child)
    order, depths, level = list(roots), [0] * len(roots), roots
    while level:
        level = [child for code in level for child in children.get(code, [])]
        order += level
        depths += [depths[-1] + 1] * len(level)
    reached = set(order)
    _refuse_if([code for code in codes if code not in reached], f"The hierarchy of {name} leads round in a circle from")
    number = {code: place for place, code in enumerate(order)}
    parents = [number[parent_of[code]] if code in parent_of else -1 for code in order]
    return Dimension(name, tuple(order), np.array(parents, dtype=np.int32), np.array(depths, dtype=np.int32))
