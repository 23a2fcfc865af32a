"""Pseudonyms on anyone's files: columns keyed in place, and a column of pseudonyms checked, some rows at a time.

Stand-alone there is no house root, so the pepper is the empty salt of RFC 5869 and the key follows from the agreement's
secret and the domain alone.
"""

from __future__ import annotations

import os
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cld.engine import Session
from cld.errors import InputError, KeyUnavailable, UnknownColumn
from keys.canonical import canonical_identifiers, plain_texts
from keys.derivation import PseudonymDomain, Secret, domain_key
from keys.pseudonym import ARROW_TYPE, PseudonymForm, check_texts, pseudonyms_of

__all__ = ["ColumnCheck", "Keying", "check_column", "in_order", "keying_for", "pseudonymise_file", "read_key_file"]

KEY_DIGITS = re.compile(r"[0-9a-fA-F]{64}")
REASON = "_reason"


def read_key_file(path: Path) -> Secret:
    """Read an agreement's secret: 64 hexadecimal digits.

    Raises: KeyUnavailable, with one message for a missing and a malformed file.
    """
    try:
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        text = ""
    if not KEY_DIGITS.fullmatch(text):
        message = "The key file cannot be read."
        raise KeyUnavailable(message, "Give a file of 64 hexadecimal digits.")
    return Secret(bytes.fromhex(text))


@dataclass(frozen=True, slots=True)
class Keying:
    """How the columns of a file are keyed: the domain and the key of each, and what becomes of values that cannot be."""

    domains: Mapping[str, PseudonymDomain]
    keys: Mapping[str, Secret] = field(repr=False)
    synthetic_allowed: bool
    form: PseudonymForm = PseudonymForm.TEXT
    one_time: bool = False


def keying_for(
    columns: Mapping[str, str], secret: Secret, domain: PseudonymDomain, *, synthetic_allowed: bool,
    form: PseudonymForm = PseudonymForm.TEXT, one_time: bool = False,
) -> Keying:  # fmt: skip
    """Derive the key of each column (name to kind) from an agreement's secret; ``domain`` holds the rest of its domain."""
    domains = {column: replace(domain, kind=kind) for column, kind in columns.items()}
    keys = {column: domain_key(secret, Secret(b""), found) for column, found in domains.items()}
    return Keying(domains, keys, synthetic_allowed, form, one_time)


def in_order(
    batches: Iterator[pa.RecordBatch], work: Callable[[pa.RecordBatch], pa.RecordBatch], n_threads: int
) -> Iterator[pa.RecordBatch]:
    """Yield the work on each batch in the order of the batches, a few of them at a time."""
    waiting: deque[Future[pa.RecordBatch]] = deque()
    with ThreadPoolExecutor(n_threads) as pool:
        for batch in batches:
            waiting.append(pool.submit(work, batch))
            if len(waiting) > n_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def pseudonymise_file(session: Session, file: Path, out: Path, keying: Keying, *, n_threads: int) -> dict[str, object]:
    """Write a file again with each keyed column replaced by pseudonyms and a column of reasons beside it.

    Order:  that of the file.
    Raises: UnknownColumn if the file lacks a column; InputError if it has a column of reasons already, or one that is no text.
    """
    session.scan_file("given", file)
    rows = session.batches("given")
    _require_columns(rows.schema, keying)
    counted: Counter[tuple[str, str]] = Counter()
    n_rows = 0

    def keyed() -> Iterator[pa.RecordBatch]:
        nonlocal n_rows
        for batch in in_order(iter(rows), lambda held: _keyed_batch(held, keying), n_threads):
            n_rows += batch.num_rows
            for column in keying.domains:
                counts = batch.column(batch.schema.get_field_index(column + REASON)).value_counts()
                counted.update(
                    {(column, str(one["values"])): one["counts"].as_py() for one in counts if one["values"].is_valid}
                )
            yield batch

    session.export_stream(pa.RecordBatchReader.from_batches(_schema(rows.schema, keying), keyed()), out)
    reasons = {
        column: {kind: n for (of, kind), n in sorted(counted.items()) if of == column} for column in keying.domains
    }
    return {"n_rows": n_rows, "reasons": reasons}


