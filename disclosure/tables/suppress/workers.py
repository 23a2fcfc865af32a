"""The same function over many parts, in this process or in several; what comes back does not depend on how many."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

__all__ = ["Workers"]

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Workers:
    """A number of processes, started when they are first needed; used as a context."""

    def __init__(self, n_processes: int) -> None:
        """Take how many processes may work at once; with one, all work is done here."""
        self.n_processes = n_processes
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End every process, without waiting for work that nobody needs any more."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def over(self, function: Callable[[Item], Outcome], items: Sequence[Item], sizes: Sequence[float]) -> list[Outcome]:
        """Return the outcome of each item, in order; the largest are begun first."""
        if self.n_processes < 2 or len(items) < 2:  # noqa: PLR2004
            return [function(item) for item in items]
        if self._executor is None:
            # a fresh process: a fork would take threads and solvers of this one along
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(self.n_processes, mp_context=context)
        order = sorted(range(len(items)), key=lambda place: (-sizes[place], place))
        futures = {place: self._executor.submit(function, items[place]) for place in order}
        return [futures[place].result() for place in range(len(items))]
