"""The shelf: write-once, content-addressed storage of rows; identified rows lie there encrypted.

A dataset is staged, hashed, then renamed to its digest, so a table exists whole or not at all. Identified rows
are Arrow record batches, each sealed by AES-256-GCM under a data key of their own; destroying that key destroys
the rows. Other rows are Parquet.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cld.datasets import Dataset, Identified, Zone
from cld.errors import KeyUnavailable, NotSealed, UnreadableFile
from cld.secret import Secret

__all__ = ["DataKeys", "Shelf", "atomic_write", "sync_folder"]

MAGIC = b"CGSHELF1"
ROWS_IN_BATCH = 65_536
FRAME_HEAD = struct.Struct(">IB")
LAST_FRAME = 1
RESTORE = "Restore the shelf from its backup."
Z = TypeVar("Z", bound=Zone)


class DataKeys(Protocol):
    """What the shelf asks of the keystore: a fresh key for a table, and the same key again."""

    def new_data_key(self) -> tuple[str, Secret]:
        """Make a data key; return its id and its 32 bytes."""
        ...

    def open_data_key(self, key_id: str) -> Secret:
        """Return the 32 bytes of a data key, or raise KeyUnavailable or KeyDestroyed."""
        ...


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def atomic_write(path: Path, content: bytes) -> None:
    """Write a file so that it exists whole or not at all under its final name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with staged.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        staged.replace(path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def even_batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Cut a stream into batches of 65,536 rows, so that equal rows give equal bytes on any number of threads."""
    waiting: list[pa.RecordBatch] = []
    n_waiting = 0
    for batch in reader:
        waiting.append(batch)
        n_waiting += batch.num_rows
        while n_waiting >= ROWS_IN_BATCH:
            table = pa.Table.from_batches(waiting).combine_chunks()
            yield table.slice(0, ROWS_IN_BATCH).combine_chunks().to_batches()[0]
            rest = table.slice(ROWS_IN_BATCH)
            waiting = rest.to_batches()
            n_waiting = rest.num_rows
    if n_waiting:
        yield pa.Table.from_batches(waiting).combine_chunks().to_batches()[0]


def _digest_of(rows: pa.RecordBatchReader, write: Callable[[pa.RecordBatch], None]) -> tuple[str, int]:
    """Hash a stream of rows, handing each batch on; return the digest and the number of rows."""
    running, n_rows = hashlib.sha256(rows.schema.to_string().encode()), 0
    for batch in even_batches(rows):
        running.update(_hashed(batch).serialize())
        n_rows += batch.num_rows
        write(batch)
    return running.hexdigest(), n_rows


def _hashed(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return what is hashed of a batch: under a missing value, and behind the last bit of a map of bits, memory holds whatever
    it held, so a fixed value and a byte that marks it stand in its place, and equal rows are equal bytes.
    """
    columns: dict[str, pa.Array] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        held = column
        if column.null_count and _is_plain(column.type):
            columns[f"{name} is missing"] = pc.is_null(column).cast(pa.uint8())
            held = pc.fill_null(column, _nothing_of(column.type))
        columns[name] = held.cast(pa.uint8()) if pa.types.is_boolean(held.type) else held
    return pa.RecordBatch.from_pydict(columns)


def _is_plain(kind: pa.DataType) -> bool:
    return bool(pa.types.is_primitive(kind) or pa.types.is_decimal(kind) or pa.types.is_string(kind))


def _nothing_of(kind: pa.DataType) -> pa.Scalar:
    if pa.types.is_string(kind):
        return pa.scalar("", kind)
    if pa.types.is_boolean(kind):
        return pa.scalar(False, kind)
    if pa.types.is_decimal(kind):
        return pa.scalar(Decimal(0), kind)
    width = pa.int32() if kind in (pa.date32(), pa.time32("s")) else pa.int64()
    return pa.scalar(0, width).cast(kind)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The place where rows lie. ``root`` is a folder that only the service's account may read."""

    root: Path
    data_keys: DataKeys = field(repr=False)

    def store(self, rows: pa.RecordBatchReader, zone: type[Z]) -> Dataset[Z]:
        """Write a stream of rows and return the dataset.

        Source: design, the shelf is write-once and content-addressed: stage, hash, rename.
        """
        self._folder(zone).mkdir(parents=True, exist_ok=True, mode=0o700)
        staged = self._folder(zone) / f".{os.urandom(8).hex()}.part"
        try:
            digest, n_rows, key_id = self._stage(rows, staged, zone)
            dataset = Dataset(zone, digest, tuple(rows.schema.names), n_rows, key_id)
            staged.replace(self.place(dataset))
        except BaseException:
            staged.unlink(missing_ok=True)
            raise
        sync_folder(self._folder(zone))
        return dataset

    def _stage(self, rows: pa.RecordBatchReader, staged: Path, zone: type[Z]) -> tuple[str, int, str]:
        key_id, key = self.data_keys.new_data_key() if zone is Identified else ("", Secret(b""))
        with staged.open("wb") as stream:
            sink = _SealedSink(stream, key, key_id, rows.schema) if zone is Identified else _ParquetSink(stream, rows)
            digest, n_rows = _digest_of(rows, sink.write)
            sink.close()
            stream.flush()
            os.fsync(stream.fileno())
        return digest, n_rows, key_id

    def place(self, dataset: Dataset[Z]) -> Path:
        """Return the file of a dataset. Encrypted tables differ by key, so the key's id is in their name."""
        name = (
            f"{dataset.digest}-{dataset.key_id}.sealed" if dataset.zone is Identified else f"{dataset.digest}.parquet"
        )
        return self._folder(dataset.zone) / name

    def _folder(self, zone: type[Zone]) -> Path:
        return self.root / zone.name

    def held(self, dataset: Dataset[Z]) -> Path:
        """Return the file of a dataset that is there.

        Raises: UnreadableFile if the table is gone.
        """
        path = self.place(dataset)
        if not path.is_file():
            message = f"A table is missing from the shelf: {dataset.digest[:16]}."
            raise UnreadableFile(message, RESTORE)
        return path

    def whole(self, dataset: Dataset[Z]) -> Path:
        """Return the file of a dataset of Parquet that holds the rows that were stored: they are hashed again.

        An encrypted table needs no such look: it opens unaltered or not at all.
        Raises: UnreadableFile if the table is gone; NotSealed if its rows are others.
        """
        path = self.held(dataset)
        try:
            with pq.ParquetFile(path) as source:
                rows = source.iter_batches(ROWS_IN_BATCH)
                found, _ = _digest_of(pa.RecordBatchReader.from_batches(source.schema_arrow, rows), lambda _: None)
        except (OSError, pa.ArrowException):
            found = ""
        if found != dataset.digest:
            message = f"A table on the shelf is not as it was stored: {dataset.digest[:16]}."
            raise NotSealed(message, (dataset.digest,), RESTORE)
        return path

    def open(self, dataset: Dataset[Z]) -> pa.RecordBatchReader:
        """Return the rows of a dataset as a stream.

        Raises: UnreadableFile if the table is gone; KeyUnavailable or KeyDestroyed if it cannot be opened.
        """
        path = self.held(dataset)
        if dataset.zone is Identified:
            return _open_sealed(path, self.data_keys.open_data_key(dataset.key_id))
        source = pq.ParquetFile(path)
        return pa.RecordBatchReader.from_batches(source.schema_arrow, source.iter_batches(ROWS_IN_BATCH))


class _ParquetSink:
    """Parquet of fixed row groups and zstd pages."""

    def __init__(self, stream: BinaryIO, rows: pa.RecordBatchReader) -> None:
        self._writer = pq.ParquetWriter(stream, rows.schema, compression="zstd", store_schema=False)

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch, row_group_size=ROWS_IN_BATCH)

    def close(self) -> None:
        self._writer.close()


