"""Council files as sent: every field of the specification, in Release 1 or 2 form, with the errors real files have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import openpyxl

from cld.engine import Query, Session, quote
from cld.shelf import atomic_write
from cld.specification import Release, fields
from cld.tables import reference_path
from cld.workbooks import workbook_bytes
from synthetic.draw import chance, uniform, whole

__all__ = ["SentFile", "write_council_files"]

LOCAL_ITEM = "Local: Frailty Band"
MOST_ROWS_IN_WORKBOOK = 50_000


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file under ``received/``."""

    la_code: str
    path: Path
    release: Release


def _wrong_person() -> str:
    """The faults of a person's details on the council's system: the same on every row of one council id."""
    digit_lost = "substr(p.nhs_number, 1, 8) || ((cast(p.nhs_number[9] as integer) + 1) % 10) || p.nhs_number[10]"
    swapped = "make_date(year(p.date_of_birth), day(p.date_of_birth), month(p.date_of_birth))"
    return f"""
        with sized as (select count(*) as n_people from people),
        drawn as (select c.*, cast({whole("other person", "n_people", "id")} as bigint) as other_i from clients c cross join sized)
        select c.* exclude (other_i), p.ethnicity, p.gender, p.gp_practice_code, p.date_of_death, p.absent,
            case when {chance("no number", 0.10, "id")} then null
                when {chance("placeholder", 0.005, "id")} then '9999999999'
                when {chance("wrong number", 0.005, "id")} then other.nhs_number
                when {chance("bad digit", 0.005, "id")} then {digit_lost}
                when p.old_nhs_number is not null and {chance("old number", 0.7, "id")} then p.old_nhs_number
                when p.absent then null
                else p.nhs_number end as sent_number,
            case when {chance("initial", 0.015, "id")} then p.given_name[1] else p.given_name end as sent_given,
            case when {chance("surname", 0.02, "id")} then p.earlier_family_name else p.family_name end as sent_family,
            case when {chance("dummy birth", 0.005, "id")} then date '1900-01-01'
                when {chance("swap", 0.01, "id")} and day(p.date_of_birth) <= 12 then {swapped}
                else p.date_of_birth end as sent_birth,
            case when {chance("moved", 0.05, "id")} then p.earlier_postcode else p.postcode end as sent_postcode
        from drawn c
        join people p on p.i = c.i
        join people other on other.i = c.other_i
        order by id
    """  # noqa: S608


