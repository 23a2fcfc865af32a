"""Motivated intruders try the demo's anonymised extract; the truth of the synthetic England says what they win."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import recordlinkage

from cld.engine import Query
from disclosure.intruder.attempt import Attempt, Intruder, Released
from disclosure.intruder.stated import stated_for
from tests.lib.intruders import Tried, anonymised_extract

# whom each looks for: a death notice is of the dead, a hospital date of those admitted, an extract of its own people
LOOKED_FOR = {
    "a neighbour": ("true_people", "true"),
    "a colleague": ("true_people", "age_years between 18 and 67"),
    "a journalist with a death notice": ("true_people", "died_in_period = 'yes'"),
    "someone with a hospital date": ("true_people", "n_admissions_band <> '0'"),
    "another recipient with its own extract": ("recorded_people", "registered_ccg in ('10Q', '14Y')"),
}
HOLDS_ALL = "another recipient with its own extract"


@pytest.fixture(scope="module")
def tried(demo_folder: Path) -> Iterator[Tried]:
    with anonymised_extract(demo_folder, "CG-0004") as opened:
        for place, (people, which) in enumerate(LOOKED_FOR.values()):
            opened.choose(f"looked_for_{place}", people, which)
        yield opened


def tries(tried: Tried, released: Released) -> dict[str, Attempt]:
    made = {one.name: one for one in stated_for(tried.columns)}
    return {name: tried.attempt(made[name], released, f"looked_for_{place}") for place, name in enumerate(LOOKED_FOR)}


def test_no_intruder_succeeds_more_often_than_the_reported_risk_says(tried: Tried) -> None:
    k = tried.measures["k"]
    assert isinstance(k, int)
    for name, found in tries(tried, tried.released()).items():
        assert found.n_targets > 50, name
        assert found.keeps_promise, name
        if set(found.intruder.columns()) <= set(tried.hierarchies):
            assert found.success_rate <= 1 / k, name
            assert found.n_correct_claims == 0, name


def test_the_same_intruders_win_against_the_same_rows_not_generalised(tried: Tried) -> None:
    """The weakened house: nothing generalised. Risk measured on the rows as they left no longer bounds what is won."""
    for name, found in tries(tried, tried.as_they_were()).items():
        assert found.n_correct_claims > 0, name
        assert found.success_rate > 1 / int(str(tried.measures["k"])), name


def test_one_who_holds_the_columns_outside_k_is_reported_as_the_danger_it_is(tried: Tried) -> None:
    """Those columns are left as they are, so who knows them all finds people alone; the promise must say so beforehand."""
    found = tries(tried, tried.released())[HOLDS_ALL]
    assert set(found.intruder.columns()) & set(tried.measures["columns_outside_k"])  # type: ignore[call-overload]
    assert found.promise.n_alone > 0
    assert found.n_correct_claims <= found.promise.n_alone


def claims_by_recordlinkage(
    tried: Tried, known: pd.DataFrame, released: Released, columns: list[str]
) -> tuple[int, int]:
    """Count unique candidates, and the right ones, by an exact index on all columns at the released level."""
    rows = tried.session.arrow(Query(f"select * from {released.table}", (released.table,))).to_pandas()
    shown = rows[columns].astype(str)
    index = recordlinkage.Index()
    index.block(columns)
    pairs = index.index(known[columns].astype(str), shown).to_frame(index=False, name=["target", "row"])
    alone = pairs[~pairs["target"].duplicated(keep=False)]
    right = known["person"].loc[alone["target"]].to_numpy() == rows[released.person].loc[alone["row"]].to_numpy()
    return len(alone), int(right.sum())


@pytest.mark.parametrize("name", ["a colleague", HOLDS_ALL])
def test_recordlinkage_claims_and_wins_the_same(tried: Tried, name: str) -> None:
    """Second judge, on a sample of people looked for and rows not generalised."""
    place = list(LOOKED_FOR).index(name)
    tried.choose(f"sample_{place}", f"looked_for_{place}", "hash(person) % 5 = 0")
    exact = Intruder(
        name, tuple(one for one in next(i for i in stated_for(tried.columns) if i.name == name).knows if one.level == 0)
    )
    released = tried.as_they_were()
    found = tried.attempt(exact, released, f"sample_{place}")
    known = tried.session.arrow(Query(f"select * from sample_{place}", (f"sample_{place}",))).to_pandas()
    assert found.n_claims > 10
    assert (found.n_claims, found.n_correct_claims) == claims_by_recordlinkage(
        tried, known, released, list(exact.columns())
    )
