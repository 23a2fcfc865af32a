"""How well a linkage went, group by group: rates with intervals, small groups withheld.

Source: Wilson 1927 (interval of a share); GUILD (Gilbert et al. 2018) and the Government Statistical Service's quality of
linked data, which ask for linkage rates by characteristics of people; groups under ten are withheld.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cld.engine import Query, Session
from cld.intervals import wilson

__all__ = ["GROUPS", "PERSON_GROUPS", "Rate", "link_rates"]

SMALLEST_GROUP = 10
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
    "form of name": """case when given_name is null or family_name is null then 'not given'
        when regexp_matches(strip_accents(given_name || family_name), '[^\\x00-\\x7F]') then 'letters beyond A to Z'
        when regexp_matches(trim(given_name || ' ' || family_name), '[ -].*[ -]') then 'more than two parts'
        when least(length(trim(given_name)), length(trim(family_name))) <= 3 then 'a name of three letters or fewer'
        else 'two parts' end""",
    "region of residence": "coalesce(region, 'not given')",
    "area": "coalesce(residence_ccg, 'not given')",
}
"""Groups of the people of councils, as SQL over one row a person. A naming tradition is recorded nowhere; ethnicity and
the form of a name stand for it."""
NEEDS = {"number sent": "number", "sex": "sex", "birth decade": "birth", "postcode area": "postcode"}


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of records linked in one group, with its interval; a group under ten holds no figures.

    Where one to nine records of a larger group are not linked, their number is not held, and the interval is the one that
    holds for all of one to nine.
    """

    group: str
    value: str
    n_records: int | None
    n_linked: int | None
    low: float | None
    high: float | None
    expected_false: float | None = None
    expected_missed: float | None = None

    def as_json(self) -> dict[str, object]:
        """Return the rate with shares as text of four digits."""
        shown = None if self.low is None or self.high is None else [f"{self.low:.4f}", f"{self.high:.4f}"]
        expected = {"expected_false": self.expected_false, "expected_missed": self.expected_missed}
        told = {name: f"{value:.4f}" for name, value in expected.items() if value is not None}
        return {
            "group": self.group,
            "value": self.value,
            "n_records": self.n_records,
            "n_linked": self.n_linked,
            "interval": shown,
            **told,
        }


def link_rates(
    session: Session,
    table: str,
    fields: Sequence[str],
    linked: str,
    groups: Mapping[str, str],
    chance: str | None = None,
) -> tuple[Rate, ...]:
    """Return the rates of every group of ``table``, ``linked`` being SQL that says whether a row is linked.

    With ``chance``, SQL for the chance that a row's best candidate is its person, a group also has the share of its
    links expected to be false and the share of its records expected to be missed though their person was a candidate.
    Nulls:  groups of fewer than ten records, or of fewer than ten linked but not none, hold no figures.
    Source: expected errors from the model's own chances, Fellegi and Sunter 1969; Belin and Rubin 1995 on their limits.
    """
    doubt, missed = "null", "null"
    if chance is not None:  # decimal, so that the order of the rows changes nothing
        doubt = f"sum(cast(1 - {chance} as decimal(18, 12))) filter ({linked})"
        missed = f"sum(cast({chance} as decimal(18, 12))) filter (not ({linked}))"
    found = []
    for group, sql in groups.items():
        if group in NEEDS and NEEDS[group] not in fields:
            continue
        text = f"""
            select {sql} as value, count(*), count(*) filter ({linked}), {doubt}, {missed} from {table}
            group by value order by value
        """  # noqa: S608
        for value, n_records, n_linked, false, lost in session.rows(Query(text, (table,))):
            rate = _rate(group, str(value), int(n_records), int(n_linked))
            if chance is not None and rate.low is not None:
                expected = float(false or 0) / max(int(n_linked), 1), float(lost or 0) / int(n_records)
                rate = replace(rate, expected_false=expected[0], expected_missed=expected[1])
            found.append(rate)
    return tuple(found)


def _rate(group: str, value: str, n_records: int, n_linked: int) -> Rate:
    few = n_records - n_linked
    if n_records < SMALLEST_GROUP:
        return Rate(group, value, None, None, None, None)
    if 0 < n_linked < SMALLEST_GROUP:
        return Rate(group, value, n_records, None, None, None)
    if 0 < few < SMALLEST_GROUP:
        low, high = wilson(n_records - SMALLEST_GROUP + 1, n_records)[0], wilson(n_records - 1, n_records)[1]
        return Rate(group, value, n_records, None, low, high)
    return Rate(group, value, n_records, n_linked, *wilson(n_linked, n_records))