def _rows() -> str:
    """The flat file in Release 2 wording, one text column a field."""
    key = "e.id * 10 + e.slot"
    return f"""
        select e.id, e.slot, 0 as twin, e.la_code as la_code, '2021-01-01' as reporting_period_start_date,
            '2021-12-31' as reporting_period_end_date, w.sent_number as nhs_number,
            e.la_person_id as la_person_unique_identifier, w.sent_given as first_name, w.sent_family as last_name,
            'Practice ' || w.gp_practice_code as gp_practice_name, w.gp_practice_code as gp_practice_code,
            w.gender as gender, w.ethnicity as ethnicity, strftime(w.sent_birth, '%Y-%m-%d') as date_of_birth,
            strftime(w.date_of_death, '%Y-%m-%d') as date_of_death,
            case when e.is_carer then 'Unpaid carer' else 'Service user' end as client_type,
            case when e.is_carer then 'Social support: Support to unpaid carer' else e.reason end as primary_support_reason,
            w.sent_postcode as postcode, e.accommodation as accommodation_status,
            case when year(w.sent_birth) > 1956 then 'Not in paid employment: Not actively seeking work or retired' end
                as employment_status,
            ['Yes', 'No', 'Unknown'][cast(1 + hash(e.i) % 3 as bigint)] as has_unpaid_carer,
            case when hash(e.i) % 20 = 0 then 'Yes' else 'No' end as autism_spectrum_disorder_asd,
            case when hash(e.i) % 11 = 0 then 'Yes' else 'No' end as visual_impairment,
            case when hash(e.i) % 9 = 0 then 'Yes' else 'No' end as hearing_impairment,
            case when e.reason = 'Support with memory and cognition' then 'Yes' else 'No' end as dementia,
            case when e.self_funder then 'Fully client funded'
                when e.event_type in ('Service', 'Review') then 'Fully social care funded' end as client_funding_status,
            e.event_type as event_type, 'E' || ({key}) as event_reference,
            strftime(e.start_day, '%Y-%m-%d') as event_start_date,
            strftime(case when e.end_day is null and w.date_of_death is not null
                then greatest(e.start_day, w.date_of_death) else e.end_day end, '%Y-%m-%d') as event_end_date,
            case when {chance("described", 0.3, key)} then 'Visited at home, see notes' end as event_description,
            case e.event_type when 'Request' then 'Progress to assessment, review or reassessment'
                when 'Assessment' then 'Progress to support planning or services'
                when 'Review' then 'Continuation of support or services'
                else 'NFA: Support ended as planned' end as event_outcome,
            case when e.event_type = 'Request' then 'Community/Other route' end as request_route_of_access,
            case when e.event_type = 'Assessment' then 'Long term assessment' end as assessment_type,
            case when e.event_type = 'Assessment' then 'Eligible needs identified' end as eligible_needs_identified,
            case when e.event_type = 'Assessment' then 'Service User Only' end as method_of_assessment,
            case when e.is_carer then ['1 to 19', '20 to 49', '50 and over'][cast(1 + hash(e.i, 'hours') % 3 as bigint)] end
                as total_hrs_caring_per_week, case when e.is_carer then '1' end as no_of_adults_being_cared_for,
            case when e.is_carer then linked.la_person_id end as adult_1_linked_person_id,
            case when e.is_carer and hash(e.i) % 5 = 0 then second.la_person_id end as adult_2_linked_person_id,
            case when e.is_carer and hash(e.i) % 25 = 0 then third.la_person_id end as adult_3_linked_person_id,
            case when e.event_type = 'Service' then e.service.t end as service_type,
            case when e.event_type = 'Service' then e.service.c end as service_component,
            case when e.event_type = 'Service' then e.service.d end as delivery_mechanism,
            case when e.event_type = 'Service' then 'Home ' || (hash(e.service.c, e.la_code) % 900) end
                as provider_cqc_location_name,
            case when e.event_type = 'Service' then '1-' || (1000000 + hash(e.service.c, e.la_code) % 900000) end
                as provider_cqc_location_id,
            case when e.event_type = 'Review' then 'Planned' end as review_reason,
            case when e.event_type = 'Review' then 'Fully achieved' end as review_outcomes_achieved,
            case when e.event_type = 'Review' then 'Service User Only' end as method_of_review,
            case when e.event_type = 'Service' then cast(cast(15 + {whole("cost", 90000, key)} / 100.0 as decimal(9, 2)) as varchar) end
                as unit_cost,
            case when e.event_type = 'Service' then 'Weekly' end as cost_frequency_unit_type,
            case when e.event_type = 'Service' then '1.00' end as planned_units_per_week,
            ['Fit', 'Mild', 'Moderate', 'Severe'][cast(1 + hash(e.i, 'frailty') % 4 as bigint)] as frailty
        from events e
        join wrong w on w.id = e.id
        left join clients linked on linked.id = (e.i - 1) * 3 and linked.la_code = e.la_code
        left join clients second on second.id = (e.i - 2) * 3 and second.la_code = e.la_code
        left join clients third on third.id = (e.i - 3) * 3 and third.la_code = e.la_code
    """  # noqa: S608


def _with_row_faults() -> Query:
    """Values out of list, events sent twice, birth after the event: faults that fall on single rows."""
    return Query(
        f"""
        with rows as ({_rows()}), twice as (
            select * from rows union all
            select * replace (1 as twin) from rows where {chance("twice", 0.005, "id * 10 + slot")}
        )
        select * replace (
            case when {chance("off list", 0.003, "id * 10 + slot")} then 'Hostel (misc)' else accommodation_status end
                as accommodation_status,
            case when {chance("end first", 0.002, "id * 10 + slot")} then '2020-06-30' else event_end_date end
                as event_end_date)
        from twice
        order by id, slot, twin
        """,  # noqa: S608
        ("events", "wrong", "clients"),
    )


