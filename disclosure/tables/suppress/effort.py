"""How much work a search may do: in things counted, so that the same input gives the same pattern, or by a clock."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

__all__ = ["Effort"]

# whole programmes are many for small parts, where they end in a proof, and few for large ones
MOST_PROGRAMMES, FEWEST_PROGRAMMES = 60, 3
N_NEEDS_SHARED = 12_000
N_NEEDS_SMALL = 600


@dataclass(frozen=True, slots=True)
class Effort:
    """Limits of one search.

    most_rounds:  of cutting fractional patterns, a stage.
    most_programmes:  whole programmes solved; None leaves it to the size of the part.
    n_checks:  check points of the whole programmes' solver, each.
    most_tries:  cells that are tried to be dropped from one pattern.
    first_gap:  the relative gap of the first whole programmes.
    deadline:  the monotonic clock's reading at which work ends, where the caller has a clock; None leaves it out.
    """

    most_rounds: int = 200
    most_programmes: int | None = None
    n_checks: int = 4_000
    most_tries: int = 40
    first_gap: float = 0.02
    deadline: float | None = None

    def is_over(self) -> bool:
        """Say whether the caller's clock has run out."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    def left(self) -> float:
        """Return the seconds left; infinity without a clock."""
        return float("inf") if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def within(self, seconds: float) -> Effort:
        """Return the same effort that ends in so many seconds, or when this one does; without a clock the same."""
        return (
            self
            if self.deadline is None
            else replace(self, deadline=time.monotonic() + max(0.0, min(seconds, self.left())))
        )

    def programmes_for(self, n_needs: int) -> int:
        """Return how many whole programmes a part of so many needs may have; a clock counts none."""
        if self.most_programmes is not None:
            return self.most_programmes
        if self.deadline is not None or n_needs <= N_NEEDS_SMALL:
            return MOST_PROGRAMMES
        return max(FEWEST_PROGRAMMES, N_NEEDS_SHARED // n_needs)
