"""The door ``accept``: a council's file in, an AcceptedSubmission sealed.

1. The council takes part today.  2. The file reads whole.  3. Its council code is the sender's.  4. Codes are mapped
forward and faults found.  5. Rows outside the scope, sent twice or without a person are set aside and counted.
6. People are traced.  7. Rows, people and findings go to the shelf; the document is sealed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from audit.journal import Event, Journal
from cld.datasets import Identified
from cld.engine import Engine, Query, Session
from cld.errors import SubmissionRejected
from cld.journey import AcceptedSubmission, Document, DocumentKind
from cld.nhs_number import clean_number_sql, number_fault_sql
from cld.places import Participation
from collection.read import ReadFile, read_council_file
from collection.rules import find_faults, map_forward, rules_digest
from collection.status import status_counts

__all__ = ["Permit", "Tracer", "accept"]

Tracer = Callable[[Session], object]
"""Makes the table ``traced`` from ``persons``; handed in, since tracing is another room's skill."""
Permit = Callable[[], None]
"""Asks policy, and raises PolicyRefused, logged, where it refuses; handed in, since policy is another room's skill."""
SET_ASIDE = "('CG09', 'CG11', 'CG13')"
MONTH_SHARE = 0.02
FEW_EVENTS = 100

PERIOD = f"""
    with months as (
        select date_trunc('month', event_end_date) as month, count(*) as n_events, count(distinct event_type) as n_types
        from mapped where event_end_date is not null group by all
    ), good as (
        select month from months
        where n_events >= {MONTH_SHARE} * (select count(*) from mapped)
            and n_types >= (select count(distinct event_type) from mapped) - 1
    )
    select cast(coalesce(min(month), (select min(reporting_period_start_date) from mapped)) as date),
        cast(coalesce(last_day(max(month)), (select max(reporting_period_end_date) from mapped)) as date)
    from good where (select count(*) from mapped) >= {FEW_EVENTS}
"""  # noqa: S608 - constants


def accept(
    path: Path,
    participation: Participation,
    *,
    engine: Engine,
    journal: Journal,
    tracer: Tracer,
    today: date,
    permit: Permit,
    synthetic_allowed: bool,
    actor: str,
) -> AcceptedSubmission:
    """Accept a council's file. Policy is asked before it is read and again before it is kept.

    Raises: SubmissionRejected if the council does not take part today or the file is another council's; PolicyRefused;
            UnreadableFile if it does not read. Each is logged, nothing is kept.
    Source: Direction 3, bullets 1 to 3; Direction 8; rules R01, R07 to R10, R21 (cld/specification/cld-dq-rules.csv).
    """
    council = participation.council
    if not participation.is_open_on(today):
        journal.record(
            Event("submission refused", actor, "officer", {"la_code": council.la_code, "reason": "not participating"})
        )
        message = f"Council {council.la_code} does not take part on {today.isoformat()}."
        raise SubmissionRejected(message, ("Direction 3, bullet 1",), "Ask for its participation to be recorded first.")
    permit()
    with engine.session() as session:
        read = read_council_file(session, path, participation.local_items)
        _refuse_other_council(session, council.la_code)
        map_forward(session)
        find_faults(session, synthetic_allowed=synthetic_allowed)
        _keep_rows(session, council.la_code)
        _persons(session, synthetic_allowed=synthetic_allowed)
        tracer(session)
        body = _store(session, council.la_code, read)
    permit()
    document = Document(DocumentKind.ACCEPTED_SUBMISSION, (), body)
    journal.seal(document, Event("accept", actor, "officer", {"la_code": council.la_code, "n_rows": body["n_rows"]}))
    return AcceptedSubmission(document)


def _refuse_other_council(session: Session, la_code: str) -> None:
    codes = session.rows(Query("select distinct la_code from sent where la_code is not null", ("sent",)))
    if session.whole(Query("select count(*) from sent", ("sent",))) == 0:
        message = "The file has a header and no rows."
        raise SubmissionRejected(message, ("no rows",), "Export it again.")
    if codes and codes != [(la_code,)]:
        message = "The file holds rows of another council, or the council code is wrong."
        raise SubmissionRejected(message, ("la_code",), "Send each council's rows in a file of its own.")


def _keep_rows(session: Session, la_code: str) -> None:
    """Keep rows inside the scope, each with a reference to its person: the council's own id, else the number as sent.

    Source: rule R10 (any one person id is enough).
    """
    text = f"""
        select * replace ($la_code as la_code),
            coalesce(la_person_unique_identifier, 'number ' || {clean_number_sql("nhs_number")}) as person_ref
        from mapped where row_number not in (select row_number from faults where rule in {SET_ASIDE})
        order by row_number
    """  # noqa: S608
    session.table("kept", Query(text, ("mapped", "faults"), {"la_code": la_code}))


def _persons(session: Session, *, synthetic_allowed: bool) -> None:
    """One row a council id: the latest details, and the number if it may identify a person."""
    cleaned = f"({clean_number_sql('nhs_number')})"
    fault = number_fault_sql(cleaned, synthetic_allowed=synthetic_allowed)
    text = f"""
        with latest as (
            select *, row_number() over (partition by la_code, person_ref order by row_number desc) as place from kept
        )
        select row_number() over (order by la_code, person_ref) as rid, la_code, person_ref, la_person_unique_identifier,
            {cleaned} as sent_number, {fault} as number_fault, case when {fault} is null then {cleaned} end as number,
            first_name as given_name, last_name as family_name,
            case when date_diff('year', date_of_birth, date '2022-01-01') < 115 then date_of_birth end as date_of_birth,
            case when gender in ('Male', 'Female') then gender end as sex, postcode
        from latest where place = 1
        order by rid
    """  # noqa: S608
    session.table("persons", Query(text, ("kept",)))


def _counts(session: Session, text: str, inputs: tuple[str, ...]) -> dict[str, int]:
    return {str(key): int(count) for key, count in session.rows(Query(text, inputs))}


def _store(session: Session, la_code: str, read: ReadFile) -> dict[str, object]:
    start, end = session.rows(Query(PERIOD, ("mapped",)))[0]
    joined = "select p.*, t.* exclude (rid) from persons p join traced t using (rid) order by p.rid"
    return {
        "la_code": la_code,
        "file_digest": read.digest,
        "rules_digest": rules_digest(),
        "n_rows": _counts(session, "select 'n', count(*) from sent", ("sent",))["n"],
        "n_kept": _counts(session, "select 'n', count(*) from kept", ("kept",))["n"],
        "period_start": str(start),
        "period_end": str(end),
        "local_items": list(read.local_items),
        "columns_set_aside": len(read.set_aside),
        "columns_absent": list(read.absent),
        "fields": status_counts(session),
        "findings": _counts(session, "select rule, count(*) from faults group by all order by all", ("faults",)),
        "trace_outcomes": _counts(
            session, "select outcome, count(*) from traced group by all order by all", ("traced",)
        ),
        "trace_steps": _counts(session, "select step, count(*) from traced group by all order by all", ("traced",)),
        "rows": session.store(Query("select * from kept order by row_number", ("kept",)), Identified).as_json(),
        "persons": session.store(Query(joined, ("persons", "traced")), Identified).as_json(),
        "finding_rows": session.store(
            Query("select * from faults order by row_number, column_name, rule", ("faults",)), Identified
        ).as_json(),
    }
