"""What recipients can work out from all that they hold: the exact interval of each target, alone and together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, csr_matrix

from cld.errors import InputError
from disclosure.memory.ends import Ends, Settled, ends_in
from disclosure.memory.history import Fact, History, Release
from disclosure.memory.probes import Work
from disclosure.memory.reduce import (
    Contradiction,
    Pieces,
    components,
    labels,
    membership,
    merged,
    pieces_of,
    propagated,
)

__all__ = ["Bound", "Enough", "CoalitionBounds", "answer_to", "bounds_of", "coalition_bounds", "differences"]

NEAR = 1e-7


Enough = Settled
"""Which targets, by their numbers, least and most attained, and outer least and most, have their question answered."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The interval of a target's persons; where it is not proven to be the narrowest, it is an outer one."""

    cells: tuple[int, ...]
    low: float
    high: float
    proven: bool

    def as_json(self) -> dict[str, object]:
        """Return the bound as a JSON value; only one that is not proven says so."""
        shown: dict[str, object] = {"cells": list(self.cells), "low": self.low, "high": self.high}
        return shown if self.proven else {**shown, "proven": False}


@dataclass(frozen=True, slots=True)
class CoalitionBounds:
    """Recipients who put together what they hold, and the bounds that gives them."""

    recipients: tuple[str, ...]
    bounds: tuple[Bound, ...]


def differences(
    history: History, coalitions: Sequence[Sequence[str]], *, integer: bool, work: Work | None = None
) -> tuple[CoalitionBounds, ...]:
    """Return what each recipient alone, and then each coalition, can work out.

    Units:  counts of persons; over whole numbers with ``integer``, else over the reals.
    Raises: InputError if the releases to a recipient or coalition contradict each other, naming it.
    """
    alone = [(recipient,) for recipient in history.recipients]
    together = [tuple(dict.fromkeys(coalition)) for coalition in coalitions]
    asked = dict.fromkeys([*alone, *together])
    return tuple(
        CoalitionBounds(recipients, coalition_bounds(history, recipients, integer=integer, work=work))
        for recipients in asked
    )


def coalition_bounds(
    history: History, recipients: Sequence[str], *, integer: bool, work: Work | None = None
) -> tuple[Bound, ...]:
    """Return the bounds of every target for recipients who put together what they hold.

    Raises: InputError if no counts fit all that they hold.
    """
    held = history.held_by(recipients)
    facts = [fact for release in held for fact in release.facts]
    asked = membership(history.targets, history.n_fine)
    try:
        found = bounds_of(facts, asked, history.upper_bound, integer=integer, work=work)
    except Contradiction as fault:
        raise _contradiction(recipients, held, fault, integer=integer) from None
    kind = int if integer else _plain
    return tuple(
        Bound(cells, kind(found.low[place]), kind(found.high[place]), bool(found.proven[place]))
        for place, cells in enumerate(history.targets)
    )


def bounds_of(
    facts: Sequence[Fact], asked: csr_matrix, upper_bound: float, *, integer: bool, work: Work | None = None,
    enough: Enough | None = None, known: NDArray[np.float64] | None = None,
) -> Ends:  # fmt: skip
    """Return the bounds of targets under facts, each fine cell at most ``upper_bound``.

    asked:  targets over fine cells, one row each, 0/1.
    known:  persons in each fine cell that may fit the facts; of use where they do.
    Where ``enough`` says so of what answers attain of a target, and of bounds that none passes, that is as far as it is
    followed: the interval reaches at least from the first to the second number given.
    Raises: Contradiction if no counts fit the facts.
    """
    upper = float(np.floor(upper_bound)) if integer else upper_bound
    pieces = propagated(pieces_of(merged(facts, asked.shape[1], integer=integer), asked, upper))
    return _sums(pieces, work or Work(), integer=integer, enough=enough, known=known)


def answer_to(
    facts: Sequence[Fact], n_fine: int, upper_bound: float, *, integer: bool, work: Work
) -> NDArray[np.float64] | None:
    """Return persons in each fine cell that fit facts; None where the work limit came before all of them were found.

    Raises: Contradiction if none fit.
    """
    upper = float(np.floor(upper_bound)) if integer else upper_bound
    nothing = csr_matrix((0, n_fine))
    pieces = propagated(pieces_of(merged(facts, n_fine, integer=integer), nothing, upper))
    found, is_whole = pieces.lower.copy(), True
    for part in components(pieces):
        answer = ends_in(part, csr_matrix((0, len(part.pieces))), work, integer=integer).answer
        is_whole &= answer is not None
        found[part.pieces] = part.lower if answer is None else answer
    return pieces.over_cells(found) if is_whole else None


