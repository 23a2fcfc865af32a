"""The service port ``encoded linkage``: a file that travels, Parquet of a declared schema, written whole or not at all.

A file is read only if every part of it is known.

Columns: ``record_id`` (text, as the partner gave it), ``salt_tag`` (0 to 15), ``filter_<field>`` (fixed-size binary) and
``key_<key>`` (16 bytes); no column holds a value. The metadata hold the scheme, the check value of the secret and the
number of rows; never the secret.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cld.canonical import canonical_bytes
from cld.engine import Query, Session, scratch_engine
from cld.errors import BadSignature, DisclosureRefused, UnknownColumn, UnknownSpecification, UnreadableFile
from linkage.encoded.encode import clean_rows, encode_field, encode_keys, encode_salt_tags
from linkage.encoded.keyring import KEY_BYTES, TAG_VALUES, Keyring
from linkage.encoded.scheme import EncodedField, EncodingScheme, FieldKind

__all__ = ["EncodedFile", "EncodingSummary", "encode_file", "read_encoded", "require_same_secret"]

EXCHANGE_VERSION = 1
METADATA = b"caregate.encoded"
METADATA_NAMES = {"version", "scheme", "check_value", "n_rows"}
ID = "id"
Bits = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class EncodingSummary:
    """What was encoded: rows, values by field, and how many records share the commonest salted encoding."""

    n_rows: int
    n_encoded: Mapping[str, int]
    n_most_alike: Mapping[str, int]
    check_value: str

    def as_json(self) -> dict[str, object]:
        """Return the summary as a JSON value."""
        return {
            "n_rows": self.n_rows,
            "n_encoded": dict(self.n_encoded),
            "n_most_alike": dict(self.n_most_alike),
            "check_value": self.check_value,
        }


@dataclass(frozen=True, slots=True)
class EncodedFile:
    """An exchanged file that was read and found whole; its columns are read one at a time."""

    path: Path
    scheme: EncodingScheme
    check_value: str
    n_rows: int

    def record_ids(self) -> pa.Array:
        """Return the record ids, in order."""
        return self._column("record_id")

    def filters(self, field: str) -> tuple[Bits, npt.NDArray[np.bool_]]:
        """Return a field's filters (n rows x bytes) and which rows have one; the others are zero."""
        return _bytes_of(self._column(f"filter_{field}"), self.scheme.n_bits_out // 8)

    def keys(self, name: str) -> pa.Array:
        """Return the exact keys of a name, null where a part was missing."""
        return self._column(f"key_{name}")

    def salt_tags(self) -> npt.NDArray[np.int16]:
        """Return the tags of salts, -1 where there is none."""
        filled = pc.fill_null(pc.cast(self._column("salt_tag"), pa.int16()), -1)
        return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=np.int16)

    def _column(self, name: str) -> pa.Array:
        return pq.read_table(self.path, columns=[name], page_checksum_verification=True)[name].combine_chunks()


