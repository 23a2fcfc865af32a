"""Row risk: every formula against values published or worked by hand, each with its source."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cld.engine import scratch_engine
from cld.errors import InputError
from disclosure.rows.individual import individual_risk
from disclosure.rows.measures import Classes
from disclosure.rows.population import know_population
from disclosure.rows.suda import SpecialUniques, dis_suda, special_uniques
from disclosure.rows.unicity import unicity
from disclosure.rows.uniqueness import estimate_uniqueness
from tests.lib.rows import adult_sizes, columns_of, measure, plain_pitman, plain_snb

# Li, Li and Venkatasubramanian 2007 (t-closeness), tables 3 and 5: salaries in thousands
SALARIES = [3, 4, 5, 6, 11, 8, 7, 9, 10]
FIRST_CLASSES = ["a", "a", "a", "b", "b", "b", "c", "c", "c"]
BETTER_CLASSES = ["a", "c", "a", "b", "b", "b", "c", "a", "c"]


def test_classes_k_uniques_and_the_prosecutor_by_hand(tmp_path: Path) -> None:
    """Ages 30, 30, 40 and a missing one, which is a class of its own: classes of 2, 1 and 1; average risk 3/4."""
    classes, _ = measure(tmp_path, {"age": [30, 30, 40, None]}, ["age"])
    assert sorted(classes.sizes.tolist()) == [1, 1, 2]
    assert (classes.k, classes.n_uniques, classes.highest_risk, classes.average_risk) == (1, 2, 1.0, 0.75)


def test_persons_count_once_in_each_of_their_classes_and_once_for_each_value(tmp_path: Path) -> None:
    """By hand: class x holds ann (with flu, twice) and bob (flu and cold); class y holds bob alone.

    x: two persons, both with flu, so alpha is 1 although a third of the held values is cold; its shares are 2/3 and
    1/3. Over both classes three of four held values are flu. t = max(|2/3 - 3/4|, |1 - 3/4|) = 1/4 in y.
    """
    table = {
        "area": ["x", "x", "x", "x", "y"],
        "who": ["ann", "ann", "bob", "bob", "bob"],
        "ill": ["flu", "flu", "flu", "cold", "flu"],
    }
    classes, measured = measure(tmp_path, table, ["area"], ["ill"], person="who")
    assert classes.sizes.tolist() == [2, 1]
    assert measured["ill"].alpha == 1.0
    assert measured["ill"].t == pytest.approx(0.25)
    assert measured["ill"].delta == pytest.approx(math.log((1 / 3) / (1 / 4)))


def test_t_of_numbers_is_as_its_paper_prints(tmp_path: Path) -> None:
    """Li et al. 2007, section 4: the classes of table 3 are at most 0.375 apart in salary, those of table 5 0.167."""
    _, first = measure(tmp_path, {"q": FIRST_CLASSES, "salary": SALARIES}, ["q"], ["salary"])
    _, better = measure(tmp_path, {"q": BETTER_CLASSES, "salary": SALARIES}, ["q"], ["salary"])
    assert first["salary"].t == pytest.approx(0.375)
    assert round(better["salary"].t, 3) == 0.167
    assert first["salary"].is_ordered


def test_numbers_written_as_text_are_ordered_and_text_is_not(tmp_path: Path) -> None:
    """The same salaries as text, one of them as 4.0; and with a missing one, which has no place in the order.

    Equal distance by hand, each class holding 3 of 9 values: half of (3 x (1/3 - 1/9) + 6 x 1/9) = 2/3.
    """
    written = ["3", "4.0", "5", "6", "11", "8", "7", "9", "10"]
    _, as_text = measure(tmp_path, {"q": FIRST_CLASSES, "salary": written}, ["q"], ["salary"])
    _, holed = measure(tmp_path, {"q": FIRST_CLASSES, "salary": [*written[:-1], None]}, ["q"], ["salary"])
    assert as_text["salary"].t == pytest.approx(0.375)
    assert (holed["salary"].is_ordered, holed["salary"].t) == (False, pytest.approx(2 / 3))


def test_l_alpha_beta_and_delta_by_hand(tmp_path: Path) -> None:
    """Eight people, half ill; class a has three ill of four, class b one of four.

    Entropy: -(3/4 ln 3/4 + 1/4 ln 1/4) = 0.5623, so l = 1.7548. beta: (3/4 - 1/2) / (1/2) = 1/2, below ln 2, so the
    enhanced one is the same. delta: |ln(1/4 / 1/2)| = ln 2. t: 1/4. Source: Machanavajjhala et al. 2007, definition
    4.1; Wong et al. 2006; Cao and Karras 2012; Brickell and Shmatikov 2008.
    """
    table = {"q": list("aaaabbbb"), "ill": ["y", "y", "y", "n", "y", "n", "n", "n"]}
    _, measured = measure(tmp_path, table, ["q"], ["ill"])
    found = measured["ill"]
    assert (found.distinct_l, found.alpha, found.t) == (2, 0.75, 0.25)
    assert found.entropy_l == pytest.approx(1.7547654, abs=1e-7)
    assert (found.basic_beta, found.enhanced_beta) == (pytest.approx(0.5), pytest.approx(0.5))
    assert found.delta == pytest.approx(math.log(2))


def test_enhanced_beta_is_bounded_by_the_rarest_value(tmp_path: Path) -> None:
    """One of ten ill and alone in a class: (1 - 0.1) / 0.1 = 9, bounded by -ln 0.1 (Cao and Karras 2012)."""
    table = {"q": ["a", *["b"] * 9], "ill": ["y", *["n"] * 9]}
    _, measured = measure(tmp_path, table, ["q"], ["ill"])
    assert measured["ill"].basic_beta == pytest.approx(9)
    assert measured["ill"].enhanced_beta == pytest.approx(-math.log(0.1))


def test_journalist_and_marketer_by_hand() -> None:
    """Sample classes of 1 and 2 persons, in the population 2 and 10: highest 1/2; marketer (1/2 + 2/10) / 3.

    The journalist's average is the larger of 2 / 12 and the marketer's. Source: El Emam 2013, chapter 16. Of the
    population's classes of 2, 10 and 1 persons one is unique, and nobody who is alone in the sample is.
    """
    sample = Classes(np.array([4, 7]), np.array([1, 2]))
    known = know_population(sample, Classes(np.array([4, 7, 9]), np.array([2, 10, 1])), counts_rows=False)
    assert known.highest_journalist_risk == 0.5
    assert known.marketer_risk == pytest.approx(0.7 / 3)
    assert known.average_journalist_risk == pytest.approx(0.7 / 3)
    assert (known.uniqueness, known.n_sample_uniques_alone, known.n_classes_beyond) == (pytest.approx(1 / 13), 0, 0)


def test_a_class_that_the_population_lacks_is_as_large_as_in_the_sample() -> None:
    sample = Classes(np.array([4, 7]), np.array([1, 3]))
    known = know_population(sample, Classes(np.array([7]), np.array([2])), counts_rows=False)
    assert known.sizes.tolist() == [1, 3]
    assert known.n_classes_beyond == 2


@pytest.mark.parametrize(
    ("fraction", "chosen", "published"),
    [
        (0.01, "pitman", 0.1446083531167384),
        (0.1, "pitman", 0.27684993883653597),
        (0.2, "zayatz", 0.3577099234829125),
        (1.0, "zayatz", 0.5142895033485844),
    ],
)
def test_population_uniqueness_is_as_arx_publishes_for_adult(fraction: float, chosen: str, published: float) -> None:
    """ARX 3.9.2, TestRiskMetrics.testDecisionRule2: UCI Adult, 30,162 rows, nine attributes."""
    found = estimate_uniqueness(adult_sizes(), fraction)
    assert found.dankar == pytest.approx(published, rel=1e-6)
    assert found.chosen == chosen


def test_zayatz_is_as_arx_publishes_and_by_hand() -> None:
    """ARX 3.9.2, TestRiskMetrics: 0.3207402393466189 for Adult at a tenth.

    By hand: classes of 1 and 2 in half of a population of 6. A class of 1 shows one with chance 1/2, a class of 2 with
    2 C(4,2) / C(6,3) = 3/5; P = (1/2) / (1/2 + 3/5) = 5/11; uniques 1 x 5/11 / (1/2) = 10/11, of 6.
    """
    assert estimate_uniqueness(adult_sizes(), 0.1).zayatz == pytest.approx(0.3207402393466189, rel=1e-6)
    assert estimate_uniqueness(np.array([1, 2]), 0.5).zayatz == pytest.approx(10 / 11 / 6)


def test_pitman_and_snb_are_what_their_definitions_give() -> None:
    """Against a search without derivatives over the likelihood's terms, and sums over the class sizes themselves."""
    sizes = [1] * 60 + [2] * 14 + [3] * 6 + [4] * 2 + [7]
    n_population = sum(sizes) * 10
    pitman = estimate_uniqueness(np.array(sizes), 0.1).pitman
    assert pitman == pytest.approx(plain_pitman(sizes, n_population) / n_population, rel=1e-6)
    n_population = math.floor(sum(sizes) / 0.6 + 0.5)
    snb = estimate_uniqueness(np.array(sizes), 0.6).snb
    assert snb == pytest.approx(plain_snb(sizes, sum(sizes) / n_population) / n_population, rel=1e-6)


