"""Primary rules, controlled rounding and cell keys against published and hand-worked answers."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from cld.engine import scratch_engine
from cld.errors import InputError
from disclosure.tables.cellkey import PerturbationTable, largest_entropy, perturbed, table_of_noise
from disclosure.tables.cells import Cells, read_cells
from disclosure.tables.reading import TableRequest
from disclosure.tables.rounding import round_controlled
from disclosure.tables.rules import (
    Dominance,
    GroupDisclosure,
    PPercent,
    Rule,
    StatusOnly,
    Threshold,
    ZerosHideable,
    parse_rule,
    system_of,
)
from disclosure.tables.system import CellState, System


def cells_of(folder: Path, text: str, dimensions: tuple[str, ...] = ("a", "b")) -> Cells:
    path = folder / "cells.csv"
    path.write_text(text)
    with scratch_engine(folder / "engine").session() as session:
        return read_cells(session, [path], TableRequest(dimensions, "n"))


def of_cell(cells: Cells, system: System, *codes: str) -> tuple[int, float, float]:
    """State and needs of one cell."""
    for cell in range(cells.grid.n_cells):
        if cells.grid.name_of(cell) == " / ".join(codes):
            return int(system.state[cell]), float(system.need_lower[cell]), float(system.need_upper[cell])
    raise AssertionError(codes)


TWO_BY_TWO = "a,b,n\np,x,3\np,y,40\nq,x,0\nq,y,7\n"


def test_threshold_asks_for_the_next_count_above_and_one_below(tmp_path: Path) -> None:
    """Shared examples: maximum at least 5, minimum at most count - 1, known 0 to 2 x count + 20, zeros published."""
    cells = cells_of(tmp_path, TWO_BY_TWO)
    system = system_of(cells, [Threshold(1, 4)])
    assert of_cell(cells, system, "p", "x") == (CellState.PRIMARY, 1, 2)
    assert of_cell(cells, system, "q", "x") == (CellState.KEEP, 0, 0)
    assert of_cell(cells, system, "Total", "x") == (CellState.PRIMARY, 1, 2), "an added total is judged too"
    assert of_cell(cells, system, "p", "y")[0] == CellState.CANDIDATE
    place = [cells.grid.name_of(cell) for cell in range(9)].index("p / x")
    assert (system.lower[place], system.upper[place], system.weight[place]) == (0, 26, 0)
    assert np.all(system.matrix @ system.values == 0)


def test_zeros_may_be_primary_or_hideable(tmp_path: Path) -> None:
    """UK LLC: counts under 10, zero included; a zero cannot be less, so only its upper end is asked for."""
    cells = cells_of(tmp_path, TWO_BY_TWO)
    assert of_cell(cells, system_of(cells, [Threshold(0, 9)]), "q", "x") == (CellState.PRIMARY, 0, 10)
    shown = system_of(cells, [Threshold(1, 4), ZerosHideable()])
    assert of_cell(cells, shown, "q", "x") == (CellState.CANDIDATE, 0, 0)


def test_dominance_and_p_percent_ask_for_what_the_manual_gives(tmp_path: Path) -> None:
    """tau-ARGUS manual, safety rules: (n,k) unsafe if the n largest exceed k% of X, protection 100/k x their sum - X;
    p% unsafe if X - x1 - x2 < p% of x1, protection p/100 x1 - (X - x1 - x2). X = 100, x1 = 60, x2 = 30."""
    text = "a,b,n,top1,top2\np,x,100,60,30\np,y,100,20,10\nq,x,50,50,0\nq,y,0,,\n"
    cells = cells_of(tmp_path, text)
    dominance = system_of(cells, [Dominance(2, 75)])
    assert of_cell(cells, dominance, "p", "x") == (CellState.PRIMARY, 20, 20)
    assert of_cell(cells, dominance, "p", "y")[0] == CellState.CANDIDATE
    alone = system_of(cells, [Dominance(1, 50)])
    assert of_cell(cells, alone, "p", "x") == (CellState.PRIMARY, 20, 20)
    percent = system_of(cells, [PPercent(20)])
    assert of_cell(cells, percent, "p", "x") == (CellState.PRIMARY, 2, 2), "12 less the 10 of the others"
    assert of_cell(cells, percent, "q", "x") == (CellState.PRIMARY, 10, 10)
    total = of_cell(cells, system_of(cells, [Dominance(2, 70)]), "Total", "x")
    assert total[0] == CellState.PRIMARY, "60 and 50 are the largest of an added total of 150"
    assert total[1:] == pytest.approx((110 / 0.7 - 150,) * 2)


def test_a_total_that_sits_in_one_part_tells_of_everybody_in_it(tmp_path: Path) -> None:
    """Worked by hand: all 9 of q are x. The 9 must be able to be less, and one zero beside it to be more."""
    text = "a,b,n\np,x,30\np,y,40\np,z,5\nq,x,9\nq,y,0\nq,z,0\nr,x,2\nr,y,4\nr,z,1\n"
    cells = cells_of(tmp_path, text)
    system = system_of(cells, [GroupDisclosure()])
    assert of_cell(cells, system, "q", "x") == (CellState.PRIMARY, 1, 0)
    assert of_cell(cells, system, "q", "y") == (CellState.PRIMARY, 0, 1), "its column has most room"
    assert of_cell(cells, system, "q", "z") == (CellState.CANDIDATE, 0, 0)
    assert of_cell(cells, system, "p", "y")[0] == CellState.CANDIDATE


def test_columns_say_more_than_rules(tmp_path: Path) -> None:
    text = (
        "a,b,n,status,cost,lower_protection,upper_protection,known_lower,known_upper\n"
        "p,x,3,keep,,,,,\np,y,40,primary,,10,12,30,60\nq,x,6,,2.5,,,,\nq,y,2,,,,3,,\n"
    )
    cells = cells_of(tmp_path, text)
    system = system_of(cells, [Threshold(1, 4)])
    assert of_cell(cells, system, "p", "x") == (CellState.KEEP, 0, 0)
    assert of_cell(cells, system, "p", "y") == (CellState.PRIMARY, 10, 12)
    assert of_cell(cells, system, "q", "y") == (CellState.PRIMARY, 1, 3)
    assert (system.lower[1], system.upper[1]) == (30, 60)
    assert (system.weight[2], system.weight[0]) == (2.5, 3)
    named = system_of(cells, [StatusOnly()])
    assert of_cell(cells, named, "q", "y")[0] == CellState.CANDIDATE


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("threshold=1-4", Threshold(1, 4)), ("dominance=2,85", Dominance(2, 85)), ("p=10", PPercent(10)),
        ("zeros=hideable", ZerosHideable()), ("group", GroupDisclosure()),
    ],
)  # fmt: skip
def test_rules_are_written_as_text(text: str, rule: Rule) -> None:
    assert parse_rule(text) == rule


@pytest.mark.parametrize(
    "text", ["threshold=4-1", "threshold=1.5-4", "threshold=5", "dominance=3,85", "p=0", "zeros", "x=1", ""]
)
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_rule(text)


def test_largest_entropy_gives_the_published_table() -> None:
    """R package ptable, introduction: create_cnt_ptable(D = 2, V = 1): row 1 is 0.3665, 0.3665, 0.1676, 0.0995 with
    variance 0.932; row 2 is 0.0638 at its ends, 0.383 in the middle, variance 1."""
    first = largest_entropy(np.array([-1, 0, 1, 2]), 1.0)
    assert first == pytest.approx([0.3665, 0.3665, 0.1676, 0.0995], abs=1e-4)
    assert first @ np.array([1, 0, 1, 4]) == pytest.approx(0.932, abs=5e-4)
    second = largest_entropy(np.array([-2, -1, 0, 1, 2]), 1.0)
    assert (second[0], second[2], second[4]) == pytest.approx((0.0638, 0.383, 0.0638), abs=5e-4)
    assert second @ np.array([4, 1, 0, 1, 4]) == pytest.approx(1.0, abs=1e-9)


def test_no_other_distribution_with_these_moments_has_more_entropy() -> None:
    """Any step along the two directions that keep sum, mean and variance lowers the entropy."""
    values = np.array([-2, -1, 0, 1, 2, 3])
    best = largest_entropy(values, 1.5)
    kept = np.stack([np.ones(6), values, values**2])
    _, _, directions = np.linalg.svd(kept)

    def entropy(shares: np.ndarray) -> float:
        return float(-(shares * np.log(shares)).sum())

    for direction, step in itertools.product(directions[3:], (1e-3, -1e-3)):
        assert entropy(best + step * direction) < entropy(best)


def test_noise_has_no_bias_keeps_its_variance_and_never_shows_a_blocked_count() -> None:
    table = table_of_noise(5, 3.0, blocked=2)
    counts = np.arange(table.noise.shape[0])
    assert np.all(table.noise.sum(axis=1) == 0)
    assert table.noise[1:].var(axis=1) == pytest.approx(3.0, abs=0.1)
    shown = counts[:, None] + table.noise
    assert shown.min() == 0
    assert not np.isin(shown, (1, 2)).any()
    assert np.abs(table.noise).max() == 5
    with pytest.raises(InputError):
        table_of_noise(5, 0.5, blocked=3)


def test_cell_keys_follow_the_published_steps() -> None:
    """ONS Cell Key Perturbation 2.1: key = sum modulo 256; counts over 750 use rows 501 to 750 again (751, 1001 and
    1251 the 501st); the sample rule (under 10 to nothing, others to the nearest 5): 16, 5, 10, 12 give 15, 0, 10, 10."""
    rows = np.arange(751)
    rule = np.where(rows < 10, -rows, (rows + 2) // 5 * 5 - rows)
    table = PerturbationTable(np.repeat(rule[:, None], 256, axis=1), 250)
    counts = np.array([16, 5, 10, 12, 0])
    assert perturbed(counts, np.array([64, 196, 123, 149, 0]), table).tolist() == [15, 0, 10, 10, 0]
    marked = np.zeros((751, 256), dtype=np.int64)
    marked[501, 7] = 1
    loops = PerturbationTable(marked, 250)
    many = np.array([501, 751, 1001, 1251, 750, 752])
    assert (perturbed(many, np.full(6, 256 * 9 + 7), loops) - many).tolist() == [1, 1, 1, 1, 0, 0]


def cheapest_rounding(inner: np.ndarray, base: int) -> float:
    """Try every zero-restricted rounding of a two-way table's cells and totals."""
    n, m = inner.shape
    full = np.zeros((n + 1, m + 1))
    full[1:, 1:], full[0, 1:], full[1:, 0], full[0, 0] = inner, inner.sum(0), inner.sum(1), inner.sum()
    best = np.inf
    for choice in itertools.product(*([np.floor(v / base) * base, np.ceil(v / base) * base] for v in inner.ravel())):
        made = np.zeros_like(full)
        made[1:, 1:] = np.array(choice).reshape(n, m)
        made[0, 1:], made[1:, 0], made[0, 0] = made[1:, 1:].sum(0), made[1:, 1:].sum(1), made[1:, 1:].sum()
        if np.all(np.abs(made - full) < base):
            best = min(best, np.abs(made - full).sum())
    return float(best)


