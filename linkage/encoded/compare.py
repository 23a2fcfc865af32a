"""Dice similarity of filters: all pairs by matrix product in tiles, chosen pairs by counting bits.

Common bits are whole numbers below 2^24, which float32 holds exactly, so results do not depend on the library that
multiplies or on its threads. Memory is a few tiles whatever the sizes of the two sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cld.errors import InvariantBroken

__all__ = ["Tile", "common_bits", "common_tiles", "dice_pairs", "dice_tiles", "pairs_above"]

TILE_L = 1_024
TILE_R = 8_192
STRIP = 32
PAIRS_AT_ONCE = 262_144
THOUSAND = 1_000
SLACK = 0.01
Bits = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tile:
    """A block of all pairs: where it starts and a number for each pair; the array is used again for the next tile."""

    start_l: int
    start_r: int
    numbers: npt.NDArray[np.float32]


def _unpacked(filters: Bits) -> npt.NDArray[np.float32]:
    return np.unpackbits(filters, axis=1).astype(np.float32)


def _n_set(filters: Bits) -> npt.NDArray[np.float32]:
    return np.asarray(np.bitwise_count(filters).sum(axis=1, dtype=np.int64), dtype=np.float32)


def _blocks(n: int, size: int) -> Iterator[slice]:
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def _require_alike(left: Bits, right: Bits) -> None:
    if left.shape[1] != right.shape[1]:
        message = "Filters of two lengths were compared."
        raise InvariantBroken(message)


def common_tiles(left: Bits, right: Bits) -> Iterator[Tile]:
    """Yield the number of common bits of every pair, tile by tile: the product alone.

    Shape:  in l and r rows of packed filters; out tiles that cover l x r once.
    """
    _require_alike(left, right)
    room = np.empty((TILE_L, TILE_R), dtype=np.float32)
    for across in _blocks(len(right), TILE_R):
        columns = _unpacked(right[across]).T
        for down in _blocks(len(left), TILE_L):
            common = room[: down.stop - down.start, : across.stop - across.start]
            np.matmul(_unpacked(left[down]), columns, out=common)
            yield Tile(down.start, across.start, common)


def dice_tiles(left: Bits, right: Bits) -> Iterator[Tile]:
    """Yield the Dice similarity of every pair, tile by tile.

    Shape:  in l and r rows of packed filters; out tiles that cover l x r once.
    Nulls:  two empty filters have similarity 0.
    Source: Dice 1945, 2 |A and B| / (|A| + |B|); common bits by matrix product.
    """
    # half of each side's number, so that one division is all that is left to do
    half_l, half_r = _n_set(left) / 2, np.maximum(_n_set(right) / 2, np.float32(SLACK))
    for tile in common_tiles(left, right):
        down = slice(tile.start_l, tile.start_l + tile.numbers.shape[0])
        across = slice(tile.start_r, tile.start_r + tile.numbers.shape[1])
        for strip in _blocks(len(tile.numbers), STRIP):
            tile.numbers[strip] /= half_l[down][strip, None] + half_r[None, across]
        yield tile


def pairs_above(left: Bits, right: Bits, threshold: int) -> tuple[Places, Places, npt.NDArray[np.float64]]:
    """Return the pairs whose Dice similarity is at least ``threshold`` thousandths, with their similarity.

    The threshold is folded into the product as two more columns: common - t (|A| + |B|) / 2 comes out at once, and
    what is not well below zero is tested again in whole numbers.

    Order:  by tile, then left place, then right place.
    Source: Dice 1945.
    """
    _require_alike(left, right)
    half = np.float32(threshold / (2 * THOUSAND))
    room = np.empty((TILE_L, TILE_R), dtype=np.float32)
    found: list[tuple[Places, Places]] = []
    for across in _blocks(len(right), TILE_R):
        shift = np.stack([np.ones(across.stop - across.start, np.float32), -half * _n_set(right[across])])
        columns = np.vstack([_unpacked(right[across]).T, shift])
        for down in _blocks(len(left), TILE_L):
            shift = np.stack([-half * _n_set(left[down]), np.ones(down.stop - down.start, np.float32)], axis=1)
            over = room[: down.stop - down.start, : across.stop - across.start]
            np.matmul(np.hstack([_unpacked(left[down]), shift]), columns, out=over)
            rows, places = np.divmod(np.flatnonzero(over >= -SLACK), over.shape[1])
            found.append((rows + down.start, places + across.start))
    return _confirmed(left, right, found, threshold)


def _confirmed(
    left: Bits, right: Bits, found: list[tuple[Places, Places]], threshold: int
) -> tuple[Places, Places, npt.NDArray[np.float64]]:
    rows = np.concatenate([rows for rows, _ in found]) if found else np.empty(0, np.int64)
    places = np.concatenate([places for _, places in found]) if found else np.empty(0, np.int64)
    common, total = common_bits(left, right, rows, places)
    kept = (2 * THOUSAND * common >= threshold * total) & (total > 0)
    return rows[kept], places[kept], 2 * common[kept] / total[kept]


def common_bits(left: Bits, right: Bits, places_l: Places, places_r: Places) -> tuple[Places, Places]:
    """Return the common bits of chosen pairs, and the sum of both sides' bits.

    Shape:  in p pairs of places; out two arrays of p whole numbers.
    """
    _require_alike(left, right)
    words_l, words_r = _words(left), _words(right)
    n_l, n_r = (np.bitwise_count(words).sum(axis=1, dtype=np.int64) for words in (words_l, words_r))
    common = np.empty(len(places_l), dtype=np.int64)
    for block in _blocks(len(places_l), PAIRS_AT_ONCE):
        both = words_l[places_l[block]] & words_r[places_r[block]]
        common[block] = np.bitwise_count(both).sum(axis=1, dtype=np.int64)
    return common, n_l[places_l] + n_r[places_r]


def dice_pairs(left: Bits, right: Bits, places_l: Places, places_r: Places) -> npt.NDArray[np.int64]:
    """Return the Dice similarity of chosen pairs in whole thousandths, rounded down. Source: Dice 1945."""
    common, total = common_bits(left, right, places_l, places_r)
    return np.asarray(2 * THOUSAND * common // np.maximum(total, 1), dtype=np.int64)


def _words(filters: Bits) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(filters).view(np.uint64)
