"""Exact steps, in order, each named and counted; none settles on a number and a name without the birth date.

The order is that of the published services: cross-check (number, birth date and a name), unique exact demographics,
alphanumeric (birth date, sex, postcode and the starts of both names, unique), then weighed evidence, then unlinked.

Source: NHS England, Master Person Service, Person_ID handbook; cld/reference/mps-diagnostics-columns.csv.
"""

from __future__ import annotations

from collections.abc import Sequence

from cld.engine import Query, Session
from linkage.prepare.comparisons import NEAR, similarity_sql

__all__ = ["ALPHANUMERIC", "CROSS_CHECK", "EXACT_DEMOGRAPHICS", "cascade_keys", "settle_exactly", "steps_for"]

CROSS_CHECK = "cross_check"
EXACT_DEMOGRAPHICS = "exact_demographics"
ALPHANUMERIC = "alphanumeric"

MOST_ALIKE = 200
"""A key that more people of RIGHT share than this settles nobody: one of so many is not told exactly."""
NEEDS = {
    CROSS_CHECK: ("number", "birth"),
    EXACT_DEMOGRAPHICS: ("given", "family", "birth", "postcode"),
    ALPHANUMERIC: ("given", "family", "birth", "postcode", "sex"),
}
KEYS = {
    CROSS_CHECK: ("key_number",),
    EXACT_DEMOGRAPHICS: ("key_birth_and_postcode", "key_birth_and_postcode_of_before"),
    ALPHANUMERIC: ("key_birth_and_postcode",),
}
"""The blocking keys by which each step reaches its candidates; what it asks is then held against the values."""


def steps_for(fields: Sequence[str]) -> tuple[str, ...]:
    """Return the exact steps that these fields allow."""
    return tuple(step for step, needs in NEEDS.items() if all(need in fields for need in needs))


def cascade_keys(steps: Sequence[str], kept: Sequence[str]) -> tuple[str, ...]:
    """Return the key columns that the steps read, of those that the index has."""
    return tuple(dict.fromkeys(key for step in steps for key in KEYS[step] if key in kept))


def settle_exactly(
    session: Session, steps: Sequence[str], fields: Sequence[str], kept: Sequence[str], source: str
) -> dict[str, int]:
    """Make ``settled`` x (rid_l, rid_r, step) from ``left_people`` and RIGHT; returns the number settled by step.

    A record settles only where exactly one record of RIGHT fits, and never against a number that says otherwise.
    """
    session.table("settled", Query("select 0::bigint as rid_l, 0::bigint as rid_r, '' as step where false"))
    columns = ", ".join(["rid", *fields])
    for key in cascade_keys(steps, kept):
        text = f"select {columns}, {key} from {source} r semi join left_people l on l.{key} = r.{key}"  # noqa: S608
        session.table(f"exact_{key}", Query(text, (source, "left_people")))
    counts = {}
    for step in steps:
        reached = " union ".join(
            f"""select l.rid as rid_l, r.rid as rid_r from left_people l join exact_{key} r on r.{key} = l.{key}
            where r.{key} not in (select {key} from exact_{key} group by {key} having count(*) > {MOST_ALIKE})
                and l.rid not in (select rid_l from settled) and {_fits(step, fields)}"""
            for key in cascade_keys((step,), kept)
        )  # noqa: S608 - names of ours
        text = (
            f"select rid_l, min(rid_r) as rid_r, '{step}' as step from ({reached}) group by rid_l having count(*) = 1"  # noqa: S608
        )
        inputs = ("left_people", "settled", *(f"exact_{key}" for key in cascade_keys((step,), kept)))
        session.table("settled_now", Query(text, inputs))
        counts[step] = session.whole(Query("select count(*) from settled_now", ("settled_now",)))
        both = "select * from settled union all select * from settled_now order by rid_l"
        session.table("settled_both", Query(both, ("settled", "settled_now")))
        session.table("settled", Query("select * from settled_both order by rid_l", ("settled_both",)))
    for key in cascade_keys(steps, kept):
        session.drop(f"exact_{key}")
    return counts


def _fits(step: str, fields: Sequence[str]) -> str:
    number = "(l.number is null or r.number is null or l.number = r.number)" if "number" in fields else "true"
    family = "(r.family = l.family or r.other_family = l.family)" if "other_family" in fields else "r.family = l.family"
    if step == CROSS_CHECK:
        named = ["l.given = r.given"] if "given" in fields else []
        named += [family] if "family" in fields else []
        if {"given", "family"} <= set(fields):
            named.append("l.given = r.family and l.family = r.given")
        absent = " and ".join(f"l.{name} is null" for name in ("given", "family") if name in fields) or "true"
        agrees = " or ".join([*named, absent])
        return f"l.number_valid and r.number = l.number and r.birth = l.birth and ({agrees})"
    if step == EXACT_DEMOGRAPHICS:
        lived = (
            "(r.postcode = l.postcode or r.other_postcode = l.postcode)"
            if "other_postcode" in fields
            else "r.postcode = l.postcode"
        )
        return f"{number} and r.given = l.given and {family} and r.birth = l.birth and {lived}"
    near = " and ".join(f"{similarity_sql(f'l.{name}', f'r.{name}')} >= {NEAR}" for name in ("given", "family"))
    return f"{number} and r.birth = l.birth and r.postcode = l.postcode and r.sex = l.sex and {near}"
