"""Check a council's file without a workspace: the same reading and the same rules as at the border, nothing kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cld.engine import Query, Session
from cld.errors import SubmissionRejected
from cld.specification import Release
from collection.accept import PERIOD
from collection.read import read_council_file
from collection.report import summary_of, write_reports
from collection.rules import find_faults, map_forward
from collection.status import status_counts

__all__ = ["inspect_file"]

# values that only one release knows, of fields that every row fills
MARKS = {Release.R1: ("Service User", "Carer"), Release.R2: ("Service user", "Unpaid carer")}


def inspect_file(
    session: Session,
    path: Path,
    *,
    council: str | None,
    release: str,
    header_map: dict[str, str],
    out: Path | None,
    synthetic_allowed: bool,
) -> dict[str, Any]:
    """Return the summary of a file's findings (shared commands page, check) and write the reports if asked.

    Raises: UnreadableFile, SubmissionRejected.
    """
    read = read_council_file(session, path, (), header_map)
    if council is not None:
        codes = session.rows(Query("select distinct la_code from sent where la_code is not null", ("sent",)))
        if codes and codes != [(council,)]:
            message = "The file holds rows of another council, or the council code is wrong."
            raise SubmissionRejected(message, ("la_code",), "Send each council's rows in a file of its own.")
    found = _release(session)
    map_forward(session)
    find_faults(session, synthetic_allowed=synthetic_allowed)
    if release not in ("auto", Release.R2.value):
        # a file that is meant to be in an earlier wording is not told that it is
        session.table("faults_kept", Query("select * from faults where rule <> 'CG03' order by all", ("faults",)))
        session.table("faults", Query("select * from faults_kept order by all", ("faults_kept",)))
    start, end = session.rows(Query(PERIOD, ("mapped",)))[0]
    n_rows = session.whole(Query("select count(*) from sent", ("sent",)))
    summary = {
        "n_rows": n_rows,
        "release": found if release == "auto" else release,
        "period_start": str(start) if start else None,
        "period_end": str(end) if end else None,
        "columns_absent": list(read.absent),
        "n_columns_set_aside": len(read.set_aside),
        **summary_of(session),
        "fields": status_counts(session),
    }
    if out is not None:
        write_reports(session, summary, out)
    return summary


def _release(session: Session) -> str:
    """Say which release a file is written in, by the wording of its client types."""
    counts = {}
    for release, values in MARKS.items():
        listed = ", ".join(f"'{value}'" for value in values)
        text = f"select count(*) from sent where client_type in ({listed})"  # noqa: S608
        counts[release] = session.whole(Query(text, ("sent",)))
    if not any(counts.values()):
        return Release.V5.value
    return max(counts, key=lambda release: counts[release]).value
