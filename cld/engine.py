"""The one place where SQL runs. Queries are values; values are bound; tables are attached by name from the shelf."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from cld.datasets import Dataset, Identified, Zone
from cld.errors import CLDError, InputError, InvariantBroken, StorageFull, UnreadableFile
from cld.secret import Secret
from cld.shelf import ROWS_IN_BATCH, Shelf

__all__ = ["PLACE_COLUMN", "Engine", "Query", "Session", "quote", "scratch_engine", "text_literal"]

Z = TypeVar("Z", bound=Zone)
FULL_DISK_WORDS = ("No space left", "File too large", "Disk quota")
MOST_HEADER_CHARACTERS = 100_000
BYTES_AT_ONCE = 1 << 20
BROKEN = (duckdb.Error, OSError, UnicodeDecodeError, csv.Error)
PLACE_COLUMN = "file_row_number"
MOST_LINE_BYTES = 4_000_000
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def quote(identifier: str) -> str:
    """Quote a column or table name for SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def scratch_engine(folder: Path, n_threads: int = 2, memory: str = "2GB") -> Engine:
    """Return an engine for work that keeps no identified rows (the synthetic England, stand-alone commands)."""
    return Engine(Shelf(folder / "shelf", _NoKeys()), folder / "spill", n_threads, memory)


class _NoKeys:
    """A keystore that refuses, for engines that store nothing identified."""

    def new_data_key(self) -> tuple[str, Secret]:
        message = "This engine keeps no identified rows."
        raise InvariantBroken(message)

    def open_data_key(self, key_id: str) -> Secret:
        del key_id
        return self.new_data_key()[1]


def text_literal(constant: str) -> str:
    """Quote a constant of ours (a path, a label of a specification) for SQL; values of people are bound instead."""
    return "'" + constant.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Query:
    """SQL as a value: text, the tables it reads, bound parameters and the columns it declares.

    ``columns`` empty means that the result's columns are not checked (for a query whose columns follow a plan).
    """

    text: str
    inputs: tuple[str, ...] = ()
    parameters: Mapping[str, object] = field(default_factory=dict)
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Engine:
    """DuckDB with bounded memory, no network and a spill folder of its own.

    ``spill`` must be a folder that only the service's account may read: what does not fit in memory is written
    there unencrypted while a session lasts, and removed when it ends.
    """

    shelf: Shelf
    spill: Path
    n_threads: int = 2
    memory: str = "2GB"

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session; its tables live in memory and its spill folder is removed at the end."""
        self.spill.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = Path(tempfile.mkdtemp(prefix="session-", dir=self.spill))
        connection = duckdb.connect(
            config={
                "threads": self.n_threads,
                "memory_limit": self.memory,
                "temp_directory": str(folder),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        connection.execute("set enable_progress_bar = false")
        try:
            yield Session(connection, self.shelf, folder)
        finally:
            connection.close()
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _plain_name(path: Path) -> Iterator[Path]:
    """Give a file a name without meaning: the engine reads stars as patterns and folders as columns."""
    with tempfile.TemporaryDirectory() as folder:
        suffix = ".csv.gz" if path.suffix == ".gz" else path.suffix
        plain = Path(folder) / f"file{suffix}"
        plain.symlink_to(path.resolve())
        yield plain


def _unreadable(path: Path) -> UnreadableFile:
    """Say of a file that could not be read whether it is there, without a word of what is in it."""
    if not path.is_file():
        return UnreadableFile(f"There is no file {path.name}.", "Check the name.")
    if path.suffix != ".parquet" and (encoding := _other_encoding(path)):
        message = f"The file {path.name} is not in UTF-8, which is expected; it looks like {encoding}."
        return UnreadableFile(message, "Save it as CSV in UTF-8 (in Excel: CSV UTF-8), or as Parquet.")
    message = f"The file {path.name} breaks off, or a row has more or fewer cells than the header."
    return UnreadableFile(message, "Export it again as CSV in UTF-8, or as Parquet.")


def _other_encoding(path: Path) -> str:
    """Say what a text file that cannot be read is written in, or nothing if it is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as stream:
            start = stream.read(BYTES_AT_ONCE)
            if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in start:
                return "UTF-16"
            decoder.decode(start)
            while part := stream.read(BYTES_AT_ONCE):
                decoder.decode(part)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "Windows-1252 or Latin-1"
    except (OSError, EOFError):
        return ""
    return ""


