"""The door ``link``: accepted submissions and NHS data sets in, a LinkedDataset sealed; every row gets a person id.

An untraced person keeps an id of its council's own (``L`` + council + id), so that nobody is dropped and nobody merged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from audit.journal import Event, Journal
from cld.datasets import Identified
from cld.engine import Engine, Query, Session
from cld.errors import InvariantBroken
from cld.journey import AcceptedSubmission, Document, DocumentKind, LinkedDataset
from linkage.joins import DEATHS_BY_PERSON, death_date_sql, rules_on, valid_for_matching_sql
from linkage.prepare.index import Prepared, index_mark
from linkage.settle.expect import Expected
from linkage.tell.changes import changes_since, earlier_linked
from linkage.tell.facts import (
    CLIENT_FIELDS,
    NHS_FIELDS,
    identifiers_by_council,
    identifiers_of,
    index_identifiers,
    rates_of_persons,
)
from linkage.tell.standing import last_review
from linkage.trace import Answers, PersonIndex, attach_index, gather_persons, trace_persons
from linkage.weigh.crosscheck import require_agreement
from linkage.weigh.model import Model

__all__ = ["link"]

NHS_KEYS = {"apc": "episode_id", "attendances": "attendance_id", "deaths": "registration_id"}

CLD = """
    select coalesce(t.person_id, 'L' || r.la_code || '|' || r.person_ref) as person_id, r.*,
        p.number_fault as sent_number_reason, t.step as link_step, t.band as link_band,
        case when t.superseded then 'yes' else 'no' end as number_superseded,
        coalesce(i.registered_ccg, '') as registered_ccg, coalesce(a.ccg, '') as residence_ccg, a.lsoa as residence_lsoa,
        cast(year(coalesce(i.birth, p.date_of_birth)) as integer) as birth_year,
        cast(month(coalesce(i.birth, p.date_of_birth)) as integer) as birth_month,
        coalesce(i.birth, p.date_of_birth) as birth
    from all_rows r
    join persons p on p.la_code = r.la_code and p.person_ref = r.person_ref
    join traced t on t.rid = p.rid
    left join person_index i on i.nhs_number = t.person_id and not i.sensitive
    left join postcodes a on a.postcode = r.postcode
    order by r.la_code, r.row_number
"""
PEOPLE = """
    with latest as (
        select *, row_number() over (partition by person_id order by event_start_date desc, la_code, row_number desc) as place
        from cld
    ), served as (
        select person_id, count(distinct date_trunc('month', event_start_date)) filter (event_type = 'Service') as n_months,
            max(case when service_type like '%Nursing%' then 4 when service_type like '%Residential%' then 3
                when service_type like '%Community%' then 2 when service_type like 'Short%' then 1 else 0 end) as setting
        from cld group by all
    ), admitted as (select person_id, count(*) as n from apc group by all),
    attended as (select person_id, count(*) as n from attendances group by all),
    died as (select distinct person_id from deaths)
    select l.person_id, l.la_code, l.registered_ccg, l.residence_ccg, l.residence_lsoa,
        case when date_diff('year', l.birth, date '2021-12-31') < 115
            then cast(date_diff('year', l.birth, date '2021-12-31') as integer) end as age_years,
        coalesce(l.gender, 'Unknown') as gender, coalesce(l.ethnicity, 'No data: Undeclared or not known') as ethnicity,
        coalesce(l.primary_support_reason, 'Unknown') as primary_support_reason,
        ['none', 'short term', 'community', 'residential', 'nursing'][coalesce(s.setting, 0) + 1] as service_group,
        case when s.n_months = 0 then '0' when s.n_months < 3 then '1 to 2' else '3 and over' end as n_service_months_band,
        case when a.n is null then '0' when a.n = 1 then '1' else '2 and over' end as n_admissions_band,
        case when e.n is null then '0' when e.n = 1 then '1' else '2 and over' end as n_attendances_band,
        case when d.person_id is null then 'no' else 'yes' end as died_in_period
    from latest l join served s using (person_id) left join admitted a using (person_id) left join attended e using (person_id)
    left join died d using (person_id)
    where l.place = 1
    order by l.person_id
