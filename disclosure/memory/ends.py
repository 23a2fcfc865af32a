"""The ends of sums in one component: questions that bounds or far witnesses answer first, then parts, then the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from disclosure.memory.parts import BETWEEN, Blocks, blocks_of
from disclosure.memory.probes import Probing, Work
from disclosure.memory.reduce import Component

__all__ = ["Ends", "Settled", "ends_in"]

LARGE = 400  # pieces from which a component is taken in parts
NEIGHBOURS = (0, 3, 15)  # blocks that are let move with a block, until what is asked of it is answered
SLACK_SEEN = 3.0  # more room in a row than this is no better


@dataclass(frozen=True, slots=True)
class Ends:
    """Least and most of each sum; where an end is not proven it is an outer bound, and ``proven`` is false.

    answer:  numbers of persons that meet every row, if any were met.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    proven: NDArray[np.bool_]
    answer: NDArray[np.float64] | None = None


Settled = Callable[
    [NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    NDArray[np.bool_],
]
"""Which questions about sums are answered by what witnesses attain of them and by their outer bounds: numbers of the sums,
least and most attained, outer least and most."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """The sums that are asked of a component, and what is asked of them; None asks for exact ends."""

    probing: Probing
    sums: csr_matrix
    settled: Settled | None

    def open_of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the sums among some of which neither the question is answered nor both ends are known."""
        probing = self.probing
        numbers = numbers[~(probing.is_exact(numbers, -1) & probing.is_exact(numbers, 1))]
        if self.settled is None or not len(numbers):
            return numbers
        ends = [values[numbers] for values in (*probing.ends_attained, *probing.ends_outer)]
        return numbers[~self.settled(numbers, *ends)]


def ends_in(
    component: Component, sums: csr_matrix, work: Work, *, integer: bool, settled: Settled | None = None,
    known: NDArray[np.float64] | None = None,
) -> Ends:  # fmt: skip
    """Return the ends of sums over the component's own pieces, one row a sum.

    known:  numbers of persons in the pieces that may meet the rows; of use where they do.
    Where ``settled`` says so of what is attained, that is the answer: the interval reaches at least so far.
    Raises: Contradiction if nothing meets the component's rows.
    """
    probing = Probing(component, sums, work, integer=integer)
    asked = _Asked(probing, sums, settled)
    every = np.arange(sums.shape[0])
    low, high = (values.copy() for values in probing.ends_outer)
    if known is not None:
        probing.harvest(known)
    if settled is not None and not len(asked.open_of(every)):
        return Ends(low, high, np.ones(len(every), dtype=np.bool_), known if probing.witnesses else None)
    has_witness = bool(probing.witnesses) or probing.begin()
    proven = np.full(len(every), has_witness)
    if has_witness:
        if len(component.lower) >= LARGE and len(asked.open_of(every)) and (blocks := blocks_of(component)):
            _take_parts(asked, blocks, work, integer=integer)
        if settled is not None and len(asked.open_of(every)):
            probing.spread()
        every = asked.open_of(every)
    for number in every.tolist():
        for sign in (-1, 1):
            if settled is None or not has_witness or len(asked.open_of(np.array([number]))):
                end, exact = probing.end(number, sign)
                (low, high)[sign > 0][number] = end
                proven[number] &= exact
                if not exact:
                    probing.take_outer(number, sign, end)
    if has_witness:
        # what is exact, or answered by what is attained, ends there; what the work limit left open ends at its bound
        least, most = probing.ends_attained
        low[proven], high[proven] = least[proven], most[proven]
    return Ends(low, high, proven, probing.witnesses[0] if has_witness else None)


def _take_parts(asked: _Asked, blocks: Blocks, work: Work, *, integer: bool) -> None:
    """Answer of each block's sums what it can answer itself, or with a few neighbours."""
    point = _roomiest(blocks, asked.probing.witnesses)
    home, neighbours = _home(asked.sums, blocks.label), blocks.neighbours()
    order = np.argsort(home, kind="stable")
    starts = np.searchsorted(home[order], np.arange(blocks.n_blocks + 1))
    for block in range(blocks.n_blocks):
        numbers = order[starts[block] : starts[block + 1]]
        for n_around in NEIGHBOURS:
            numbers = asked.open_of(numbers)
            if not len(numbers):
                break
            chosen = [block, *neighbours[block][:n_around].tolist()]
            pieces = np.flatnonzero(np.isin(blocks.label, chosen))
            if n_around == 0:
                _from_without(asked, numbers, blocks.relaxed(pieces), work, integer=integer)
            _from_within(asked, numbers, blocks.restricted(pieces, point), point[pieces], work, integer=integer)


def _roomiest(blocks: Blocks, witnesses: tuple[NDArray[np.float64], ...]) -> NDArray[np.float64]:
    """Return the witness that leaves the rows most room, so that one block's pieces can move."""
    part = blocks.part

    def room(point: NDArray[np.float64]) -> float:
        sums = part.matrix @ point
        over, under = np.minimum(sums - part.low, SLACK_SEEN), np.minimum(part.high - sums, SLACK_SEEN)
        return float(np.sum(over) + np.sum(under))

    return max(witnesses, key=room)


def _home(sums: csr_matrix, label: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the block that a sum lies in, BETWEEN for one that lies in none or several."""
    of_entry = label[sums.indices]
    least = np.minimum.reduceat(of_entry, sums.indptr[:-1])
    most = np.maximum.reduceat(of_entry, sums.indptr[:-1])
    return np.where(least == most, least, BETWEEN)


def _from_within(
    asked: _Asked, numbers: NDArray[np.int64], part: Component, point: NDArray[np.float64], work: Work, *, integer: bool
) -> None:
    """Note how far a part's own answers reach, everything else held still."""
    probing = Probing(part, csr_matrix(asked.sums[numbers][:, part.pieces]), work, integer=integer)
    probing.harvest(point)
    for place, sign in _ends_of(len(numbers)):
        one = numbers[place : place + 1]
        least, most = (values[place : place + 1] for values in probing.ends_attained)
        asked.probing.take_attained(one, (least, most))
        if len(asked.open_of(one)) and not (
            probing.is_exact(np.array([place]), sign) | asked.probing.is_exact(one, sign)
        ):
            probing.reach(place, sign)
    asked.probing.take_attained(numbers, probing.ends_attained)


def _from_without(asked: _Asked, numbers: NDArray[np.int64], part: Component, work: Work, *, integer: bool) -> None:
    """Note how far a part's answers can reach at most, by its own rows."""
    probing = Probing(part, csr_matrix(asked.sums[numbers][:, part.pieces]), work, integer=integer)
    for place, sign in _ends_of(len(numbers)):
        if len(asked.open_of(numbers[place : place + 1])):
            bound = probing.linear_bound(place, sign)
            if bound is not None:
                asked.probing.take_outer(int(numbers[place]), sign, bound)


def _ends_of(n_sums: int) -> Iterator[tuple[int, int]]:
    return ((place, sign) for place in range(n_sums) for sign in (-1, 1))
