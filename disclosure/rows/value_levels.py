"""Generalisation hierarchies in files of values, the form that ARX reads: one line a value, finest first, no header."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cld.errors import InputError, UnreadableFile
from disclosure.rows.coded import Codes, Column

__all__ = ["ValueLevels", "read_value_levels"]


@dataclass(frozen=True, slots=True)
class ValueLevels:
    """The generalisations of each value of one column, level 0 being the value itself."""

    column: str
    lines: Mapping[str, tuple[str, ...]]
    n_levels: int

    def at(self, column: Column, level: int) -> tuple[Codes, int]:
        """Return the codes of a column's rows at a level and how many groups there are.

        Nulls:  a missing value without a line of its own (for the empty value) is a group of its own below the top,
        and at the top falls into the one group there is, if there is only one.
        Raises: InputError if the hierarchy has no line for some values.
        """
        self._require(column)
        names = [self._name(value, level) for value in column.texts()]
        groups = {name: place for place, name in enumerate(dict.fromkeys(names))}
        codes: Codes = np.array([groups[name] for name in names], np.int32)
        return codes[column.codes], len(groups)

    def _name(self, value: str | None, level: int) -> str | None:
        line = self.lines.get(value or "")
        if line is not None:
            return line[level]
        tops = {held[-1] for held in self.lines.values()}
        return tops.pop() if level == self.n_levels - 1 and len(tops) == 1 else None

    def _require(self, column: Column) -> None:
        outside = sum(value is not None and value not in self.lines for value in column.texts())
        if outside:
            message = f"{outside} values of {column.name} stand in no line of its hierarchy."
            raise InputError(message, "Add a line for each of them, or leave the hierarchy out.")


def read_value_levels(column: str, path: Path) -> ValueLevels:
    """Read a hierarchy whose lines are separated by semicolons or commas, whichever gives the first line more cells.

    Raises: UnreadableFile if it cannot be read, has lines of different lengths, or says two things of one value.
    """
    try:
        text = path.read_text("utf-8-sig")
        rows = max(
            (
                [tuple(row) for row in csv.reader(text.splitlines(), delimiter=mark, strict=True) if row]
                for mark in ";,"
            ),
            key=lambda rows: len(rows[0]) if rows else 0,
        )
    except (OSError, UnicodeDecodeError, csv.Error):
        message = f"The hierarchy of {column} cannot be read."
        raise UnreadableFile(message, "Give one line a value: the value, then its generalisations.") from None
    if not rows or len({len(row) for row in rows}) != 1:
        message = f"The hierarchy of {column} is empty or has lines of different lengths."
        raise UnreadableFile(message, "Give every value equally many generalisations.")
    lines: dict[str, tuple[str, ...]] = {}
    for row in rows:
        if lines.setdefault(row[0], row) != row:
            message = f"The hierarchy of {column} generalises one value in two ways."
            raise UnreadableFile(message, "Keep one line for each value.")
    return ValueLevels(column, lines, len(rows[0]))
