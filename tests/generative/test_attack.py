"""Random tables: every interval equals the plain attacker's, whole ones what trying every table gives, evidence holds.

Small tables of two and three dimensions, hierarchies, linked pairs and missing totals, with cells hidden, starred or
rounded at random; nothing in the plain attacker is shared with the house.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from cld.engine import Session, scratch_engine
from disclosure.tables.audit import intervals
from disclosure.tables.dimensions import Dimension, dimension_of
from disclosure.tables.evidence import verify_audit
from disclosure.tables.grid import Grid, grid_of
from disclosure.tables.moves import Layout
from disclosure.tables.published import ShownRule, read_shown
from disclosure.tables.reading import TableRequest
from tests.lib.plain_attack import Cell, Interval, by_trying, plain_attack, plain_whole_attack
from tests.lib.published_tables import SHAPES, a_table, write_parents, write_table

N_TABLES, N_LONG = 130, 1_000
CLOSE = 1e-6


def said_of(
    draw: np.random.Generator, table: Mapping[Cell, int], parents: Sequence[Mapping[str, str]]
) -> dict[Cell, Interval]:
    """Hide, star or round cells at random; small inner cells stay within what trying can cover."""
    share = float(draw.choice([0.3, 0.5, 0.8]))
    said: dict[Cell, Interval] = {}
    for cell, value in table.items():
        is_leaf = all(code not in parent.values() for code, parent in zip(cell, parents, strict=True))
        kind = draw.random()
        if kind > share:
            said[cell] = (value, value)
        elif value and value < 4 and draw.random() < 0.5:
            said[cell] = (1, 3)
        elif draw.random() < 0.4:
            shown = (value + 1) // 3 * 3
            said[cell] = (max(shown - 1, 0), shown + 1)
        else:
            said[cell] = (0, 7 if is_leaf else 60)
    return said


def grid_and_bounds(
    said: Mapping[Cell, Interval], parents: Sequence[Mapping[str, str]]
) -> tuple[Grid, np.ndarray, np.ndarray]:
    dimensions: tuple[Dimension, ...] = tuple(
        dimension_of(f"d{place}", list(parent.items())) for place, parent in enumerate(parents)
    )
    number = [{label: code for code, label in enumerate(dimension.labels)} for dimension in dimensions]
    codes = [[number[place][code] for place, code in enumerate(cell)] for cell in said]
    grid = grid_of(dimensions, np.array(codes, dtype=np.int32))
    low, high = np.zeros(grid.n_cells), np.full(grid.n_cells, np.inf)
    low[: len(said)], high[: len(said)] = [a for a, _ in said.values()], [b for _, b in said.values()]
    return grid, low, high


def cases(
    n_tables: int, seed: int, shapes: Sequence[str]
) -> Iterator[tuple[str, dict[Cell, int], dict[Cell, Interval]]]:
    draw = np.random.default_rng(seed)
    for _ in range(n_tables):
        shape = str(draw.choice(list(shapes)))
        table = a_table(draw, shape, int(draw.choice([3, 7])))
        yield shape, table, said_of(draw, table, SHAPES[shape])


def n_tables(*, is_long: bool) -> int:
    return N_LONG if is_long else N_TABLES


def test_real_intervals_equal_the_plain_attackers_and_their_evidence_holds(is_long: bool) -> None:
    for shape, table, said in cases(n_tables(is_long=is_long), 1, list(SHAPES)):
        parents = SHAPES[shape]
        grid, low, high = grid_and_bounds(said, parents)
        targets = low < high
        layout = Layout(grid.codes, tuple(dimension.parents for dimension in grid.dimensions))
        kept = intervals(grid.matrix, low, high, targets=targets, layout=layout, keep=True)
        quick = intervals(grid.matrix, low, high, targets=targets)
        cells = [cell for cell, (a, b) in said.items() if a < b]
        plain = plain_attack(said, parents, cells)
        assert plain is not None
        assert quick.contradicted is None
        places = [list(said).index(cell) for cell in cells]
        for found in (kept, quick):
            for cell, place in zip(cells, places, strict=True):
                assert (found.low[place], found.high[place]) == pytest.approx(plain[cell], abs=CLOSE)
                assert found.low[place] - CLOSE <= table[cell] <= found.high[place] + CLOSE
        assert kept.evidence is not None
        assert verify_audit(grid.matrix, low, high, targets, (kept.low, kept.high), kept.evidence).holds


def test_whole_intervals_are_what_trying_every_table_gives(is_long: bool) -> None:
    """Tables small enough to try: every whole number in every inner cell."""
    n_tried = 0
    for shape, _, said in cases(n_tables(is_long=is_long), 2, ["2x2", "2x2x2", "two levels"]):
        parents = SHAPES[shape]
        leaves = [c for c in said if all(code not in p.values() for code, p in zip(c, parents, strict=True))]
        cells = [cell for cell, (a, b) in said.items() if a < b]
        n_choices = np.prod([said[leaf][1] - said[leaf][0] + 1 for leaf in leaves])
        if not cells or n_choices > 5_000:
            continue
        n_tried += 1
        tried = by_trying(said, parents, cells)
        grid, low, high = grid_and_bounds(said, parents)
        layout = Layout(grid.codes, tuple(dimension.parents for dimension in grid.dimensions))
        for keep in (False, True):
            found = intervals(grid.matrix, low, high, targets=low < high, layout=layout, whole=True, keep=keep)
            assert tried is not None
            assert found.attained.all()
            for cell, ends in tried.items():
                place = list(said).index(cell)
                assert (found.low[place], found.high[place]) == ends
    assert n_tried > 40


def test_whole_intervals_of_larger_tables_equal_a_search_for_each_end(is_long: bool) -> None:
    for shape, _, said in cases(n_tables(is_long=is_long) // 6, 3, ["3x3", "three levels", "2x2x2"]):
        parents = SHAPES[shape]
        cells = [cell for cell, (a, b) in said.items() if a < b]
        grid, low, high = grid_and_bounds(said, parents)
        found = intervals(grid.matrix, low, high, targets=low < high, whole=True)
        plain = plain_whole_attack(said, parents, cells)
        assert plain is not None
        for cell, ends in plain.items():
            place = list(said).index(cell)
            assert (found.low[place], found.high[place]) == ends


def test_what_no_table_fits_is_said_exactly_when_the_plain_attacker_finds_none(is_long: bool) -> None:
    draw = np.random.default_rng(4)
    n_impossible = 0
    for shape, _, said in cases(n_tables(is_long=is_long), 5, list(SHAPES)):
        parents = SHAPES[shape]
        cell = list(said)[int(draw.integers(len(said)))]
        said[cell] = (said[cell][0] + 9, said[cell][0] + 9)
        cells = [one for one, (a, b) in said.items() if a < b][:1]
        if not cells:
            continue
        grid, low, high = grid_and_bounds(said, parents)
        found = intervals(grid.matrix, low, high, targets=low < high)
        impossible = plain_attack(said, parents, cells) is None
        assert (found.contradicted is not None) == impossible
        n_impossible += impossible
    assert n_impossible > 20


def test_files_with_missing_totals_and_linked_tables_are_read_as_the_plain_attacker_reads_them(
    tmp_path: Path, is_long: bool
) -> None:
    """Two tables that share their first dimension; totals are left out of either at random."""
    draw = np.random.default_rng(6)
    parents = ({"a": "T", "b": "T"}, {"x": "T", "y": "T"}, {"p": "T", "q": "T", "r": "T"})
    names = ("one", "two", "three")
    options = write_parents(tmp_path, parents, names)
    hierarchies = {name: Path(path.split("=")[1]) for name, path in zip(names, options[1::2], strict=True)}
    with scratch_engine(tmp_path / "engine").session() as session:
        for _ in range(n_tables(is_long=is_long) // 6):
            full = a_table_of(draw, parents)
            rows = {cell: value for cell, value in full.items() if cell[1] == "T" or cell[2] == "T"}
            shown: dict[Cell, object] = {}
            for cell, value in rows.items():
                if "T" in cell[:1] and draw.random() < 0.3:
                    continue
                shown[cell] = "x" if draw.random() < 0.6 else value
            sides = []
            for place, (keep, gone) in enumerate(((1, 2), (2, 1))):
                part = {(cell[0], cell[keep]): v for cell, v in shown.items() if cell[gone] == "T"}
                sides.append(write_table(tmp_path / f"{place}.csv", part, (names[0], names[keep])))
            forget(session)
            published = read_shown(session, sides, TableRequest(names, "shown", hierarchies), ShownRule())
            grid = published.rows.grid
            found = intervals(grid.matrix, published.low, published.high, targets=published.hidden)
            said = {cell: (0.0, np.inf) if v == "x" else (float(str(v)),) * 2 for cell, v in shown.items()}
            cells = [cell for cell, v in shown.items() if v == "x"]
            plain = plain_attack(said, parents, cells)
            assert plain is not None
            labels = [
                tuple(d.labels[code] for d, code in zip(grid.dimensions, line, strict=True)) for line in grid.codes
            ]
            assert {labels[place] for place in np.flatnonzero(published.hidden)} == set(cells)
            for cell, ends in plain.items():
                place = labels.index(cell)
                assert (found.low[place], found.high[place]) == pytest.approx(ends, abs=CLOSE)


def forget(session: Session) -> None:
    """Make room for the next table in one session."""
    for name in ("cells_0", "cells_1", "hierarchy_0", "hierarchy_1", "hierarchy_2"):
        if session.has(name):
            session.drop(name)


def a_table_of(draw: np.random.Generator, parents: Sequence[Mapping[str, str]]) -> dict[Cell, int]:
    from tests.lib.published_tables import leaves_of, summed

    return summed({leaf: int(draw.integers(0, 6)) for leaf in leaves_of(parents)}, parents)


def test_large_systems_taken_block_by_block_give_the_same_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part counts as large, so that blocks are tried on tables that plain programmes can judge."""
    monkeypatch.setattr("disclosure.tables.audit.LARGE", 2)
    monkeypatch.setattr("disclosure.tables.audit.MOSTLY", 2.0)
    for whole, (shape, _, said) in zip(
        itertools.cycle((False, True)), cases(60, 7, ["three levels", "3x3"]), strict=False
    ):
        parents = SHAPES[shape]
        grid, low, high = grid_and_bounds(said, parents)
        layout = Layout(grid.codes, tuple(dimension.parents for dimension in grid.dimensions))
        targets = low < high
        found = intervals(grid.matrix, low, high, targets=targets, layout=layout, whole=whole, keep=True)
        plain = (plain_whole_attack if whole else plain_attack)(
            said, parents, [c for c, (a, b) in said.items() if a < b]
        )
        assert plain is not None
        for cell, ends in plain.items():
            place = list(said).index(cell)
            assert (found.low[place], found.high[place]) == pytest.approx(ends, abs=CLOSE)
        assert found.evidence is not None
        if not whole:
            assert verify_audit(grid.matrix, low, high, targets, (found.low, found.high), found.evidence).holds
