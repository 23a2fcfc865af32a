"""The published join rules: what may not be matched on, whose date of death stands, and from which day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from cld.engine import Query
from linkage.joins import DEATHS_BY_PERSON, death_date_sql, rules_on, valid_for_matching_sql
from tests.lib.linking import a_session

ON = date(2026, 6, 1)


@pytest.mark.parametrize(
    ("number", "birth", "postcode", "kept"),
    [
        ("9434765919", date(1940, 3, 2), "LN1 1AA", ("9434765919", date(1940, 3, 2), "LN1 1AA")),
        ("9434765918", date(1894, 12, 31), "ZZ99 3VZ", (None, None, None)),
        ("9999999999", date(1895, 1, 1), "zz99 3vz", (None, date(1895, 1, 1), None)),
        (None, None, None, (None, None, None)),
    ],
)
def test_what_is_not_valid_is_not_matched_on(
    tmp_path: Path, number: str | None, birth: date | None, postcode: str | None, kept: tuple[object, ...]
) -> None:
    row = {
        "nhs_number": pa.array([number], pa.string()),
        "date_of_birth": pa.array([birth], pa.date32()),
        "postcode": pa.array([postcode], pa.string()),
    }
    with a_session(tmp_path) as session:
        session.take("sent", pa.table(row))
        text = f"select {', '.join(valid_for_matching_sql(rules_on(ON, 'apc')))} from sent"
        assert session.rows(Query(text, ("sent",)))[0] == kept


def test_the_latest_registered_death_stands_from_the_day_of_the_rule(tmp_path: Path) -> None:
    deaths = {
        "person_id": ["a", "a", "b"],
        "registration_id": ["D1", "D2", "D3"],
        "date_of_death": [date(2021, 5, 1), date(2021, 5, 2), date(2021, 6, 1)],
    }
    council = {"person_id": ["a", "c"], "date_of_death": [date(2021, 4, 30), date(2021, 7, 1)]}
    with a_session(tmp_path) as session:
        session.take("deaths", pa.table(deaths))
        session.take("c_rows", pa.table(council))
        session.table("registered", Query(DEATHS_BY_PERSON, ("deaths",)))
        found = {}
        for day in (date(2026, 5, 31), ON):
            text = f"""
                select {death_date_sql(rules_on(day, "cld"))} from c_rows c
                left join registered d on d.person_id = c.person_id order by c.person_id
            """
            found[day] = [row[0] for row in session.rows(Query(text, ("c_rows", "registered")))]
    assert found == {
        date(2026, 5, 31): [date(2021, 4, 30), date(2021, 7, 1)],
        ON: [date(2021, 5, 2), date(2021, 7, 1)],
    }
