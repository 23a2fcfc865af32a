"""A column's rows at the levels of its hierarchy file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cld.errors import InputError
from disclosure.rows.coded import Codes, Column
from disclosure.rows.hierarchy_files import HierarchyFile

__all__ = ["ValueLevels"]


@dataclass(frozen=True, slots=True)
class ValueLevels:
    """The generalisations of each value of one column, level 0 being the value itself."""

    hierarchy: HierarchyFile

    @property
    def n_levels(self) -> int:
        """The number of levels, the values themselves among them."""
        return self.hierarchy.n_levels

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
        line = self.hierarchy.lines.get(value or "")
        if line is not None:
            return line[level]
        tops = {held[-1] for held in self.hierarchy.lines.values()}
        return tops.pop() if level == self.n_levels - 1 and len(tops) == 1 else None

    def _require(self, column: Column) -> None:
        outside = sum(value is not None and value not in self.hierarchy.lines for value in column.texts())
        if outside:
            message = f"{outside} values of {column.name} stand in no line of its hierarchy."
            raise InputError(message, "Add a line for each of them, or leave the hierarchy out.")
