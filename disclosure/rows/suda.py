"""Special uniques: the smallest sets of columns on which a record is the only one of its kind.

A minimal sample unique (MSU) of a record is a set of columns on which the record's person is alone, while on every
smaller part of the set the person is not. Sets are visited so that every part comes before the whole; a set is refined
from a part, over the rows that are not alone there, so the work shrinks as rows become unique.
Source: Elliot, Manning and Ford 2002; Manning, Haglin and Keane 2008 (SUDA2); score as in Elliot et al. 2005.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, factorial

import numpy as np
import numpy.typing as npt

from cld.errors import InputError
from disclosure.rows.coded import Column, Counts

__all__ = ["SpecialUniques", "dis_suda", "special_uniques"]

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
MOST_CELLS = 2_000_000_000
BINS_A_ROW = 16
COLUMNS_OF_NO_BEND = 8


@dataclass(frozen=True, slots=True)
class SpecialUniques:
    """For each record its number of MSUs and its score; for each column its share of all scores.

    ``n_by_size[s]`` counts MSUs of s columns, ``largest`` is the largest size sought. A record's score is the sum over
    its MSUs of (number of columns - size)!. A column's share is the part of all scores whose MSUs hold it.
    """

    n_msu: npt.NDArray[np.int32]
    score: npt.NDArray[np.float64]
    n_by_size: tuple[int, ...]
    share_by_column: dict[str, float]
    largest: int


def special_uniques(columns: Sequence[Column], largest: int, person: Column | None = None) -> SpecialUniques:
    """Find all minimal sample uniques of at most ``largest`` columns.

    With a person column, a person is alone on a set of columns where no other person's row is alike.
    Raises: InputError if the sets of columns are too many for the rows.
    """
    n_rows = len(columns[0].codes)
    largest = min(largest, len(columns))
    n_sets = sum(comb(len(columns), size) for size in range(1, largest + 1))
    if n_sets * n_rows > MOST_CELLS:
        message = f"{n_sets} sets of columns on {n_rows} rows are too many to search for special uniques."
        raise InputError(message, "Ask for a smaller size with --suda, or name fewer columns.")
    search = _Search(columns, largest, np.arange(n_rows) if person is None else person.codes.astype(np.int64))
    search.run()
    total = float(search.score.sum()) or 1.0
    worth = {column.name: worth for column, worth in zip(search.columns, search.by_column, strict=True)}
    shares = {column.name: worth[column.name] / total for column in columns}
    return SpecialUniques(search.n_msu, search.score, tuple(search.n_by_size), shares, largest)


def dis_suda(found: SpecialUniques, n_columns: int, class_sizes: Counts, fraction: float) -> tuple[float, Floats]:
    """Return DIS, the chance that a unique match is right, and each record's DIS-SUDA score: DIS shared out by SUDA scores.

    With U classes of one and P records in classes of two over all columns, DIS = U f / (U f + P (1 - f)), f being the
    sampling fraction. With s a record's score, q = 1 + (8 - columns) / 20 and A the sum of s^-q over records with a score,
    its DIS-SUDA is 1 / (1 + (U / DIS - U) / (s^q A)), and 0 without a score.
    Assumes: a simple random sample. Scores of a search cut at a size are shared out as they are.
    Source: Skinner and Elliot 2002 (DIS); Elliot and Manning 2003 (DIS-SUDA), in the form of sdcMicro 5.7, Suda2.h.
    """
    n_alone, n_in_pairs = int((class_sizes == 1).sum()), 2 * int((class_sizes == 2).sum())
    scores, has_score = found.score, found.score > 0
    risk = np.zeros(len(scores))
    if not (n_alone and has_score.any()):
        return 0.0, risk
    dis = n_alone * fraction / (n_alone * fraction + n_in_pairs * (1 - fraction))
    weights = scores[has_score] ** (1 + (COLUMNS_OF_NO_BEND - n_columns) / 20)
    risk[has_score] = 1 / (1 + (n_alone / dis - n_alone) / (weights * (1 / weights).sum()))
    return dis, risk


class _Search:
    """One search. A set of columns is a whole number, one bit a column, the columns with most values highest."""

    def __init__(self, columns: Sequence[Column], largest: int, persons: Rows) -> None:
        self.columns = sorted(columns, key=lambda column: column.n_values)
        self._largest, self._persons = largest, persons
        n_rows = len(persons)
        self.n_msu = np.zeros(n_rows, np.int32)
        self.score = np.zeros(n_rows, np.float64)
        self.n_by_size = [0] * (largest + 1)
        self.by_column = [0.0] * len(columns)
        self._alone: dict[int, Flags] = {}

    def run(self) -> None:
        """Visit every set, a part before the whole: sets in the order of their numbers."""
        everyone = np.arange(len(self._persons))
        self._visit(0, len(self.columns), everyone, np.zeros(len(everyone), np.int64), 1)

    def _visit(self, held: int, lowest: int, rows: Rows, groups: Rows, n_groups: int) -> None:
        """Add each column below the lowest of a set; ``rows`` are those not alone on the set, ``groups`` their kinds."""
        for place in range(lowest):
            whole = held | 1 << place
            column = self.columns[place]
            kinds = groups * column.n_values + column.codes[rows]
            alone = self._only_one(kinds, n_groups * column.n_values, rows)
            self._record(whole, rows[alone])
            if whole.bit_count() < self._largest and place:
                left = ~alone
                self._visit(whole, place, rows[left], *_without_gaps(kinds[left], n_groups * column.n_values))

    def _only_one(self, kinds: Rows, n_kinds: int, rows: Rows) -> Flags:
        """Say of each row whether its kind holds one person alone."""
        if n_kinds > BINS_A_ROW * len(rows) + 1024:
            kinds, n_kinds = _without_gaps(kinds, n_kinds)
        persons = self._persons[rows]
        one_of = np.empty(n_kinds, np.int64)
        one_of[kinds] = persons
        shared = np.zeros(n_kinds, np.bool_)
        shared[kinds[one_of[kinds] != persons]] = True
        return ~shared[kinds]

    def _record(self, whole: int, alone: Rows) -> None:
        """Keep who is alone on a set, and count the set for those who are alone on no part of it."""
        size = whole.bit_count()
        places = [place for place in range(len(self.columns)) if whole >> place & 1]
        minimal = alone
        for place in places:
            part = self._alone.get(whole & ~(1 << place))
            if part is not None:
                minimal = minimal[~part[minimal]]
        if len(minimal):
            worth = float(factorial(len(self.columns) - size))
            self.n_msu[minimal] += 1
            self.score[minimal] += worth
            self.n_by_size[size] += len(minimal)
            for place in places:
                self.by_column[place] += worth * len(minimal)
        if size < self._largest:
            self._keep(whole, places, alone)

    def _keep(self, whole: int, places: list[int], alone: Rows) -> None:
        """Keep the rows alone on a set, with those alone on the part it was refined from."""
        flags = np.zeros(len(self._persons), np.bool_)
        flags[alone] = True
        before = self._alone.get(whole & ~(1 << places[0]))
        self._alone[whole] = flags if before is None else flags | before


def _without_gaps(kinds: Rows, n_kinds: int) -> tuple[Rows, int]:
    """Number kinds without gaps, by a table where it is small and by sorting otherwise."""
    if n_kinds <= BINS_A_ROW * len(kinds) + 1024:
        seen = np.zeros(n_kinds, np.bool_)
        seen[kinds] = True
        numbers = np.cumsum(seen) - 1
        return numbers[kinds], int(numbers[-1]) + 1 if n_kinds else 0
    distinct, numbers = np.unique(kinds, return_inverse=True)
    return numbers.astype(np.int64, copy=False), len(distinct)
