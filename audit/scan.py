"""Reading the tables of a package at speed: CSV and Parquet through pyarrow, pseudonyms tested a column at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
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
    DOMAIN_PLACE,
    N_LETTERS,
    WEIGHED,
    FieldDomain,
    pseudonym_fault,
)
from audit.verifying.tables import TableScan

__all__ = ["column_fault", "fast_scan"]

ROWS_AT_ONCE = 262_144
BLOCK_BYTES = 8 << 20
UNKNOWN = 255
SYMBOL = np.full(256, UNKNOWN, dtype=np.uint8)
SYMBOL[np.frombuffer(CROCKFORD.encode(), np.uint8)] = np.arange(len(CROCKFORD), dtype=np.uint8)
ADDS = np.array([[place[letter] for letter in CROCKFORD] for place in WEIGHED], dtype=np.uint8)


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
        source = pq.ParquetFile(path, read_dictionary=wanted)
        if not wanted:
            yield pa.RecordBatch.from_arrays([pa.nulls(source.metadata.num_rows)], names=["nothing"])
            return
        yield from source.iter_batches(ROWS_AT_ONCE, columns=wanted)
        return
    columns = _columns(path)
    kinds = {name: pa.dictionary(pa.int32(), pa.string()) if name in wanted else pa.string() for name in columns}
    options = pa_csv.ConvertOptions(
        column_types=kinds, include_columns=wanted or columns[:1], strings_can_be_null=True, null_values=[""]
    )
    reading, parsing = pa_csv.ReadOptions(block_size=BLOCK_BYTES), pa_csv.ParseOptions(newlines_in_values=True)
    with pa_csv.open_csv(path, read_options=reading, parse_options=parsing, convert_options=options) as source:
        yield from source


def _texts(column: pa.Array) -> pa.Array:
    """Return the different values of a column as text, without the missing one."""
    if pa.types.is_dictionary(column.type):
        used = pc.unique(column.indices.drop_null())
        return column.dictionary.take(used).cast(pa.string()).drop_null()
    return pc.unique(column.cast(pa.string())).drop_null()


def column_fault(column: pa.Array, domain: FieldDomain) -> str:
    """Return what is wrong with a column of pseudonyms, or nothing; the same answer as one value at a time."""
    texts = _texts(column)
    if not len(texts):
        return ""
    if pc.min_max(pc.binary_length(texts)).as_py() != {"min": N_LETTERS, "max": N_LETTERS}:
        return pseudonym_fault(texts.to_pylist(), domain)
    start = texts.offset * N_LETTERS + np.frombuffer(texts.buffers()[1], np.int32, 1)[0]
    letters = np.frombuffer(texts.buffers()[2], np.uint8)[start : start + len(texts) * N_LETTERS]
    symbols = SYMBOL[letters.reshape(-1, N_LETTERS)]
    good = (symbols != UNKNOWN).all(axis=1) & (symbols[:, 0] == CROCKFORD.index(domain.letter()))
    kept = np.where(symbols == UNKNOWN, 0, symbols).astype(np.uint8)
    check = np.zeros(len(kept), dtype=np.uint8)
    for place in range(CHECK_PLACE):
        check ^= ADDS[place][kept[:, place]]
    good &= (check == kept[:, CHECK_PLACE]) & (_domain_symbols(kept, domain) == kept[:, DOMAIN_PLACE])
    if good.all():
        return ""
    return pseudonym_fault(texts.filter(pa.array(~good)).slice(0, 1).to_pylist(), domain)


def _domain_symbols(symbols: npt.NDArray[np.uint8], domain: FieldDomain) -> npt.NDArray[np.uint8]:
    """Return the domain character of each row; the tag's 120 bits are taken as 64 and 56."""
    first, second = (np.uint64(one) for one in domain.multipliers())
    tag = symbols[:, 1:CHECK_PLACE].astype(np.uint64)
    high = np.zeros(len(tag), dtype=np.uint64)
    for place in range(12):
        high = (high << np.uint64(5)) | tag[:, place]
    high = (high << np.uint64(4)) | (tag[:, 12] >> np.uint64(1))
    low = tag[:, 12] & np.uint64(1)
    for place in range(13, 24):
        low = (low << np.uint64(5)) | tag[:, place]
    with np.errstate(over="ignore"):
        return np.asarray((first * high + second * low) >> np.uint64(59), dtype=np.uint8)


def _groups(batch: pa.RecordBatch, by: list[str]) -> Counter[tuple[str, ...]]:
    table = pa.table({name: batch.column(name).cast(pa.string()) for name in by})
    found = table.group_by(by).aggregate([([], "count_all")]).to_pylist()
    return Counter({tuple("" if one[name] is None else one[name] for name in by): one["count_all"] for one in found})
