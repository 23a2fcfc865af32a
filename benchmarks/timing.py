"""What a piece of work took, by the clock and of the processor; medians where it is done several times."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

__all__ = ["Took", "median_of", "timed"]

T = TypeVar("T")


class Took(NamedTuple):
    """Seconds by the clock and of this process on the processor."""

    wall_seconds: float
    cpu_seconds: float


def timed(work: Callable[[], T]) -> tuple[T, Took]:
    """Do some work and return its answer with what it took."""
    started, used = time.perf_counter(), time.process_time()
    answer = work()
    return answer, Took(time.perf_counter() - started, time.process_time() - used)


def median_of(runs: list[Took]) -> Took:
    """Return the median of each kind of seconds."""
    return Took(*(statistics.median(column) for column in zip(*runs, strict=True)))
