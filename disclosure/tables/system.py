"""A table, or several linked ones, as one system of linear equations that every method reads.

Source: Fischetti and Salazar 2001 (the table as M a = 0); linked tables are one system, never an iteration over tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

__all__ = ["CellState", "System"]


class CellState(IntEnum):
    """What may happen to a cell."""

    CANDIDATE = 0  # published, may be hidden to protect others
    PRIMARY = 1  # small or dominated: always hidden
    KEEP = 2  # always published: zeros, and cells that the table's owner wants shown


@dataclass(frozen=True, slots=True)
class System:
    """A table of n cells under m equations.

    values:  true values, float64 of length n; whole numbers where the table counts people.
    matrix:  m x n, one row a total: its parts +1 and itself -1, so that ``matrix @ values == 0``.
    lower, upper:  what the attacker knows of a cell before (absolute values, not distances).
    state:  ``CellState`` of each cell, int8.
    weight:  cost of hiding each cell, float64; primaries cost nothing more.
    need_lower, need_upper:  how far the attacker's interval over the reals must reach below and above the value of a
        primary cell; 0 elsewhere.
    codes:  n x d, the code of each cell in each dimension, int32.
    parents:  for each dimension the parent of each code, -1 for the root (the total).
    """

    values: NDArray[np.float64]
    matrix: csr_matrix
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    state: NDArray[np.int8]
    weight: NDArray[np.float64]
    need_lower: NDArray[np.float64]
    need_upper: NDArray[np.float64]
    codes: NDArray[np.int32]
    parents: tuple[NDArray[np.int32], ...]

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.values)
