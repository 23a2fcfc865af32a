"""Ladders: a column's generalisation hierarchy as arrays, every value of the column with its group at every level.

Values are ordered so that the groups of every level lie side by side where the hierarchy nests; a value's place in
that order is its code, a group's place its digit. Counts can then be rolled up by digits alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Ints", "Ladder", "as_they_are", "ladder_of"]

Ints = npt.NDArray[np.int64]
Line = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Ladder:
    """The levels of one column, the finest first.

    ``digits[level][code]`` is the group of a value; ``labels[level][digit]`` its name, None a missing value;
    ``n_leaves[level][digit]`` how many values of the whole hierarchy lie below it, ``n_values`` how many there are.
    """

    column: str
    values: tuple[str | None, ...]
    digits: tuple[Ints, ...]
    labels: tuple[tuple[str | None, ...], ...]
    n_leaves: tuple[Ints, ...]
    n_values: int

    @property
    def top(self) -> int:
        """The coarsest level."""
        return len(self.digits) - 1

    def only(self, level: int) -> Ladder:
        """Return the ladder with one level left, as its level 0."""
        kept = slice(level, level + 1)
        return Ladder(
            self.column, self.values, self.digits[kept], self.labels[kept], self.n_leaves[kept], self.n_values
        )

    def step(self, low: int, high: int) -> Ints | None:
        """Return the map from digits of one level to digits of another, None if some group of ``low`` is split."""
        lower, higher = self.digits[low], self.digits[high]
        found = np.zeros(len(self.labels[low]), np.int64)
        found[lower] = higher
        return found if np.array_equal(found[lower], higher) else None

    def below(self, level: int) -> int:
        """Return the coarsest level under ``level`` that can be rolled up to it; level 0 always can."""
        return next(low for low in range(level - 1, -1, -1) if self.step(low, level) is not None)

    @property
    def nests(self) -> bool:
        """Say whether each level can be rolled up from the one before it."""
        return all(self.step(level, level + 1) is not None for level in range(self.top))


def ladder_of(column: str, lines: Mapping[str | None, Line], values: Sequence[str | None]) -> Ladder:
    """Return the ladder of the values that occur, from the lines of a whole hierarchy (value first, coarsest last).

    The order of ``values`` does not matter; each must have its line.
    """
    n_levels = len(next(iter(lines.values())))
    ordered = sorted(values, key=lambda value: [(label is None, label or "") for label in reversed(lines[value])])
    digits, labels, n_leaves = [], [], []
    for level in range(n_levels):
        held: dict[str | None, int] = {}
        of_level = [held.setdefault(lines[value][level], len(held)) for value in ordered]
        leaves = np.zeros(len(held), np.int64)
        for line in lines.values():
            if line[level] in held:
                leaves[held[line[level]]] += 1
        digits.append(np.asarray(of_level, np.int64))
        labels.append(tuple(held))
        n_leaves.append(leaves)
    return Ladder(column, tuple(ordered), tuple(digits), tuple(labels), tuple(n_leaves), len(lines))


def as_they_are(column: str, values: Sequence[str | None]) -> Ladder:
    """Return the ladder of a column that may not be generalised: level 0 alone."""
    return ladder_of(column, {value: (value,) for value in values}, values)
