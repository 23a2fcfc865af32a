"""Reading the tables of a package at speed: CSV and Parquet through pyarrow, pseudonyms tested a column at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from audit.verifying.outcome import Failed
from audit.verifying.pseudonyms import (
    CHECK_PLACE,
    CROCKFORD,
    LOW_BITS,
    N_LETTERS,
    WEIGHED,
    WHOLE_NUMBER,
    WORD,
    FieldDomain,
    pseudonym_fault,
)
from audit.verifying.tables import TableScan

__all__ = ["column_fault", "fast_scan"]

ROWS_AT_ONCE = 262_144
BLOCK_BYTES = 8 << 20
BLOCK_VALUES = 16_384
UNKNOWN = 255
SYMBOL = bytes(CROCKFORD.find(chr(code)) if chr(code) in CROCKFORD else UNKNOWN for code in range(256))
"""The value of each letter; what is no letter has bits that no value has."""
ADDS = tuple(bytes(place.get(chr(code), 0) for code in range(256)) for place in WEIGHED)
"""For each place, what each letter adds to the check character."""


def fast_scan(path: Path, domains: Mapping[str, FieldDomain], counted: tuple[str, ...]) -> TableScan:
    """Read a CSV or Parquet file once, its other columns unread where the form allows.

    Raises: Failed for a file that is no table.
    """
    try:
        columns = _columns(path)
        wanted = [name for name in columns if name in domains or name in counted]
        faults, n_rows = dict.fromkeys((name for name in wanted if name in domains), ""), 0
        groups: Counter[tuple[str, ...]] = Counter()
        for batch in _batches(path, wanted):
            n_rows += batch.num_rows
            for name in faults:
                faults[name] = faults[name] or column_fault(batch.column(name), domains[name])
            if counted:
                groups.update(_groups(batch, [name for name in counted if name in wanted]))
    except (pa.ArrowException, StopIteration) as fault:
        message = f"{path.name} is no table: a row or the file as a whole is malformed"
        raise Failed(message) from fault
    return TableScan(columns, n_rows, faults, groups)


def _columns(path: Path) -> tuple[str, ...]:
    if path.suffix == ".parquet":
        return tuple(pq.read_schema(path).names)
    with path.open("rb") as stream, pa_csv.open_csv(pa.BufferReader(stream.readline())) as head:
        return tuple(head.schema.names)


def _batches(path: Path, wanted: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield a file in batches of the wanted columns, as dictionaries of text; without any, the rows are still there."""
    if path.suffix == ".parquet":
        source = pq.ParquetFile(path, read_dictionary=_coded(path, wanted), pre_buffer=False)
        if not wanted:
            yield pa.RecordBatch.from_arrays([pa.nulls(source.metadata.num_rows)], names=["nothing"])
            return
        yield from source.iter_batches(ROWS_AT_ONCE, columns=wanted)
        return
    columns = _columns(path)
    kinds = dict.fromkeys(columns, pa.string())
    options = pa_csv.ConvertOptions(
        column_types=kinds, include_columns=wanted or columns[:1], strings_can_be_null=True, null_values=[""]
    )
    reading, parsing = pa_csv.ReadOptions(block_size=BLOCK_BYTES), pa_csv.ParseOptions(newlines_in_values=True)
    with pa_csv.open_csv(path, read_options=reading, parse_options=parsing, convert_options=options) as source:
        yield from source


def _coded(path: Path, wanted: list[str]) -> list[str]:
    """Return the wanted columns that the file itself holds as a dictionary: its values are then tested once each."""
    held = pq.read_metadata(path)
    if not held.num_row_groups:
        return []
    group = held.row_group(0)
    columns = (group.column(place) for place in range(group.num_columns))
    return [one.path_in_schema for one in columns if one.path_in_schema in wanted and one.has_dictionary_page]


