"""Motivated intruders try the demo's anonymised extract; the truth of the synthetic England says what they win."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import recordlinkage

from api.demo.intruders import LOOKED_FOR, Tried, anonymised_extract, try_all
from api.house.house import House
from api.workspace.wiring import open_demo_workspace
from cld.engine import Query
from disclosure.intruder.attempt import Intruder, Released
from disclosure.intruder.stated import stated_for

HOLDS_ALL = "another recipient with its own extract"


@pytest.fixture(scope="module")
def tried(demo_folder: Path) -> Iterator[Tried]:
    space = open_demo_workspace(demo_folder)
    with anonymised_extract(House(space)) as opened:
        yield opened
    space.journal.close()


def test_no_intruder_succeeds_more_often_than_the_reported_risk_says(tried: Tried) -> None:
    reported = {line["name"]: line for line in tried.report["intruders"]}
    highest = float(tried.report["after"]["highest_prosecutor_risk"])
    for name, found in try_all(tried, tried.released()).items():
        assert found.n_targets > 50, name
        assert found.keeps_promise, name
        assert found.success_rate <= float(reported[name]["highest"]) + 1e-4, name
        if set(found.intruder.columns()) <= set(tried.hierarchies):
            assert found.success_rate <= highest, name
            assert found.n_correct_claims == 0, name


def test_the_same_intruders_win_against_the_same_rows_not_generalised(tried: Tried) -> None:
    """The weakened house: nothing generalised. Risk measured on the rows as they left no longer bounds what is won."""
    for name, found in try_all(tried, tried.as_they_were()).items():
        assert found.n_correct_claims > 0, name
        assert found.success_rate > float(tried.report["after"]["highest_prosecutor_risk"]), name


def test_one_who_holds_the_columns_outside_k_finds_nobody_alone(tried: Tried) -> None:
    """Those columns are outside k: what makes people alone on all of them is withheld, and the promise says what is left."""
    found = try_all(tried, tried.released())[HOLDS_ALL]
    reported = next(line for line in tried.report["intruders"] if line["name"] == HOLDS_ALL)
    assert reported["outside_k"]
    assert reported["n_alone"] == found.promise.n_alone == 0
    assert found.n_claims == 0


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
    people, which = LOOKED_FOR[name]
    sample = tried.choose(f"sample_{people}", people, f"({which}) and hash(person) % 5 = 0")
    exact = Intruder(
        name, tuple(one for one in next(i for i in stated_for(tried.columns) if i.name == name).knows if one.level == 0)
    )
    released = tried.as_they_were()
    found = tried.attempt(exact, released, sample)
    known = tried.session.arrow(Query(f"select * from {sample}", (sample,))).to_pandas()
    assert found.n_claims > 10
    assert (found.n_claims, found.n_correct_claims) == claims_by_recordlinkage(
        tried, known, released, list(exact.columns())
    )
