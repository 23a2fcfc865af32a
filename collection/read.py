"""Reading a council's file: whole and in UTF-8 or refused, any column order, headers as titles or column names."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook

from cld.canonical import CHUNK_BYTES, digest_of_file
from cld.engine import Query, Session, quote
from cld.errors import SubmissionRejected, UnreadableFile
from cld.specification import fields

__all__ = ["ReadFile", "read_council_file"]

MOST_LINE_BYTES = 1_000_000
LOCAL_PREFIX = "local"
MOST_LINES = 20
MUST_HAVE = ("la_code", "la_person_unique_identifier", "event_type", "event_start_date", "date_of_birth")


@dataclass(frozen=True, slots=True)
class ReadFile:
    """What was read into the table ``sent``: digest, local items kept, columns set aside, columns absent."""

    digest: str
    local_items: tuple[str, ...]
    set_aside: tuple[str, ...]
    absent: tuple[str, ...]


def _unreadable(what: str, remedy: str) -> UnreadableFile:
    return UnreadableFile(what, remedy)


def _check_text(path: Path) -> None:
    """Refuse empty, binary, wrongly encoded and overlong text before any parser sees it; memory stays at 1 MiB."""
    if path.stat().st_size == 0:
        raise _unreadable("The file is empty.", "Export it again.")
    line_bytes, kept = 0, b""
    with path.open("rb") as stream:
        while piece := stream.read(CHUNK_BYTES):
            if b"\0" in piece:
                raise _unreadable("The file is binary, not CSV.", "Export it as CSV in UTF-8 or as an Excel workbook.")
            kept = _check_utf8(kept + piece)
            lines = piece.split(b"\n")
            line_bytes += len(lines[0])
            longest = max([line_bytes, *map(len, lines[1:])])
            if longest > MOST_LINE_BYTES:
                raise _unreadable("A row is longer than a million bytes.", "Look for an unclosed quotation mark.")
            if len(lines) > 1:
                line_bytes = len(lines[-1])
    if kept:
        raise _unreadable("The file breaks off inside a character.", "Export it again.")


def _check_utf8(content: bytes) -> bytes:
    """Return the bytes of an unfinished last character."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as fault:
        if fault.end == len(content) and len(content) - fault.start < 4 and fault.reason == "unexpected end of data":
            return content[fault.start :]
        raise _unreadable("The file is not in UTF-8.", "Save it as CSV UTF-8.") from None
    return b""


def _read_workbook(session: Session, path: Path) -> None:
    try:
        rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    except (CalamineError, zipfile.BadZipFile, OSError, IndexError) as fault:
        raise _unreadable("The workbook cannot be read.", "Save it again as .xlsx, or send CSV.") from fault
    if len(rows) < 2:  # noqa: PLR2004 - a header and one row
        raise _unreadable("The workbook's first sheet holds no rows.", "Put header and rows on the first sheet.")
    header = [str(cell) for cell in rows[0]]
    if len(set(header)) != len(header):
        raise _unreadable("Two columns of the sheet are named alike.", "Name every column once.")
    columns = {
        name: pa.array([_cell(row[place]) for row in rows[1:]], pa.string()) for place, name in enumerate(header)
    }
    session.take("file_rows", pa.table(columns))


def _cell(value: object) -> str | None:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return text[:10] if hasattr(value, "isoformat") else text or None


def read_council_file(
    session: Session, path: Path, local_items: tuple[str, ...], header_map: Mapping[str, str] | None = None
) -> ReadFile:
    """Bring a council's file into the table ``sent``, one text column a field and one a local item.

    Raises: UnreadableFile for a file that is missing, empty, binary, wrongly encoded, cut off or without a header;
            SubmissionRejected, naming columns, where fields are missing that nothing can do without.
    Source: Direction 3, bullet 1; fields outside Annexes 1 and 2 are set aside (shared reading, s3 scope).
    """
    if not path.is_file():
        raise _unreadable("There is no such file.", "Check the name.")
    if path.suffix.lower() in (".xlsx", ".xls", ".ods"):
        _read_workbook(session, path)
    else:
        _check_text(path)
        session.read_file("file_rows", path)
    headers = session.columns("file_rows")
    mapped = _map_headers(headers, header_map or {})
    if not mapped:
        raise _unreadable(
            "The first line is not a header of the specification.", "Put the field names in the first line."
        )
    missing = tuple(column for column in MUST_HAVE if column not in mapped)
    if missing:
        message = f"Columns are missing: {', '.join(missing)}."
        raise SubmissionRejected(message, missing, "Add the columns and send the file again.")
    kept_local = tuple(h for h in headers if h.lower().startswith(LOCAL_PREFIX) and h in local_items)
    _make_sent(session, mapped, kept_local)
    _refuse_swallowed_rows(session)
    known = {*mapped.values(), *kept_local}
    absent = tuple(field.column for field in fields() if field.column not in mapped)
    return ReadFile(digest_of_file(path), kept_local, tuple(h for h in headers if h not in known), absent)


def _refuse_swallowed_rows(session: Session) -> None:
    """Refuse a cell of many lines: two stray quotation marks have swallowed the rows between them."""
    many = " or ".join(
        f"length({field.column}) - length(replace({field.column}, chr(10), '')) > {MOST_LINES}" for field in fields()
    )
    if session.whole(Query(f"select count(*) from sent where {many}", ("sent",))):  # noqa: S608
        raise _unreadable(f"A cell holds more than {MOST_LINES} lines.", "Look for stray quotation marks.")


def _map_headers(headers: tuple[str, ...], header_map: Mapping[str, str]) -> dict[str, str]:
    """Recognise headers: titles, column names, and what the council mapped itself (column to header)."""
    own = {header.lower().strip(): column for column, header in header_map.items()}
    names = own | {
        name.lower().strip(): field.column for field in fields() for name in (field.title, field.spec_column)
    }
    mapped: dict[str, str] = {}
    for header in headers:
        column = names.get(header.lower().strip().lstrip("\ufeff"))
        if column and column in mapped:
            message = f"Two columns of the file are {column}."
            raise SubmissionRejected(message, (column,), "Keep one of them.")
        if column:
            mapped[column] = header
    return mapped


def local_column(title: str) -> str:
    """Return the column name of a local item."""
    return "local_" + "".join(
        letter if letter.isalnum() else "_" for letter in title.lower().removeprefix("local").strip(": _")
    )


def _make_sent(session: Session, mapped: dict[str, str], local: tuple[str, ...]) -> None:
    cells = []
    for field in fields():
        source = quote(mapped[field.column]) if field.column in mapped else "null"
        cells.append(f"{_blank(source)} as {field.column}")
    cells += [f"{_blank(quote(title))} as {local_column(title)}" for title in local]
    text = f"select row_number() over () as row_number, {', '.join(cells)} from file_rows"  # noqa: S608 - names quoted
    session.table("sent", Query(text, ("file_rows",)))
    session.drop("file_rows")


def _blank(source: str) -> str:
    """Text NULL, N/A and blanks all mean nothing."""
    return f"case when upper(trim(cast({source} as varchar))) in ('NULL', 'N/A', '') then null else trim(cast({source} as varchar)) end"
