"""What a linkage gathers for its quality statement while its tables are open: rates, expected errors, identifiers.

Source: GUILD (Gilbert et al. 2018), steps 1 and 2: which identifiers there were and how complete, and linkage by
characteristics of people.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from cld.engine import Query, Session
from cld.places import council_regions, small_areas
from linkage.prepare.index import Prepared
from linkage.tell.quality import PERSON_GROUPS, Rate, link_rates

__all__ = [
    "CLIENT_FIELDS",
    "NHS_FIELDS",
    "identifiers_by_council",
    "identifiers_of",
    "index_identifiers",
    "rates_of_persons",
]

NHS_FIELDS: Mapping[str, str] = {
    "NHS number that may be matched on": "number", "given name": "given_name", "family name": "family_name",
    "birth date": "date_of_birth", "sex": "sex", "postcode": "postcode",
}  # fmt: skip
CLIENT_FIELDS: Mapping[str, str] = {"NHS number as sent": "sent_number", **NHS_FIELDS}
INDEX_FIELDS: Mapping[str, str] = {
    "given name": "given", "family name": "family", "birth date": "birth", "sex": "sex", "postcode": "postcode",
}  # fmt: skip
# ``found`` is what the run, or an earlier one whose answer is kept, found for a record; no candidate is no chance
PERSONS_LINKED = """
    with latest as (
        select la_code, person_ref, arg_max(ethnicity, row_number) as ethnicity,
            arg_max(residence_ccg, row_number) as residence_ccg, arg_max(residence_lsoa, row_number) as residence_lsoa
        from cld group by all
    )
    select p.la_code, p.number, p.sex, p.date_of_birth, p.given_name, p.family_name, l.ethnicity,
        nullif(l.residence_ccg, '') as residence_ccg, g.region, t.step, t.person_id is not null as linked,
        case when f.weight_bits is null then 0 else 1 / (1 + pow(2, -f.weight_bits)) end as chance
    from persons p join traced t using (rid) join found f on f.rid = p.rid
    left join latest l on l.la_code = p.la_code and l.person_ref = p.person_ref
    left join regions g on g.lsoa = l.residence_lsoa
    order by p.rid
"""


def rates_of_persons(session: Session) -> tuple[Rate, ...]:
    """Return the rates of every group of people, with the errors that the model expects of each.

    Shape:  reads persons, traced, found, cld; makes ``regions`` x (lsoa, region) and ``persons_linked``.
    Source: cld/reference/lsoa2011-ccg2021-lad2021.csv and cassr-councils.csv (region of residence).
    """
    regions = council_regions()
    areas = [(lsoa, regions[ons_code][1]) for lsoa, _, ons_code in small_areas() if ons_code in regions]
    session.take("regions", pa.table({"lsoa": [lsoa for lsoa, _ in areas], "region": [name for _, name in areas]}))
    session.table("persons_linked", Query(PERSONS_LINKED, ("persons", "traced", "found", "cld", "regions")))
    return link_rates(session, "persons_linked", ("number", "sex"), "linked", PERSON_GROUPS, chance="chance")


def identifiers_of(session: Session, source: str, fields: Mapping[str, str]) -> list[dict[str, object]]:
    """Count, for each identifier of ``persons``, in how many records it is given.

    Shape:  out one value a field: source, field, n_records, n_given.
    """
    counted = ", ".join(f"count({column})" for column in fields.values())
    n_records, *given = session.rows(Query(f"select count(*), {counted} from persons", ("persons",)))[0]  # noqa: S608
    return [
        {"source": source, "field": title, "n_records": int(n_records), "n_given": int(n)}
        for title, n in zip(fields, given, strict=True)
    ]


def identifiers_by_council(session: Session) -> list[dict[str, object]]:
    """Count the identifiers of ``persons`` council by council, as identifiers_of does."""
    counted = ", ".join(f"count({column})" for column in CLIENT_FIELDS.values())
    text = f"select la_code, count(*), {counted} from persons group by la_code order by la_code"  # noqa: S608
    return [
        {"source": str(la_code), "field": title, "n_records": int(n_records), "n_given": int(n)}
        for la_code, n_records, *given in session.rows(Query(text, ("persons",)))
        for title, n in zip(CLIENT_FIELDS, given, strict=True)
    ]


def index_identifiers(session: Session, index: Prepared) -> list[dict[str, object]]:
    """Say how complete the person index is, from its exact shares; its number is its key and always there."""
    whole = {"source": "person index", "n_records": index.n_people}
    counted = [{**whole, "field": "NHS number", "n_given": index.n_people}]
    for title, name in INDEX_FIELDS.items():
        if name in index.fields:
            held = Query(f"select coalesce(sum(n), 0) from share_{name}", (f"share_{name}",))  # noqa: S608
            counted.append({**whole, "field": title, "n_given": session.whole(held)})
    return counted
