"""What a motivated intruder wins over released rows, worked by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from cld.engine import Session, scratch_engine
from cld.errors import UnknownColumn
from cld.hierarchies import hierarchy_named
from disclosure.intruder.attempt import Intruder, Known, Released, attempt, know, promised
from disclosure.intruder.stated import stated_for

AGES = {"age_years": hierarchy_named("age", {})}
PEOPLE = pa.table(
    {
        "person": ["p1", "p2", "p3", "p4", "p5"],
        "age_years": [31, 33, 38, 70, 71],
        "gender": ["Male", "Male", "Female", "Female", "Female"],
    }
)
FIVE_YEARS, BANDS = 1, 2


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with scratch_engine(tmp_path).session() as opened:
        opened.take("people", PEOPLE)
        opened.take("truth", pa.table({"target": PEOPLE["person"], "row_key": PEOPLE["person"]}))
        yield opened


def release(session: Session, ages: list[str], levels: dict[str, int]) -> Released:
    rows = pa.table({"person_key": PEOPLE["person"], "age_years": ages, "gender": PEOPLE["gender"]})
    session.take("rows", rows)
    return Released("rows", "people", levels, AGES)


def neighbour(age_level: int) -> Intruder:
    return Intruder("a neighbour", (Known("age_years", age_level), Known("gender")))


def test_a_guess_among_n_compatible_rows_is_right_once_in_n(session: Session) -> None:
    """Bands: two men and one woman of 25 to 44, two women of 65 to 74; so 1/2, 1/2, 1, 1/2, 1/2 make 3 of 5."""
    released = release(session, ["25 to 44", "25 to 44", "25 to 44", "65 to 74", "65 to 74"], {"age_years": BANDS})
    know(session, "people", neighbour(0), AGES, target="person", into="known")
    found = attempt(session, "known", released, neighbour(0), truth="truth")
    assert (found.n_targets, found.n_met, found.n_claims, found.n_correct_claims) == (5, 5, 1, 1)
    assert found.n_expected == pytest.approx(3.0)
    assert (found.promise.highest, found.promise.average, found.promise.n_alone) == (1.0, 3 / 5, 1)
    assert found.keeps_promise


def test_an_intruder_that_knows_less_than_is_released_meets_every_row_that_could_be_the_person(
    session: Session,
) -> None:
    """Ages released as they are, known in five years: 30 to 34 meets both men; the women are 35 to 39 and 70 to 74."""
    released = release(session, ["31", "33", "38", "70", "71"], {})
    know(session, "people", neighbour(FIVE_YEARS), AGES, target="person", into="known")
    found = attempt(session, "known", released, neighbour(FIVE_YEARS), truth="truth")
    assert (found.n_met, found.n_claims, found.n_correct_claims) == (5, 1, 1)
    assert found.n_expected == pytest.approx(3.0)


def test_levels_that_do_not_nest_are_compatible_where_one_age_could_be_both(session: Session) -> None:
    """Known 15 to 19, released Under 18 or 18 to 24: both could be the person."""
    ages = pa.table({"person": ["a", "b"], "age_years": [17, 19], "gender": ["Male", "Male"]})
    session.take("young", ages)
    session.take("shown", pa.table({"person_key": ["a", "b"], "age_years": ["Under 18", "18 to 24"]}))
    session.take("who", pa.table({"target": ["a", "b"], "row_key": ["a", "b"]}))
    intruder = Intruder("a neighbour", (Known("age_years", FIVE_YEARS),))
    know(session, "young", intruder, AGES, target="person", into="known")
    found = attempt(session, "known", Released("shown", "young", {"age_years": BANDS}, AGES), intruder, truth="who")
    assert (found.n_met, found.n_claims, found.n_expected) == (2, 0, 1.0)


def test_a_claim_about_someone_who_is_not_in_the_rows_is_wrong(session: Session) -> None:
    released = release(session, ["31", "33", "38", "70", "71"], {})
    session.take("strangers", pa.table({"person": ["x", "y"], "age_years": [31, 50], "gender": ["Male", "Male"]}))
    know(session, "strangers", neighbour(0), AGES, target="person", into="known")
    found = attempt(session, "known", released, neighbour(0), truth="truth")
    assert (found.n_targets, found.n_met, found.n_claims, found.n_correct_claims, found.n_expected) == (2, 1, 1, 0, 0.0)


def test_a_missing_value_is_a_value_of_its_own(session: Session) -> None:
    session.take("rows", pa.table({"person_key": ["a", "b"], "gender": ["Male", None]}))
    session.take("aims", pa.table({"target": ["b"], "gender": pa.array([None], pa.string())}))
    session.take("who", pa.table({"target": ["b"], "row_key": ["b"]}))
    intruder = Intruder("a neighbour", (Known("gender"),))
    found = attempt(session, "aims", Released("rows", "rows", {}, {}), intruder, truth="who")
    assert (found.n_claims, found.n_correct_claims) == (1, 1)


def test_the_promise_counts_only_the_columns_known(session: Session) -> None:
    released = release(session, ["31", "33", "38", "70", "71"], {})
    assert promised(session, released, ("gender",)).highest == 1 / 2
    assert promised(session, released, ("gender",)).average == 2 / 5
    assert promised(session, released, ("age_years", "gender")).n_alone == 5


def test_what_rows_do_not_hold_cannot_be_tried(session: Session) -> None:
    released = release(session, ["31", "33", "38", "70", "71"], {})
    session.take("aims", pa.table({"target": ["p1"], "ethnicity": ["White"]}))
    with pytest.raises(UnknownColumn):
        attempt(session, "aims", released, Intruder("a colleague", (Known("ethnicity"),)), truth="truth")


def test_stated_intruders_use_what_the_rows_hold() -> None:
    held = {one.name: one.columns() for one in stated_for(("age_years", "died_in_period"))}
    assert held["a neighbour"] == ("age_years",)
    assert held["a journalist with a death notice"] == ("age_years", "died_in_period")
    assert stated_for(("residence_lsoa",)) == ()
