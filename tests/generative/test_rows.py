"""Row risk on drawn tables: the house against plain implementations, and against pycanon as a second judge."""

from __future__ import annotations

import math
import random
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycanon import anonymity

from cld.engine import scratch_engine
from disclosure.rows.coded import Key, key_of
from disclosure.rows.individual import individual_risk
from disclosure.rows.measures import SensitiveMeasures, measure_classes, person_part
from disclosure.rows.measures import _holders as holders
from disclosure.rows.suda import special_uniques
from disclosure.rows.unicity import unicity
from disclosure.rows.uniqueness import estimate_uniqueness
from tests.lib.rows import (
    ADULT_SAMPLE,
    columns_of,
    measure,
    plain_classes,
    plain_individual_risk,
    plain_measures,
    plain_pitman,
    plain_special_uniques,
    plain_unicity,
)

MEASURES = ("distinct_l", "entropy_l", "t", "alpha", "basic_beta", "enhanced_beta", "delta")
VALUE = st.one_of(st.none(), st.sampled_from("abc"))
NUMBER = st.sampled_from([-1.5, 0.0, 2.0, 3.0, 1000.0])


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[object]]:
    """Draw up to thirty rows: two quasi-identifiers, words and numbers as sensitive columns, and persons."""
    n = draw(st.integers(1, 30))

    def column(values: st.SearchStrategy[object]) -> list[object]:
        return draw(st.lists(values, min_size=n, max_size=n))

    return {
        "q": column(VALUE), "r": column(st.sampled_from("xy")), "word": column(VALUE), "number": column(NUMBER),
        "who": column(st.integers(0, 8)),
    }  # fmt: skip


def test_measures_are_what_their_definitions_give(is_long: bool) -> None:
    @settings(max_examples=5_000 if is_long else 120, deadline=None, derandomize=True, database=None)
    @given(tables(), st.booleans())
    def check(table: dict[str, list[object]], by_person: bool) -> None:
        columns = dict(zip(table, columns_of(table), strict=True))
        n, who = len(table["q"]), "who" if by_person else None
        key, person = person_part(key_of([columns["q"], columns["r"]], n), columns["who"] if by_person else None)
        classes, measured = measure_classes(key, person, [columns["word"], columns["number"]])
        assert sorted(classes.sizes.tolist()) == sorted(plain_classes(table, ["q", "r"], who).values())
        for name in ("word", "number"):
            expected = plain_measures(table, ["q", "r"], name, who)
            assert {one: getattr(measured[name], one) for one in MEASURES} == pytest.approx(expected, abs=1e-12)

    check()


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(tables())
def test_keys_too_long_for_one_number_give_the_same_measures(table: dict[str, list[object]]) -> None:
    """The same rows under keys that leave no room for a further part."""
    columns = dict(zip(table, columns_of(table), strict=True))
    plain = key_of([columns["q"], columns["r"]], len(table["q"]))
    wide = Key(plain.values * (1 << 55), plain.n_keys << 55)
    answers = []
    for key in (plain, wide):
        for who in (None, columns["who"]):
            classes, measured = measure_classes(*person_part(key, who), [columns["word"], columns["number"]])
            answers.append((classes.sizes.tolist(), measured))
    assert answers[:2] == answers[2:]


def test_pairs_too_long_for_persons_below_them_are_counted_alike() -> None:
    """So many possible values that a class, a value and a person do not fit into one number together."""
    table = {"q": ["a", "a", "b", "a"], "who": [1, 1, 1, 2]}
    columns = dict(zip(table, columns_of(table), strict=True))
    key, codes = key_of([columns["q"]], 4), np.array([0, 1, 1, 1], np.int32)
    few, _ = holders(key, columns["who"], codes, 2)
    many, n = holders(key, columns["who"], codes, 1 << 60)
    assert n.tolist() == [1, 2, 1]
    assert [divmod(pair, 1 << 60) for pair in many.tolist()] == [divmod(pair, 2) for pair in few.tolist()]