"""
LINKS = "select p.la_code, p.person_ref, t.person_id from persons p join traced t using (rid) order by p.la_code, p.person_ref"


def link(
    submissions: tuple[AcceptedSubmission, ...], nhs: Path, person_index: PersonIndex, *, engine: Engine, journal: Journal,
    actor: str, today: date, earlier: LinkedDataset | None = None,
) -> LinkedDataset:  # fmt: skip
    """Link the latest accepted submissions to each other and to the NHS data sets of ``nhs``, by the join rules of today.

    With an ``earlier`` linkage its model stays and its answers are kept: only records that are new, or whose candidates
    a new version of the index changed, are weighed again. Without, the model is learnt anew and everybody is weighed.
    Raises: InvariantBroken if a row would be lost or doubled.
    Source: Direction 1 (may be linked to other data accessible through DARS); 3, bullet 3.
    """
    with engine.session() as session:
        index = attach_index(session, person_index)
        of_index = index_identifiers(session, index)  # before the trace counts the values of a small index with others
        session.read_file("postcode_file", nhs / "postcodes.parquet")
        text = "select postcode, min(lsoa) as lsoa, min(ccg) as ccg from postcode_file group by all order by postcode"
        session.table("postcodes", Query(text, ("postcode_file",)))
        _union(session, submissions)
        gather_persons(session, submissions)
        traced = trace_persons(session, index, answers=_answers(session, earlier), index=person_index)
        second_estimate = _second_estimate(session, index, traced.model, earlier)
        answers = session.store(Query("select * from answers order by digest", ("answers",)), Identified)
        session.table("cld", Query(CLD, ("all_rows", "persons", "traced", "person_index", "postcodes")))
        _hold_rows(session, submissions)
        mark = index_mark(session)
        steps = _counts(session, "select step, count(*) from traced group by all order by all")
        by_council = _counts(
            session,
            "select p.la_code || ' ' || t.band, count(*) from persons p join traced t using (rid) group by all order by all",
        )
        quality = _quality(session, journal, [s.document.digest for s in submissions], traced.model)
        links = session.store(Query("select * from links order by la_code, person_ref", ("links",)), Identified)
        for name, key in NHS_KEYS.items():
            _resolve_nhs(session, index, nhs / f"{name}.parquet", name, key, rules_on(today, name))
            quality["identifiers"] += identifiers_of(session, name, NHS_FIELDS)
        quality["identifiers"] += of_index
        _settle_deaths(session, rules_on(today, "cld"))
        session.table("people", Query(PEOPLE, ("cld", *NHS_KEYS)))
        orders = {"cld": "la_code, row_number", "people": "person_id", **NHS_KEYS}
        stored = {
            name: session.store(Query(f"select * from {name} order by {order}", (name,)), Identified).as_json()  # noqa: S608
            for name, order in orders.items()
        }
    body = {
        "model": traced.model.as_json(),
        "expected": {name: str(value) for name, value in traced.expected.as_json().items()},
        **quality,
        "sources": _sources(submissions, stored),
        "second_estimate": second_estimate,
        "index": {"mark": mark, "n_people": index.n_people},
        "answers": answers.as_json(),
        "weighed": dict(traced.weighed),
        "n_kept": traced.n_reused,
        "steps": steps,
        "bands_by_council": by_council,
        "links": links.as_json(),
        "data_sets": stored,
    }
    document = Document(DocumentKind.LINKED_DATASET, tuple(s.document.digest for s in submissions), body)
    journal.seal(document, Event("link", actor, "operator", {"n_submissions": len(submissions), "steps": steps}))
    return LinkedDataset(document)


def _quality(session: Session, journal: Journal, submissions: Sequence[str], model: Model) -> dict[str, Any]:
    """Gather what the quality statement says of these links, while the people of the councils are the ones at hand."""
    session.table("links", Query(LINKS, ("persons", "traced")))
    earlier = earlier_linked(journal)
    return {
        "rates": [one.as_json() for one in rates_of_persons(session)],
        "identifiers": identifiers_of(session, "client-level files", CLIENT_FIELDS),
        "identifiers_by_council": identifiers_by_council(session),
        "changes": changes_since(session, earlier, submissions, mark=index_mark(session), model=model.as_json()),
        "last_review": last_review(journal),
    }


def _sources(submissions: tuple[AcceptedSubmission, ...], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Say what was linked: the councils' files and their period, and the rows of each data set."""
    bodies = [submission.document.body for submission in submissions]
    return {
        "councils": [submission.la_code for submission in submissions],
        "period": [min(str(one["period_start"]) for one in bodies), max(str(one["period_end"]) for one in bodies)],
        "n_rows": {name: stored[name]["n_rows"] for name in ("cld", *NHS_KEYS)},
    }