def _parquet_source(path: Path, more: str = "") -> str:
    """Return the engine's words for reading a Parquet file.

    Raises: UnreadableFile if two of its columns differ by letters' case alone: the engine would take one for the other.
    """
    try:
        names = pq.read_schema(path).names
    except (OSError, pa.ArrowException):
        names = []  # the engine says what is wrong with it
    if len({name.casefold() for name in names}) != len(names):
        message = "Two columns of the Parquet file have one name, but for capitals."
        raise UnreadableFile(message, "Name every column once, whatever its case.")
    return f"read_parquet({text_literal(str(path))}, hive_partitioning=false{more})"


def _first_lines(start: str, separator: str) -> tuple[list[str], list[str]]:
    """Return the header of a file and its first row, nothing where they cannot be parted so."""
    lines = csv.reader(io.StringIO(start, newline=""), delimiter=separator, strict=True)
    try:
        header = next(lines, [])
    except csv.Error:
        return [], []
    try:
        return header, next(lines, header)
    except csv.Error:
        return header, []


def _header(start: str, separators: str) -> tuple[str, list[str]]:
    """Return the separator that parts the header, if any does, and the first row alike, into most names, and the names."""
    found = [(separator, *_first_lines(start, separator)) for separator in separators]
    separator, header, _ = max(found, key=lambda one: (len(one[1]) > 1, len(one[1]) == len(one[2]), len(one[1])))
    return separator, header


def _csv_source(path: Path, shown: str, separators: str) -> str:
    """Say exactly how a CSV file is read, so that nothing is guessed from its rows but, where there is a choice, the separator.

    Raises: UnreadableFile for a header that is empty, too long or names two columns alike.
    Source: RFC 4180.
    """
    separator, header = _header_of(path, separators)
    if not any(header) or len({name.lower() for name in header}) != len(header) or PLACE_COLUMN in header:
        message = f"The header of {shown} is empty, names two columns alike, or one {PLACE_COLUMN}."
        raise UnreadableFile(message, "Name every column once in the first line, whatever its case.")
    return _csv_reader([path], separator, header)


def _header_of(path: Path, separators: str) -> tuple[str, list[str]]:
    """Read the separator and the names of a file's header."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as stream:
        return _header(stream.read(MOST_HEADER_CHARACTERS), separators)


def _csv_reader(paths: Sequence[Path], separator: str, header: Sequence[str]) -> str:
    """Return the engine's words for reading CSV files of one header, every column as text."""
    columns = ", ".join(f"{text_literal(name)}: 'varchar'" for name in header)
    listed = ", ".join(text_literal(str(path)) for path in paths)
    return (
        f"read_csv([{listed}], auto_detect=false, header=true, delim={text_literal(separator)}, "
        f"quote='\"', escape='\"', comment='', strict_mode=true, hive_partitioning=false, columns={{{columns}}}, max_line_size={MOST_LINE_BYTES})"
    )