def test_no_estimate_passes_what_the_samples_uniques_allow() -> None:
    """Six of ten alone in half of a population of twenty stand for at most twelve: 0.6 of it."""
    found = estimate_uniqueness(np.array([1] * 6 + [2, 2]), 0.5)
    assert found.pitman == pytest.approx(0.6)


def test_snb_is_nearer_the_truth_than_zayatz_where_adult_is_the_population() -> None:
    """Half of Adult drawn: the whole has 0.5143 alone. SNB is shown but, at half and less, not chosen."""
    sizes = adult_sizes()
    drawn = np.random.default_rng(1).binomial(np.repeat(1, sizes.sum()), 0.5)
    seen = np.bincount(np.repeat(np.arange(len(sizes)), sizes), drawn).astype(np.int64)
    found = estimate_uniqueness(seen[seen > 0], drawn.mean())
    assert found.snb is not None
    assert found.zayatz is not None
    assert abs(found.snb - 0.5143) < abs(found.zayatz - 0.5143) < 0.02


def test_estimators_without_a_value_say_so() -> None:
    """All alone: no likelihood has a highest point and no class of two is seen; Zayatz stands at every fraction."""
    found = estimate_uniqueness(np.ones(11, np.int64), 0.1)
    assert (found.pitman, found.snb, found.dankar, found.chosen) == (None, None, pytest.approx(1.0), "zayatz")
    assert len([note for note in found.notes if "did not converge" in note]) == 2
    none = estimate_uniqueness(np.array([2, 3]), 0.1)
    assert (none.zayatz, none.pitman, none.snb, none.dankar) == (0, 0, 0, 0)


