"""Random tables: suppression equals trying every pattern, refusals included; larger ones stand an independent attack."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from disclosure.tables.suppress.pattern import Pattern, Unprotectable
from disclosure.tables.suppress.protect import protect_system
from disclosure.tables.system import CellState
from tests.lib.exhaustive import KINDS, LINKED, Attack, PlainTable, a_random_table, a_wide_table, cheapest
from tests.lib.protecting import cells_of, system_of_plain
from tests.lib.watched import attack_what_is_due, settled, unprotected

N_TABLES, N_LONG = 48, 480
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
    settled(made)


@lru_cache
def random_tables(kind: str, *, is_long: bool) -> tuple[PlainTable, ...]:
    """Draw the tables of a kind that are tried."""
    draw, most = np.random.default_rng(KINDS.index(kind)), MOST_LONG if is_long else MOST_CANDIDATES
    return tuple(a_random_table(draw, kind, most_candidates=most) for _ in range(N_LONG if is_long else N_TABLES))


@pytest.mark.parametrize("kind", KINDS)
def test_the_pattern_costs_what_trying_every_pattern_finds_and_what_cannot_be_is_refused(
    kind: str, is_long: bool
) -> None:
    """Counts and magnitudes, two and three dimensions, hierarchies, linked pairs: 528 tables, ten times as many in the long form."""
    for table in random_tables(kind, is_long=is_long):
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


def test_at_least_five_hundred_tables_are_tried_with_refusals_of_every_sort() -> None:
    lost = {
        kind: [bool(Attack(table, table.candidates).unprotectable()) for table in random_tables(kind, is_long=False)]
        for kind in KINDS
    }
    assert sum(len(one) for one in lost.values()) >= 500
    flat, deep = ("2x3", "3x3", "2x4"), ("two levels x 2", "uneven levels x 2", "three levels", "two hierarchies")
    for sort in (flat, ("2x2x2", "2x2x3"), deep, tuple(LINKED)):
        refusals = [one for kind in sort for one in lost[kind]]
        assert any(refusals)
        assert not all(refusals)


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


def test_a_pattern_that_nobody_attacked_is_attacked_and_a_weakened_one_is_found_out() -> None:
    """Source: the attack of tests/lib/watched, held against the plain table's own attack."""
    table = a_wide_table(np.random.default_rng(0))
    system = system_of_plain(table)
    made = protect_system(system)
    assert attack_what_is_due() == 1
    weaker = made.hidden & (system.state == CellState.PRIMARY)
    attack = Attack(table, table.candidates)
    assert set(unprotected(system, weaker)) == {
        cell
        for cell, needs in table.primary.items()
        for direction in (-1, 1)
        if attack.reach(set(table.primary), cell, direction) < needs[(direction + 1) // 2] - 1e-6
    }
    assert unprotected(system, weaker)
