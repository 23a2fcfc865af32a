"""Cubes: the simplest deviations of a table, found and completed without a solver.

Along one dimension a move takes one from a leaf and gives it to another, with what stands above each of them up to where
they meet; or raises a leaf and everything above it. Either way every total of that dimension stays the sum of its parts.
The product of one move a dimension is a deviation of the table whose cells are the corners of a cube. Most needs are met
by a few such; and where none is, the cheapest cells that complete one are a good guess at what to hide.

Source: Giessing and Repsilber 2002 (hypercube method), here only to find deviations: programmes have the last word.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from disclosure.tables.suppress.part import Need, Part

__all__ = ["Cubes", "Moves", "moves_of"]

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]
MOST_PLACES = 20_000_000
MOST_WORK = 400_000_000
MOST_MOVES = 5_000
CLOSE = 1e-9
# a price that no pattern pays; infinity would make nothing of nothing
NEVER = 1e15


@dataclass(frozen=True, slots=True)
class Moves:
    """The m moves through one code of a dimension of k codes: which codes go its way, and which the other way.

    along, against:  m x k, 0 or 1.
    """

    along: Vector
    against: Vector


class Cubes:
    """The cubes of a part whose cells are laid out by their codes."""

    def __init__(self, part: Part) -> None:
        """Lay the cells out; a part of too many combinations of codes has no cubes here."""
        self._part = part
        self._held = [np.unique(part.codes[:, place]) for place in range(part.codes.shape[1])]
        shape = tuple(len(codes) for codes in self._held)
        self._moves: dict[tuple[int, int], Moves | None] = {}
        lines = [np.searchsorted(codes, part.codes[:, place]) for place, codes in enumerate(self._held)]
        self._local = np.stack(lines, axis=1)
        self._place = None
        if part.n_cells and math.prod(shape) <= MOST_PLACES:
            self._place = np.full(shape, part.n_cells, dtype=np.int64)
            self._place[tuple(self._local.T)] = np.arange(part.n_cells)

    def met(self, need: Need, hidden: Flags) -> NDArray[np.int64] | None:
        """Return the corners of a cube of hidden cells that meets a need, or None."""
        return self._best(need, np.where(hidden, 0.0, NEVER), most=0.0)

    def cheapest(self, need: Need, price: Vector) -> NDArray[np.int64] | None:
        """Return the corners of the cube that meets a need at the least price, or None; infinity is never paid."""
        return self._best(need, np.minimum(price, NEVER), most=NEVER / 2.0)

    def _best(self, need: Need, price: Vector, most: float) -> NDArray[np.int64] | None:
        moves = [self._through(axis, int(code)) for axis, code in enumerate(self._local[need.cell])]
        if self._place is None or any(one is None for one in moves):
            return None
        known = [one for one in moves if one is not None]
        if _work(known) > MOST_WORK:
            return None
        part, asked = self._part, need.distance * (1.0 - CLOSE)
        outside = np.array([NEVER])
        rises = np.concatenate([np.where(part.up >= asked, price, NEVER), outside])[self._place]
        falls = np.concatenate([np.where(part.down >= asked, price, NEVER), outside])[self._place]
        if need.direction < 0:
            rises, falls = falls, rises
        for axis, one in enumerate(known):
            rises, falls = _moved(rises, falls, axis, one)
        best = int(np.argmin(rises))
        if rises.ravel()[best] > most:
            return None
        chosen = np.unravel_index(best, rises.shape)
        lines = [np.flatnonzero(one.along[row] + one.against[row]) for one, row in zip(known, chosen, strict=True)]
        corners: NDArray[np.int64] = np.sort(self._place[np.ix_(*lines)].ravel())
        return corners

    def _through(self, axis: int, code: int) -> Moves | None:
        if (axis, code) not in self._moves:
            self._moves[axis, code] = moves_of(self._held[axis], self._part.parents[axis], code)
        return self._moves[axis, code]


def _work(moves: list[Moves]) -> int:
    """Return how many products replacing one axis after the other takes."""
    size, work = math.prod(one.along.shape[1] for one in moves), 0
    for one in moves:
        n_moves, n_codes = one.along.shape
        work += size * n_moves
        size = size // n_codes * n_moves
    return work


def _moved(rises: Vector, falls: Vector, axis: int, moves: Moves) -> tuple[Vector, Vector]:
    """Replace one axis of codes by an axis of moves: the price of each, its own code rising or falling."""
    up, down = np.moveaxis(rises, axis, 0), np.moveaxis(falls, axis, 0)
    new_up = np.tensordot(moves.along, up, axes=1) + np.tensordot(moves.against, down, axes=1)
    new_down = np.tensordot(moves.along, down, axes=1) + np.tensordot(moves.against, up, axes=1)
    return np.moveaxis(new_up, 0, axis), np.moveaxis(new_down, 0, axis)


def moves_of(codes: NDArray[np.int32], parents: NDArray[np.int32], place: int) -> Moves | None:
    """Return the moves through the code at a place among the codes held; None if there are none, or too many.

    Shape:  codes k, ascending; parents of all codes of the dimension, -1 for the root.
    """
    at = {int(code): number for number, code in enumerate(codes)}
    over = [at.get(int(parents[code]), -1) for code in codes]
    leaves = [number for number in range(len(codes)) if number not in over]
    chains = {leaf: _chain(leaf, over) for leaf in leaves}
    below = [leaf for leaf in leaves if place in chains[leaf]]
    apart = [leaf for leaf in leaves if place not in chains[leaf]]
    if not 0 < len(below) * (len(apart) + 1) <= MOST_MOVES:
        return None
    found: list[tuple[list[int], list[int]]] = [(chains[leaf], []) for leaf in below]
    for one, other in itertools.product(below, apart):
        meet = set(chains[one]) & set(chains[other])
        if place not in meet:
            found.append(([c for c in chains[one] if c not in meet], [c for c in chains[other] if c not in meet]))
    along, against = np.zeros((len(found), len(codes))), np.zeros((len(found), len(codes)))
    for row, (same, opposite) in enumerate(found):
        along[row, same], against[row, opposite] = 1.0, 1.0
    return Moves(along, against)


def _chain(leaf: int, over: list[int]) -> list[int]:
    """Return a leaf and all codes above it."""
    chain = [leaf]
    while over[chain[-1]] >= 0:
        chain.append(over[chain[-1]])
    return chain