def test_individual_risk_is_as_sdcmicro_publishes() -> None:
    """sdcMicro, tests/testthat/test_indivRisk.R, method exact: classes of 3, 1, 1, 2 and 1 with their weights."""
    n = np.array([3, 1, 1, 2, 1])
    weights = np.array([18.0 + 39 + 51, 45.5, 17.0, 92.0 + 8, 123.5])
    published = [0.01355297, 0.08579129, 0.17707583, 0.01877883, 0.03931625]
    # where the class of three is rows 1, 3 and 8 of that file
    found = individual_risk(n, weights)
    assert found.tolist() == pytest.approx(published, abs=1e-8)


def test_individual_risk_holds_at_both_ends() -> None:
    """The closed forms of one and two persons near p = 1 and p = 0, and 1/f where the sample is the population."""
    p = np.array([1e-12, 1e-6, 0.3, 0.7])
    one = individual_risk(np.ones(4, np.int64), 1 / p)
    assert one.tolist() == pytest.approx((p / (1 - p) * -np.log(p)).tolist(), rel=1e-12)
    odds = p / (1 - p)
    two = individual_risk(np.full(4, 2), 2 / p)
    assert two.tolist() == pytest.approx((odds - odds**2 * -np.log(p)).tolist(), rel=1e-9)
    whole = individual_risk(np.array([1, 2, 9, 40]), np.array([1.0, 2.0, 9.0, 39.0]))
    assert whole.tolist() == pytest.approx([1, 1 / 2, 1 / 9, 1 / 40])
    # p = 1 - e: the expected 1/F is 1/f less about e f / (f (f + 1))
    near = individual_risk(np.array([3]), np.array([3 / (1 - 1e-9)]))
    assert near[0] == pytest.approx(1 / 3 - 1e-9 * 3 / 3 / 4, abs=1e-15)


GUIDELINE = {
    "residence": ["Urban"] * 4 + ["Rural"] + ["Urban"] * 5,
    "gender": list("FFFMFMFMFF"),
    "education": ["sec inc", "sec inc", "prim inc", "sec", "sec", "sec", "prim", "post", "sec inc", "sec inc"],
    "labour": ["emp", "emp", "none", "emp", "un", "emp", "none", "un", "none", "none"],
}
BOOK = {
    "age": ["20s"] * 7 + ["60s"],
    "gender": ["m"] * 4 + ["f"] * 3 + ["m"],
    "income": ["50+", "50+"] + ["50-"] * 6,
    "education": ["high"] * 4 + ["uni", "high", "mid", "uni"],
}