def _bytes_of(column: pa.Array, width: int) -> tuple[Bits, npt.NDArray[np.bool_]]:
    present = np.asarray(column.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    filled = pc.fill_null(column, pa.scalar(bytes(width), pa.binary(width)))
    whole = np.frombuffer(filled.buffers()[1], dtype=np.uint8)[filled.offset * width :]
    return whole[: len(column) * width].reshape(len(column), width), present


def schema_of(scheme: EncodingScheme) -> pa.Schema:
    """Return the schema that a file of this scheme has, to the last column."""
    filters = [(f"filter_{field.name}", pa.binary(scheme.n_bits_out // 8)) for field in scheme.fields]
    keys = [(f"key_{name}", pa.binary(KEY_BYTES)) for name in (key.name for key in scheme.keys)]
    return pa.schema([("record_id", pa.string()), ("salt_tag", pa.uint8()), *filters, *keys])


def encode_file(
    path: Path,
    columns: Mapping[str, str],
    secret: bytes,
    out: Path,
    scheme: EncodingScheme | None = None,
    *,
    n_threads: int = 2,
    memory: str = "2GB",
) -> EncodingSummary:
    """Encode a CSV or Parquet file for a partner.

    ``columns`` maps ``id`` and the scheme's fields to the file's columns; a field that is not mapped is encoded for
    nobody. The id travels as it is: it must be one that means nothing to the partner.

    Order:  by record id.
    Raises: DisclosureRefused if the scheme is not hardened, if an encoded column is also the id, or if more records
            share one salted encoding than the scheme allows; UnknownColumn; UnreadableFile; KeyUnavailable.
    """
    keyring = Keyring(secret, scheme or EncodingScheme())
    _require_hardened(keyring.scheme)
    _require_columns(columns, keyring.scheme)
    with (
        tempfile.TemporaryDirectory() as scratch,
        scratch_engine(Path(scratch), n_threads, memory).session() as session,
    ):
        session.read_file("given_rows", path)
        absent = sorted(set(columns.values()) - set(session.columns("given_rows")))
        if absent:
            message = f"The file has no column {', '.join(absent)}."
            raise UnknownColumn(message, "Name columns as in the file's header.")
        fields = {name: column for name, column in columns.items() if name != ID}
        session.table("rows", clean_rows(keyring.scheme, fields, "given_rows", columns[ID]))
        session.drop("given_rows")
        _require_ids(session)
        return _write(session, keyring, out)


def _require_hardened(scheme: EncodingScheme) -> None:
    if not scheme.is_hardened:
        message = "Encodings without salt and without diffusion or folding can be read with a list of names."
        raise DisclosureRefused(message, ("hardening",), "Use the default scheme.")


def _require_columns(columns: Mapping[str, str], scheme: EncodingScheme) -> None:
    unknown = sorted(set(columns) - {field.name for field in scheme.fields} - {ID})
    if unknown or ID not in columns or len(columns) == 1:
        message = (
            f"The map of columns needs an id and fields of the scheme, and knows no {', '.join(unknown) or 'other'}."
        )
        raise UnknownColumn(message, "Map the scheme's fields to the file's columns.")
    if columns[ID] in [column for name, column in columns.items() if name != ID]:
        message = "The record id would travel in clear and is also a column to encode."
        raise DisclosureRefused(message, ("id",), "Give the rows an id that tells nothing.")


def _require_ids(session: Session) -> None:
    text = "select count(*) - count(distinct nullif(record_id, '')) from rows"
    if session.whole(Query(text, ("rows",))):
        message = "A record id is missing or occurs twice."
        raise UnreadableFile(message, "Give every row an id of its own.")


def _write(session: Session, keyring: Keyring, out: Path) -> EncodingSummary:
    """Write the file column by column in memory of one column's distinct values, then give it its name."""
    scheme = keyring.scheme
    ids = session.arrow(Query("select record_id from rows order by place", ("rows",)))["record_id"].combine_chunks()
    columns: dict[str, pa.Array] = {"record_id": pc.cast(ids, pa.string())}
    columns["salt_tag"] = pa.array(encode_salt_tags(session, "rows", keyring), pa.uint8())
    n_encoded, n_alike = {}, {}
    for field in scheme.fields:
        made, own = encode_field(session, "rows", field, keyring)
        n_encoded[field.name] = int((own >= 0).sum())
        n_alike[field.name] = int(np.bincount(own[own >= 0], minlength=1).max())
        columns[f"filter_{field.name}"] = _column_of(made, own, field, keyring, ids)
    _require_unlike(n_alike, scheme)
    for key in scheme.keys:
        columns[f"key_{key.name}"] = pa.array(encode_keys(session, "rows", key, keyring), pa.binary(KEY_BYTES))
    described = _metadata(keyring, len(ids))
    table = pa.table(columns, schema=schema_of(scheme).with_metadata({METADATA: described}))
    _save(table, out)
    return EncodingSummary(len(ids), n_encoded, n_alike, keyring.check_value())


def _column_of(
    made: Bits, own: npt.NDArray[np.int64], field: EncodedField, keyring: Keyring, ids: pa.Array
) -> pa.Array:
    """Give every row its filter, flipped bit by bit of its own where the scheme has flips."""
    rows = made[np.maximum(own, 0)] if len(made) else np.zeros((len(own), keyring.scheme.n_bits_out // 8), np.uint8)
    if keyring.scheme.flips_per_thousand:
        nonce = keyring.exact_key("noise of these rows", [field.name, *ids.to_pylist()])
        rows ^= np.packbits(keyring.noise(field.name, nonce, (len(rows), keyring.scheme.n_bits_out)), axis=1)
    width = rows.shape[1]
    valid = pa.py_buffer(np.packbits(own >= 0, bitorder="little").tobytes())
    rows[own < 0] = 0
    return pa.Array.from_buffers(pa.binary(width), len(rows), [valid, pa.py_buffer(rows.tobytes())])


def _require_unlike(n_alike: Mapping[str, int], scheme: EncodingScheme) -> None:
    names = {field.name for field in scheme.fields if field.salted and field.kind is not FieldKind.CATEGORY}
    above = sorted(name for name in names if n_alike[name] > scheme.most_alike)
    if above:
        message = f"More than {scheme.most_alike} records share one encoding of: {', '.join(above)}."
        remedy = "Salt by the whole date of birth, or encode fewer records under one secret."
        raise DisclosureRefused(message, tuple(above), remedy)


def _metadata(keyring: Keyring, n_rows: int) -> bytes:
    return canonical_bytes(
        {
            "version": EXCHANGE_VERSION,
            "scheme": keyring.scheme.as_json(),
            "check_value": keyring.check_value(),
            "n_rows": n_rows,
        }
    )


def _save(table: pa.Table, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    staged = out.with_name(f".{out.name}.part")
    try:
        pq.write_table(
            table, staged, compression="zstd", write_page_checksum=True, write_statistics=False, use_dictionary=False
        )
        staged.replace(out)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise


def read_encoded(path: Path) -> EncodedFile:
    """Open an exchanged file and check all of it: schema, scheme, hardening, rows and ids.

    Raises: UnreadableFile, UnknownSpecification or DisclosureRefused; nothing is guessed or skipped.
    """
    try:
        schema = pq.read_schema(path)
        n_rows = pq.read_metadata(path).num_rows
    except (OSError, pa.ArrowException) as fault:
        message = f"The file {path.name} is missing or no Parquet file."
        raise UnreadableFile(message, "Ask the partner for it again.") from fault
    described = _described(schema, path.name)
    scheme = EncodingScheme.from_json(described["scheme"])
    _require_hardened(scheme)
    if not schema.remove_metadata().equals(schema_of(scheme)) or described["n_rows"] != n_rows:
        message = f"The file {path.name} has other columns or rows than it says."
        raise UnreadableFile(message, "Ask the partner for it again.")
    found = EncodedFile(path, scheme, str(described["check_value"]), n_rows)
    _require_whole(found)
    return found


def _described(schema: pa.Schema, shown: str) -> dict[str, Any]:
    try:
        described = json.loads((schema.metadata or {})[METADATA])
        is_known = set(described) == METADATA_NAMES and described["version"] == EXCHANGE_VERSION
    except (KeyError, TypeError, ValueError) as fault:
        message = f"The file {shown} is no file of encodings."
        raise UnreadableFile(message, "Give a file that was written by the encoder.") from fault
    if not is_known:
        message = f"The file {shown} has a version of the exchange that is not known here."
        raise UnknownSpecification(message, "Use the version of Caregate that wrote it.")
    return dict(described)


def _require_whole(found: EncodedFile) -> None:
    try:
        ids = found.record_ids()
        tags = found.salt_tags()
        for field in found.scheme.fields:
            found.filters(field.name)
        for key in found.scheme.keys:
            found.keys(key.name)
    except (OSError, pa.ArrowException) as fault:
        message = f"The file {found.path.name} is damaged."
        raise UnreadableFile(message, "Ask the partner for it again.") from fault
    is_blank = bool(pc.any(pc.equal(ids, "")).as_py())
    is_good = not ids.null_count and not is_blank and pc.count_distinct(ids).as_py() == len(ids)
    if not is_good or (len(tags) and int(tags.max()) >= TAG_VALUES):
        message = f"The file {found.path.name} has a missing or repeated record id, or a tag that cannot be."
        raise UnreadableFile(message, "Ask the partner for it again.")


def require_same_secret(left: EncodedFile, right: EncodedFile) -> None:
    """Hold two files to one scheme and one secret.

    Raises: UnknownSpecification if the schemes differ; BadSignature if only the secrets do.
    """
    if left.scheme != right.scheme:
        message = "The two files were encoded under different schemes."
        raise UnknownSpecification(message, "Encode both with one scheme.")
    if left.check_value != right.check_value:
        message = "The two files were encoded under different secrets."
        raise BadSignature(message, "Encode both with one secret.")
