"""Values outside k are withheld where someone is alone or a class tells too much; each limit from both sides, by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import log
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cld.engine import Query, Session, scratch_engine
from disclosure.rows.withhold import Outside, withhold

STAR = "*"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with scratch_engine(tmp_path).session() as opened:
        yield opened


def made(session: Session, table: dict[str, list[str | None]], outside: Outside) -> list[tuple[str | None, ...]]:
    """Withhold, and return the rows in the order of their keys."""
    n = len(next(iter(table.values())))
    session.take("rows", pa.table({"person_key": [f"p{place:03}" for place in range(n)], **table}))
    lost = withhold(session, "rows", ["area"], outside, "out")
    rows = session.rows(Query("select * exclude (person_key) from out order by person_key", ("out",)))
    for name, n_lost in lost.items():
        place = list(table).index(name)
        assert n_lost == sum(row[place] == STAR for row in rows)
    for one in ("rows", "out"):
        session.drop(one)
    return [tuple(row) for row in rows]


def test_whoever_is_alone_shows_a_star_among_others_who_do(session: Session) -> None:
    """Day is alone and so is Night: both show a star, the six others keep what they show."""
    care = ["Home"] * 3 + ["Day", "Night"] + ["Home"] * 3
    rows = made(session, {"area": ["x"] * 8, "care": care}, Outside(("care",), (), 2))
    assert [row[1] for row in rows] == ["Home"] * 3 + [STAR] * 2 + ["Home"] * 3


def test_one_person_alone_is_joined_by_the_smallest_other_group(session: Session) -> None:
    """Night alone would be the only star: Day, the smaller of the two groups, is starred with it."""
    care = ["Home"] * 3 + ["Day"] * 2 + ["Night"]
    rows = made(session, {"area": ["x"] * 6, "care": care}, Outside(("care",), (), 2))
    assert [row[1] for row in rows] == ["Home"] * 3 + [STAR] * 3


def test_the_fewest_columns_are_withheld_the_last_first(session: Session) -> None:
    """Two people alike in care and apart in visits lose visits alone."""
    table: dict[str, list[str | None]] = {"area": ["x"] * 2, "care": ["Home", "Home"], "visits": ["1", "2"]}
    rows = made(session, table, Outside(("care", "visits"), (), 2))
    assert rows == [("x", "Home", STAR)] * 2


def test_company_is_asked_as_many_as_the_limit_says_and_not_more(session: Session) -> None:
    table: dict[str, list[str | None]] = {"area": ["x"] * 5, "care": ["Home", "Home", "Day", "Day", "Day"]}
    assert STAR not in {row[1] for row in made(session, table, Outside(("care",), (), 2))}
    assert {row[1] for row in made(session, table, Outside(("care",), (), 3))} == {STAR}


def test_a_class_of_one_value_withholds_it_where_two_are_asked(session: Session) -> None:
    table: dict[str, list[str | None]] = {"area": ["x", "x", "y", "y"], "reason": ["A", "A", "A", "B"]}
    rows = made(session, table, Outside(("reason",), ("reason",), distinct_l=2))
    assert [row[1] for row in rows] == [STAR, STAR, "A", "B"]
    assert STAR not in {row[1] for row in made(session, table, Outside(("reason",), ("reason",), distinct_l=1))}


@pytest.mark.parametrize(("t", "is_shown"), [(0.25, True), (0.2499, False)])
def test_t_holds_at_its_limit_and_withholds_below(session: Session, t: float, is_shown: bool) -> None:  # noqa: FBT001
    """Class x holds A and B, class y two A: of all, three quarters A; x is off by a quarter, and so is y."""
    table: dict[str, list[str | None]] = {"area": ["x", "x", "y", "y"], "reason": ["A", "B", "A", "A"]}
    rows = made(session, table, Outside(("reason",), ("reason",), t=t))
    assert (STAR not in {row[1] for row in rows}) == is_shown


@pytest.mark.parametrize(("delta", "n_withheld"), [(log(2), 0), (log(2) - 0.001, 2)])
def test_delta_holds_at_its_limit_and_withholds_below(session: Session, delta: float, n_withheld: int) -> None:
    """B is half of class x and a quarter of all: ln 2; class y is all A, of which three quarters are: ln 4/3."""
    table: dict[str, list[str | None]] = {"area": ["x", "x", "y", "y"], "reason": ["A", "B", "A", "A"]}
    rows = made(session, table, Outside(("reason",), ("reason",), delta=delta))
    assert sum(row[1] == STAR for row in rows) == n_withheld


def test_what_is_withheld_depends_on_values_and_not_on_the_order_of_rows(session: Session) -> None:
    """Random rows, missing values among them: nobody is alone, no row is lost, and a shuffled file gives the same rows."""
    drawn = np.random.default_rng(3)
    for _ in range(12):
        n = int(drawn.integers(30, 90))
        table = {
            "area": [str(one) for one in drawn.integers(0, 2, n)],
            "reason": [None if one == 4 else f"r{one}" for one in drawn.integers(0, 5, n)],
            "care": [f"c{one}" for one in drawn.integers(0, 6, n)],
            "visits": [str(one) for one in drawn.geometric(0.4, n)],
        }
        outside = Outside(("reason", "care", "visits"), ("reason",), 3, 2, 0.5, 3)
        rows = made(session, table, outside)
        assert min(Counter(rows).values()) >= 3
        assert Counter(row[0] for row in rows) == Counter(table["area"])
        order = drawn.permutation(n)
        again = made(session, {name: [values[place] for place in order] for name, values in table.items()}, outside)
        assert Counter(again) == Counter(rows)
        for shown, true in zip(rows, zip(*table.values(), strict=True), strict=True):
            assert all(one in (STAR, whole) for one, whole in zip(shown, true, strict=True))
