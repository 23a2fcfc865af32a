"""What a published table gives away: intervals of hidden and rounded cells against published and hand-worked answers."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from disclosure.tables.audit import Intervals, audit_pattern, intervals
from disclosure.tables.dimensions import Dimension
from disclosure.tables.evidence import Evidence, verify_audit
from disclosure.tables.grid import Grid, grid_of
from disclosure.tables.published import ShownRule, rounded_bounds
from disclosure.tables.system import CellState, System
from tests.lib.plain_attack import plain_attack
from tests.lib.published_tables import answer, run_here

DATA = Path(__file__).parents[1] / "data" / "disclosure"
SMALL = json.loads((DATA / "small_tables.json").read_text())
HIERARCHY = "a.csv"


def grid_of_parents(parents: list[list[int]]) -> Grid:
    """A full table in row-major order."""
    dimensions = []
    for place, above in enumerate(parents):
        depths: list[int] = []
        for code in above:
            depths.append(0 if code < 0 else depths[code] + 1)
        labels = tuple(f"{place}.{code}" for code in range(len(above)))
        dimensions.append(Dimension(f"d{place}", labels, np.array(above, np.int32), np.array(depths, np.int32)))
    codes = np.argwhere(np.ones([len(above) for above in parents], dtype=bool)).astype(np.int32)
    return grid_of(tuple(dimensions), codes)


def system_of_case(case: dict) -> tuple[System, np.ndarray]:
    """A small published table, and its first optimal pattern."""
    grid = grid_of_parents(case["dims"])
    values = np.array(case["values"], dtype=float)
    n = len(values)
    hidden = np.zeros(n, dtype=bool)
    hidden[case["primary"] + case["optimal_sets"][0]] = True
    parents = tuple(dimension.parents for dimension in grid.dimensions)
    state = np.full(n, CellState.CANDIDATE, dtype=np.int8)
    bare = np.zeros(n)
    system = System(values, grid.matrix, bare, 2 * values + 20, state, bare, bare, bare, grid.codes, parents)
    return system, hidden


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case["kind"])
def test_small_tables_have_their_published_intervals(case: dict) -> None:
    """Source: tests/data/disclosure/SOURCES-tables.md (linear programmes over every cell)."""
    system, hidden = system_of_case(case)
    found = audit_pattern(system, hidden)
    for cell, (low, high) in case["intervals_of_first_set"].items():
        assert (found.low[int(cell)], found.high[int(cell)]) == pytest.approx((low, high), abs=1e-6)
    assert np.array_equal(np.flatnonzero(hidden), sorted(map(int, case["intervals_of_first_set"])))
    shown = ~hidden
    assert np.array_equal(found.low[shown], system.values[shown])


@pytest.fixture(scope="module")
def council_table(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, str]]]:
    """The published table of 2,160 cells with its pattern hidden, and the hierarchy of its councils."""
    folder = tmp_path_factory.mktemp("councils")
    with gzip.open(DATA / "table_la_age_psr.csv.gz", "rt") as stream:
        rows = list(csv.DictReader(stream))
    areas = list(dict.fromkeys(row["la"] for row in rows))
    lines = [f"{area},{'ENGLAND' if len(area) == 2 else area[:2]}\n" for area in areas[1:]]
    (folder / HIERARCHY).write_text("child,parent\n" + "".join(lines))
    with (folder / "table.csv").open("w", newline="") as stream:
        out = csv.writer(stream)
        out.writerow(["la", "age", "psr", "shown", "known_lower", "known_upper"])
        for row in rows:
            hidden = row["status"] == "P" or row["ref_secondary"] == "1"
            known = (0, 2 * int(row["count"]) + 20) if hidden else ("", "")
            out.writerow([row["la"], row["age"], row["psr"], "x" if hidden else row["count"], *known])
    return folder, rows


def attack_councils(folder: Path, *more: object) -> dict:
    options = ("--dimensions", "la,age,psr", "--value", "shown", "--hierarchy", f"la={folder / HIERARCHY}")
    return answer("attack", folder / "table.csv", *options, *more)


def test_the_council_table_has_its_published_intervals(council_table: tuple[Path, list[dict[str, str]]]) -> None:
    """Source: table_expected.json and table_la_age_psr.csv.gz: 310 hidden cells, each with its interval."""
    folder, rows = council_table
    found = attack_councils(folder)
    expected = {
        (row["la"], row["age"], row["psr"]): (float(row["attack_lo"]), float(row["attack_hi"]))
        for row in rows
        if row["attack_lo"]
    }
    assert (found["n_cells"], found["n_hidden"], found["n_exact"], found["n_not_proven"]) == (2160, 310, 0, 0)
    got = {
        (one["la"], one["age"], one["psr"]): (one["attack_lower"], one["attack_upper"]) for one in found["intervals"]
    }
    assert got.keys() == expected.keys()
    assert all(got[cell] == pytest.approx(ends, abs=1e-6) for cell, ends in expected.items())
    assert attack_councils(folder, "--integer")["intervals"] == found["intervals"], "whole ends are attained"


def test_the_plain_attacker_agrees_on_one_region(council_table: tuple[Path, list[dict[str, str]]]) -> None:
    _, rows = council_table
    region = [row for row in rows if row["la"].startswith("R4")]
    said = {}
    for row in region:
        hidden, count = row["status"] == "P" or row["ref_secondary"] == "1", int(row["count"])
        said[row["la"], row["age"], row["psr"]] = (0.0, 2.0 * count + 20) if hidden else (count, count)
    parents = [
        {row["la"]: "R4" for row in region if row["la"] != "R4"},
        {f"A{n}": "Total" for n in range(5)},
        {f"P{n}": "Total" for n in range(3)},
    ]
    targets = [(r["la"], r["age"], r["psr"]) for r in region if r["attack_lo"]]
    found = plain_attack(said, parents, targets)
    assert found is not None
    for row in region:
        if row["attack_lo"]:
            ends = (float(row["attack_lo"]), float(row["attack_hi"]))
            assert found[row["la"], row["age"], row["psr"]] == pytest.approx(ends, abs=1e-6)


def evidence_of(case: dict) -> tuple[System, np.ndarray, np.ndarray, np.ndarray, Intervals, Evidence]:
    system, hidden = system_of_case(case)
    found = audit_pattern(system, hidden, keep=True)
    assert found.evidence is not None
    low, high = np.where(hidden, system.lower, system.values), np.where(hidden, system.upper, system.values)
    return system, hidden, low, high, found, found.evidence


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case["kind"])
def test_evidence_holds_and_nothing_that_is_altered_does(case: dict) -> None:
    """Weak duality: an end must be attained by a point and limited by multipliers; a verifier needs no solver."""
    system, hidden, low, high, found, evidence = evidence_of(case)
    claimed = (found.low, found.high)
    checked = verify_audit(system.matrix, low, high, hidden, claimed, evidence)
    assert checked.holds
    assert checked.n_ends == 2 * int(hidden.sum())
    cell = int(np.flatnonzero(hidden)[0])
    wider, narrower = found.high.copy(), found.high.copy()
    wider[cell] += 0.01
    narrower[cell] -= 0.01
    told = verify_audit(system.matrix, low, high, hidden, (found.low, wider), evidence)
    assert told.n_attained == told.n_ends - 1, "no point attains more"
    told = verify_audit(system.matrix, low, high, hidden, (found.low, narrower), evidence)
    assert told.n_bounded == told.n_ends - 1, "nothing shows that it stops sooner"
    points = evidence.points.toarray()
    points[0, cell] += 1.0
    forged = replace(evidence, points=csr_matrix(points))
    assert verify_audit(system.matrix, low, high, hidden, claimed, forged).n_points_wrong == 1
    table = evidence.table.copy()
    table[cell] += 1.0
    assert not verify_audit(system.matrix, low, high, hidden, claimed, replace(evidence, table=table)).holds


def test_a_cell_alone_in_its_row_is_known_exactly() -> None:
    """Worked by hand: a hidden cell whose row shows all else is the total less the rest."""
    grid = grid_of_parents([[-1, 0, 0], [-1, 0, 0]])
    values = np.array([20, 12, 8, 9, 4, 5, 11, 8, 3], dtype=float)
    hidden = np.zeros(9, dtype=bool)
    hidden[4] = True
    low, high = np.where(hidden, 0.0, values), np.where(hidden, np.inf, values)
    found = intervals(grid.matrix, low, high, targets=hidden)
    assert (found.low[4], found.high[4]) == (4, 4)


def test_every_line_with_two_hidden_cells_is_not_safety() -> None:
    """Worked by hand: four rows and columns, two hidden a line, and yet a block of two by two whose total is 4 leaves
    each of its cells at most 3 when one of them is known to be at least 1."""
    grid = grid_of_parents([[-1, 0, 0, 0, 0], [-1, 0, 0, 0, 0]])
    inner = np.array([[1, 2, 9, 9], [2, 1, 9, 9], [9, 9, 5, 6], [9, 9, 7, 8]], dtype=float)
    whole = np.zeros((5, 5))
    whole[1:, 1:] = inner
    whole[0, 1:], whole[1:, 0], whole[0, 0] = inner.sum(0), inner.sum(1), inner.sum()
    hidden = np.zeros((5, 5), dtype=bool)
    hidden[1:3, 1:3] = hidden[3:, 3:] = True
    values, flags = whole.ravel(), hidden.ravel()
    found = intervals(grid.matrix, np.where(flags, 0.0, values), np.where(flags, np.inf, values), targets=flags)
    assert found.high[6] == 3, "row and column of the small block have 3 persons each"
    assert found.high[18] == 11, "the other block has 11 in its first row and 12 in its first column"


@pytest.mark.parametrize(
    ("shown", "rule", "ends"),
    [
        (15, ShownRule(5), (13, 17)),
        (0, ShownRule(5), (0, 2)),
        (20, ShownRule(10), (15, 24)),
        (15, ShownRule(5, adjacent=True), (11, 19)),
        (0, ShownRule(5, adjacent=True), (0, 4)),
        (0, ShownRule(5, smallest_shown=8), (0, 0)),
        (10, ShownRule(5, smallest_shown=8), (8, 12)),
        (15, ShownRule(5, smallest_shown=8), (13, 17)),
        (1.5, ShownRule(0.5), (1.25, 1.75)),
    ],
)
def test_what_a_rounded_value_leaves(shown: float, rule: ShownRule, ends: tuple[float, float]) -> None:
    """Every count that rounds to the shown value, halves up, and no other; controlled rounding: either neighbour."""
    low, high = rounded_bounds(np.array([shown], dtype=float), rule)
    assert (low[0], high[0]) == ends


def test_the_rule_reads_every_count_to_60_back(tmp_path: Path) -> None:
    """What the published rule shows of a count leaves all the counts that it shows so, and no others."""
    shown = {count: "0" if count == 0 else "*" if count <= 7 else str((count + 2) // 5 * 5) for count in range(61)}
    path = tmp_path / "t.csv"
    path.write_text("a,shown\n" + "".join(f"c{count},{text}\n" for count, text in shown.items()))
    words = ("attack", path, "--dimensions", "a", "--value", "shown", "--profile", "caregate", "--rounded")
    found = {one["a"]: (one["attack_lower"], one["attack_upper"]) for one in answer(*words)["intervals"]}
    assert set(found) == {f"c{count}" for count in range(1, 61)}, "a zero is certain"
    for count in range(1, 58):
        alike = [other for other, text in shown.items() if text == shown[count]]
        assert found[f"c{count}"] == (min(alike), max(alike))


def test_a_starred_total_over_four_stars_leaves_each_at_most_4(tmp_path: Path) -> None:
    """Worked by hand: the total is at most 7, three others are at least 1 each."""
    path = tmp_path / "t.csv"
    path.write_text("a,shown\nTotal,*\nw,*\nx,*\ny,*\nz,*\n")
    found = answer("attack", path, "--dimensions", "a", "--value", "shown", "--profile", "caregate")
    by_code = {one["a"]: (one["attack_lower"], one["attack_upper"]) for one in found["intervals"]}
    assert by_code == {"Total": (4, 7), "w": (1, 4), "x": (1, 4), "y": (1, 4), "z": (1, 4)}


def test_national_totals_are_exact_under_the_published_rule_alone(tmp_path: Path) -> None:
    """England 23 is no multiple of 5: exact under nhs-published, so 15 and the star make the star 6 to 7, not 1 to 7."""
    path = tmp_path / "t.csv"
    path.write_text("la,age,shown\nE,Total,103\nE,p,23\nE,q,80\na,Total,90\na,p,15\na,q,75\nb,Total,15\nb,p,*\nb,q,*\n")
    (tmp_path / "la.csv").write_text("child,parent\na,E\nb,E\n")
    options = ("--dimensions", "la,age", "--value", "shown", "--hierarchy", f"la={tmp_path / 'la.csv'}", "--integer")
    found = answer("attack", path, *options, "--profile", "nhs-published")
    by_code = {(one["la"], one["age"]): (one["attack_lower"], one["attack_upper"]) for one in found["intervals"]}
    assert by_code["b", "p"] == (6, 7), "23 less 13 to 17, and at most 7"
    status, words = run_here("attack", path, *options, "--profile", "caregate")
    assert status == 3
    assert "rounding to 5" in words
