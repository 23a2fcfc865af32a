"""The work limit inside integer programmes: it stops them, and what it leaves open is an outer bound that says so."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix, identity

from disclosure.memory.ends import Ends, ends_in
from disclosure.memory.probes import Work
from disclosure.memory.reduce import Component


def ends_of_sums(work: Work, n_rows: int = 30, n_pieces: int = 60) -> Ends:
    """Ends of counts of which random sums are known exactly: no corner of the programme is whole."""
    chance = np.random.default_rng(3)
    matrix = csr_matrix((chance.random((n_rows, n_pieces)) < 0.4).astype(float))  # noqa: PLR2004
    sums = matrix @ chance.integers(0, 5, n_pieces)
    part = Component(np.arange(n_pieces), (), matrix, sums, sums, np.zeros(n_pieces), np.full(n_pieces, 5.0))
    return ends_in(part, csr_matrix(identity(n_pieces))[:2], work, integer=True)


def test_an_integer_programme_stops_at_the_limit_and_says_that_nothing_is_proven() -> None:
    work = Work(most_units=12_000)
    stopped = ends_of_sums(work)
    assert work.n_integer > 0, "no integer programme was begun: the stop was not tried"
    assert not stopped.proven.any()
    assert stopped.answer is None
    assert np.all(stopped.low <= 0)
    assert np.all(stopped.high >= 5)  # noqa: PLR2004


def test_an_integer_programme_that_is_watched_ends_with_proven_bounds() -> None:
    """Watching must not break it: HiGHS takes a fault in the watcher for a fault of its own and proves nothing."""
    work = Work()
    found = ends_of_sums(work, 12, 20)
    assert work.n_integer > 0
    assert found.proven.all()
