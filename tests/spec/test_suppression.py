"""Suppression against proven answers: the shared tables, a table worked by hand, and the pieces that the proof rests on."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from disclosure.tables.suppress.cubes import Cubes
from disclosure.tables.suppress.cuts import cut_of
from disclosure.tables.suppress.integer import grain_of, rounded_up
from disclosure.tables.suppress.part import Need, part_of
from disclosure.tables.suppress.pattern import Pattern, Unprotectable
from disclosure.tables.suppress.protect import protect_system
from disclosure.tables.suppress.safety import Auditor
from disclosure.tables.suppress.separate import Separator, size_classes
from disclosure.tables.suppress.slices import slices_of
from tests.generative.test_suppression import stands_attack
from tests.lib.exhaustive import PlainTable, with_totals
from tests.lib.protecting import cells_of, system_of_plain

DATA = Path(__file__).parents[1] / "data" / "disclosure"
HOUSE_TOP = 4


def under_house_rules(parents: tuple[list[int], ...], values: dict[tuple[int, ...], int]) -> PlainTable:
    """Rules of the shared examples: 1 to 4 primary, zeros published, weight max(count, 1), 0 to 2 x count + 20 known."""
    primary = {cell: (1.0, 5.0 - value) for cell, value in values.items() if 1 <= value <= HOUSE_TOP}
    return PlainTable(
        parents, values, primary, {cell for cell, value in values.items() if value == 0},
        {cell: float(max(value, 1)) for cell, value in values.items()},
        {cell: (0.0, 2.0 * value + 20.0) for cell, value in values.items()},
    )  # fmt: skip


CASES = json.loads((DATA / "small_tables.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["kind"] for case in CASES])
def test_shared_small_tables_cost_what_exhaustive_search_proved(case: dict[str, list[list[int]]]) -> None:
    """Source: SOURCES.md of the shared examples: every subset of the candidates was tested."""
    sizes = [len(parent) for parent in case["dims"]]
    places = [tuple(int(one) for one in np.unravel_index(place, sizes)) for place in range(int(np.prod(sizes)))]
    table = under_house_rules(tuple(case["dims"]), dict(zip(places, case["values"], strict=True)))  # type: ignore[arg-type]
    made = protect_system(system_of_plain(table))
    assert made.cost == made.bound == case["optimal_cost"]
    secondary = {place for place, cell in enumerate(places) if made.hidden[place] and cell not in table.primary}
    assert secondary in [set(one) for one in case["optimal_sets"]]
    stands_attack(table, made)


def la_table() -> PlainTable:
    """The shared table of 2,160 cells: council in region by age by support reason."""
    with gzip.open(DATA / "table_la_age_psr.csv.gz", "rt", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    codes = [
        {label: code for code, label in enumerate(dict.fromkeys(row[name] for row in rows))}
        for name in ("la", "age", "psr")
    ]
    las = [-1 if la == "ENGLAND" else 0 if len(la) == 2 else codes[0][la[:2]] for la in codes[0]]
    values = {
        tuple(code[row[name]] for code, name in zip(codes, ("la", "age", "psr"), strict=True)): int(row["count"])
        for row in rows
    }
    parents = (las, *([-1] + [0] * (len(code) - 1) for code in codes[1:]))
    return under_house_rules(parents, values)


@pytest.fixture(scope="module")
def la() -> tuple[PlainTable, Pattern]:
    table = la_table()
    return table, protect_system(system_of_plain(table))


def test_the_shared_council_table_costs_its_proven_optimum(la: tuple[PlainTable, Pattern]) -> None:
    """Source: table_expected.json: block bounds equal the cost, and the tau-ARGUS engine reached the same."""
    table, made = la
    expected = json.loads((DATA / "table_expected.json").read_text("utf-8"))
    assert len(table.primary) == expected["primary"]
    assert made.cost == made.bound == expected["optimal_cost"]
    assert made.gap == 0.0
    stands_attack(table, made)


@pytest.mark.parametrize("n_processes", [1, 2])
def test_the_same_table_gives_the_same_pattern_on_every_run_and_any_number_of_processes(
    la: tuple[PlainTable, Pattern], n_processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("disclosure.tables.suppress.protect.MANY_CELLS", 0)
    table, made = la
    again = protect_system(system_of_plain(table), n_processes=n_processes)
    assert again.hidden.tobytes() == made.hidden.tobytes()
    assert (again.cost, again.bound, again.by_clock) == (made.cost, made.bound, False)


def two_by_two(values: list[int]) -> PlainTable:
    leaves = dict(zip([(1, 1), (1, 2), (2, 1), (2, 2)], values, strict=True))
    flat = [-1, 0, 0]
    return under_house_rules((flat, flat), with_totals(leaves, (flat, flat)))


def test_a_two_by_two_table_worked_by_hand() -> None:
    """The 3 needs a cycle through another row and another column, totals counting as such.

    Rows 1 and 2, columns 1 and 2: 7 + 9 + 20 = 36. Row 2 and the column of totals: 10 + 9 + 29 = 48. The row of totals and
    column 2: 7 + 12 + 27 = 46. Both totals: 10 + 12 + 39 = 61. So 36.
    """
    table = two_by_two([3, 7, 9, 20])
    made = protect_system(system_of_plain(table))
    assert made.cost == 36
    assert cells_of(table, made.hidden) == {(1, 1), (1, 2), (2, 1), (2, 2)}


def test_a_small_cell_beside_published_zeros_alone_is_refused_by_name() -> None:
    table = two_by_two([3, 0, 0, 20])
    table.keep |= {cell for cell in table.values if 0 in cell}
    with pytest.raises(Unprotectable) as refused:
        protect_system(system_of_plain(table))
    assert {table.cells[place] for place in refused.value.cells} == {(1, 1), (1, 0), (0, 1)}


def test_a_table_without_small_cells_hides_nothing() -> None:
    made = protect_system(system_of_plain(two_by_two([10, 20, 30, 40])))
    assert not made.hidden.any()
    assert made.cost == made.bound == 0
    assert made.optimal


def test_every_line_with_two_hidden_cells_is_not_safety() -> None:
    """Four by four, two separate cycles of which one holds too little: lines alone would pass, the programme does not.

    Source: Fischetti and Salazar 2001: only the attacker's programme decides. Two primaries of 1 alone in a cycle of four can
    each rise by 1 only, since the other two corners give no more.
    """
    flat = [-1, 0, 0, 0]
    leaves = {(row, column): 10 for row in range(1, 4) for column in range(1, 4)}
    leaves.update({(1, 1): 1, (1, 2): 1, (2, 1): 1, (2, 2): 1})
    table = under_house_rules((flat, flat), with_totals(leaves, (flat, flat)))
    part = part_of(system_of_plain(table), np.arange(len(table.cells)))
    unmet = Auditor(part).unmet(part.primary)
    assert {need.direction for need in unmet} == {1}, "each can fall by one and none can rise to five"
    assert len(unmet) == 4
    stands_attack(table, protect_system(system_of_plain(table)))


def test_a_cut_holds_for_every_safe_pattern_and_not_for_the_one_it_was_made_against() -> None:
    table = two_by_two([3, 7, 9, 20])
    part = part_of(system_of_plain(table), np.arange(len(table.cells)))
    alone = part.primary.astype(float)
    cuts = Separator(part).cuts(alone, lift=0.01)
    assert cuts
    auditor = Auditor(part)
    free = np.flatnonzero(~part.primary)
    for mask in range(1 << len(free)):
        pattern = alone.copy()
        pattern[free[[mask >> bit & 1 == 1 for bit in range(len(free))]]] = 1.0
        if not auditor.unmet(pattern > 0):
            assert all(cut.at(pattern) >= 1 - 1e-9 for cut in cuts)
    assert all(cut.at(alone) < 1 for cut in cuts)


def test_a_cut_is_valid_whatever_the_multipliers_are() -> None:
    """Weak duality asks nothing of the multipliers: random ones give weaker cuts, never wrong ones."""
    table = two_by_two([2, 7, 9, 20])
    part = part_of(system_of_plain(table), np.arange(len(table.cells)))
    draw = np.random.default_rng(3)
    everything = np.ones(part.n_cells)
    for _ in range(200):
        duals = draw.normal(size=part.matrix.shape[0])
        for need in part.needs:
            cut = cut_of(part, need, duals)
            assert cut is None or cut.at(everything) >= 1 - 1e-9


def test_cubes_are_deviations_and_meet_the_need_they_are_found_for() -> None:
    table = la_table()
    part = part_of(system_of_plain(table), np.arange(len(table.cells)))
    cubes, everything, n_found = Cubes(part), np.ones(part.n_cells, dtype=bool), 0
    for need in part.needs[:60]:
        corners = cubes.met(need, everything)
        if corners is None:
            continue
        n_found += 1
        columns = part.matrix[:, corners].toarray()
        signs = np.linalg.svd(columns)[2][-1]
        signs = signs / signs[corners.tolist().index(need.cell)] * need.direction
        assert np.allclose(np.abs(signs), 1.0)
        assert np.allclose(columns @ signs, 0.0)
        moves = signs * need.distance
        assert np.all(moves <= part.up[corners] + 1e-9)
        assert np.all(-moves <= part.down[corners] + 1e-9)
    assert n_found > 30


def test_slices_hold_every_primary_and_only_equations_of_their_own() -> None:
    part = part_of(system_of_plain(la_table()), np.arange(2160))
    for n_free in (2, 3):
        slices = slices_of(part, n_free)
        assert {int(places[need.cell]) for places, one in slices for need in one.needs} <= set(
            np.flatnonzero(part.primary).tolist()
        )
        for places, one in slices:
            assert isinstance(one.matrix, csr_matrix)
            assert np.array_equal(part.cells[places], one.cells)
    whole = slices_of(part, 3)
    assert len(whole) == 1
    assert whole[0][1].n_cells == part.n_cells


@pytest.mark.parametrize(("weights", "grain"), [([4, 6, 10], 2), ([3, 5], 1), ([0.5, 1], 0), ([0, 0], 0), ([7], 7)])
def test_costs_rise_in_steps_of_the_greatest_common_divisor(weights: list[float], grain: float) -> None:
    assert grain_of(np.array(weights, dtype=float)) == grain


def test_a_bound_is_rounded_up_to_a_cost_that_there_can_be() -> None:
    assert rounded_up(8.2, 2.0) == 10.0
    assert rounded_up(8.0 + 1e-9, 2.0) == 8.0
    assert rounded_up(8.2, 0.0) == 8.2


def test_needs_fall_into_few_classes_of_at_least_their_size() -> None:
    distances = [float(one) for one in range(1, 100)]
    classes = size_classes(distances)
    assert all(classes[one] >= one for one in distances)
    assert len(set(classes.values())) <= 6
    assert size_classes([1.0, 2.0, 4.0]) == {1.0: 1.0, 2.0: 2.0, 4.0: 4.0}


def test_needs_are_ordered_values() -> None:
    assert Need(1, -1, 2.0) < Need(1, 1, 1.0) < Need(2, -1, 1.0)
