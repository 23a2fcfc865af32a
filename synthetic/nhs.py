"""The NHS side: a person index like PDS, admitted episodes, emergency attendances, registered deaths, opt-outs."""

from __future__ import annotations

from pathlib import Path

from cld.engine import Query, Session
from synthetic.draw import chance, pick, whole

__all__ = ["write_nhs_files"]

INDEX = """
    select nhs_number, cast(null as varchar) as superseded_by, given_name, family_name,
        earlier_family_name as previous_family_name, date_of_birth, date_of_death, gender as sex, postcode,
        earlier_postcode as previous_postcode, gp_practice_code, registered_ccg, sensitive
    from people where not absent
    union all
    select old_nhs_number, nhs_number, given_name, family_name, null, date_of_birth, date_of_death, gender, null, null,
        null, null, sensitive
    from people where not absent and old_nhs_number is not null
    order by nhs_number
"""
PROVIDERS = ("RTH", "RXQ", "RWD", "RJE", "RX1", "RTG", "REF")
DIAGNOSES = ("S72", "J18", "I63", "N39", "F03", "I50", "G20", "E11", "C50", "K35")


def _hospital(label: str, share: float, most: int) -> str:
    return f"""
        select p.*, p.i * 10 + v.v as i_visit, date '2021-01-01' + cast({whole(label + " day", 365, "p.i * 10 + v.v")} as integer) as day
        from people p cross join (select range as v from range({most})) v
        where not p.absent and {chance(label, share, "p.i * 10 + v.v")}
    """  # noqa: S608


APC = f"""
    with visits as ({_hospital("admitted", 0.11, 4)})
    select case when {chance("apc number", 0.98, "i_visit")} then nhs_number end as nhs_number,
        'H' || (i * 31 % 1000003) as provider_local_id, 'A' || i_visit as episode_id,
        {pick("provider", PROVIDERS)} as provider_code, date_of_birth,
        case when {chance("apc moved", 0.03, "i_visit")} then earlier_postcode else postcode end as postcode, gender as sex,
        day as admission_date, day + cast({whole("stay", 20, "i_visit")} as integer) as discharge_date,
        case when {chance("planned", 0.4, "i_visit")} then 'elective' else 'emergency' end as admission_method,
        {pick("diagnosis", DIAGNOSES, "i_visit")} as primary_diagnosis, '300' as treatment_function,
        {pick("destination", ("usual residence", "care home", "hospital", "died"), "i_visit")} as discharge_destination, i
    from visits order by i_visit
"""
ATTENDANCES = f"""
    with visits as ({_hospital("attended", 0.12, 4)})
    select case when {chance("ecds number", 0.96, "i_visit")} then nhs_number end as nhs_number,
        'H' || (i * 31 % 1000003) as provider_local_id, 'B' || i_visit as attendance_id,
        {pick("provider", PROVIDERS)} as provider_code, date_of_birth, postcode, gender as sex, day as arrival_date,
        {pick("complaint", ("fall", "breathing", "chest pain", "confusion", "injury", "other"), "i_visit")} as attendance_reason,
        {pick("disposal", ("admitted", "discharged", "discharged", "transferred"), "i_visit")} as attendance_outcome, i
    from visits order by i_visit
"""
DEATHS = f"""
    select case when {chance("death number", 0.97)} then nhs_number end as nhs_number, 'D' || i as registration_id,
        given_name as first_name, family_name as last_name, date_of_birth, postcode, gender as sex, date_of_death,
        {pick("cause", DIAGNOSES)} as underlying_cause,
        {pick("place", ("home", "hospital", "care home", "hospice"))} as place_of_death, i
    from people where not absent and date_of_death is not null order by registration_id
"""


def write_nhs_files(session: Session, folder: Path, seed: int) -> None:
    """Write the NHS files (Parquet) and keep the tables with their true person for the truth files."""
    bound = {"seed": seed}
    session.export(Query(INDEX, ("people",)), folder / "person_index.parquet")
    for name, text in (("apc", APC), ("attendances", ATTENDANCES), ("deaths", DEATHS)):
        session.table(f"true_{name}", Query(text, ("people",), bound))
        key = {"apc": "episode_id", "attendances": "attendance_id", "deaths": "registration_id"}[name]
        session.export(
            Query(f"select * exclude (i) from true_{name} order by {key}", (f"true_{name}",)),
            folder / f"{name}.parquet",
        )  # noqa: S608
    opted = "select nhs_number from people where objects and not absent order by nhs_number"
    session.export(Query(opted, ("people",)), folder / "opt_outs.parquet")
    areas = """
        select distinct postcode, lsoa, residence_ccg as ccg, la_code from people
        union all
        select distinct earlier_postcode, null, null, null from people
        where earlier_postcode not in (select postcode from people)
        order by postcode, lsoa
    """
    session.export(Query(areas, ("people",)), folder / "postcodes.parquet")
