"""Columns as codes: whatever form a file has, the same rows; values that no row has are no values."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cld.engine import scratch_engine
from cld.errors import UnknownColumn
from disclosure.rows.coded import Column, read_columns

NAMES = ("text", "category", "number", "two words", "parts")
FIRST = {
    "text": pa.array(["x", "y", None], pa.large_string()),
    "category": pa.DictionaryArray.from_arrays(pa.array([0, 2, None], pa.int8()), pa.array(["p", "unused", "q"])),
    "number": pa.array([1, 2, None]),
    "two words": pa.array(["1", "2", "3"]),
    "parts": pa.array([[1], [2], [1]]),
}
SECOND = {
    "text": pa.array(["z"]), "category": pa.array(["r"]), "number": pa.array([3.5]),
    "two words": pa.array([None], pa.string()), "parts": pa.array([[2]]),
}  # fmt: skip


def read(folder: Path, *files: Path) -> list[Column]:
    with scratch_engine(folder / "engine").session() as session:
        tables = [f"table_{place}" for place in range(len(files))]
        for table, path in zip(tables, files, strict=True):
            session.scan_file(table, path, ",;")
        return read_columns(session, tables, [name for name in NAMES if name in session.columns(tables[-1])])


def rows(column: Column) -> list[object]:
    return [column.values.to_pylist()[code] for code in column.codes]


def test_a_file_of_every_type_is_read_row_by_row(tmp_path: Path) -> None:
    pq.write_table(pa.table(FIRST), tmp_path / "first.parquet")
    found = read(tmp_path, tmp_path / "first.parquet")
    assert [rows(column) for column in found] == [
        ["x", "y", None], ["p", "q", None], [1, 2, None], ["1", "2", "3"], ["[1]", "[2]", "[1]"],
    ]  # fmt: skip
    assert [column.n_values for column in found] == [3, 3, 3, 3, 2]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_files_of_different_types_share_their_codes(tmp_path: Path, order: tuple[int, int]) -> None:
    """Large text beside text, a category beside text, whole numbers beside others, which are then read as text."""
    for place, table in enumerate((FIRST, SECOND)):
        pq.write_table(pa.table(table), tmp_path / f"{place}.parquet")
    found = {
        column.name: rows(column) for column in read(tmp_path, *(tmp_path / f"{place}.parquet" for place in order))
    }
    parts = {"text": [["x", "y", None], ["z"]], "category": [["p", "q", None], ["r"]], "number": [["1", "2", None], ["3.5"]],
             "two words": [["1", "2", "3"], [None]], "parts": [["[1]", "[2]", "[1]"], ["[2]"]]}  # fmt: skip
    assert found == {name: [*held[order[0]], *held[order[1]]] for name, held in parts.items()}


def test_an_empty_file_and_a_csv_file_stand_beside_parquet(tmp_path: Path) -> None:
    pq.write_table(pa.table(FIRST), tmp_path / "first.parquet")
    pq.write_table(pa.table(FIRST).slice(0, 0), tmp_path / "empty.parquet")
    (tmp_path / "rows.csv").write_text("text;category\nx;\n")
    assert [len(column.codes) for column in read(tmp_path, tmp_path / "empty.parquet")] == [0] * 5
    text, category = read(tmp_path, tmp_path / "first.parquet", tmp_path / "empty.parquet", tmp_path / "rows.csv")
    assert rows(text) == ["x", "y", None, "x"]
    assert rows(category) == ["p", "q", None, None]
    assert text.first(1).values.to_pylist() == ["x"]


@pytest.mark.parametrize("text", ['"text";"two, words"\nx;y\n', '"text","two, words"\nx,y\n', "text;two, words\nx;y\n"])
def test_the_separator_is_the_one_that_parts_header_and_first_row_alike(tmp_path: Path, text: str) -> None:
    (tmp_path / "rows.csv").write_text(text)
    with scratch_engine(tmp_path / "engine").session() as session:
        session.read_file("given", tmp_path / "rows.csv", ",;")
        assert session.columns("given") == ("text", "two, words")


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a;b\nx;\n")
    with (
        scratch_engine(tmp_path / "engine").session() as session,
        pytest.raises(UnknownColumn, match=r"no column c in the file\. Its columns are a, b\."),
    ):
        session.scan_file("the_file", tmp_path / "rows.csv", ",;")
        read_columns(session, ("the_file",), ("a", "c"))
