"""The engine's parts: known parameters in, recovered parameters out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cld.engine import Query
from cld.errors import InputError, UnknownColumn
from linkage.prepare.comparisons import comparisons_for
from linkage.prepare.fields import Kind, find_sides
from linkage.prepare.frequencies import Kappa, count_dependence
from linkage.settle.cluster import cluster_pairs
from linkage.settle.decide import decide_links, estimate_present, parse_threshold
from linkage.tell.explain import contribution
from linkage.weigh.estimate import Counted, conditional, fit_m
from linkage.weigh.model import Model, read_model
from tests.lib.linking import a_session

FIELDS = ("postcode", "birth", "family", "given", "sex", "number")


def _planted(n_pairs: int, share: float, m: dict[str, list[float]], u: dict[str, list[float]]) -> Counted:
    """Draw pairs from stated m and u; every pair shares a number, as the first view asks."""
    source = np.random.default_rng(7)
    n_matches = int(n_pairs * share)
    columns = []
    for name in FIELDS[:-1]:
        matches = source.choice(len(m[name]), n_matches, p=m[name])
        others = source.choice(len(u[name]), n_pairs - n_matches, p=u[name])
        columns.append(np.concatenate([matches, others]))
    columns.append(np.full(n_pairs, 2))
    rows, counts = np.unique(np.stack(columns, axis=1), axis=0, return_counts=True)
    return Counted(rows.astype(np.int64), counts.astype(np.float64))


def test_em_recovers_planted_m_probabilities() -> None:
    comparisons = comparisons_for(FIELDS, (), ())
    m = {
        "postcode": [0.06, 0.03, 0.02, 0.89],
        "birth": [0.005, 0.005, 0.02, 0.97],
        "family": [0.03, 0.01, 0.02, 0.94],
        "given": [0.02, 0.02, 0.01, 0.02, 0.01, 0.92],
        "sex": [0.01, 0.99],
    }
    u = {
        "postcode": [0.96, 0.03, 0.0099, 0.0001],
        "birth": [0.98, 0.015, 0.004, 0.001],
        "family": [0.99, 0.007, 0.002, 0.001],
        "given": [0.98, 0.01, 0.005, 0.002, 0.001, 0.002],
        "sex": [0.5, 0.5],
    }
    found = fit_m(_planted(200_000, 0.97, m, u), comparisons, {**u, "number": [0.9, 0.0, 0.1]}, ()).m
    for name, planted in m.items():
        assert found[name] == pytest.approx(planted, abs=0.003), name


def test_agreement_that_a_household_explains_is_counted(tmp_path: Path) -> None:
    """Of people at one postcode half bear one of its two surnames; elsewhere surnames are drawn from a thousand."""
    source = np.random.default_rng(11)
    n, size = 20_000, 20
    postcode = np.arange(n) // size
    shared = source.random(n) < 0.5
    family = np.where(shared, 1_000_000 + postcode, source.integers(0, 1_000, n))
    table = pa.table(
        {
            "rid": np.arange(n),
            "postcode": postcode.astype(str),
            "family": family.astype(str),
            "whole_postcode": [True] * n,
            "alone": [True] * n,
        }
    )
    with a_session(tmp_path) as session:
        session.take("right_sample", table)
        comparisons = comparisons_for(("postcode", "family"), (), ())
        kappas = count_dependence(session, comparisons, {"postcode": size / n, "family": 0.001})
    assert [(one.name, one.given) for one in kappas] == [("family", ("postcode",))]
    assert kappas[0].value == pytest.approx(0.25, abs=0.02)


def test_the_strongest_set_that_agrees_is_the_condition() -> None:
    names = ("postcode", "birth", "family")
    kappas = (Kappa("family", ("postcode",), 0.04), Kappa("family", ("postcode", "birth"), 0.75))
    assert conditional(0b000, 2, names, kappas) == 0
    assert conditional(0b001, 2, names, kappas) == 0.04
    assert conditional(0b011, 2, names, kappas) == 0.75


def test_a_rival_lowers_a_link_and_two_equals_never_link(tmp_path: Path) -> None:
    pairs = pa.table({"rid_l": [1, 2, 2, 3, 3], "rid_r": [10, 20, 21, 30, 31], "bits": [40.0, 40.0, 40.0, 40.0, 34.0]})
    with a_session(tmp_path) as session:
        session.take("weighed", pairs)
        session.table("settled", Query("select 0 as rid_l, 0 as rid_r where false"))
        decide_links(session, "weighed", "decided", 0.95, 1_000_000)
        text = "select rid_l, weight_bits, alone_bits from decided where place = 1 order by rid_l"
        alone, equals, rival = session.rows(Query(text, ("decided",)))
    assert alone[1] == alone[2] == pytest.approx(40 + np.log2(0.95 / 1e6) - np.log2(0.05), abs=1e-3)
    assert equals[1] <= 0.001 < 20 < equals[2]
    assert rival[1] == pytest.approx(6, abs=0.1)


def test_the_share_of_records_that_are_in_the_index_is_recovered(tmp_path: Path) -> None:
    source = np.random.default_rng(3)
    bits = np.concatenate([source.normal(50, 5, 8_000), source.normal(5, 5, 2_000)])
    with a_session(tmp_path) as session:
        session.take("weighed", pa.table({"rid_l": np.arange(10_000), "rid_r": np.arange(10_000), "bits": bits}))
        assert estimate_present(session, "weighed", 10_000, 1_000_000) == pytest.approx(0.8, abs=0.005)


def test_one_false_pair_does_not_chain_two_people_together(tmp_path: Path) -> None:
    people = [(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5)]
    rows = {
        "rid_l": [a for a, _ in people] + [2],
        "rid_r": [b for _, b in people] + [3],
        "weight_bits": [10.0] * 6 + [3.0],
    }
    with a_session(tmp_path) as session:
        session.take("decided", pa.table(rows))
        cluster_pairs(session, "decided", "clusters", 7, 0.0)
        found = session.rows(Query("select cluster_rid from clusters order by rid", ("clusters",)))
    assert [int(row[0]) for row in found] == [0, 0, 0, 3, 3, 3, 6]


def test_thresholds_are_bits_or_a_probability() -> None:
    assert parse_threshold("7.5") == 7.5
    assert parse_threshold("p0.5") == 0
    for wrong in ("p1", "p0", "px", "much"):
        with pytest.raises(ValueError, match=r"."):
            parse_threshold(wrong)


def test_common_headers_are_recognised_and_an_answer_column_is_not() -> None:
    left, right = find_sides(
        ["Rec-ID", "First Name", "Surname", "DOB", "Gender", "Post Code", "NHS No.", "cluster"],
        [
            "person_id",
            "forename",
            "last_name",
            "birth_day",
            "birth_month",
            "birth_year",
            "postcode_fake",
            "city",
            "cluster",
        ],
        {},
    )
    assert left.columns == {
        "id": "Rec-ID", "given_name": "First Name", "family_name": "Surname", "date_of_birth": "DOB", "sex": "Gender",
        "postcode": "Post Code", "nhs_number": "NHS No.",
    }  # fmt: skip
    assert "cluster" not in right.columns.values()
    assert right.has("birth_day", "birth_month", "birth_year", "postcode", "x_city")


def test_a_map_goes_before_headers_and_is_held_to_the_files() -> None:
    headers = ["key", "n1", "n2", "address", "cluster"]
    given = {
        "both": {"id": "key", "given_name": "n1", "family_name": "n2"},
        "further": {"home": {"left": "address", "right": "address"}},
    }
    left, right = find_sides(headers, headers, given)
    assert left.columns["x_home"] == "address"
    assert right.further[0].kind is Kind.TEXT
    with pytest.raises(UnknownColumn):
        find_sides(headers, headers, {"left": {"id": "none"}})
    with pytest.raises(InputError, match="id"):
        find_sides(["given", "surname"], headers, {})
    with pytest.raises(InputError, match="share no column"):
        find_sides(["id", "surname"], ["id", "dob"], {})


def test_a_model_reads_back_as_it_was_written_and_anything_else_is_refused(tmp_path: Path) -> None:
    model = Model(
        "link",
        {"sex": 2},
        {"sex": (0.1, 0.9)},
        {"sex": (0.5, 0.5)},
        (Kappa("sex", ("given",), 0.9),),
        0.9,
        0.0,
        {"sex": 1.5},
        3,
    )
    assert model.rounded() == model
    path = tmp_path / "model.json"
    for text in ("{}", "[]", "no json", '{"version": "9"}'):
        path.write_text(text)
        with pytest.raises(InputError):
            read_model(path)
    with pytest.raises(InputError, match="other columns"):
        model.require_fits("link", comparisons_for(FIELDS, (), ()))
    with pytest.raises(InputError, match="not by dedupe"):
        model.require_fits("dedupe", comparisons_for(FIELDS, (), ()))


REAL_M = {
    "postcode": (0.06, 0.03, 0.02, 0.89), "birth": (0.001, 0.005, 0.022, 0.972), "family": (0.03, 0.01, 0.02, 0.94),
    "given": (0.02, 0.02, 0.01, 0.02, 0.01, 0.92), "sex": (0.01, 0.99), "number": (0.005, 0.005, 0.99),
}  # fmt: skip
REAL_U = {
    "postcode": (0.97, 0.028, 0.00196, 0.00004), "birth": (0.985, 0.0109, 0.00406, 0.00004), "family": (0.995, 0.003, 0.001, 0.001),
    "given": (0.99, 0.005, 0.001, 0.001, 0.001, 0.002), "sex": (0.5, 0.5), "number": (1.0, 1e-7, 1 / 60e6),
}  # fmt: skip


@pytest.mark.parametrize(("kappa", "son_wins"), [(0.001, True), (0.0, False)])
def test_a_fathers_number_on_his_sons_record_speaks_little_for_the_father(kappa: float, son_wins: bool) -> None:
    """Both bear the same names at one address; without the borrowed number's kappa the father would win."""
    comparisons = comparisons_for(FIELDS, (), ())
    levels = {one.name: len(one.labels) for one in comparisons}
    kappas = (Kappa("number", ("postcode", "family"), kappa),)
    model = Model("link", levels, REAL_M, REAL_U, kappas, 0.95, 0.0, {}, 0)

    def weight(birth: int, number: int) -> float:
        found = {"postcode": 3, "birth": birth, "family": 4 - 1, "given": 5, "sex": 1, "number": number}
        mask = sum(1 << place for place, one in enumerate(comparisons) if found[one.name] == one.exact)
        return sum(
            contribution(comparisons, place, found[one.name], mask, REAL_U[one.name][-1], model, 60_000_000).bits
            for place, one in enumerate(comparisons)
        )

    assert (weight(birth=3, number=0) > weight(birth=0, number=2)) is son_wins
