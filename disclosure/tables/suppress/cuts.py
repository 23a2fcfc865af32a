"""Cuts: what every safe pattern satisfies, and the pool that keeps them.

By duality, for any multipliers y of the equations no pattern x lets a cell p go further than the sum over all cells of
(|r_i| times how far i may go) x_i, r = e_p - M'y. That sum must reach the need. Since x is 0 or 1, what primaries give
is moved to the right, each coefficient is clipped to what is then asked, and both are divided by it.

Source: Fischetti and Salazar 2001 (capacity constraints and their strengthening); Benders 1962.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from disclosure.tables.suppress.part import Need, Part

__all__ = ["Cut", "Pool", "cut_of"]

Vector = NDArray[np.float64]
N_DIGITS = 9
TINY = 1e-9
# a right-hand side that nearly vanishes is the rounding of the solver, and would make noise look like a cut
LEAST_ASKED = 1e-3


@dataclass(frozen=True, slots=True)
class Cut:
    """Sum over ``cells`` of ``shares`` x x >= 1, shares above 0 and at most 1; places ascending."""

    cells: NDArray[np.int64]
    shares: Vector

    def at(self, pattern: Vector) -> float:
        """Return the left-hand side at a pattern."""
        return float(self.shares @ pattern[self.cells])


def cut_of(part: Part, need: Need, duals: Vector) -> Cut | None:
    """Return the cut that multipliers give, or None where they ask nothing.

    Shape:  duals m, any; they come from minimising -direction x d_p.
    Raises: nothing; a cut is valid whatever the multipliers are.
    """
    rest = part.by_cell @ np.round(duals, N_DIGITS)
    rest[need.cell] += need.direction
    coefficients = np.where(rest > 0, rest * part.up, -rest * part.down)
    asked = need.distance - float(coefficients[part.primary].sum())
    if asked < LEAST_ASKED * need.distance:
        return None
    coefficients[part.primary] = 0.0
    shares = np.minimum(coefficients, asked) / asked
    held = shares > TINY
    # what is dropped could have helped: let the rest count for more, never for less
    lost = float(shares[~held].sum())
    cells = np.flatnonzero(held)
    return Cut(cells, np.minimum(shares[cells] / (1.0 - lost), 1.0))


class Pool:
    """Cuts without repeats, over the cells of one part."""

    def __init__(self, n_cells: int) -> None:
        """Start empty."""
        self.n_cells = n_cells
        self.cuts: list[Cut] = []
        self._seen: set[bytes] = set()
        self._n_taken = 0

    def add(self, cuts: Iterable[Cut]) -> None:
        """Keep those that are new."""
        for cut in cuts:
            key = cut.cells.tobytes() + np.round(cut.shares, 6).tobytes()
            if key not in self._seen:
                self._seen.add(key)
                self.cuts.append(cut)

    def fresh(self) -> list[Cut]:
        """Return the cuts that were kept since this was last asked."""
        first, self._n_taken = self._n_taken, len(self.cuts)
        return self.cuts[first:]

    def rows(self) -> csr_matrix:
        """Return the cuts as rows, each >= 1."""
        ends = np.cumsum([0, *(len(cut.cells) for cut in self.cuts)])
        cells = np.concatenate([np.empty(0, dtype=np.int64), *(cut.cells for cut in self.cuts)])
        shares = np.concatenate([np.empty(0), *(cut.shares for cut in self.cuts)])
        return csr_matrix((shares, cells, ends), shape=(len(self.cuts), self.n_cells))
