"""What generalisation costs: discernability, average class, loss and non-uniform entropy; lower is better.

Each utility gives a node's score and two lower bounds that hold for the node and all coarser ones: one by its levels
alone and one by its classes before suppression. They let the search leave out what cannot win.
Source: Bayardo and Agrawal 2005 (discernability); LeFevre, DeWitt and Ramakrishnan 2006 (average class); Iyengar 2002
(loss); Gionis and Tassa 2009, after de Waal and Willenborg 1999 (entropy); Sweeney 2002 (precision).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cld.errors import InvariantBroken
from disclosure.rows.census import Census
from disclosure.rows.ladders import Ints, Ladder
from disclosure.rows.safety import Floats
from disclosure.rows.tallies import Flags

__all__ = ["UTILITIES", "CellUtility", "ClassUtility", "Utility", "rounded", "utility_named"]

UTILITIES = ("discernability", "loss", "entropy", "average-class")
Digits = Callable[[Flags], Sequence[Ints]]


class Utility(Protocol):
    """A cost of a node. ``level_costs[column][level]`` add up to a lower bound for a node at these levels."""

    @property
    def level_costs(self) -> tuple[tuple[float, ...], ...]: ...  # noqa: D102

    def least(self, sizes: Ints) -> float:
        """Return a lower bound for a node of these classes, none suppressed, and for every coarser one."""
        ...

    def score(self, levels: Sequence[int], sizes: Ints, suppressed: Flags, digits: Digits) -> float:
        """Return the cost of a node; ``digits`` gives, column by column, the digits of the classes flagged."""
        ...


def rounded(score: float) -> float:
    """Return a cost of cells to twelve digits, so that ties do not hang on the order of additions."""
    return float(f"{score:.12g}")


@dataclass(frozen=True, slots=True)
class ClassUtility:
    """A cost that follows from class sizes alone: of classes kept, given the records suppressed in all."""

    level_costs: tuple[tuple[float, ...], ...]
    n_records: int
    by_size: bool

    def least(self, sizes: Ints) -> float:
        """Return the cost of classes none of which is suppressed."""
        return self.of_kept(sizes, 0)

    def of_kept(self, sizes: Ints, n_suppressed: int) -> float:
        """Return the cost of kept classes and so many records suppressed.

        By size (discernability) it is the sum of squared sizes, a suppressed record counting as all records; else
        (average class) records over classes, the suppressed counting as one class.
        """
        if self.by_size:
            return float(sizes @ sizes) + float(self.n_records) * n_suppressed
        return self.n_records / (len(sizes) + (n_suppressed > 0))

    def score(self, levels: Sequence[int], sizes: Ints, suppressed: Flags, digits: Digits) -> float:
        """Return the cost of a node."""
        del levels, digits
        return self.of_kept(sizes[~suppressed], int(sizes[suppressed].sum()))


@dataclass(frozen=True, slots=True)
class CellUtility:
    """A cost of each cell by its generalised value; ``further[column][level][digit]`` is what suppressing it adds."""

    level_costs: tuple[tuple[float, ...], ...]
    further: tuple[tuple[Floats, ...], ...]

    def least(self, sizes: Ints) -> float:
        """Return nothing: the levels alone say what can be said."""
        del sizes
        return 0.0

    def score(self, levels: Sequence[int], sizes: Ints, suppressed: Flags, digits: Digits) -> float:
        """Return the cost of all cells at these levels and what suppression adds."""
        costs = [one[level] for one, level in zip(self.level_costs, levels, strict=True)]
        if suppressed.any():
            gone = sizes[suppressed].astype(np.float64)
            for further, level, digit in zip(self.further, levels, digits(suppressed), strict=True):
                costs.append(float(gone @ further[level][digit]))
        return rounded(sum(costs))


def _free(ladders: Sequence[Ladder]) -> tuple[tuple[float, ...], ...]:
    return tuple((0.0,) * (ladder.top + 1) for ladder in ladders)


def _at(ladder: Ladder, level: int, n_of_code: Ints) -> Ints:
    """Return the records of each group of a level."""
    return np.bincount(ladder.digits[level], n_of_code, len(ladder.labels[level])).astype(np.int64)


def _loss(ladders: Sequence[Ladder], n_of_code: Sequence[Ints], n_records: int) -> CellUtility:
    """Iyengar's LM: (leaves below - 1) / (leaves - 1), averaged over records, summed over columns; 1 if suppressed.

    Source: Iyengar 2002, categorical columns; a column of one value costs nothing.
    """
    costs, further = [], []
    for ladder, n in zip(ladders, n_of_code, strict=True):
        unit = max(ladder.n_values - 1, 1) * n_records
        costs.append(
            tuple(int(_at(ladder, level, n) @ (ladder.n_leaves[level] - 1)) / unit for level in range(ladder.top + 1))
        )
        further.append(tuple((ladder.n_values - leaves) / unit for leaves in ladder.n_leaves))
    return CellUtility(tuple(costs), tuple(further))


def _entropy(ladders: Sequence[Ladder], n_of_code: Sequence[Ints], n_records: int) -> CellUtility:
    """Non-uniform entropy in bits: -log2 P(value | group) summed over cells; suppressed, the group is the whole file.

    Source: Gionis and Tassa 2009; de Waal and Willenborg 1999.
    """
    costs, further = [], []
    for ladder, n in zip(ladders, n_of_code, strict=True):
        groups = [_at(ladder, level, n) for level in range(ladder.top + 1)]
        finest = _bits(n)
        costs.append(tuple(max(_bits(group) - finest, 0.0) for group in groups))
        further.append(tuple(np.log2(n_records / np.maximum(group, 1)) for group in groups))
    return CellUtility(tuple(costs), tuple(further))


def _bits(n: Ints) -> float:
    held = n[n > 0]
    return float(held @ np.log2(held))


def _precision(ladders: Sequence[Ladder]) -> CellUtility:
    """Level over top level, averaged over columns (one less Sweeney's Prec); suppression is free and breaks ties."""
    costs = tuple(
        tuple(level / max(ladder.top, 1) / len(ladders) for level in range(ladder.top + 1)) for ladder in ladders
    )
    further = tuple(tuple(np.zeros(len(one)) for one in ladder.labels) for ladder in ladders)
    return CellUtility(costs, further)


def utility_named(name: str, census: Census, n_records: int = 0) -> ClassUtility | CellUtility:
    """Return a utility for a file, or for a part of a file of ``n_records``.

    Raises: InvariantBroken for a name that is not one of UTILITIES or ``precision``.
    """
    ladders, n_records = census.ladders, n_records or census.n_records
    n_of_code = [census.of_code(place) for place in range(len(ladders))]
    match name:
        case "discernability":
            return ClassUtility(_free(ladders), n_records, by_size=True)
        case "average-class":
            return ClassUtility(_free(ladders), n_records, by_size=False)
        case "loss":
            return _loss(ladders, n_of_code, n_records)
        case "entropy":
            return _entropy(ladders, n_of_code, n_records)
        case "precision":
            return _precision(ladders)
        case _:
            message = f"There is no utility {name!r}."
            raise InvariantBroken(message)