def by_pycanon(frame: pd.DataFrame, quasi: list[str], sensitive: str) -> dict[str, float]:
    """Ask pycanon 1.3.6 for its seven measures of one sensitive column."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "distinct_l": anonymity.l_diversity(frame, quasi, [sensitive]),
            "entropy_l": anonymity.entropy_l_diversity(frame, quasi, [sensitive]),
            "t": anonymity.t_closeness(frame, quasi, [sensitive]),
            "alpha": anonymity.alpha_k_anonymity(frame, quasi, [sensitive])[0],
            "basic_beta": anonymity.basic_beta_likeness(frame, quasi, [sensitive]),
            "enhanced_beta": anonymity.enhanced_beta_likeness(frame, quasi, [sensitive]),
            "delta": anonymity.delta_disclosure(frame, quasi, [sensitive]),
        }


def agrees(found: SensitiveMeasures, judged: dict[str, float]) -> bool:
    ours = {name: getattr(found, name) for name in MEASURES}
    ours["entropy_l"] = math.floor(ours["entropy_l"])
    return ours == pytest.approx(judged, abs=1e-12)


@pytest.mark.parametrize(
    ("quasi", "sensitive"),
    [
        (["sex", "race"], "occupation"), (["sex", "race"], "age"), (["sex"], "salary-class"),
        (["workclass", "sex"], "education"), (["marital-status", "race", "sex"], "native-country"),
    ],
)  # fmt: skip
def test_pycanon_measures_adult_alike(tmp_path: Path, quasi: list[str], sensitive: str) -> None:
    frame = pd.read_csv(ADULT_SAMPLE, sep=";")
    classes, measured = measure(tmp_path, frame.to_dict("list"), quasi, [sensitive])
    assert classes.k == anonymity.k_anonymity(frame, quasi)
    assert agrees(measured[sensitive], by_pycanon(frame, quasi, sensitive))


@pytest.mark.parametrize("seed", range(25))
def test_pycanon_measures_drawn_tables_alike(tmp_path: Path, seed: int) -> None:
    """Even shares among them, where the exponential of an entropy lies at a whole number and rounding down is unsafe."""
    drawn = random.Random(seed)
    n_values = drawn.randint(2, 9)
    even = [f"v{place}" for place in range(n_values)] * drawn.randint(1, 3)
    rest = [f"v{drawn.randrange(n_values)}" for _ in range(drawn.randint(0, 30))]
    classes = ["a"] * len(even) + ["b"] * len(rest) if seed % 2 else ["a"] * len(even + rest)
    frame = pd.DataFrame({"q": classes, "s": even + rest if seed % 2 else even * 1 + rest})
    frame["n"] = [int(value[1:]) * 7 % 5 for value in frame["s"]]
    _, measured = measure(tmp_path, frame.to_dict("list"), ["q"], ["s", "n"])
    assert agrees(measured["s"], by_pycanon(frame, ["q"], "s"))
    if frame["n"].nunique() > 1:
        assert agrees(measured["n"], by_pycanon(frame, ["q"], "n"))


def test_special_uniques_are_what_trying_every_set_finds(is_long: bool) -> None:
    columns = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=14), min_size=1, max_size=5)

    @settings(max_examples=2_000 if is_long else 60, deadline=None, derandomize=True, database=None)
    @given(columns, st.integers(1, 5), st.booleans())
    def check(drawn: list[list[int]], largest: int, by_person: bool) -> None:
        n = min(map(len, drawn))
        table = {f"c{place}": values[:n] for place, values in enumerate(drawn)}
        who = [row // 2 for row in range(n)] if by_person else None
        found = special_uniques(columns_of(table), largest, columns_of({"who": who})[0] if who else None)
        n_msu, scores = plain_special_uniques(table, largest, who)
        assert found.n_msu.tolist() == n_msu
        assert found.score.tolist() == scores
        assert sum(found.n_by_size) == sum(n_msu)

    check()


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 60), st.floats(1.0, 1e9))
def test_individual_risk_is_its_integral(n_sample: int, times: float) -> None:
    found = individual_risk(np.array([n_sample]), np.array([n_sample * times]))
    assert found[0] == pytest.approx(plain_individual_risk(n_sample, n_sample * times), rel=1e-9)


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.sampled_from([None, *"abcdefg"]), st.integers(0, 4)), min_size=1, max_size=40))
def test_unicity_is_what_trying_every_choice_gives(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str | None, int]]
) -> None:
    if all(who is None for who, _ in rows):
        return
    table = pa.table({"who": pa.array([row[0] for row in rows], pa.string()), "month": [row[1] for row in rows]})
    with scratch_engine(tmp_path_factory.mktemp("unicity")).session() as session:
        session.take("events", table)
        for one in unicity(session, "events", person="who", point=["month"]):
            assert (one.share_alone, one.n_could_be_alone) == pytest.approx(plain_unicity(rows, one.n_known))


def test_a_sample_of_choices_brackets_the_exact_unicity(tmp_path: Path) -> None:
    """The same events counted and sampled: three in four intervals at least hold the truth, and the seed repeats."""
    drawn = random.Random(3)
    people = [who for who in range(2_000) for _ in range(drawn.randint(1, 8))]
    service, month = [drawn.randrange(6) for _ in people], [drawn.randrange(12) for _ in people]
    with scratch_engine(tmp_path).session() as session:
        session.take("events", pa.table({"who": people, "service": service, "month": month}))
        asked = {"person": "who", "point": ["service", "month"]}
        exact = unicity(session, "events", **asked)
        sampled = unicity(session, "events", **asked, most_choices=0, n_sampled=1_500)
        again = unicity(session, "events", **asked, most_choices=0, n_sampled=1_500)
    assert sampled == again
    assert not any(one.is_exact for one in sampled)
    assert sum(one.low <= truth.share_alone <= one.high for one, truth in zip(sampled, exact, strict=True)) >= 3


@settings(max_examples=10, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 10_000))
def test_pitman_is_where_a_search_without_derivatives_ends(seed: int) -> None:
    sizes = np.random.default_rng(seed).geometric(0.6, 60)
    found = estimate_uniqueness(sizes.astype(np.int64), 0.05)
    n_population = int(sizes.sum()) * 20
    allowed = (sizes == 1).sum() * 20
    assert found.pitman == pytest.approx(
        min(plain_pitman(sizes.tolist(), n_population), allowed) / n_population, rel=1e-4
    )


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.lists(st.sampled_from([1, 1, 1, 2, 2, 3, 5, 40, 3_000]), min_size=1, max_size=60), st.floats(1e-4, 1))
def test_every_estimate_is_a_share_or_says_why_not(sizes: list[int], fraction: float) -> None:
    found = estimate_uniqueness(np.array(sizes), fraction)
    shares = [found.zayatz, found.pitman, found.snb, found.dankar]
    assert all(share is None or 0 <= share <= 1 + 1e-12 for share in shares)
    assert found.dankar is not None
    assert sum(share is None for share in shares) == sum("did not converge" in note for note in found.notes)
