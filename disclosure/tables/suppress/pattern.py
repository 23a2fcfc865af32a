"""What suppression answers: a safe pattern with its cost and proven bound, or a refusal that names cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cld.errors import DisclosureRefused

__all__ = ["Pattern", "Unprotectable"]

N_NAMED = 5


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
    """No pattern is safe.

    cells:  places of the primaries that no pattern protects.
    named:  the codes of each by dimension, where who raises it knows them.
    """

    code = "no-safe-pattern"

    def __init__(self, cells: NDArray[np.int64], named: tuple[Mapping[str, str], ...] = ()) -> None:
        """Keep the places and the codes of the cells."""
        which = "; ".join(" / ".join(codes.values()) for codes in named[:N_NAMED])
        more = " and more" if len(named) > N_NAMED else ""
        told = f": {which}{more}" if named else ""
        message = f"No pattern is safe: {len(cells)} primary cells cannot be protected, whatever is hidden{told}."
        remedy = "Merge codes, let zeros be hidden (zeros=hideable), or ask for less protection of these cells."
        super().__init__(message, ("secondary protection",), remedy)
        self.cells, self.named = cells, named
