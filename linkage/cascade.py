"""Exact steps, in order, each named and counted; none settles on a number and a name without the birth date.

Source: the order of NHS England's master person service (cld/reference/mps-diagnostics-columns.csv): cross-check,
unique exact demographics, then weighed evidence.
"""

from __future__ import annotations

from cld.engine import Query, Session

__all__ = ["CROSS_CHECK", "EXACT_DEMOGRAPHICS", "settle_exactly"]

CROSS_CHECK = "cross_check"
EXACT_DEMOGRAPHICS = "exact_demographics"

BY_NUMBER = """
    select r.rid, i.person_id, i.superseded
    from records r join person_index i on i.nhs_number = r.number
    where r.birth = i.birth and (r.given is null and r.family is null or r.given = i.given or r.family = i.family
        or r.given[1] = i.given[1] and r.family = i.previous_family)
    order by r.rid
"""
# the one person with these names, this birth date and one of these addresses
BY_DEMOGRAPHICS = """
    select r.rid, min(f.person_id) as person_id, false as superseded
    from records r
    join person_faces f on f.birth = r.birth and f.given = r.given
        and (f.family = r.family or f.previous_family = r.family)
        and (f.postcode = r.postcode or f.previous_postcode = r.postcode)
    where r.rid not in (select rid from settled)
    group by r.rid having count(distinct f.person_id) = 1
    order by r.rid
"""


def settle_exactly(session: Session) -> None:
    """Make the table ``settled`` (rid, person_id, superseded, step) from ``records`` and the index.

    ``records``: rid, number (valid or null), given, family, birth, sex, postcode, all standardised.
    """
    session.table(
        "settled", Query(f"select *, '{CROSS_CHECK}' as step from ({BY_NUMBER})", ("records", "person_index"))
    )  # noqa: S608
    session.table("by_demographics", Query(BY_DEMOGRAPHICS, ("records", "person_faces", "settled")))
    together = f"""
        select * from settled union all select *, '{EXACT_DEMOGRAPHICS}' from by_demographics order by rid
    """  # noqa: S608
    session.table("settled_both", Query(together, ("settled", "by_demographics")))
    session.table("settled", Query("select * from settled_both order by rid", ("settled_both",)))
