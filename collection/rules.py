"""Rules as SQL: reading dates, mapping codes forward to Release 2, and one finding a row, column and rule."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import pyarrow as pa

from cld.canonical import digest_of_bytes
from cld.engine import Query, Session, text_literal
from cld.nhs_number import clean_number_sql, number_fault_sql
from cld.specification import FieldType, Release, code_list, field_named, fields, forward_mapping
from collection.status import field_rules, make_facts

__all__ = ["find_faults", "map_forward", "rules", "rules_digest"]

OLDEST_YEARS = 115
EVENT_KEY = "la_code, la_person_unique_identifier, event_type, event_start_date, event_end_date, client_type, request_route_of_access, assessment_type, service_type, service_component"


@cache
def rules() -> tuple[dict[str, str], ...]:
    """Return the rules: code, severity, title, what is good, how to mend."""
    return tuple(csv.DictReader(_rules_text().splitlines()))


def _rules_text() -> str:
    return files("collection").joinpath("rules.csv").read_text("utf-8")


def rules_digest() -> str:
    """Return the digest of the rule set, for the sealed document."""
    conditions = files("collection").joinpath("fields.csv").read_text("utf-8")
    return digest_of_bytes((_rules_text() + conditions).encode())


def _date(column: str) -> str:
    """Read ISO and British dates, and the day numbers that spreadsheets leave behind."""
    serial = (
        f"case when regexp_full_match({column}, '[0-9]{{5}}') then date '1899-12-30' + cast({column} as integer) end"
    )
    return f"coalesce(try_cast({column} as date), cast(try_strptime({column}, '%d/%m/%Y') as date), {serial})"


FORMS = {"gp_practice_code": "[A-Z0-9]{6}", "provider_cqc_location_id": "1-[0-9]{5,12}"}
"""Codes that are no list: what has another form is not a code and may be anything, a name included."""


def _listed(column: str) -> str:
    """Map a coded value forward; what no list holds becomes null, since people type names into coded fields.

    The finding says that a value was there. A field whose list was not found keeps its text and is free text.
    """
    mapped = f"coalesce(nullif(m_{column}.r2_value, ''), s.{column})"
    listed = code_list(field_named(column).title, Release.R2)
    if listed is None:
        return mapped
    values = ", ".join(text_literal(value) for value in listed.values)
    prefixes = " ".join(
        f"when starts_with({mapped}, {text_literal(p)}) then {text_literal(p)}" for p in listed.prefixes
    )
    return f"case when {mapped} in ({values}) then {mapped} {prefixes} end"


def _cell(field_kind: FieldType, column: str) -> str:
    match field_kind:
        case FieldType.DATE:
            return f"{_date(column)} as {column}"
        case FieldType.MONEY:
            return f"try_cast({column} as decimal(12, 2)) as {column}"
        case FieldType.INTEGER:
            return f"try_cast({column} as integer) as {column}"
        case FieldType.CODE:
            return f"{_listed(column)} as {column}"
        case _ if column in FORMS:
            return f"case when regexp_full_match(upper(s.{column}), {text_literal(FORMS[column])}) then upper(s.{column}) end as {column}"
        case _:
            return f"s.{column} as {column}"


def map_forward(session: Session) -> None:
    """Make the table ``mapped`` from ``sent``: dates read, money decimal, codes in Release 2 wording.

    Nulls:  what cannot be read is null here and a finding in ``faults``.
    """
    mapping = forward_mapping()
    names = ("column_name", "release", "value", "r2_value")
    session.take("mapping", pa.table({name: [row[place] for row in mapping] for place, name in enumerate(names)}))
    joins, cells = [], []
    for field in fields():
        cells.append(_cell(field.kind, field.column))
        if field.kind is FieldType.CODE:
            joins.append(
                f"left join (select value, min(r2_value) as r2_value from mapping where column_name = '{field.column}'"  # noqa: S608
                f" group by value) m_{field.column} on m_{field.column}.value = s.{field.column}"
            )
    local = [f"s.{column} as {column}" for column in session.columns("sent") if column.startswith("local_")]
    text = f"select s.row_number, {', '.join([*cells, *local])} from sent s {' '.join(joins)} order by s.row_number"  # noqa: S608
    session.table("mapped", Query(text, ("sent", "mapping")))


def _finding(code: str, column: str, source: str, where: str) -> str:
    return f"select row_number, '{column}' as column_name, '{code}' as rule from {source} where {where}"  # noqa: S608


def _sent_blank(column: str) -> str:
    """Say that nothing was sent; a value that could not be read has a finding of its own."""
    return f"row_number in (select row_number from sent where {column} is null)"  # noqa: S608


def _list_findings() -> list[str]:
    found = []
    for field in fields():
        listed = code_list(field.title, Release.R2) if field.kind is FieldType.CODE else None
        if listed is None:
            continue
        code = "CG02" if listed.complete else "CG12"
        unknown = f"s.{field.column} is not null and m.{field.column} is null"
        found.append(
            f"select s.row_number, '{field.column}', '{code}' from sent s join mapped m using (row_number) where {unknown}"
        )  # noqa: S608
        older = (
            f"s.row_number in (select s2.row_number from sent s2 join mapping m on m.column_name = '{field.column}'"  # noqa: S608
            f" and m.value = s2.{field.column} and m.r2_value <> '')"
        )
        found.append(_finding("CG03", field.column, "sent s", older))
    return found


def find_faults(session: Session, *, synthetic_allowed: bool) -> None:
    """Make the table ``faults`` (row_number, column_name, rule); it holds no values."""
    make_facts(session)
    found = [
        _finding("CG01", rule.column, "facts", f"{_sent_blank(rule.column)} and ({rule.mandatory_when})")
        for rule in field_rules()
    ]
    found += _list_findings()
    for field in fields():
        if field.kind is FieldType.DATE:
            same = f"s.{field.column} is not null and m.{field.column} is null"
            found.append(
                f"select s.row_number, '{field.column}', 'CG04' from sent s join mapped m using (row_number) where {same}"
            )  # noqa: S608
    cleaned = clean_number_sql("nhs_number")
    fault = number_fault_sql(f"({cleaned})", synthetic_allowed=synthetic_allowed)
    found.append(_finding("CG07", "nhs_number", "mapped", f"{fault} in ('invalid', 'range')"))
    found.append(_finding("CG08", "nhs_number", "mapped", f"{fault} = 'placeholder'"))
    found.append(_finding("CG05", "event_end_date", "mapped", "event_end_date < event_start_date"))
    old = f"date_diff('year', date_of_birth, reporting_period_end_date) >= {OLDEST_YEARS}"
    found.append(_finding("CG06", "date_of_birth", "mapped", old))
    twice = f"(select row_number, row_number() over (partition by {EVENT_KEY} order by row_number) as copy from mapped)"  # noqa: S608
    found.append(_finding("CG09", "event_reference", twice, "copy > 1"))
    found.append(_finding("CG11", "client_funding_status", "mapped", "client_funding_status = 'Fully client funded'"))
    under = "date_diff('year', date_of_birth, coalesce(event_end_date, reporting_period_end_date)) < 18"
    found.append(_finding("CG11", "date_of_birth", "mapped", under))
    nobody = "nhs_number is null and la_person_unique_identifier is null"
    found.append(_finding("CG13", "la_person_unique_identifier", "mapped", nobody))
    text = " union all ".join(found) + " order by row_number, column_name, rule"
    session.table("faults", Query(text, ("mapped", "facts", "sent", "mapping")))
