"""Equal rows have equal digests on the shelf, whatever lies in memory under a missing value."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from cld.clock import SystemEntropy
from cld.datasets import Pseudonymised
from cld.shelf import Shelf
from keys.derivation import Secret
from keys.store import KeyStore


def digest_of_rows(folder: Path, table: pa.Table) -> str:
    keys = KeyStore(folder / "keystore", Secret(b"r" * 32), SystemEntropy(), "2022")
    return Shelf(folder / "shelf", keys).store(table.to_reader(), Pseudonymised).digest


def whole_numbers(under: bytes) -> pa.Table:
    """Return 1, missing, 2 with any four bytes under the missing one."""
    values = b"\x01\x00\x00\x00" + under + b"\x02\x00\x00\x00"
    column = pa.Array.from_buffers(pa.int32(), 3, [pa.py_buffer(b"\x05"), pa.py_buffer(values)])
    return pa.table({"n": column})


def test_what_lies_under_a_missing_value_is_not_in_the_digest(tmp_path: Path) -> None:
    first, second = whole_numbers(b"\x00" * 4), whole_numbers(b"junk")
    assert first.equals(second)
    assert digest_of_rows(tmp_path, first) == digest_of_rows(tmp_path, second)


@pytest.mark.parametrize(
    ("kind", "value", "zero"),
    [
        (pa.int32(), 5, 0),
        (pa.date32(), date(2021, 1, 1), date(1970, 1, 1)),
        (pa.decimal128(12, 2), Decimal("1.50"), Decimal(0)),
        (pa.bool_(), True, False),
        (pa.float64(), 1.5, 0.0),
        (pa.string(), "x", ""),
    ],
)
def test_a_missing_value_is_not_a_zero_and_its_place_counts(
    kind: pa.DataType, value: object, zero: object, tmp_path: Path
) -> None:
    rows = ([value, None], [None, value], [value, zero], [zero, value], [None, None])
    digests = {digest_of_rows(tmp_path, pa.table({"a": pa.array(one, kind)})) for one in rows}
    assert len(digests) == len(rows)


def test_a_column_of_nothing_but_nothing_is_stored(tmp_path: Path) -> None:
    assert digest_of_rows(tmp_path, pa.table({"a": pa.nulls(2), "b": pa.array([["x"], None])}))