def test_controlled_rounding_adds_up_stays_within_the_base_and_is_nearest(tmp_path: Path) -> None:
    """Cox and Ernst 1982: a two-way table has a zero-restricted rounding; every one is tried."""
    draw = np.random.default_rng(4)
    for _ in range(12):
        inner = draw.integers(0, 13, (3, 3))
        lines = [f"r{i},c{j},{inner[i, j]}" for i in range(3) for j in range(3)]
        cells = cells_of(tmp_path, "a,b,n\n" + "\n".join(lines) + "\n")
        found = round_controlled(cells.grid, cells.values, 5)
        assert np.all(cells.grid.matrix @ found.values == 0)
        assert np.all(found.values % 5 == 0)
        assert np.all(np.abs(found.values - cells.values) < 5)
        assert np.all(found.values[cells.values % 5 == 0] == cells.values[cells.values % 5 == 0])
        assert (found.further, found.is_nearest) == (0, True)
        assert found.distance == cheapest_rounding(inner.astype(float), 5)


def test_where_no_zero_restricted_rounding_exists_it_goes_further_and_says_so(tmp_path: Path) -> None:
    """Worked by hand, after Causey, Cox and Ernst 1985: a cube of 2 x 2 x 2 with ones where the codes sum to an odd number,
    base 2. Every face holds two ones and is 2, a multiple that must stay, so one of the two becomes 2 and the other 0; but
    three of the ones share faces pairwise, and three values cannot differ pairwise."""
    lines = [f"{i},{j},{k},{(i + j + k) % 2}" for i, j, k in itertools.product((0, 1), repeat=3)]
    cells = cells_of(tmp_path, "a,b,c,n\n" + "\n".join(lines) + "\n", ("a", "b", "c"))
    found = round_controlled(cells.grid, cells.values, 2)
    assert np.all(cells.grid.matrix @ found.values == 0)
    assert np.all(found.values % 2 == 0)
    assert found.further == 1
    assert np.all(np.abs(found.values - cells.values) < 4)


