"""Intervals of shares, for every room that reports one."""

from __future__ import annotations

from math import sqrt

__all__ = ["Z_95", "wilson"]

Z_95 = 1.959963984540054


def wilson(n: float, of: int) -> tuple[float, float]:
    """Return the 95% interval of a share; from 0 to 1 where nothing was counted.

    n:  a count, or a sum of chances, whose interval is then wider than need be (their variance is at most a count's).
    Source: Wilson 1927.
    """
    if of == 0:
        return 0.0, 1.0
    share, extra = n / of, Z_95**2 / of
    middle = (share + extra / 2) / (1 + extra)
    half = Z_95 * sqrt(share * (1 - share) / of + extra / of / 4) / (1 + extra)
    return max(0.0, middle - half), min(1.0, middle + half)
