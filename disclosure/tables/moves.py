"""Tables that attain an end, built by hand: persons moved between cells so that every total still adds up.

A move takes one way through each dimension's tree: out of a code and all totals above it, and into another code and the
totals above that, up to where both meet; or in or out of the whole table. The product of one way a dimension satisfies
every equation, so it may be made as far as the bounds of its few cells allow. Moves are made one after the other, the
widest first, until the cell stands at its bound or no move is left. What is reached so needs no programme.

Source: Diaconis and Sturmfels 1998, Algebraic algorithms for sampling (basic moves of tables).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Layout", "Reached", "reach"]

Vector = NDArray[np.float64]
MOST_PLACES_A_CELL = 8
MOST_WAYS = 40
MOST_MOVES = 24
MOST_TRIES = 3
HELD = 1e-7


@dataclass(frozen=True, slots=True)
class Layout:
    """Where cells stand: the codes of n cells in d dimensions, and for each dimension the parent of each code."""

    codes: NDArray[np.int32]
    parents: tuple[NDArray[np.int32], ...]


@dataclass(frozen=True, slots=True)
class _Ways:
    """Ways through one dimension that raise one code: w ways of a length, padded with their first codes.

    codes:  the codes that any way touches; local:  w x length, which of them; against:  w x length, 1 where it falls.
    """

    codes: NDArray[np.int64]
    local: NDArray[np.int64]
    against: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Lattice:
    """The cells of a full or nearly full table as an array over codes; -1 where there is no cell.

    ways:  for each dimension and code the ways that raise it.
    """

    place: NDArray[np.int64]
    ways: tuple[tuple[_Ways, ...], ...]


def _lattice(layout: Layout) -> _Lattice | None:
    """Lay cells out over their codes; None for a table with far more combinations than cells."""
    sizes = tuple(len(of_dimension) for of_dimension in layout.parents)
    if math.prod(sizes) > MOST_PLACES_A_CELL * len(layout.codes):
        return None
    place = np.full(sizes, -1, dtype=np.int64)
    place[tuple(layout.codes.T)] = np.arange(len(layout.codes))
    return _Lattice(place, tuple(tuple(_ways(code, of) for code in range(len(of))) for of in layout.parents))


def _above(code: int, parents: NDArray[np.int32]) -> list[int]:
    """Return a code and all totals above it."""
    found = []
    while code >= 0:
        found.append(code)
        code = int(parents[code])
    return found


def _ways(code: int, parents: NDArray[np.int32]) -> _Ways:
    """Return the ways that raise a code: with all totals above it, or at the cost of another code."""
    inner = np.isin(np.arange(len(parents)), parents)
    leaves = np.flatnonzero(~inner)
    chains = {int(leaf): _above(int(leaf), parents) for leaf in leaves}
    under = [chain for chain in chains.values() if code in chain]
    beside = [chain for chain in chains.values() if code not in chain]
    # short ways first, as they disturb fewest cells; a few of the long ones too
    pairs = sorted(((up, down) for up in under for down in beside), key=lambda pair: len({*pair[0]} ^ {*pair[1]}))
    chosen = pairs[: MOST_WAYS // 2] + pairs[MOST_WAYS // 2 :: max(1, 2 * len(pairs) // MOST_WAYS)]
    ways = [[(c, 0) for c in chain] for chain in under[:: max(1, 2 * len(under) // MOST_WAYS)]]
    for up, down in chosen:
        ways.append([*((c, 0) for c in up if c not in down), *((c, 1) for c in down if c not in up)])
    longest = max(len(way) for way in ways)
    table = np.array([[*way, *[way[0]] * (longest - len(way))] for way in ways], dtype=np.int64)
    codes, local = np.unique(table[:, :, 0], return_inverse=True)
    return _Ways(codes, local.reshape(table.shape[:2]), table[:, :, 1])


@dataclass(frozen=True, slots=True)
class Reached:
    """What tables built by moves attain: the least and the most of each of n cells, and the tables if they are kept.

    tables:  pairs of cells and how far they are from the first table.
    """

    least: Vector
    most: Vector
    tables: list[tuple[NDArray[np.int64], Vector]]


def reach(layout: Layout, low: Vector, high: Vector, point: Vector, targets: NDArray[np.int64]) -> Reached:
    """Bring each target to its bounds by moves from one table, as far as that goes.

    Shape:  low, high and point n; point adds up within the bounds, as do all tables that moves lead to. If the point
    and the bounds are whole, so are all of them.
    """
    lattice = _lattice(layout)
    found = Reached(point.copy(), point.copy(), [])
    # one place more, without room, for combinations that have no cell
    room = np.stack([np.append(high - point, 0.0), np.append(point - low, 0.0)])
    if lattice is None:
        return found
    for cell in targets.tolist():
        for turn in range(MOST_TRIES):
            if found.most[cell] < high[cell] - HELD:
                _go(lattice, layout.codes[cell], room, cell, 0, point, found, turn)
            if found.least[cell] > low[cell] + HELD:
                _go(lattice, layout.codes[cell], room, cell, 1, point, found, turn)
    return found


def _go(
    lattice: _Lattice,
    codes: NDArray[np.int32],
    room: NDArray[np.float64],
    cell: int,
    side: int,
    point: Vector,
    found: Reached,
    turn: int,
) -> None:
    """Raise (side 0) or lower (side 1) one cell as far as moves go, note what the table attains, and go back."""
    parts: list[tuple[NDArray[np.int64], Vector]] = []
    while room[side][cell] > HELD and len(parts) < MOST_MOVES:
        step, cells, down = _widest(lattice, codes, room, side, turn)
        if step <= HELD:
            break
        step = min(step, float(room[side][cell]))
        if np.isinf(step):
            (found.least if side else found.most)[cell] = -np.inf if side else np.inf
            break
        signed = np.where(down, -step, step)
        room[0][cells] -= signed
        room[1][cells] += signed
        parts.append((cells, signed))
    if not parts:
        return
    cells = np.unique(np.concatenate([part for part, _ in parts]))
    moved = np.zeros(len(cells))
    for part, signed in parts:
        moved[np.searchsorted(cells, part)] += signed
    room[0][cells] += moved
    room[1][cells] -= moved
    found.least[cells] = np.minimum(found.least[cells], point[cells] + moved)
    found.most[cells] = np.maximum(found.most[cells], point[cells] + moved)
    found.tables.append((cells, moved))


def _widest(
    lattice: _Lattice, codes: NDArray[np.int32], room: NDArray[np.float64], side: int, turn: int
) -> tuple[float, NDArray[np.int64], NDArray[np.bool_]]:
    """Return the move that may go furthest: how far, its cells, and which of them go down."""
    ways = [lattice.ways[place][code] for place, code in enumerate(codes.tolist())]
    left = room[:, lattice.place[np.ix_(*(way.codes for way in ways))]]
    both = np.array([0, 1]).reshape(2, 1, 1)
    for place, way in enumerate(ways, start=1):
        by_way = np.moveaxis(left, place, 1)[both ^ way.against, way.local].min(axis=2)
        left = np.moveaxis(by_way, 1, place)
    steps = left[side].ravel()
    widest = np.flatnonzero(steps >= steps.max())
    best = np.unravel_index(int(widest[turn * len(widest) // MOST_TRIES]), left.shape[1:])
    legs = [np.unique(way.local[w], return_index=True) for way, w in zip(ways, best, strict=True)]
    chosen = [way.codes[local] for way, (local, _) in zip(ways, legs, strict=True)]
    down = np.array(side)
    for way, w, (_, first) in zip(ways, best, legs, strict=True):
        down = np.logical_xor.outer(down, way.against[w][first])
    return float(left[side][best]), lattice.place[np.ix_(*chosen)].ravel(), down.ravel()