def _answers(session: Session, earlier: LinkedDataset | None) -> Answers | None:
    """Bring the answers of an earlier linkage in."""
    if earlier is None:
        return None
    session.attach("earlier_answers", earlier.answers)
    body = earlier.document.body
    return Answers("earlier_answers", Model.from_json(body["model"]), Expected.from_json(body["expected"]))


def _second_estimate(
    session: Session, index: Prepared, model: Model, earlier: LinkedDataset | None
) -> dict[str, object]:
    """Hold a model that was learnt now against the second estimate; one that was kept was held when it was learnt."""
    if earlier is not None:
        return dict(earlier.document.body["second_estimate"])
    return require_agreement(session, index.comparisons(index.fields), model)


def _union(session: Session, submissions: tuple[AcceptedSubmission, ...]) -> None:
    for place, submission in enumerate(submissions):
        session.attach(f"rows_{place}", submission.rows)
    names = [f"rows_{place}" for place in range(len(submissions))]
    union = " union all by name ".join(f"select * from {name}" for name in names)  # noqa: S608
    session.table("all_rows", Query(union, tuple(names)))


def _settle_deaths(session: Session, rules: dict[str, str]) -> None:
    """Let the registered date of death stand for the council's where the rule is in force and the person is linked."""
    session.table("registered", Query(DEATHS_BY_PERSON, ("deaths",)))
    text = f"""
        select c.* replace ({death_date_sql(rules)} as date_of_death)
        from cld c left join registered d on d.person_id = c.person_id order by c.la_code, c.row_number
    """  # noqa: S608
    session.table("cld_settled", Query(text, ("cld", "registered")))
    session.table("cld", Query("select * from cld_settled order by la_code, row_number", ("cld_settled",)))


def _hold_rows(session: Session, submissions: tuple[AcceptedSubmission, ...]) -> None:
    made = session.whole(Query("select count(*) from cld", ("cld",)))
    if made != sum(submission.rows.n_rows for submission in submissions):
        message = "Linkage lost or doubled rows."
        raise InvariantBroken(message)


def _counts(session: Session, text: str) -> dict[str, int]:
    return {str(key): int(count) for key, count in session.rows(Query(text))}


def _resolve_nhs(session: Session, index: Prepared, path: Path, name: str, key: str, rules: dict[str, str]) -> None:
    """Resolve an NHS data set by the same steps; an unresolved event gets an id of its own provider's patient.

    What the join rules call not valid is not matched on; the row keeps it as it was sent.
    """
    number, birth, postcode = valid_for_matching_sql(rules)
    session.read_file(f"{name}_file", path)
    named = "first_name, last_name" if name == "deaths" else "null, null"
    local = "registration_id" if name == "deaths" else "provider_local_id"
    session.drop("persons")
    session.table(
        "persons",
        Query(
            f"""
            with sent(number, given_name, family_name, date_of_birth, sex, postcode, local_id) as (
                select {number}, {named}, {birth}, sex, {postcode}, {local} from {name}_file
            ), each as (select local_id, max(number) as number, max(given_name) as given_name, max(family_name) as family_name,
                max(date_of_birth) as date_of_birth, max(sex) as sex, max(postcode) as postcode from sent group by local_id)
            select row_number() over (order by local_id) as rid, * from each order by rid
            """,  # noqa: S608
            (f"{name}_file",),
        ),
    )
    trace_persons(session, index)
    text = f"""
        select coalesce(t.person_id, 'N{name}|' || p.local_id) as person_id, f.*, t.step as link_step, t.band as link_band
        from {name}_file f join persons p on p.local_id = f.{local} join traced t on t.rid = p.rid order by f.{key}
    """  # noqa: S608
    session.table(name, Query(text, (f"{name}_file", "persons", "traced")))
