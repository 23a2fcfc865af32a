"""How well a linkage went, group by group: rates with intervals, small groups withheld.

Source: Wilson 1927 (interval of a share); GUILD (Gilbert et al. 2018) and the Government Statistical Service's quality of
linked data, which ask for linkage rates by characteristics of people; groups under ten are withheld.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from cld.engine import Query, Session

__all__ = ["GROUPS", "PERSON_GROUPS", "Rate", "link_rates", "wilson"]

SMALLEST_GROUP = 10
Z_95 = 1.959964
OTHERS = "not given"
GROUPS: Mapping[str, str] = {
    "number sent": "case when number is null then 'no' else 'yes' end",
    "sex": "coalesce(sex, 'not given')",
    "birth decade": "coalesce(cast(birth // 100000 * 10 as varchar) || 's', 'not given')",
    "postcode area": "coalesce(regexp_extract(postcode, '^[A-Z]{1,2}'), 'not given')",
}
"""Groups that any file allows, as SQL over its standard fields."""
PERSON_GROUPS: Mapping[str, str] = {
    "council": "la_code",
    "number sent": "case when number is null then 'no' else 'yes' end",
    "sex": "coalesce(sex, 'not given')",
    "age": """case when date_of_birth is null then 'not given' when date_diff('year', date_of_birth, date '2021-12-31') < 18 then 'under 18'
        when date_diff('year', date_of_birth, date '2021-12-31') < 65 then '18 to 64'
        when date_diff('year', date_of_birth, date '2021-12-31') < 85 then '65 to 84' else '85 and over' end""",
    "ethnicity": "coalesce(split_part(ethnicity, ':', 1), 'not given')",
    "area": "coalesce(residence_ccg, 'not given')",
}
"""Groups of the people of councils, as SQL over one row a person."""
NEEDS = {"number sent": "number", "sex": "sex", "birth decade": "birth", "postcode area": "postcode"}


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of records linked in one group, with its interval; a group under ten holds no figures."""

    group: str
    value: str
    n_records: int | None
    n_linked: int | None
    low: float | None
    high: float | None

    def as_json(self) -> dict[str, object]:
        """Return the rate with shares as text of four digits."""
        shown = None if self.low is None or self.high is None else [f"{self.low:.4f}", f"{self.high:.4f}"]
        return {
            "group": self.group,
            "value": self.value,
            "n_records": self.n_records,
            "n_linked": self.n_linked,
            "interval": shown,
        }


def wilson(n_linked: int, n_records: int) -> tuple[float, float]:
    """Return the 95% interval of a share.

    Source: Wilson 1927.
    """
    if n_records == 0:
        return 0.0, 1.0
    share, spread = n_linked / n_records, Z_95 * Z_95 / n_records
    middle = (share + spread / 2) / (1 + spread)
    half = Z_95 * sqrt(share * (1 - share) / n_records + spread / (4 * n_records)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def link_rates(
    session: Session, table: str, fields: Sequence[str], linked: str, groups: Mapping[str, str]
) -> tuple[Rate, ...]:
    """Return the rates of every group of ``table``, ``linked`` being SQL that says whether a row is linked.

    Nulls: groups of fewer than ten records, or with fewer than ten unlinked but not none, hold no figures.
    """
    found = []
    for group, sql in groups.items():
        if group in NEEDS and NEEDS[group] not in fields:
            continue
        text = f"select {sql} as value, count(*), count(*) filter ({linked}) from {table} group by value order by value"  # noqa: S608
        for value, n_records, n_linked in session.rows(Query(text, (table,))):
            found.append(_rate(group, str(value), int(n_records), int(n_linked)))
    return tuple(found)


def _rate(group: str, value: str, n_records: int, n_linked: int) -> Rate:
    few = n_records - n_linked
    if n_records < SMALLEST_GROUP or 0 < few < SMALLEST_GROUP or 0 < n_linked < SMALLEST_GROUP:
        shown = None if n_records < SMALLEST_GROUP else n_records
        return Rate(group, value, shown, None, None, None)
    return Rate(group, value, n_records, n_linked, *wilson(n_linked, n_records))