def test_a_deep_hierarchy_is_rounded_from_the_top_down_and_still_adds_up(tmp_path: Path) -> None:
    (tmp_path / "areas.csv").write_text("child,parent\nN,E\nS,E\nn1,N\nn2,N\ns1,S\ns2,S\ns3,S\n")
    draw = np.random.default_rng(6)
    lines = [f"{a},{b},{draw.integers(0, 30)}" for a in ("n1", "n2", "s1", "s2", "s3") for b in "xyz"]
    (tmp_path / "cells.csv").write_text("a,b,n\n" + "\n".join(lines) + "\n")
    with scratch_engine(tmp_path / "engine").session() as session:
        asked = TableRequest(("a", "b"), "n", {"a": tmp_path / "areas.csv"})
        cells = read_cells(session, [tmp_path / "cells.csv"], asked)
    found = round_controlled(cells.grid, cells.values, 5)
    assert cells.grid.n_cells == 8 * 4
    assert np.all(cells.grid.matrix @ found.values == 0)
    assert (found.further, found.is_nearest) == (0, False), "held totals are not proven to be the nearest choice"
    assert np.all(np.abs(found.values - cells.values) < 5)


def test_a_base_of_one_is_refused(tmp_path: Path) -> None:
    cells = cells_of(tmp_path, TWO_BY_TWO)
    with pytest.raises(InputError):
        round_controlled(cells.grid, cells.values, 1)
