"""Recodings: the distinct rows of a census, each with a level for every column and the class it is released in.

A recoding of the lattice has one level a column; a local one may have several. Classes are what a reader sees: rows
that show the same names in all columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from disclosure.rows.census import Census
from disclosure.rows.ladders import Ints, Ladder
from disclosure.rows.safety import Held, Limits, Sensitive, failing, far
from disclosure.rows.tallies import Flags, layout_of
from disclosure.rows.utility import CellUtility, ClassUtility, rounded

__all__ = ["GONE", "Recoding", "Rows", "names_of", "rows_of"]

GONE = -1  # the class of a suppressed row


@dataclass(frozen=True, slots=True)
class Recoding:
    """For each distinct row its level in every column and its class (GONE if suppressed); and what that costs."""

    levels: tuple[Ints, ...]
    classes: Ints
    score: float
    n_suppressed: int


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Rows by value of a sensitive column: the row, the code of the value, the records."""

    row: Ints
    codes: Ints
    n: Ints


@dataclass(frozen=True, slots=True)
class Rows:
    """The distinct finest rows: codes column by column, the records each stands for, and their sensitive values."""

    census: Census
    codes: tuple[Ints, ...]
    n: Ints
    pairs: Mapping[str, _Pairs]
    groups: tuple[Ints, ...]

    def digits(self, place: int, levels: Ints | int, rows: Ints | slice = slice(None)) -> Ints:
        """Return a column's digits at levels given row by row."""
        found: Ints = self.groups[place][levels, self.codes[place][rows]]
        return found

    def sizes(self, classes: Ints) -> Ints:
        """Return the records of each class; every class from 0 up has a row."""
        kept = classes != GONE
        return np.bincount(classes[kept], self.n[kept]).astype(np.int64)

    def held(self, classes: Ints) -> Callable[[str], Held]:
        """Return what gives the sensitive values that classes hold; each column is counted once."""
        made: dict[str, Held] = {}

        def of(name: str) -> Held:
            if name not in made:
                made[name] = self._held(name, classes)
            return made[name]

        return of

    def _held(self, name: str, classes: Ints) -> Held:
        pairs, n_values = self.pairs[name], len(self.census.sensitive[name].n)
        of_class = classes[pairs.row]
        kept = of_class != GONE
        layout = layout_of([max(len(self.n), 2), n_values])
        tally = layout.tally([of_class[kept], pairs.codes[kept]], pairs.n[kept])
        return Held(tally.starts(layout, 1), layout.fields[1].read(tally.words), tally.n)

    def kept(self, classes: Ints, names: Sequence[str]) -> dict[str, Sensitive]:
        """Return the values of sensitive columns among what is kept."""
        found = {}
        for name in names:
            pairs, whole = self.pairs[name], self.census.sensitive[name]
            n_kept = np.where(classes[pairs.row] == GONE, 0, pairs.n)
            n = np.bincount(pairs.codes, n_kept, len(whole.n)).astype(np.int64)
            found[name] = Sensitive(n, whole.is_ordered)
        return found

    def unsafe(self, classes: Ints, limits: Limits, kept: Mapping[str, Sensitive]) -> Flags:
        """Flag the classes that break a limit, closeness being asked to the whole file and to what is kept."""
        sizes, held = self.sizes(classes), self.held(classes)
        return failing(sizes, held, limits, self.census.sensitive) | far(sizes, held, limits, kept)

    def seen(self, levels: Sequence[Ints], classes: Ints) -> Ints:
        """Return the classes as a reader sees them: kept rows with the same names in all columns."""
        kept = np.flatnonzero(classes != GONE)
        names, n_names = [], []
        for place, ladder in enumerate(self.census.ladders):
            of_level, labels = names_of(ladder)
            names.append(of_level[levels[place][kept], self.digits(place, levels[place][kept], kept)])
            n_names.append(len(labels))
        found = np.full(len(classes), GONE)
        if len(kept):
            found[kept] = layout_of(n_names).class_of(names)
        return found

    def recoding(self, levels: Sequence[Ints], classes: Ints, utility: ClassUtility | CellUtility) -> Recoding:
        """Return rows as a reader will see them, with their cost."""
        seen = self.seen(levels, classes)
        n_suppressed = int(self.n[seen == GONE].sum())
        if isinstance(utility, ClassUtility):
            score = utility.of_kept(self.sizes(seen), n_suppressed)
        else:
            score = rounded(sum(self._cell_costs(utility, place, levels[place], seen) for place in range(len(levels))))
        return Recoding(tuple(levels), seen, score, n_suppressed)

    def _cell_costs(self, utility: CellUtility, place: int, levels: Ints, classes: Ints) -> float:
        """Return a column's cost: all of it suppressed, less what each kept cell saves."""
        further = utility.further[place]
        weights = self.n.astype(np.float64)
        at_most = utility.level_costs[place][0] + float(weights @ further[0][self.digits(place, 0)])
        saved = 0.0
        for level, of_digit in enumerate(further):
            rows = np.flatnonzero((levels == level) & (classes != GONE))
            saved += float(weights[rows] @ of_digit[self.digits(place, level, rows)])
        return max(at_most - saved, 0.0)


def rows_of(census: Census) -> Rows:
    """Return the distinct rows of a census of nested hierarchies."""
    codes = tuple(field.read(census.classes.words) for field in census.layout.fields)
    pairs = {}
    for name, tally in census.pairs.items():
        layout = census.pair_layouts[name]
        starts = tally.starts(layout, len(census.ladders))
        row = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(tally.n)))
        pairs[name] = _Pairs(row, layout.fields[-1].read(tally.words), tally.n)
    groups = tuple(np.stack(ladder.digits) for ladder in census.ladders)
    return Rows(census, codes, census.classes.n, pairs, groups)


def names_of(ladder: Ladder) -> tuple[Ints, tuple[str | None, ...]]:
    """Return for each level and digit the number of its name, and the names: one name may stand at several levels."""
    numbers: dict[str | None, int] = {}
    found = np.zeros((ladder.top + 1, max(len(labels) for labels in ladder.labels)), np.int64)
    for level, labels in enumerate(ladder.labels):
        found[level, : len(labels)] = [numbers.setdefault(label, len(numbers)) for label in labels]
    return found, tuple(numbers)
