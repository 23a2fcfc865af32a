"""The files of the opt-out service: NHS numbers out, and back come those of people who do not object.

One number a line, followed by a comma and a line feed, never by a carriage return; the answer has the same form and holds
nothing that was not asked. A file that the service cannot read is answered by one line of words, or by nothing at all.

Source: NHS England, Check for National Data Opt-outs Service (digital.nhs.uk); UK Renal Registry, National Opt-Out
        Processes (renalregistry.atlassian.net), for the form of the lines and for what comes back when they are wrong.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from cld.engine import Query, Session
from cld.errors import OptOutsUnknown
from policies.opt_outs import OptOutLimits

__all__ = ["file_digest", "read_answer", "write_question"]

BLOCK_BYTES = 1 << 20
LINES = "opt_out_lines"
ASK_AGAIN = "Nothing is built. Ask the service again; if it goes on, ask its service desk."


def write_question(session: Session, asked: str, path: Path) -> None:
    """Write the numbers of a table x (nhs_number) in their order."""
    with path.open("wb") as stream:
        for batch in session.stream(Query(f"select nhs_number from {asked} order by nhs_number", (asked,))):  # noqa: S608
            numbers = batch.column(0)
            listed = pa.ListArray.from_arrays(pa.array([0, len(numbers)], pa.int32()), numbers)
            if len(numbers):
                stream.write(pc.binary_join(listed, ",\n")[0].as_py().encode() + b",\n")


def read_answer(session: Session, path: Path, asked: str, into: str, limits: OptOutLimits) -> None:
    """Make the table ``into`` x (nhs_number) from an answer, once it is held to be one.

    Raises: OptOutsUnknown for an answer that is empty, breaks off, holds anything but numbers, one of them twice or one
            that was not asked, or leaves out more people than can be.
    """
    _hold_bytes(path)
    lines = pacsv.open_csv(
        path,
        pacsv.ReadOptions(column_names=["line"], block_size=BLOCK_BYTES),
        pacsv.ParseOptions(delimiter="\x1f", quote_char=False, double_quote=False, ignore_empty_lines=False),
        pacsv.ConvertOptions(column_types={"line": pa.string()}, strings_can_be_null=False),
    )
    try:
        session.take(LINES, lines)
    except pa.ArrowException:
        raise _unknown("its lines cannot be read") from None
    try:
        _hold_lines(session, asked, limits)
        text = f"select line[:10] as nhs_number from {LINES} order by 1"  # noqa: S608
        session.table(into, Query(text, (LINES,)))
    finally:
        session.drop(LINES)


def _hold_bytes(path: Path) -> None:
    last, n_bytes = b"", 0
    with path.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            if b"\r" in block or b"\x1f" in block or b"\x00" in block:
                raise _unknown("its lines do not end as agreed")
            last, n_bytes = block[-2:], n_bytes + len(block)
    if n_bytes == 0:
        raise _unknown("it is empty, as a broken one would be")
    if last != b",\n":
        raise _unknown("it breaks off, or is a line of words")


def _hold_lines(session: Session, asked: str, limits: OptOutLimits) -> None:
    text = f"""
        select count(*), count(distinct line), count(*) filter (not regexp_full_match(line, '[0-9]{{10}},')),
            count(*) filter (line[:10] not in (select nhs_number from {asked})), (select count(*) from {asked})
        from {LINES}
    """  # noqa: S608
    n_lines, n_different, n_garbled, n_foreign, n_asked = session.rows(Query(text, (LINES, asked)))[0]
    if n_garbled:
        raise _unknown("it holds lines that are no NHS numbers")
    if n_different != n_lines:
        raise _unknown("it names somebody twice")
    if n_foreign:
        raise _unknown("it names people who were not asked about")
    most = limits.most_percent_objecting * n_asked
    if n_asked >= limits.least_persons_for_percent and 100 * (n_asked - n_lines) > most:
        raise _unknown("it leaves out more people than can be: a part of it is missing")


def _unknown(why: str) -> OptOutsUnknown:
    return OptOutsUnknown(f"The answer of the opt-out service is not used: {why}.", ASK_AGAIN)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
