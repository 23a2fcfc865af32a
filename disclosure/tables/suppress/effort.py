"""How much work a search may do: in things counted, so that the same input gives the same pattern, or by a clock."""

from __future__ import annotations

import time
from dataclasses import dataclass

__all__ = ["Effort"]


@dataclass(frozen=True, slots=True)
class Effort:
    """Limits of one search.

    most_orders:  slices have so many free dimensions at most in the bound.
    most_rounds:  of cutting fractional patterns, a stage.
    most_programmes:  whole programmes solved.
    n_checks:  check points of the whole programmes' solver, each.
    most_tries:  cells that are tried to be dropped from one pattern.
    first_gap:  the relative gap of the first whole programmes.
    deadline:  the monotonic clock's reading at which work ends, where the caller has a clock; None leaves it out.
    """

    most_orders: int = 9
    most_rounds: int = 200
    most_programmes: int = 60
    n_checks: int = 4_000
    most_tries: int = 200
    first_gap: float = 0.005
    deadline: float | None = None

    def is_over(self) -> bool:
        """Say whether the caller's clock has run out."""
        return self.deadline is not None and time.monotonic() >= self.deadline