def _texts(column: pa.Array) -> pa.Array:
    """Return the values of a column as text without the missing ones; of a dictionary, each value that is used once."""
    if pa.types.is_dictionary(column.type):
        used = pc.unique(column.indices.drop_null())
        return column.dictionary.take(used).cast(pa.string()).drop_null()
    return column.cast(pa.string()).drop_null()


def column_fault(column: pa.Array, domain: FieldDomain) -> str:
    """Return what is wrong with a column of pseudonyms, or nothing; the same answer as one value at a time."""
    texts = _texts(column)
    if not len(texts):
        return ""
    if domain.form == WHOLE_NUMBER:
        return _number_fault(texts)
    if pc.min_max(pc.binary_length(texts)).as_py() != {"min": N_LETTERS, "max": N_LETTERS}:
        return pseudonym_fault(texts.to_pylist(), domain)
    starts = np.frombuffer(texts.buffers()[1], np.int32)
    first = int(starts[texts.offset])
    letters = np.frombuffer(texts.buffers()[2], np.uint8)[first : first + len(texts) * N_LETTERS]
    good = np.concatenate([_good(block, domain) for block in _blocks(letters.reshape(-1, N_LETTERS))])
    return "" if good.all() else pseudonym_fault(texts.filter(pa.array(~good)).slice(0, 1).to_pylist(), domain)


def _number_fault(texts: pa.Array) -> str:
    """Say whether a column holds whole numbers of 64 bits, each behind its guard where it stands in CSV."""
    try:
        pc.utf8_ltrim(texts, "'").cast(pa.int64())
    except pa.ArrowInvalid:
        return "a value is no whole number of 64 bits"
    return ""


def _blocks(letters: npt.NDArray[np.uint8]) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield blocks that fit a core's own memory, each turned so that a place of the pseudonym is one row."""
    for start in range(0, len(letters), BLOCK_VALUES):
        yield np.ascontiguousarray(letters[start : start + BLOCK_VALUES].T)


def _good(places: npt.NDArray[np.uint8], domain: FieldDomain) -> npt.NDArray[np.bool_]:
    """Say of each value whether form, version, check character and domain character are right.

    The tag's 120 bits are taken as 64 and 56; a product with a constant modulo 2^64 is a sum over the symbols.
    """
    first, second = domain.multipliers()
    check = np.zeros(places.shape[1], dtype=np.uint8)
    seen = np.zeros_like(check)
    mixed = np.zeros(places.shape[1], dtype=np.uint64)
    for place in range(N_LETTERS):
        letters = places[place].tobytes()
        symbols = np.frombuffer(letters.translate(SYMBOL), np.uint8)
        seen |= symbols
        if place < CHECK_PLACE:
            check ^= np.frombuffer(letters.translate(ADDS[place]), np.uint8)
            if place:
                mixed += np.take(_shares(place, first, second), symbols, mode="clip")
        elif place == CHECK_PLACE:
            check ^= symbols
        else:
            mixed = (mixed >> np.uint64(59)).astype(np.uint8) ^ symbols
    version = places[0] == ord(domain.letter())
    return np.asarray((seen < len(CROCKFORD)) & version & (check == 0) & (mixed == 0))


@cache
def _shares(place: int, first: int, second: int) -> npt.NDArray[np.uint64]:
    """Return what each symbol at a place adds to the sum whose top five bits are the domain character."""
    shift = 5 * (CHECK_PLACE - 1 - place)
    shares = []
    for symbol in range(len(CROCKFORD)):
        tag = symbol << shift
        shares.append((first * (tag >> LOW_BITS) + second * (tag & ((1 << LOW_BITS) - 1))) & WORD)
    return np.array(shares, dtype=np.uint64)


def _groups(batch: pa.RecordBatch, by: list[str]) -> Counter[tuple[str, ...]]:
    table = pa.table({name: batch.column(name).cast(pa.string()) for name in by})
    found = table.group_by(by).aggregate([([], "count_all")]).to_pylist()
    return Counter({tuple("" if one[name] is None else one[name] for name in by): one["count_all"] for one in found})
