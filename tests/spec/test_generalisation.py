"""Generalisation by hand: eight people, two columns, every utility worked on paper; closeness as published."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from cld.errors import DisclosureRefused, UnreadableFile
from disclosure.rows.cells import rows_of
from disclosure.rows.hierarchy_files import read_hierarchy
from disclosure.rows.ladders import ladder_of
from disclosure.rows.lattice import best_node, cover
from disclosure.rows.local import recoded_locally
from disclosure.rows.safety import Held, Limits, Sensitive, closeness, entropies
from disclosure.rows.utility import utility_named
from tests.lib.lattices import Case, census_for

AREAS = {value: [value, value[0], "*"] for value in ("a1", "a2", "b1", "b2")}
SEXES = {"F": ["F", "*"], "M": ["M", "*"]}
EIGHT = (
    ("a1", "F"), ("a1", "F"), ("a2", "F"), ("a2", "M"), ("b1", "M"), ("b1", "M"), ("b2", "M"), ("b2", "F"),
)  # fmt: skip


def eight(k: int, most_suppressed: int = 0) -> Case:
    records = [{"area": area, "sex": sex} for area, sex in EIGHT]
    return Case(records, {"area": AREAS, "sex": SEXES}, k, most_suppressed=most_suppressed)


@pytest.mark.parametrize(
    ("utility", "most_suppressed", "levels", "score", "n_suppressed"),
    [
        # at (0, 1) the classes are a1, a2, b1, b2 of two each: 4 x 2^2 = 16; 8 / 4 = 2; sex whole costs 1 a record,
        # area nothing: 0 + 1; sex is F or M for four each: 8 records x log2(8 / 4) = 8 bits
        ("discernability", 0, (0, 1), 16, 0),
        ("average-class", 0, (0, 1), 2, 0),
        ("entropy", 0, (0, 1), 8, 0),
        # (2, 0) costs a loss of 1 too, and suppresses nothing either: the lower levels win
        ("loss", 0, (0, 1), 1, 0),
        # (1, 0) keeps a-F and b-M, three each, and lets two go: areas (6 x 1/3 + 2 x 1) / 8, sexes (0 + 2 x 1) / 8
        ("loss", 2, (1, 0), 0.75, 2),
        # there it costs 2 x 3^2 + 2 x 8 = 34 and 8 / (2 + 1), and 6 x 1 bit + 2 x (2 + 1) bits = 12: no gain
        ("discernability", 2, (0, 1), 16, 0),
        ("average-class", 2, (0, 1), 2, 0),
        ("entropy", 2, (0, 1), 8, 0),
        # at (0, 0) a1-F and b1-M stay, two each, and four go: 2 x 2^2 + 4 x 8 = 40; areas 4/8 and sexes 4/8
        ("loss", 4, (1, 0), 0.75, 2),
    ],
)
def test_eight_people_at_k_2(
    utility: str, most_suppressed: int, levels: tuple[int, ...], score: float, n_suppressed: int
) -> None:
    census = census_for(eight(2, most_suppressed))
    found = best_node(census, Limits(2), utility_named(utility, census), most_suppressed)
    assert (found.levels, found.score, found.n_suppressed) == (levels, pytest.approx(score, rel=1e-12), n_suppressed)
    assert found.is_optimal


def test_every_node_of_eight_people() -> None:
    levels, figures = cover(census_for(eight(2)))
    found = dict(zip(map(tuple, levels.tolist()), figures.tolist(), strict=True))
    # classes, alone, in classes under 3, 5, 10, 20, smallest, largest, sum of squares
    assert found[(0, 0)] == [6, 4, 8, 8, 8, 8, 1, 2, 12]
    assert found[(1, 0)] == [4, 2, 2, 8, 8, 8, 1, 3, 20]
    assert found[(2, 1)] == [1, 0, 0, 0, 8, 8, 8, 8, 64]
    assert len(found) == 6


def test_local_recoding_of_eight_people() -> None:
    """At k = 3 the lattice has (1, 1), classes a and b of four, or (2, 0), F and M of four: 32 each.

    No class of four can be split in two safe ones, so nothing is saved and the optimum stays.
    """
    census = census_for(eight(3))
    found = best_node(census, Limits(3), utility_named("discernability", census), 0)
    assert (found.levels, found.score) == ((1, 1), 32)
    assert recoded_locally(rows_of(census), Limits(3), "discernability", found).score == 32


def test_local_recoding_splits_one_class_and_not_another() -> None:
    """Four of a1, four of a2, one b1 and three b2, k = 4: the lattice must merge all pairs, 8^2 + 4^2 = 80.

    Locally a splits into its halves, b cannot: 4^2 + 4^2 + 4^2 = 48.
    """
    areas = ["a1"] * 4 + ["a2"] * 4 + ["b1"] + ["b2"] * 3
    census = census_for(Case([{"area": area} for area in areas], {"area": AREAS}, 4))
    found = best_node(census, Limits(4), utility_named("discernability", census), 0)
    assert (found.levels, found.score) == ((1,), 80)
    rows = rows_of(census)
    made = recoded_locally(rows, Limits(4), "discernability", found)
    assert (made.score, made.n_suppressed) == (48, 0)
    level_of = dict(
        zip((census.ladders[0].values[code] for code in rows.codes[0]), made.levels[0].tolist(), strict=True)
    )
    assert level_of == {"a1": 0, "a2": 0, "b1": 1, "b2": 1}


def test_closeness_of_the_published_salaries() -> None:
    """Li, Li and Venkatasubramanian 2007: {3k, 4k, 5k} is 0.375 and {6k, 8k, 11k} 0.167 from 3k to 11k."""
    whole = Sensitive(np.ones(9, np.int64), is_ordered=True)
    held = Held(np.array([0, 3]), np.array([0, 1, 2, 3, 5, 8]), np.ones(6, np.int64))
    found = closeness(np.array([3, 3]), held, whole)
    assert found[0] == pytest.approx(0.375, abs=1e-12)
    assert found[1] == pytest.approx(1 / 6, abs=1e-12)


def test_closeness_at_equal_distance() -> None:
    """Shares (1/2, 1/2, 0) from (1/2, 1/4, 1/4): a quarter moves, so 0.25; the whole is 0 from itself."""
    whole = Sensitive(np.array([4, 2, 2]), is_ordered=False)
    held = Held(np.array([0, 2]), np.array([0, 1, 0, 1, 2]), np.array([2, 2, 4, 2, 2]))
    assert closeness(np.array([4, 8]), held, whole) == pytest.approx([0.25, 0.0], abs=1e-12)


def test_values_that_nothing_kept_holds_do_not_stretch_the_scale() -> None:
    """Of values 1, 2 and 100, none of 100 kept: the class of 1 is as far as can be from half 1 and half 2, by 1/2."""
    kept = Sensitive(np.array([2, 2, 0]), is_ordered=True)
    held = Held(np.array([0]), np.array([0]), np.array([2]))
    assert closeness(np.array([2]), held, kept) == pytest.approx([0.5])


def test_entropy_of_two_one_one_is_three_halves_bits() -> None:
    held = Held(np.array([0]), np.array([0, 1, 2]), np.array([2, 1, 1]))
    assert math.exp(entropies(np.array([4]), held)[0]) == pytest.approx(2**1.5)


def test_suppressing_moves_the_whole_and_may_ask_for_more() -> None:
    """Three classes of a reason: xy, xy and z alone at k = 2. Without z the kept file is half x, half y: t is 0.

    Against the whole file (2/5, 2/5, 1/5) the same classes are 0.2 away, so t = 0.1 is refused and 0.2 passes.
    """
    records = [{"q": q, "reason": reason} for q, reason in (("p", "x"), ("p", "y"), ("r", "x"), ("r", "y"), ("s", "z"))]
    lines = {value: [value] for value in "prs"}
    for t, is_fine in ((0.2, True), (0.1, False)):
        case = Case(records, {"q": lines}, 2, t={"reason": t}, most_suppressed=1)
        census = census_for(case)
        if is_fine:
            assert best_node(census, case.limits, utility_named("discernability", census), 1).n_suppressed == 1
        else:
            with pytest.raises(DisclosureRefused) as refusal:
                best_node(census, case.limits, utility_named("discernability", census), 1)
            assert refusal.value.measures == ("k-anonymity", "t-closeness")


def test_a_lattice_of_a_billion_nodes_is_proven() -> None:
    """Twenty columns of three levels on four kinds of 50 records, k = 60: classes are halves of 100, or all.

    Five columns hold one value; five tell odd rows from even, and may stay as they are; ten tell all four kinds. Those
    must go to the top, at 1 each: 10. Any other halves would need the ten one level up, and the other tens of columns
    at the top: 5 x 1/3 + 10 x 1 at least.
    """
    lines = {f"v{number}": [f"v{number}", f"g{number // 2}", "*"] for number in range(4)}
    records = [{f"c{place}": f"v{(row * (place + 3)) % 4}" for place in range(20)} for row in range(200)]
    census = census_for(Case(records, {f"c{place}": lines for place in range(20)}, 60))
    assert census.n_nodes == 3**20
    found = best_node(census, Limits(60), utility_named("loss", census), 0)
    assert (found.is_optimal, found.score) == (True, 10)
    assert found.n_nodes_checked < 10_000
    with pytest.raises(DisclosureRefused, match="3486784401 nodes"):
        cover(census)


@pytest.mark.parametrize("separator", [";", ","])
def test_a_hierarchy_file(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "ages.csv"
    path.write_text(f"18{separator}18-19{separator}*\n19{separator}18-19{separator}*\n20{separator}20-24{separator}*\n")
    held = read_hierarchy("age", path)
    assert held.lines["19"] == ("19", "18-19", "*")
    ladder = ladder_of("age", {**held.lines}, ["20", "18"])
    assert ladder.values == ("18", "20")
    assert ladder.labels == (("18", "20"), ("18-19", "20-24"), ("*",))
    assert [leaves.tolist() for leaves in ladder.n_leaves] == [[1, 1], [2, 1], [3]], "all values count as leaves"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a;x;*\na;y;*\n", "line 1 and in line 2"),
        ("a;x;*\nb;x\n", "3 cells in its first line and 2 in line 2"),
        ("a;x;p\nb;x;q\n", "lines 1 and 2 are alike in cell 2 and differ in cell 3"),
        ("", "is empty"),
        ('a;"x\n', "cannot be read"),
    ],
)
def test_wrong_hierarchy_files_are_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text(text)
    with pytest.raises(UnreadableFile, match=says):
        read_hierarchy("q", path)
