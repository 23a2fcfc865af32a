"""Newton's method in two unknowns, damped, for the estimators of population uniques."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf, isfinite, sqrt

__all__ = ["Point", "climb", "solve"]

Point = tuple[float, float]
MOST_STEPS = 200
MOST_HALVINGS = 60
AS_ZERO = 1e-13


def _step(first: Point, rows: tuple[Point, Point]) -> Point | None:
    """Solve two linear equations: rows times step = -first; none where they have no single answer."""
    (a, b), (c, d) = rows
    determinant = a * d - b * c
    if not isfinite(determinant) or determinant == 0:
        return None
    return (-(first[0] * d - first[1] * b) / determinant, -(first[1] * a - first[0] * c) / determinant)


def _damped(at: Point, step: Point, worth: Callable[[Point], float]) -> Point | None:
    """Return the point a step leads to, the step halved until it is worth more than where it began."""
    before, share = worth(at), 1.0
    for _ in range(MOST_HALVINGS):
        there = (at[0] + share * step[0], at[1] + share * step[1])
        if worth(there) > before:
            return there
        share /= 2
    return None


def _small(step: Point, at: Point) -> bool:
    return all(abs(moved) <= AS_ZERO * (1 + abs(place)) for moved, place in zip(step, at, strict=True))


def climb(
    worth: Callable[[Point], float], slopes: Callable[[Point], tuple[Point, tuple[Point, Point]]],
    starts: Iterable[Point],
) -> Point | None:  # fmt: skip
    """Return where a function of two unknowns is highest, none if no start leads to a place where its slopes vanish.

    ``worth`` is minus infinity outside the domain; ``slopes`` gives its first and second derivatives inside.
    """
    for start in starts:
        at: Point | None = start if worth(start) > -inf else None
        for _ in range(MOST_STEPS):
            if at is None:
                break
            first, second = slopes(at)
            step = _uphill(first, second)
            if step is None:
                at = None
            elif _small(step, at) or (moved := _damped(at, step, worth)) is None:
                return at if _flat(first, step, worth(at)) else None
            else:
                at = moved
    return None


def _uphill(first: Point, second: tuple[Point, Point]) -> Point | None:
    """Return Newton's step, or one along the slopes where the function does not bend down in every direction."""
    (a, b), (_, d) = second
    if a < 0 and a * d - b * b > 0:
        return _step(first, second)
    return first[0] / max(abs(a), 1e-12), first[1] / max(abs(d), 1e-12)


def _flat(first: Point, step: Point, worth: float) -> bool:
    """Say whether what a step could still gain is lost in rounding."""
    gain = abs(first[0] * step[0] + first[1] * step[1])
    return gain <= 1e-9 * sqrt(1 + abs(worth))


def solve(equations: Callable[[Point], tuple[Point, tuple[Point, Point]]], starts: Iterable[Point]) -> Point | None:
    """Return where two equations are both zero, none if no start leads there.

    ``equations`` gives their values and, as rows, their derivatives.
    """

    def worth(at: Point) -> float:
        values, _ = equations(at)
        squares = values[0] ** 2 + values[1] ** 2
        return -squares if isfinite(squares) else -inf

    for start in starts:
        at: Point = start
        for _ in range(MOST_STEPS):
            values, rows = equations(at)
            if max(abs(values[0]), abs(values[1])) <= 1e-12:
                return at
            step = _step(values, rows)
            moved = None if step is None else _damped(at, step, worth)
            if moved is None:
                break
            at = moved
        if worth(at) > -1e-20:
            return at
    return None
