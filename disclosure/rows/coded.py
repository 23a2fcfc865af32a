"""Rows as whole numbers: the values of a column numbered, and the class of a row as one key.

Counting is then sorting keys, with no loop over rows; memory is 4 bytes a value and 8 a key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cld.engine import PLACE_COLUMN, Query, Session, quote
from cld.errors import UnknownColumn

__all__ = ["Codes", "Column", "Counts", "Key", "count_keys", "key_of", "read_columns", "run_lengths", "run_starts"]

Codes = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]
MOST_KEYS = 1 << 62
NESTED = ("[", "STRUCT", "MAP", "UNION", "INTERVAL")
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: for each row the code of its value, for each code its value (null for a missing one)."""

    name: str
    codes: Codes
    values: pa.Array

    @property
    def n_values(self) -> int:
        """The number of different values, a missing one counted as a value."""
        return len(self.values)

    def first(self, n_rows: int) -> Column:
        """Return the first rows alone, with the values that they have."""
        return Column(self.name, self.codes[:n_rows], self.values).in_use()

    def in_use(self) -> Column:
        """Return the column with the values alone that some row has."""
        used = np.bincount(self.codes, minlength=self.n_values) > 0
        if used.all():
            return self
        codes = (np.cumsum(used) - 1).astype(np.int32)[self.codes]
        return Column(self.name, codes, self.values.filter(pa.array(used)))

    def is_missing(self) -> bool:
        """Say whether no row has a value."""
        return bool(self.values.null_count == self.n_values)

    def texts(self) -> list[str | None]:
        """Return the values as text, as a file of values would write them."""
        found: list[str | None] = pc.cast(self.values, pa.string()).to_pylist()
        return found

    def ordered(self) -> tuple[Codes, int, bool]:
        """Return codes that follow the order of the values, how many there are, and whether all values are numbers.

        Numbers written differently (1 and 1.0) are one value; text is ordered by its characters, missing last.
        """
        numbers = self._numbers()
        if numbers is not None:
            distinct, ranks = np.unique(numbers, return_inverse=True)
            return ranks.astype(np.int32)[self.codes], len(distinct), True
        places: Codes = np.empty(self.n_values, np.int32)
        places[pc.sort_indices(self.values).to_numpy()] = np.arange(self.n_values)
        return places[self.codes], self.n_values, False

    def _numbers(self) -> npt.NDArray[np.int64] | npt.NDArray[np.float64] | None:
        """Return the values as numbers, none if one of them is missing or no finite number."""
        values, kind = self.values, self.values.type
        if values.null_count:
            return None
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            if not pc.all(pc.match_substring_regex(values, NUMBER)).as_py():
                return None
        elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            return None
        whole = pa.types.is_integer(kind) and not pa.types.is_uint64(kind)
        numbers: npt.NDArray[np.int64] | npt.NDArray[np.float64] = pc.cast(
            values, pa.int64() if whole else pa.float64()
        ).to_numpy(zero_copy_only=False)
        return numbers if np.isfinite(numbers).all() else None


@dataclass(frozen=True, slots=True)
class Key:
    """One whole number a row, below ``n_keys``; rows of one class have the same."""

    values: Counts
    n_keys: int

    def fits(self, n_values: int) -> bool:
        """Say whether a further part of so many values has room."""
        return self.n_keys <= MOST_KEYS // max(n_values, 1)

    def with_part(self, codes: npt.NDArray[np.integer], n_values: int) -> Key:
        """Return the key with a further, lowest part; the order of the keys so far is kept."""
        n_values = max(n_values, 1)
        base = self if self.fits(n_values) else self.dense()
        values = base.values * n_values
        values += codes
        return Key(values, base.n_keys * n_values)

    def dense(self) -> Key:
        """Return keys without gaps, in the same order."""
        distinct, places = np.unique(self.values, return_inverse=True)
        return Key(places.astype(np.int64, copy=False), max(len(distinct), 1))


def key_of(columns: Sequence[Column], n_rows: int) -> Key:
    """Return the key of each row over some columns; without columns all rows are one class."""
    key = Key(np.zeros(n_rows, np.int64), 1)
    for column in columns:
        n_values = max(column.n_values, 1)
        key = key if key.fits(n_values) else key.dense()
        # in place: fresh memory for every part would cost more than the arithmetic
        np.multiply(key.values, n_values, out=key.values)
        np.add(key.values, column.codes, out=key.values)
        key = Key(key.values, key.n_keys * n_values)
    return key


def run_starts(ordered: npt.NDArray[np.integer]) -> Counts:
    """Return where each run of equal values begins in values that are in order."""
    begins = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    return np.flatnonzero(begins)


def run_lengths(starts: Counts, n: int) -> Counts:
    """Return how long each run is, the last one up to ``n``."""
    lengths = np.empty(len(starts), np.int64)
    np.subtract(starts[1:], starts[:-1], out=lengths[:-1])
    lengths[-1:] = n - starts[-1:]
    return lengths


def count_keys(values: Counts, *, in_order: bool = False) -> tuple[Counts, Counts]:
    """Return the different keys in order and how often each occurs."""
    ordered = values if in_order else np.sort(values)
    starts = run_starts(ordered)
    return ordered[starts], run_lengths(starts, len(ordered))


def read_columns(session: Session, tables: Sequence[str], names: Sequence[str]) -> list[Column]:
    """Read columns of one or several tables, row after row and table after table, under common codes.

    A column that the tables hold in different types, or whose values have parts, is read as text.
    Raises: UnknownColumn if a table lacks one.
    """
    types = {table: session.types(table) for table in tables}
    for table, known in types.items():
        absent = [name for name in names if name not in known]
        if absent:
            message = f"There is no column {', '.join(absent)} in {table.replace('_', ' ')}."
            shown = ", ".join(column for column in known if column != PLACE_COLUMN)
            raise UnknownColumn(message, f"Its columns are {shown}.")
    return [_read_column(session, types, name) for name in names]


def _read_column(session: Session, types: Mapping[str, Mapping[str, str]], name: str) -> Column:
    """Read one column; the engine keeps the order of the rows of a plain selection."""
    kinds = {known[name] for known in types.values()}
    if len(kinds) == 1 and not any(mark in next(iter(kinds)) for mark in NESTED):
        parts = [session.coded(table, name) for table in types]
    else:
        parts = [_as_text(session, table, name) for table in types]
    if len({part.type for part in parts}) > 1 or pa.types.is_large_string(parts[0].type.value_type):
        parts = [part.cast(pa.dictionary(pa.int32(), pa.string())) for part in parts]
    chunks = [chunk for part in parts for chunk in part.chunks]
    encoded = pa.chunked_array(chunks, type=parts[0].type).unify_dictionaries().combine_chunks()
    codes, values = encoded.indices, encoded.dictionary
    if codes.null_count:
        codes, values = codes.fill_null(len(values)), pa.concat_arrays([values, pa.nulls(1, values.type)])
    return Column(name, codes.to_numpy().astype(np.int32, copy=False), values).in_use()


def _as_text(session: Session, table: str, name: str) -> pa.ChunkedArray:
    text = f"select cast({quote(name)} as varchar) as cell from {quote(table)}"  # noqa: S608
    return session.arrow(Query(text, (table,)))["cell"].dictionary_encode()
