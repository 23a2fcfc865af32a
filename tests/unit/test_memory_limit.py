"""The work limit inside integer programmes: it stops them, and what it leaves open is an outer bound that says so."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix, identity

from disclosure.memory.ends import Ends, ends_in
from disclosure.memory.probes import Work
from disclosure.memory.reduce import Component


def ends_of_sums(work: Work) -> Ends:
    """Ends of sixty counts of which thirty random sums are known exactly: no corner of the programme is whole."""
    chance = np.random.default_rng(3)
    matrix = csr_matrix((chance.random((30, 60)) < 0.4).astype(float))  # noqa: PLR2004
    sums = matrix @ chance.integers(0, 5, 60)
    part = Component(np.arange(60), (), matrix, sums, sums, np.zeros(60), np.full(60, 5.0))
    return ends_in(part, csr_matrix(identity(60))[:2], work, integer=True)


def test_an_integer_programme_stops_at_the_limit_and_says_that_nothing_is_proven() -> None:
    work = Work(most_units=12_000)
    stopped = ends_of_sums(work)
    assert work.n_integer > 0, "no integer programme was begun: the stop was not tried"
    assert not stopped.proven.any()
    assert stopped.answer is None
    assert np.all(stopped.low <= 0)
    assert np.all(stopped.high >= 5)  # noqa: PLR2004
