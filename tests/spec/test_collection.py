"""How a council's file is read: codes forward, dates, field status, periods, rows sent twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cld.engine import Query, Session, scratch_engine
from cld.specification import fields
from collection.accept import PERIOD
from collection.rules import find_faults, map_forward
from collection.status import status_counts
from tests.lib.tables import arrow_of


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """An engine's session."""
    with scratch_engine(tmp_path).session() as made:
        yield made


def sent(session: Session, drawn: str) -> None:
    """Send a file that holds the drawn columns and leaves all others blank."""
    session.take("drawn", arrow_of(drawn))
    given = session.columns("drawn")
    cells = [
        f"drawn.{field.column}" if field.column in given else f"cast(null as varchar) as {field.column}"
        for field in fields()
    ]
    session.table(
        "sent", Query(f"select row_number() over () as row_number, {', '.join(cells)} from drawn", ("drawn",))
    )
    map_forward(session)
    find_faults(session, synthetic_allowed=True)


def column(session: Session, name: str) -> list[object]:
    return [row[0] for row in session.rows(Query(f"select {name} from mapped order by row_number", ("mapped",)))]


def found(session: Session, rule: str) -> list[tuple[object, ...]]:
    text = "select row_number, column_name from faults where rule = $rule order by all"
    return session.rows(Query(text, ("faults",), {"rule": rule}))


def test_earlier_wording_becomes_release_2_and_what_no_list_holds_becomes_nothing(session: Session) -> None:
    sent(
        session,
        """
        | client_type  | event_outcome        | service_type |
        | Service User | NFA - Deceased       | LTS-NC       |
        | Carer        | NFA: Deceased        |              |
        | Lodger       | Progress to magic    |              |
        """,
    )
    assert column(session, "client_type") == ["Service user", "Unpaid carer", None]
    assert column(session, "event_outcome") == ["NFA: Deceased", "NFA: Deceased", None]
    assert column(session, "service_type") == ["Long term support: Nursing care", None, None]
    assert found(session, "CG03") == [(1, "client_type"), (1, "event_outcome"), (1, "service_type"), (2, "client_type")]
    assert found(session, "CG02") == [(3, "client_type"), (3, "event_outcome")]
    assert (3, "client_type") not in found(session, "CG01"), "a value was sent: it is not blank"


def test_dates_are_read_in_three_ways_and_what_is_none_is_found(session: Session) -> None:
    sent(
        session,
        """
        | event_start_date |
        | 2021-02-03       |
        | 03/02/2021       |
        | 44230            |
        | soon             |
        | 31/02/2021       |
        """,
    )
    assert [str(day) for day in column(session, "event_start_date")] == ["2021-02-03"] * 3 + ["None"] * 2
    assert found(session, "CG04") == [(4, "event_start_date"), (5, "event_start_date")]


def test_a_field_is_mandatory_only_where_the_specification_says(session: Session) -> None:
    sent(
        session,
        """
        | client_type               | event_type | service_type                    | delivery_mechanism         | date_of_death |
        | Service user              | Request    |                                 |                            |               |
        | Service user              | Service    | Long term support: Community    | Direct payment             |               |
        | Service user              | Service    | Long term support: Nursing care | CASSR commissioned support | 2021-05-01    |
        | Carer known by association|            |                                 |                            |               |
        |                           | Review     |                                 |                            |               |
        """,
    )
    counts = status_counts(session)
    blank = {
        rule: [row for row, name in found(session, "CG01") if name == rule]
        for rule in ("primary_support_reason", "event_end_date", "unit_cost", "event_type", "review_reason")
    }
    assert blank["primary_support_reason"] == [2, 3, 5]
    assert blank["event_end_date"] == [1, 3]
    assert blank["unit_cost"] == [2]
    assert blank["event_type"] == []
    assert counts["event_type"] == {
        "mandatory": 3,
        "applicable": 0,
        "not_applicable": 1,
        "undetermined": 1,
        "blank_mandatory": 0,
    }
    assert counts["gender"]["mandatory"] == 5


def test_numbers_are_told_apart_as_placeholder_and_faulty(session: Session) -> None:
    sent(
        session,
        """
        | nhs_number   |
        | 943 476 5919 |
        | 9999999999   |
        | 9434765918   |
        |              |
        """,
    )
    assert found(session, "CG08") == [(2, "nhs_number")]
    assert found(session, "CG07") == [(3, "nhs_number")]


def test_the_period_comes_from_the_months_that_hold_two_percent_of_the_events(session: Session) -> None:
    """120 events in each of January and February, one in June: the stated year is not believed."""
    session.table(
        "sent",
        Query(
            f"""
            select row_number() over () as row_number, {
                ", ".join(
                    f"cast({value} as varchar) as {field.column}"
                    for field in fields()
                    for value in [
                        {
                            "reporting_period_start_date": "'2021-01-01'",
                            "reporting_period_end_date": "'2021-12-31'",
                            "event_type": "'Request'",
                            "event_end_date": "case when range < 120 then '2021-01-15' when range < 240 then '2021-02-15' else '2021-06-15' end",
                        }.get(field.column, "null")
                    ]
                )
            }
            from range(241)
            """
        ),
    )
    map_forward(session)
    assert [str(day) for day in session.rows(Query(PERIOD, ("mapped",)))[0]] == ["2021-01-01", "2021-02-28"]


def test_an_event_sent_twice_is_kept_once(session: Session) -> None:
    sent(
        session,
        """
        | la_code | la_person_unique_identifier | event_type | event_start_date |
        | 503     | P1                          | Request    | 2021-01-01       |
        | 503     | P1                          | Request    | 2021-01-01       |
        | 503     | P1                          | Request    | 2021-01-02       |
        """,
    )
    assert found(session, "CG09") == [(2, "event_reference")]