def test_special_unique_scores_are_as_published() -> None:
    """sdcMicro, tests/testthat/test_suda2.R: the SDC guideline's ten records, and the book's records 5 to 8."""
    assert special_uniques(columns_of(GUIDELINE), 4).score.tolist() == [0, 0, 6, 0, 12, 0, 6, 10, 0, 0]
    assert special_uniques(columns_of(BOOK), 4).score.tolist()[4:] == [4, 2, 6, 8]


def test_each_columns_share_of_the_scores_is_as_published() -> None:
    """sdcMicro, tests/testthat/test_suda2.R: contributions 50, 37.5 and 37.5 percent."""
    found = special_uniques(columns_of({"a": [2, 1, 1], "b": [0, 3, 0], "c": [0, 6, 0]}), 3)
    assert found.share_by_column == {"a": 0.5, "b": 0.375, "c": 0.375}
    assert (found.n_msu.tolist(), found.n_by_size) == ([1, 2, 2], (0, 3, 2, 0))


def test_a_smaller_size_leaves_larger_uniques_out_and_too_much_is_refused() -> None:
    found = special_uniques(columns_of(GUIDELINE), 1)
    assert found.score.tolist() == [0, 0, 6, 0, 6, 0, 6, 6, 0, 0]
    many = {f"c{place}": [0, 1] for place in range(31)}
    with pytest.raises(InputError, match="too many"):
        special_uniques(columns_of(many), 31)


def test_dis_suda_by_hand() -> None:
    """Eight columns bend nothing (q = 1). Values a, b, c, c of one column, the others alike: U = 2, P = 2; with a tenth
    sampled DIS = 0.2 / (0.2 + 1.8) = 1/10, and both scores being equal each record has it: 1 / (1 + (20 - 2) / 2).
    """
    found = special_uniques(columns_of({"a": ["a", "b", "c", "c"], **{f"c{n}": [0] * 4 for n in range(7)}}), 8)
    dis, risk = dis_suda(found, 8, np.array([1, 1, 2]), 0.1)
    assert dis == pytest.approx(0.1)
    assert risk.tolist() == pytest.approx([0.1, 0.1, 0, 0])


def test_dis_suda_is_shared_out_by_the_scores() -> None:
    """Scores 1 and 3 with q = 1: A = 4/3, so 1 / (1 + 18 / (4/3)) and 1 / (1 + 18 / 4). With seven columns q = 1.05.

    Source: the definition in sdcMicro's Suda2.h.
    """
    held = SpecialUniques(np.array([1, 1, 0], np.int32), np.array([1.0, 3.0, 0.0]), (0, 2), {}, 1)
    _, risk = dis_suda(held, 8, np.array([1, 1, 2]), 0.1)
    assert risk.tolist() == pytest.approx([1 / (1 + 18 / (4 / 3)), 1 / (1 + 18 / 4), 0])
    _, bent = dis_suda(held, 7, np.array([1, 1, 2]), 0.1)
    assert bent[1] == pytest.approx(1 / (1 + 18 / (3**1.05 * (1 + 3**-1.05))))


def test_dis_suda_at_the_ends() -> None:
    """No pair at all, or everyone sampled: a unique match is right. Nobody unique: no score."""
    held = SpecialUniques(np.array([1], np.int32), np.array([2.0]), (0, 1), {}, 1)
    assert dis_suda(held, 3, np.array([1, 3]), 0.01)[1].tolist() == [1.0]
    assert dis_suda(held, 3, np.array([1, 2]), 1.0)[0] == 1.0
    nobody = SpecialUniques(np.array([0, 0], np.int32), np.array([0.0, 0.0]), (0, 0), {}, 1)
    assert dis_suda(nobody, 3, np.array([2]), 0.1)[1].tolist() == [0, 0]


def test_unicity_by_hand(tmp_path: Path) -> None:
    """Ann has points 1 and 2, bob 1 and 3, cat 1 alone (twice): one point is alone for half of ann's and of bob's.

    With two points known ann and bob are alone, cat never is: 2/3. A row without a person is left out.
    """
    rows = pa.table({"who": ["ann", "ann", "bob", "bob", "cat", "cat", None], "month": [1, 2, 1, 3, 1, 1, 9]})
    with scratch_engine(tmp_path).session() as session:
        session.take("events", rows)
        one, two, three = unicity(session, "events", person="who", point=["month"], n_known=(1, 2, 3))
    assert (one.share_alone, one.n_could_be_alone, one.n_persons) == (pytest.approx(1 / 3), 2, 3)
    assert (two.share_alone, two.n_could_be_alone, two.is_exact) == (pytest.approx(2 / 3), 2, True)
    assert three.share_alone == two.share_alone
