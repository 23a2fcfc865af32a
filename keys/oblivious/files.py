"""The council's side on a file: the identifiers of a column blinded, and the column replaced once the reply has come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from cld.engine import Session
from cld.errors import InputError, UnknownColumn
from keys.canonical import canonical_identifiers, plain_texts

__all__ = ["column_identifiers", "replace_column"]

REASON = "_reason"


def _rows_with(session: Session, file: Path, column: str) -> pa.RecordBatchReader:
    """Open a file that has a column of plain values.

    Raises: UnknownColumn; InputError.
    """
    session.scan_file("given", file)
    rows = session.batches("given")
    if column not in rows.schema.names:
        message = f"The file has no column {column}."
        raise UnknownColumn(message, "Name the column as in the file's header.")
    if pa.types.is_nested(rows.schema.field(column).type):
        message = f"The column {column} holds no plain values."
        raise InputError(message, "Identifiers are text, or numbers.")
    return rows


def _canonical(column: pa.Array, kind: str, *, synthetic_allowed: bool) -> tuple[pa.Array, pa.Array]:
    return canonical_identifiers(pc.fill_null(plain_texts(column), ""), kind, synthetic_allowed=synthetic_allowed)


def column_identifiers(
    session: Session, file: Path, column: str, kind: str, *, synthetic_allowed: bool
) -> tuple[str, ...]:
    """Return the different identifiers of a column, as they are keyed; blanks, placeholders and invalid ones are none.

    Raises: UnknownColumn; InputError.
    """
    rows, found = _rows_with(session, file, column), list[pa.Array]()
    for batch in rows:
        place = batch.schema.get_field_index(column)
        found.append(_canonical(batch.column(place), kind, synthetic_allowed=synthetic_allowed)[0].unique())
    if not found:
        return ()
    return tuple(pa.concat_arrays(found).unique().drop_null().to_pylist())


def replace_column(
    session: Session, file: Path, column: str, kind: str, keyed: pa.Table, out: Path, *, synthetic_allowed: bool
) -> int:
    """Write a file again with a column of identifiers replaced by their pseudonyms, a column of reasons beside it.

    ``keyed`` holds identifier and pseudonym.
    Order:  that of the file.
    Raises: InputError if the file holds an identifier that was not blinded; UnknownColumn. Returns the number of rows.
    """
    rows = _rows_with(session, file, column)
    if (column + REASON).casefold() in {name.casefold() for name in rows.schema.names}:
        message = f"The file has a column {column + REASON} already."
        raise InputError(message, "Rename it: the reasons why a value is null go there.")
    place, n_rows = rows.schema.get_field_index(column), 0
    schema = rows.schema.set(place, pa.field(column, pa.string())).insert(
        place + 1, pa.field(column + REASON, pa.string())
    )
    known, texts = keyed.column("identifier").combine_chunks(), keyed.column("pseudonym").combine_chunks()

    def replaced() -> Iterator[pa.RecordBatch]:
        nonlocal n_rows
        for batch in rows:
            identifiers, reasons = _canonical(batch.column(place), kind, synthetic_allowed=synthetic_allowed)
            found = pc.index_in(identifiers, value_set=known, skip_nulls=True)
            if found.null_count != identifiers.null_count:
                message = "The file holds identifiers that were not blinded."
                raise InputError(message, "Give the file that the request was made from.")
            columns = [*batch.columns[:place], texts.take(found), reasons, *batch.columns[place + 1 :]]
            n_rows += batch.num_rows
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    session.export_stream(pa.RecordBatchReader.from_batches(schema, replaced()), out)
    return n_rows
