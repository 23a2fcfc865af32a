"""A solver that stops and a search that is cut off: a refusal, or an outer bound that says so; never a false interval."""

from __future__ import annotations

import numpy as np
import pytest

from cld.errors import DisclosureRefused
from disclosure import solver
from disclosure.tables import probe, programmes
from disclosure.tables.audit import intervals
from disclosure.tables.cells import with_added
from disclosure.tables.dimensions import flat_dimension
from disclosure.tables.grid import Grid, grid_of
from tests.lib.plain_attack import plain_whole_attack


def hidden_cube(seed: int) -> tuple[Grid, np.ndarray, np.ndarray, np.ndarray]:
    """A table of 4 x 4 x 4 with six in ten inner cells hidden: with seed 4 some programmes end in halves."""
    draw = np.random.default_rng(seed)
    dimensions = tuple(flat_dimension(name, ["w", "x", "y", "z"], "Total") for name in "abc")
    grid = grid_of(dimensions, (np.argwhere(np.ones((4, 4, 4), dtype=bool)) + 1).astype(np.int32))
    values = with_added(grid, draw.integers(0, 10, 64).astype(np.float64))
    hidden = (draw.random(grid.n_cells) < 0.6) & (grid.codes > 0).all(axis=1)
    return grid, np.where(hidden, 0.0, values), np.where(hidden, 2 * values + 20, values), hidden


@pytest.mark.parametrize("module", [probe, programmes])
def test_a_solver_that_stops_is_a_refusal(monkeypatch: pytest.MonkeyPatch, module: object) -> None:
    def stopping(**options: object) -> object:
        made = solver.new_solver(**options)  # type: ignore[arg-type]
        made.setOptionValue("simplex_iteration_limit", 0)
        return made

    monkeypatch.setattr(module, "new_solver", stopping)
    grid, low, high, hidden = hidden_cube(4)
    with pytest.raises(DisclosureRefused, match="without an answer"):
        intervals(grid.matrix, low, high, targets=hidden)


def test_a_search_that_is_cut_off_gives_outer_bounds_and_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any search, ends that only halves attain stay open: they are named, and hold the true ends."""
    monkeypatch.setattr(probe, "near_whole_point", lambda *_: None)
    monkeypatch.setattr(probe, "search_whole_point", lambda *given: (None, given[-1]))
    grid, low, high, hidden = hidden_cube(4)
    found = intervals(grid.matrix, low, high, targets=hidden, whole=True)
    assert 0 < (~found.attained[hidden]).sum() < 20
    names = [tuple(grid.name_of(cell).split(" / ")) for cell in range(grid.n_cells)]
    said = dict(zip(names, zip(low.tolist(), high.tolist(), strict=True), strict=True))
    true = plain_whole_attack(
        said, [dict.fromkeys("wxyz", "Total")] * 3, [names[cell] for cell in np.flatnonzero(hidden)]
    )
    assert true is not None
    for cell, ends in true.items():
        place = names.index(cell)
        assert found.low[place] <= ends[0]
        assert found.high[place] >= ends[1]
        for side, mine in enumerate((found.low[place], found.high[place])):
            assert mine == ends[side] or not found.attained[place, side]


def test_the_same_ends_are_attained_when_the_searches_may_run() -> None:
    grid, low, high, hidden = hidden_cube(4)
    found = intervals(grid.matrix, low, high, targets=hidden, whole=True)
    assert found.attained.all()
    assert found.n_searches > 0