class _SealedSink:
    """Frames of AES-256-GCM, numbered and with the last one marked, so that none can be cut, swapped or added."""

    def __init__(self, stream: BinaryIO, key: Secret, key_id: str, schema: pa.Schema) -> None:
        self._stream = stream
        self._cipher = AESGCM(key.reveal())
        self._n_frames = 0
        stream.write(MAGIC + struct.pack(">H", len(key_id)) + key_id.encode())
        self._frame(schema.serialize().to_pybytes(), 0)

    def write(self, batch: pa.RecordBatch) -> None:
        self._frame(batch.serialize().to_pybytes(), 0)

    def close(self) -> None:
        self._frame(b"", LAST_FRAME)

    def _frame(self, plain: bytes, mark: int) -> None:
        nonce, bound = _frame_binding(self._n_frames, mark)
        sealed = self._cipher.encrypt(nonce, plain, bound)
        self._stream.write(FRAME_HEAD.pack(len(sealed), mark) + sealed)
        self._n_frames += 1


def _frame_binding(number: int, mark: int) -> tuple[bytes, bytes]:
    return number.to_bytes(12, "big"), MAGIC + number.to_bytes(8, "big") + bytes([mark])


def _open_sealed(path: Path, key: Secret) -> pa.RecordBatchReader:
    frames = _frames(path, AESGCM(key.reveal()))
    schema = pa.ipc.read_schema(pa.BufferReader(next(frames)))
    return pa.RecordBatchReader.from_batches(
        schema, (pa.ipc.read_record_batch(pa.BufferReader(frame), schema) for frame in frames)
    )


def _frames(path: Path, cipher: AESGCM) -> Iterator[bytes]:
    """Yield the frames in order; a missing last frame, like any other damage, is one and the same error."""
    with path.open("rb") as stream:
        try:
            stream.seek(len(MAGIC))
            (length,) = struct.unpack(">H", stream.read(2))
            stream.seek(length, os.SEEK_CUR)
            number = 0
            while True:
                size, mark = FRAME_HEAD.unpack(stream.read(FRAME_HEAD.size))
                nonce, bound = _frame_binding(number, mark)
                plain = cipher.decrypt(nonce, stream.read(size), bound)
                if mark == LAST_FRAME:
                    return
                yield plain
                number += 1
        except (InvalidTag, struct.error) as fault:
            message = "An encrypted table does not open."
            raise KeyUnavailable(message, "Check the keystore and restore the table from its backup.") from fault
