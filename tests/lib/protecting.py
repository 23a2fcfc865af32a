"""Plain tables as the systems that suppression reads, and patterns brought back to plain cells."""

from __future__ import annotations

import numpy as np

from disclosure.tables.dimensions import Dimension
from disclosure.tables.grid import grid_of
from disclosure.tables.system import CellState, System
from tests.lib.exhaustive import Codes, PlainTable


def system_of_plain(table: PlainTable) -> System:
    """Return the system of a plain table; its cells are in the table's order."""
    dimensions = tuple(
        Dimension(
            f"d{place}",
            tuple(f"c{code}" for code in range(len(parent))),
            np.array(parent, dtype=np.int32),
            _depths(parent),
        )
        for place, parent in enumerate(table.parents)
    )
    cells = table.cells
    grid = grid_of(dimensions, np.array(cells, dtype=np.int32))
    assert grid.n_cells == len(cells), "a plain table has all its totals"
    state = [
        CellState.PRIMARY if c in table.primary else CellState.KEEP if c in table.keep else CellState.CANDIDATE
        for c in cells
    ]
    needs = np.array([table.primary.get(cell, (0.0, 0.0)) for cell in cells])
    known = np.array([table.known[cell] for cell in cells])
    weight = np.array([0.0 if cell in table.primary else table.weights[cell] for cell in cells])
    return System(
        np.array([float(table.values[cell]) for cell in cells]), grid.matrix, known[:, 0], known[:, 1],
        np.array(state, dtype=np.int8), weight, needs[:, 0], needs[:, 1], grid.codes,
        tuple(dimension.parents for dimension in dimensions),
    )  # fmt: skip


def _depths(parent: list[int]) -> np.ndarray:
    depths: list[int] = []
    for above in parent:
        depths.append(0 if above < 0 else depths[above] + 1)
    return np.array(depths, dtype=np.int32)


def cells_of(table: PlainTable, flags: np.ndarray) -> set[Codes]:
    """Return the cells that a flag a cell marks."""
    return {cell for cell, flag in zip(table.cells, flags.tolist(), strict=True) if flag}
