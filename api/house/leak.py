"""A leaked column held against every agreement of a workspace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from sqlalchemy import select
from sqlalchemy.orm import Session as Database

from api.house.house import House
from api.store.database import ApplicationRow
from api.workspace.wiring import Workspace
from cld.engine import Query, Session, quote
from cld.errors import UnknownColumn
from cld.plan import Pseudonym, plan_from_json
from extracts.approve import application_from_json
from extracts.identifiers import identifiers_sql
from extracts.keying import key_id_for
from keys.as_logged import require_as_logged
from keys.derivation import PseudonymDomain, Secret
from keys.pseudonym import PseudonymForm
from keys.whose_file import Answer, Candidate, whose_values

__all__ = ["whose_file"]

MOST_VALUES = 10_000


def whose_file(space: Workspace, file: Path, column: str) -> tuple[Answer, ...]:
    """Name the agreement whose key made the values of a column, one answer for each domain of the workspace.

    Raises: UnknownColumn if the file lacks the column.
    """
    with space.engine.session() as session:
        session.scan_file("leaked", file)
        if column not in session.columns("leaked"):
            message = f"The file has no column {column}."
            raise UnknownColumn(message, "Name the column as in the file's header.")
        cell = f"ltrim(cast({quote(column)} as varchar), '''')"  # a guard against spreadsheets is none of the value
        text = (
            f"select distinct {cell} as value from leaked where {cell} is not null order by value limit {MOST_VALUES}"  # noqa: S608
        )
        values = session.arrow(Query(text, ("leaked",)))["value"].combine_chunks().cast(pa.string())
        for name in ("cld", "apc", "attendances", "deaths"):
            session.attach(name, House(space).linked().data_set(name))
        return whose_values(session, values, _candidates(space), lambda kind: _everybody(session, kind))


def _candidates(space: Workspace) -> tuple[Candidate, ...]:
    """Return every domain in which an extract was built, each once."""
    with Database(space.database) as database:
        rows = list(database.scalars(select(ApplicationRow).order_by(ApplicationRow.reference)))
    found: dict[tuple[PseudonymDomain, str], Candidate] = {}
    for row in rows:
        if "CandidateExtract" not in row.documents:
            continue
        application, plan = application_from_json(row.application), plan_from_json(row.plan)
        key_id = key_id_for(application, plan)
        derived = [made.derivation for table in plan.tables for made in table.columns]
        for kind in sorted({made.kind for made in derived if isinstance(made, Pseudonym)}):
            for version in space.keys.versions(key_id):
                domain = PseudonymDomain(
                    application.body_code, application.agreement.pseudonyms_of, plan.family, kind, version.number
                )
                key = _key_of(space, key_id, domain)
                form = PseudonymForm(plan.pseudonym_form)
                found.setdefault((domain, key_id), Candidate(domain, key_id, version.state.value, key, form))
    return tuple(found.values())


def _key_of(space: Workspace, key_id: str, domain: PseudonymDomain) -> Callable[[], Secret]:
    def opened() -> Secret:
        require_as_logged(key_id, space.keys, space.journal)
        return space.keys.pseudonym_key(key_id, domain)

    return opened


def _everybody(session: Session, kind: str) -> tuple[str, str]:
    """Make a table of every identifier of a kind that the linked data hold; return its name and its column."""
    name = f"everybody_{kind}"
    if not session.has(name):
        sets = {
            "person": [("cld", "person_id")],
            "nhs": [
                ("cld", "nhs_number"),
                ("apc", "nhs_number"),
                ("attendances", "nhs_number"),
                ("deaths", "nhs_number"),
            ],
            "la_person": [("cld", "la_person_unique_identifier")],
        }.get(kind, [])
        parts = [
            f"select {identifiers_sql(session, table, column, kind)} as identifier from {table}"
            for table, column in sets
        ]  # noqa: S608
        text = " union ".join(parts) or "select cast(null as varchar) as identifier where false"
        session.table(name, Query(text, tuple(table for table, _ in sets)))
    return name, "identifier"