def _require_columns(schema: pa.Schema, keying: Keying) -> None:
    absent = [column for column in keying.domains if column not in schema.names]
    if absent:
        message = f"The file has no column {', '.join(absent)}."
        raise UnknownColumn(message, "Name columns as in the file's header.")
    names = {name.casefold() for name in schema.names}
    taken = [column + REASON for column in keying.domains if (column + REASON).casefold() in names]
    if taken:
        message = f"The file has a column {', '.join(taken)} already."
        raise InputError(message, "Rename it: the reasons why a value is null go there.")
    for column in keying.domains:
        _require_plain(schema, column)


def _require_plain(schema: pa.Schema, column: str) -> None:
    if pa.types.is_nested(schema.field(column).type):
        message = f"The column {column} holds no plain values."
        raise InputError(message, "Identifiers and pseudonyms are text, or numbers.")


def _schema(schema: pa.Schema, keying: Keying) -> pa.Schema:
    fields = []
    for held in schema:
        if held.name in keying.domains:
            fields += [pa.field(held.name, ARROW_TYPE[keying.form]), pa.field(held.name + REASON, pa.string())]
        else:
            fields.append(held)
    return pa.schema(fields)


def _keyed_batch(batch: pa.RecordBatch, keying: Keying) -> pa.RecordBatch:
    columns = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        columns += _keyed_column(column, name, keying) if name in keying.domains else [column]
    return pa.RecordBatch.from_arrays(columns, schema=_schema(batch.schema, keying))


def _keyed_column(column: pa.Array, name: str, keying: Keying) -> list[pa.Array]:
    domain = keying.domains[name]
    sent = pc.fill_null(plain_texts(column), "")
    identifiers, reasons = canonical_identifiers(sent, domain.kind, synthetic_allowed=keying.synthetic_allowed)
    keyed = pseudonyms_of(identifiers, keying.keys[name], domain, keying.form)
    if keying.one_time and keyed.null_count:
        keyed = pc.if_else(keyed.is_valid(), keyed, _one_time_values(len(keyed), domain, keying.form))
    return [keyed, reasons]


def _one_time_values(n_values: int, domain: PseudonymDomain, form: PseudonymForm) -> pa.Array:
    """Return values that look like pseudonyms of the domain and stand for nothing: their key is forgotten here."""
    places = pa.array(np.arange(n_values)).cast(pa.string())
    return pseudonyms_of(places, Secret(os.urandom(32).hex().encode()), domain, form)


@dataclass(frozen=True, slots=True)
class ColumnCheck:
    """What a column of pseudonyms holds; ``n_other_domain`` is None where no domain was given."""

    n_rows: int
    n_null: int
    n_bad: int
    n_other_domain: int | None


def check_column(session: Session, file: Path, column: str, domain: PseudonymDomain | None) -> ColumnCheck:
    """Check a column of pseudonyms: form, check character and, where the domain is given, version and domain character.

    Nulls:  an empty cell of a CSV file is null.
    Raises: UnknownColumn if the file lacks the column; InputError if it is one of lists, or of bytes that are no text.
    """
    session.scan_file("given", file)
    rows = session.batches("given")
    if column not in rows.schema.names:
        message = f"The file has no column {column}."
        raise UnknownColumn(message, "Name the column as in the file's header.")
    _require_plain(rows.schema, column)
    n_rows = n_null = n_bad = n_other = 0
    for batch in rows:
        values = plain_texts(batch.column(rows.schema.get_field_index(column)))
        n_rows += len(values)
        n_null += values.null_count
        bad, other = check_texts(values.drop_null(), domain)
        n_bad += int(np.count_nonzero(bad))
        n_other += int(np.count_nonzero(other))
    return ColumnCheck(n_rows, n_null, n_bad, n_other if domain is not None else None)