def _backward() -> str:
    """A table from (column, Release 2 value) to a Release 1 value."""
    place = reference_path("specification/forward-mapping.csv")
    titles = " ".join(f"when '{field.title}' then '{field.column}'" for field in fields())
    return f"""
        select case field {titles} end as column_name, r2_value, min(value) as r1_value
        from read_csv('{place}', all_varchar=true)
        where release = 'R1' and r2_value is not null and r2_value <> 'Planned'
        group by all order by all
    """  # noqa: S608


CODED = (
    "client_type",
    "ethnicity",
    "primary_support_reason",
    "accommodation_status",
    "service_type",
    "delivery_mechanism",
    "event_outcome",
    "employment_status",
)


def _dated(column: str, habit: str) -> str:
    if habit != "spreadsheet dates":
        return quote(column)
    serial = f"cast(date_diff('day', date '1899-12-30', cast({column} as date)) as varchar)"
    british = f"strftime(cast({column} as date), '%d/%m/%Y')"
    return f"case when {uniform(column, 'id * 10 + slot')} < 0.1 then {serial} else {british} end"


def _cell(column: str, release: str, habit: str) -> str:
    """One column of one council's file: its wording, its dates, its way of saying nothing."""
    text = quote(column)
    if column in ("date_of_birth", "event_start_date", "event_end_date", "date_of_death"):
        text = _dated(column, habit)
    if column == "reporting_period_end_date" and habit == "mis-stated period":
        text = f"case when {uniform('stated', 'id')} < 0.5 then '2021-03-31' else '2022-03-31' end"
    share = 1.0 if release == "R1" else 0.04 if habit == "release 1 values" else 0.0
    if share and column in CODED:
        older = (
            f"(select r1_value from backward b where b.column_name = '{column}' and b.r2_value = sent.{quote(column)})"
        )
        text = (
            f"case when {uniform('older', 'id * 10 + slot')} < {share} then coalesce({older}, {text}) else {text} end"  # noqa: S608
        )
    return f"coalesce({text}, 'NULL')" if habit == "text NULL" else text


def _file_query(council: dict[str, str], seed: int) -> Query:
    listed = list(fields())
    if council["habit"] == "shuffled columns":
        listed.reverse()
    titles = council["headers"] == "titles"
    cells = [
        f"{_cell(field.column, council['release'], council['habit'])} as {quote(field.title if titles else field.spec_column)}"
        for field in listed
    ]
    if council["la_code"] == "503":
        cells.append(f"frailty as {quote(LOCAL_ITEM)}")
    text = f"select {', '.join(cells)} from sent where la_code = $la_code order by hash(id, slot, twin, $seed), id, slot, twin"  # noqa: S608
    return Query(text, ("sent", "backward"), {"la_code": council["la_code"], "seed": seed})


def _write_workbook(session: Session, query: Query, path: Path) -> None:
    """Write a small council's file as a spreadsheet with no time inside, so that its bytes are repeatable."""
    table = session.arrow(query)
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(table.column_names)
    for row in table.to_pylist():
        sheet.append(list(row.values()))
    atomic_write(path, workbook_bytes(book))


def write_council_files(session: Session, folder: Path, seed: int) -> tuple[SentFile, ...]:
    """Write one file a council under ``folder``, from the tables of make_people and make_events."""
    bound = {"seed": seed}
    session.table("wrong", Query(_wrong_person(), ("clients", "people"), bound))
    faulty = _with_row_faults()
    session.table("sent", Query(faulty.text, faulty.inputs, bound))
    session.table("backward", Query(_backward()))
    councils = session.arrow(Query("select * from councils order by la_code", ("councils",))).to_pylist()
    return tuple(_write_one(session, council, folder, seed) for council in councils)


def _write_one(session: Session, council: dict[str, str], folder: Path, seed: int) -> SentFile:
    query = _file_query(council, seed)
    counted = Query(f"select count(*) from ({query.text})", query.inputs, query.parameters)  # noqa: S608
    form = council["file"]
    if form == "xlsx" and session.whole(counted) > MOST_ROWS_IN_WORKBOOK:
        form = "csv"  # a spreadsheet is held whole in memory, so only a small council sends one
    path = folder / f"{council['la_code']}.{form}"
    if form == "xlsx":
        _write_workbook(session, query, path)
    else:
        session.export(query, path)
    return SentFile(council["la_code"], path, Release(council["release"]))