class Session:
    """Tables under one roof for the length of one step."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, shelf: Shelf, folder: Path) -> None:
        """Hold a connection and the folder of its spill; only Engine.session makes one."""
        self._connection = connection
        self._shelf = shelf
        self._folder = folder
        self._tables: set[str] = set()
        self._scanned: dict[str, Path] = {}

    def attach(self, name: str, dataset: Dataset[Any]) -> None:
        """Bring a dataset in under a name. Encrypted rows are decrypted into the session's own memory.

        Raises: UnreadableFile if it is gone from the shelf; NotSealed if its rows were altered; KeyUnavailable, KeyDestroyed.
        """
        if dataset.zone is not Identified:
            place = text_literal(str(self._shelf.whole(dataset)))
            self._run(f"create view {self._new(name)} as select * from read_parquet({place})", {})
            return
        self.take(name, self._shelf.open(dataset))

    def take(self, name: str, rows: pa.RecordBatchReader | pa.Table) -> None:
        """Bring a stream of rows in as a table."""
        self._connection.register("arriving_rows", rows)
        self._run(f"create table {self._new(name)} as select * from arriving_rows", {})
        self._connection.unregister("arriving_rows")

    def append(self, name: str, rows: pa.Table) -> None:
        """Add rows to a table that ``take`` made, whose columns they have in its order."""
        self._connection.register("arriving_rows", rows)
        self._run(f"insert into {quote(name)} select * from arriving_rows", {})
        self._connection.unregister("arriving_rows")

    def read_file(self, name: str, path: Path, separators: str = ",") -> None:
        """Bring a Parquet or CSV file of our own in as a table; every CSV column is text.

        Which of ``separators`` a CSV file uses is read from its header and first row.

        Raises: UnreadableFile if DuckDB cannot read it.
        """
        try:
            with _plain_name(path) as plain:
                source = (
                    _parquet_source(plain) if path.suffix == ".parquet" else _csv_source(plain, path.name, separators)
                )
                self._run(f"create table {self._new(name)} as select * from {source}", {})
        except BROKEN:
            self._tables.discard(name)
            # the engine's own words quote the row it stopped at, so the chain ends here
            raise _unreadable(path) from None

    def scan_file(self, name: str, path: Path, separators: str = ",") -> None:
        """Bring a Parquet or CSV file in as a view with the row's place as ``file_row_number``; memory stays bounded.

        A CSV file is first rewritten as Parquet in the session's spill folder; every CSV column is text. Which of
        ``separators`` it uses is read from its header and first row.
        Raises: UnreadableFile if DuckDB cannot read it.
        """
        plain = self._folder / f"{name}{'.parquet' if path.suffix == '.parquet' else '.rows.parquet'}"
        if path.suffix == ".parquet" and path.is_file():
            plain.symlink_to(path.resolve())
        else:
            self._rewrite(path, plain, separators)
        source = _parquet_source(plain, more=", file_row_number=true")
        try:
            self._run(f"create view {self._new(name)} as select * from {source}", {})
            self._scanned[name] = plain
        except duckdb.Error:
            self._tables.discard(name)
            message = f"The file {path.name} is not whole Parquet, or has a column called {PLACE_COLUMN}."
            raise UnreadableFile(message, "Write it again as Parquet or as CSV in UTF-8.") from None

    def scan_text(self, name: str, paths: Sequence[Path], columns: Sequence[str]) -> None:
        """Bring CSV files of ours, of one header, in as a view that reads them anew for each query; every column is text.

        Raises: UnreadableFile at once if a header is another; what breaks off shows when a query reads it.
        """
        plain = [self._folder / f"{name}.{place}.csv" for place in range(len(paths))]
        for place, path in zip(plain, paths, strict=True):
            place.symlink_to(path.resolve())
            if _header_of(path, ",")[1] != list(columns):
                message = f"The header of {path.name} is another."
                raise UnreadableFile(message, "Write the file again.")
        source = _csv_reader(plain, ",", columns)
        self._run(f"create view {self._new(name)} as select * from {source}", {})

    def keep(self, path: Path, tables: Mapping[str, Query]) -> None:
        """Write the answers of queries into a DuckDB file of their own, by name; it appears when complete."""
        staged = path.with_name(f".{path.name}.part")
        path.parent.mkdir(parents=True, exist_ok=True)
        staged.unlink(missing_ok=True)
        try:
            self._run(f"attach {text_literal(str(staged))} as kept_file", {})
            for kept, query in tables.items():
                self._check_inputs(query)
                self._run(f"create table kept_file.{quote(kept)} as {query.text}", query.parameters)
            self._run("detach kept_file", {})
            staged.replace(path)
        except BaseException:
            with contextlib.suppress(duckdb.Error):
                self._run("detach kept_file", {})
            staged.unlink(missing_ok=True)
            staged.with_name(f"{staged.name}.wal").unlink(missing_ok=True)
            raise

    def open_kept(self, path: Path, tables: Mapping[str, str], *, place: str = "opened_file") -> None:
        """Bring tables of a DuckDB file in as views, ``tables`` mapping our names to its; read only, one file a place.

        Raises: UnreadableFile if it is no such file or lacks a table.
        """
        try:
            self._run(f"attach if not exists {text_literal(str(path))} as {quote(place)} (read_only)", {})
            for ours, kept in tables.items():
                self._run(f"create view {self._new(ours)} as select * from {quote(place)}.{quote(kept)}", {})
        except duckdb.Error:
            for ours in tables:
                self._tables.discard(ours)
            message = f"The file {path.name} is no kept index, or one that breaks off."
            raise UnreadableFile(message, "Name an index, or a file that is not there yet to have one made.") from None

    def _rewrite(self, path: Path, plain: Path, separators: str) -> None:
        """Rewrite a CSV file as Parquet, row by row."""
        try:
            with _plain_name(path) as named:
                source = _csv_source(named, path.name, separators)
                self._run(f"copy (select * from {source}) to {text_literal(str(plain))} (format parquet)", {})
        except BROKEN:
            raise _unreadable(path) from None

    def table(self, name: str, query: Query) -> None:
        """Run a query and keep its result as a table."""
        self._check_inputs(query)
        self._run(f"create or replace table {quote(name)} as {query.text}", query.parameters)
        self._tables.add(name)
        self._check_columns(name, query)

    def rows(self, query: Query) -> list[tuple[Any, ...]]:
        """Run a query whose answer is small and return its rows."""
        self._check_inputs(query)
        return self._run(query.text, query.parameters).fetchall()

    def whole(self, query: Query) -> int:
        """Run a query whose answer is one whole number and return it."""
        return int(self.rows(query)[0][0])

    def arrow(self, query: Query) -> pa.Table:
        """Run a query whose answer is small and return it as an Arrow table."""
        return self.stream(query).read_all()

    def batches(self, name: str) -> pa.RecordBatchReader:
        """Return the rows of a scanned file in its order, some at a time, beside and apart from any query.

        Raises: UnreadableFile as the stream is read, if the file breaks off.
        """
        source = pq.ParquetFile(self._scanned[name])

        def read() -> Iterator[pa.RecordBatch]:
            try:
                yield from source.iter_batches(ROWS_IN_BATCH)
            except (OSError, pa.ArrowException):
                raise _unreadable(self._scanned[name].resolve()) from None

        return pa.RecordBatchReader.from_batches(source.schema_arrow, read())

    def export_stream(self, rows: pa.RecordBatchReader, path: Path) -> None:
        """Write a stream of rows, in its order, to a CSV or Parquet file; it appears when complete.

        Raises: the stream's own CLDError if it ends with one, which the engine would wrap in words of its own.
        """
        faults: list[CLDError] = []

        def watched() -> Iterator[pa.RecordBatch]:
            try:
                yield from rows
            except CLDError as fault:
                faults.append(fault)
                raise

        self._connection.register("leaving_rows", pa.RecordBatchReader.from_batches(rows.schema, watched()))
        self._tables.add("leaving_rows")
        try:
            self.export(Query("select * from leaving_rows", ("leaving_rows",)), path)
        except duckdb.Error:
            if faults:
                raise faults[0] from None
            raise
        finally:
            self._tables.discard("leaving_rows")
            self._connection.unregister("leaving_rows")

    def coded(self, name: str, column: str) -> pa.ChunkedArray:
        """Return a column of a table as codes with the values they stand for, row after row; a missing cell has none.

        Text of a scanned file keeps the dictionary that its Parquet holds, so that no cell is decoded.
        """
        scanned = self._scanned.get(name)
        if scanned is not None and self.types(name)[column] == "VARCHAR" and NAME.fullmatch(column):
            read = pq.ParquetFile(scanned, read_dictionary=[column]).read(columns=[column], use_threads=False)[column]
        else:
            read = self.arrow(Query(f"select {quote(column)} as cell from {quote(name)}", (name,)))["cell"]  # noqa: S608
        return read if pa.types.is_dictionary(read.type) else read.dictionary_encode()

    def stream(self, query: Query) -> pa.RecordBatchReader:
        """Run a query and return its rows as a stream; read it to the end before the next query."""
        self._check_inputs(query)
        return self._connection.sql(query.text, params=dict(query.parameters)).to_arrow_reader(ROWS_IN_BATCH)

    def store(self, query: Query, zone: type[Z]) -> Dataset[Z]:
        """Run a query, which must end in a total order, and put its rows on the shelf."""
        if "order by" not in query.text.lower():
            message = "A stored query has no order."
            raise InvariantBroken(message)
        return self._shelf.store(self.stream(query), zone)

    def export(self, query: Query, path: Path) -> None:
        """Write a small or large answer to a CSV or Parquet file of our own; it appears when complete."""
        self._check_inputs(query)
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_name(f".{path.name}.part")
        packed = ", compression gzip" if path.suffix == ".gz" else ""
        form = "format parquet, compression zstd" if path.suffix == ".parquet" else f"format csv, header{packed}"
        try:
            self._run(f"copy ({query.text}) to {text_literal(str(staged))} ({form})", query.parameters)
            staged.replace(path)
        except BaseException:
            staged.unlink(missing_ok=True)
            raise

    def drop(self, name: str) -> None:
        """Forget a table or view that is no longer needed."""
        kind = "view" if name in self._views() else "table"
        self._run(f"drop {kind} if exists {quote(name)}", {})
        self._tables.discard(name)
        self._scanned.pop(name, None)

    def view(self, name: str, query: Query) -> None:
        """Name a query without running it; it takes no parameters."""
        self._check_inputs(query)
        self._run(f"create or replace view {quote(name)} as {query.text}", {})
        self._tables.add(name)
        self._check_columns(name, query)

    def has(self, name: str) -> bool:
        """Say whether a table or view of this name is there."""
        return name in self._tables

    def columns(self, name: str) -> tuple[str, ...]:
        """Return the columns of a table, in order."""
        return tuple(self.types(name))

    def types(self, name: str) -> Mapping[str, str]:
        """Return the columns of a table with the engine's names of their types, in order."""
        rows = self._run(f"describe {quote(name)}", {}).fetchall()
        return {str(row[0]): str(row[1]) for row in rows}

    def _views(self) -> set[str]:
        rows = self._run("select view_name from duckdb_views() where not internal", {}).fetchall()
        return {str(row[0]) for row in rows}

    def _new(self, name: str) -> str:
        if not NAME.fullmatch(name) or name in self._tables:
            message = f"A table of this session cannot be called {name!r}."
            raise InvariantBroken(message)
        self._tables.add(name)
        return quote(name)

    def _check_inputs(self, query: Query) -> None:
        absent = [name for name in query.inputs if name not in self._tables]
        if absent:
            message = f"A query reads tables that were not attached: {', '.join(absent)}."
            raise InvariantBroken(message)

    def _check_columns(self, name: str, query: Query) -> None:
        if query.columns and self.columns(name) != query.columns:
            message = f"Table {name} has other columns than its query declares."
            raise InvariantBroken(message)

    def _run(self, text: str, parameters: Mapping[str, object]) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(text, dict(parameters)) if parameters else self._connection.execute(text)
        except (duckdb.IOException, duckdb.TransactionException) as fault:  # the latter where a commit is what fails
            if any(words in str(fault) for words in FULL_DISK_WORDS):
                raise StorageFull from None
            raise
        except duckdb.OutOfMemoryException:
            message = "The work does not fit into the memory that was given."
            raise InputError(message, "Give more with --memory, or fewer rows.") from None
