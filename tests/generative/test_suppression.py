"""Random tables: suppression equals trying every pattern, refusals included; larger ones stand an independent attack."""

from __future__ import annotations

import numpy as np
import pytest

from disclosure.tables.suppress.pattern import Pattern, Unprotectable
from disclosure.tables.suppress.protect import protect_system
from tests.lib.exhaustive import Attack, PlainTable, a_random_table, a_wide_table, cheapest
from tests.lib.protecting import cells_of, system_of_plain

N_TABLES, N_LONG = 40, 400
MOST_CANDIDATES, MOST_LONG = 11, 13


def stands_attack(table: PlainTable, made: Pattern) -> None:
    """Attack every primary of a pattern with scipy's own programmes."""
    hidden = cells_of(table, made.hidden)
    assert set(table.primary) <= hidden
    assert not hidden & table.keep
    attack = Attack(table, table.candidates)
    for cell, needs in table.primary.items():
        for direction in (-1, 1):
            need = needs[(direction + 1) // 2]
            assert attack.reach_by_scipy(hidden, cell, direction) >= need - 1e-6 * max(1.0, need)
    cost = sum(table.weights[cell] for cell in hidden - set(table.primary))
    assert made.cost == pytest.approx(cost)


@pytest.mark.parametrize("seed", range(13))
def test_the_pattern_costs_what_trying_every_pattern_finds_and_what_cannot_be_is_refused(
    seed: int, is_long: bool
) -> None:
    """Counts and magnitudes, two and three dimensions, hierarchies, linked pairs: 520 tables, ten times as many in the long form."""
    draw = np.random.default_rng(seed)
    for _ in range(N_LONG if is_long else N_TABLES):
        table = a_random_table(draw, most_candidates=MOST_LONG if is_long else MOST_CANDIDATES)
        expected = cheapest(table)
        try:
            made = protect_system(system_of_plain(table))
        except Unprotectable as refused:
            assert {table.cells[place] for place in refused.cells} == expected
            continue
        assert not isinstance(expected, set), "what cannot be protected is refused"
        assert made.cost == pytest.approx(expected[0])
        assert made.optimal
        stands_attack(table, made)


def test_random_tables_hold_refusals_and_every_shape() -> None:
    draw = np.random.default_rng(0)
    tables = [a_random_table(draw, most_candidates=MOST_CANDIDATES) for _ in range(200)]
    assert len({tuple(len(parent) for parent in table.parents) for table in tables}) >= 6
    assert any(isinstance(cheapest(table), set) for table in tables)


@pytest.mark.parametrize("seed", range(6))
def test_blocks_make_what_the_whole_makes(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables too large to try everything: by blocks and in one piece the least cost is the same, and both stand attack."""
    table = a_wide_table(np.random.default_rng(seed))
    system = system_of_plain(table)
    made = []
    for few in (0, 10**9):
        monkeypatch.setattr("disclosure.tables.suppress.protect.FEW_CELLS", few)
        made.append(protect_system(system))
        stands_attack(table, made[-1])
    assert made[0].optimal
    assert made[1].optimal
    assert made[0].cost == pytest.approx(made[1].cost)
