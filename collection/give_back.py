"""The street door ``give_back``: traced and corrected NHS numbers and findings, only to the council that sent the rows.

The numbers go back as a join file by the council's own person id, never as a copy of the submission. A sensitive
record's number is confirmed only where the council already holds it.
"""

from __future__ import annotations

from pathlib import Path

from audit.journal import Event, Journal
from cld.engine import Engine, Query
from cld.errors import PolicyRefused
from cld.journey import AcceptedSubmission
from collection.accept import Permit
from collection.report import summary_of, write_reports

__all__ = ["give_back"]

NUMBERS = """
    select la_person_unique_identifier, person_id as nhs_number,
        case when number_fault = 'blank' then 'traced' when number is null then 'corrected'
            when superseded then 'superseded' when number <> person_id then 'corrected' else 'confirmed' end as outcome,
        step, band
    from persons
    where person_id is not null and la_person_unique_identifier is not null and (outcome <> '92' or number = person_id)
    order by la_person_unique_identifier
"""


def give_back(
    submission: AcceptedSubmission,
    folder: Path,
    *,
    to_la_code: str,
    permit: Permit,
    engine: Engine,
    journal: Journal,
    actor: str,
) -> dict[str, int]:
    """Write a council's numbers and findings under ``folder`` and return counts by outcome.

    Raises: PolicyRefused unless the receiver is the council that sent the rows and policy allows it.
    Source: Direction 3, bullets 2 and 3; Direction 6 does not apply (shared reading, s3).
    """
    if submission.la_code != to_la_code:
        journal.record(Event("give back refused", actor, "officer", {"la_code": to_la_code}))
        message = "Numbers and findings go back only to the council that sent the rows."
        raise PolicyRefused(message, ("Direction 3, bullets 2 and 3",))
    permit()
    journal.record(
        Event("give back", actor, "officer", {"la_code": to_la_code, "submission": submission.document.digest})
    )
    place = folder / to_la_code
    with engine.session() as session:
        session.attach("persons", submission.persons)
        session.attach("faults", submission.findings)
        session.export(Query(NUMBERS, ("persons",)), place / "nhs-numbers.csv")
        write_reports(session, {**submission.document.body, **summary_of(session)}, place)
        counted = session.rows(
            Query(f"select outcome, count(*) from ({NUMBERS}) group by all order by all", ("persons",))
        )  # noqa: S608
    return {str(outcome): int(count) for outcome, count in counted}
