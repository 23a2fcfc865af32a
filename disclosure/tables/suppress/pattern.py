"""What suppression answers: a safe pattern with its cost and proven bound, or a refusal that names cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cld.errors import DisclosureRefused

__all__ = ["Pattern", "Unprotectable"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A safe pattern of n cells.

    hidden:  primaries and what is hidden to protect them.
    cost:  the sum of the weights of what is hidden beside primaries.
    bound:  what every safe pattern of this table costs at least, whatever it hides.
    by_clock:  whether a clock ended the work, so that another run may give another pattern.
    """

    hidden: NDArray[np.bool_]
    cost: float
    bound: float
    by_clock: bool = False

    @property
    def gap(self) -> float | None:
        """Return how far the cost can be above the least, as a share of the bound; None where the bound is 0."""
        if self.cost <= self.bound:
            return 0.0
        return (self.cost - self.bound) / self.bound if self.bound > 0 else None

    @property
    def optimal(self) -> bool:
        """Say whether the cost is proven to be the least."""
        return self.cost <= self.bound


class Unprotectable(DisclosureRefused):
    """No pattern is safe; ``cells`` are the primaries that no pattern protects."""

    code = "no-safe-pattern"

    def __init__(self, cells: NDArray[np.int64]) -> None:
        """Keep the places of the cells."""
        message = f"No pattern is safe: {len(cells)} primary cells cannot be protected, whatever else is hidden."
        remedy = "Merge codes, let zeros be hidden (zeros=hideable), or ask for less protection of these cells."
        super().__init__(message, ("secondary protection",), remedy)
        self.cells = cells