def _plain(value: float) -> float:
    """A number of persons without the last digits that solving leaves on a whole one."""
    return float(np.rint(value)) if abs(value - np.rint(value)) < NEAR else round(float(value), 9)


def _sums(
    pieces: Pieces, work: Work, *, integer: bool, enough: Enough | None, known: NDArray[np.float64] | None
) -> Ends:  # fmt: skip
    """Bound every target: what is settled, plus its part in each component, less what it leaves out."""
    parts = components(pieces)
    alone = np.ones(len(pieces.lower))
    for part in parts:
        alone[part.pieces] = 0.0
    low, high = pieces.targets @ (alone * pieces.lower), pieces.targets @ (alone * pieces.upper)
    proven, n_parts = np.ones(len(low), dtype=np.bool_), np.zeros(len(low), dtype=np.int64)
    by_piece = csc_matrix(pieces.targets)
    inside = [csr_matrix(by_piece[:, part.pieces]) for part in parts]
    for sums in inside:
        n_parts += np.diff(sums.indptr) > 0
    outer = _within(pieces, pieces.targets @ pieces.lower, pieces.targets @ pieces.upper)
    nothing = np.full(len(low), np.inf)
    done = enough(np.arange(len(low)), nothing, -nothing, *outer) if enough else np.zeros(len(low), dtype=np.bool_)
    # only a target that is whole, and whose open part lies in one component, is what its sum there says
    held = None if known is None else np.bincount(pieces.of_cell, known, len(pieces.lower)).astype(np.float64)
    simple, start = (n_parts == 1) & (low == high) & (pieces.most_left_out == 0), low.copy()
    for part, sums in zip(parts, inside, strict=True):
        places = np.flatnonzero((np.diff(sums.indptr) > 0) & ~done)
        if not len(places):
            continue
        label, first = labels(csr_matrix(sums[places]))
        settled = _settled(enough, places, label, simple, start) if enough else None
        ends = ends_in(
            part, csr_matrix(sums[places[first]]), work, integer=integer, settled=settled,
            known=None if held is None else held[part.pieces],
        )  # fmt: skip
        low[places] += ends.low[label]
        high[places] += ends.high[label]
        proven[places] &= ends.proven[label]
    low, high = _within(pieces, low, high)
    return Ends(np.where(done, outer[0], low), np.where(done, outer[1], high), proven)


def _within(
    pieces: Pieces, low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bounds of targets by those of the pieces that they take part of."""
    return np.maximum(low - pieces.most_left_out, 0.0), np.minimum(high, pieces.most)


def _settled(
    enough: Enough, places: NDArray[np.int64], label: NDArray[np.int64], simple: NDArray[np.bool_],
    start: NDArray[np.float64],
) -> Settled:  # fmt: skip
    """Ask of a sum what is asked of every target that it stands for."""
    order = np.argsort(label, kind="stable")
    n_asking = np.bincount(label)
    first = np.cumsum(n_asking) - n_asking

    def settled(numbers: NDArray[np.int64], *ends: NDArray[np.float64]) -> NDArray[np.bool_]:
        n_each = n_asking[numbers]
        owner, begin = np.repeat(np.arange(len(numbers)), n_each), np.cumsum(n_each) - n_each
        place = places[order[np.arange(len(owner)) - begin[owner] + first[numbers][owner]]]
        answered = simple[place] & enough(place, *(start[place] + values[owner] for values in ends))
        return np.logical_and.reduceat(answered, begin) if len(numbers) else np.zeros(0, dtype=np.bool_)

    return settled


def _contradiction(
    recipients: Sequence[str], held: Sequence[Release], found: Contradiction, *, integer: bool
) -> InputError:
    of_fact = [release.name for release in held for _ in release.facts]
    names = ", ".join(dict.fromkeys(of_fact[fact] for fact in found.facts))
    numbers = "whole numbers" if integer else "numbers"
    message = (
        f"The releases held by {' and '.join(recipients)} contradict each other: no {numbers} of persons fit {names}."
    )
    return InputError(message, "Correct the rows, or the history's upper bound.")
