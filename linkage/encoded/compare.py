"""Dice similarity of filters: all pairs in tiles, or chosen pairs; counted in whole numbers, so any machine agrees.

All pairs are counted in blocks small enough for a core's cache: 16 left rows against 4,096 right rows, one 64-bit word
of the filters after another, counts kept in bytes for three words and only then in 16 bits. Measured, this does twice
the pairs of a float32 matrix product on a core; the product stands beside it as the second judge
(``benchmarks/encoded_linkage.py``). Memory is a few tiles whatever the sizes of the two sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cld.errors import InvariantBroken

__all__ = ["Tile", "common_bits", "common_tiles", "dice_pairs", "dice_tiles", "pairs_above", "product_tiles"]

TILE_L = 1_024
TILE_R = 4_096
ROWS_IN_BLOCK = 16
WORDS_IN_A_BYTE = 3
"""Three words of 64 bits count to 192 at most, which a byte holds."""
PAIRS_AT_ONCE = 262_144
THOUSAND = 1_000
Bits = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int16]
Places = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tile:
    """A block of all pairs: where it starts and a number for each pair; the array is used again for the next tile."""

    start_l: int
    start_r: int
    numbers: Floats


def _words(filters: Bits) -> Words:
    return np.ascontiguousarray(filters).view(np.uint64)


def _n_set(filters: Bits) -> Places:
    return np.asarray(np.bitwise_count(_words(filters)).sum(axis=1, dtype=np.int64))


def _blocks(n: int, size: int) -> Iterator[slice]:
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def _require_alike(left: Bits, right: Bits) -> None:
    if left.shape[1] != right.shape[1]:
        message = "Filters of two lengths were compared."
        raise InvariantBroken(message)


class _Counter:
    """Rooms in which one thread counts; they are filled again block by block."""

    def __init__(self, n_right: int) -> None:
        shape = (ROWS_IN_BLOCK, n_right)
        self._both, self._one = np.empty(shape, np.uint64), np.empty(shape, np.uint8)
        self._few, self._all = np.empty(shape, np.uint8), np.empty(shape, np.int16)

    def count(self, words_l: Words, words_r: Words, start: Counts) -> Counts:
        """Add the common bits of each pair to ``start`` (one number a right row).

        Shape:  in l x w words and w x r words; out l x r, a view that the next call overwrites.
        """
        n = len(words_l)
        both, one, few, whole = self._both[:n], self._one[:n], self._few[:n], self._all[:n]
        whole[:] = start
        n_words = len(words_r)
        for word in range(n_words):
            np.bitwise_and(words_l[:, word, None], words_r[word], out=both)
            if word % WORDS_IN_A_BYTE == 0:
                np.bitwise_count(both, out=few)
            else:
                np.add(few, np.bitwise_count(both, out=one), out=few)
            if word % WORDS_IN_A_BYTE == WORDS_IN_A_BYTE - 1 or word == n_words - 1:
                np.add(whole, few, out=whole)
        return whole


def _stripes(rows: slice, n_threads: int) -> list[slice]:
    size = -(-(rows.stop - rows.start) // n_threads)
    return [slice(rows.start + part.start, rows.start + part.stop) for part in _blocks(rows.stop - rows.start, size)]


def common_tiles(left: Bits, right: Bits, n_threads: int = 2) -> Iterator[Tile]:
    """Yield the number of common bits of every pair, tile by tile.

    Shape:  in l and r rows of packed filters; out tiles that cover l x r once.
    """
    _require_alike(left, right)
    words_l, room = _words(left), np.empty((TILE_L, TILE_R), dtype=np.float32)

    def fill(stripe: slice, down: slice, words_r: Words, none: Counts) -> None:
        counter = _Counter(words_r.shape[1])
        for block in _blocks(stripe.stop - stripe.start, ROWS_IN_BLOCK):
            rows = slice(stripe.start + block.start, stripe.start + block.stop)
            into = room[rows.start - down.start : rows.stop - down.start, : words_r.shape[1]]
            into[:] = counter.count(words_l[rows], words_r, none)

    with ThreadPoolExecutor(n_threads) as pool:
        for across in _blocks(len(right), TILE_R):
            words_r = np.ascontiguousarray(_words(right[across]).T)
            none = np.zeros(words_r.shape[1], dtype=np.int16)
            for down in _blocks(len(left), TILE_L):
                stripes = _stripes(down, n_threads)
                for done in [pool.submit(fill, stripe, down, words_r, none) for stripe in stripes]:
                    done.result()
                yield Tile(down.start, across.start, room[: down.stop - down.start, : words_r.shape[1]])


def product_tiles(left: Bits, right: Bits) -> Iterator[Tile]:
    """Yield the same by float32 matrix product: common bits lie below 2^24 and are exact. The second judge."""
    _require_alike(left, right)
    room = np.empty((TILE_L, TILE_R), dtype=np.float32)
    for across in _blocks(len(right), TILE_R):
        columns = np.unpackbits(right[across], axis=1).astype(np.float32).T
        for down in _blocks(len(left), TILE_L):
            common = room[: down.stop - down.start, : across.stop - across.start]
            np.matmul(np.unpackbits(left[down], axis=1).astype(np.float32), columns, out=common)
            yield Tile(down.start, across.start, common)


def dice_tiles(left: Bits, right: Bits, n_threads: int = 2) -> Iterator[Tile]:
    """Yield the Dice similarity of every pair, tile by tile.

    Shape:  in l and r rows of packed filters; out tiles that cover l x r once.
    Nulls:  two empty filters have similarity 0.
    Source: Dice 1945, 2 |A and B| / (|A| + |B|).
    """
    half_l, half_r = (_n_set(side).astype(np.float32) / 2 for side in (left, right))
    half_r = np.maximum(half_r, np.float32(0.25))  # nothing in common with nothing is unlike, not undefined
    for tile in common_tiles(left, right, n_threads):
        down = slice(tile.start_l, tile.start_l + tile.numbers.shape[0])
        across = slice(tile.start_r, tile.start_r + tile.numbers.shape[1])
        for strip in _blocks(len(tile.numbers), ROWS_IN_BLOCK):
            tile.numbers[strip] /= half_l[down][strip, None] + half_r[None, across]
        yield tile


def pairs_above(
    left: Bits, right: Bits, threshold: int, n_threads: int = 2
) -> tuple[Places, Places, npt.NDArray[np.float64]]:
    """Return the pairs whose Dice similarity is at least ``threshold`` thousandths, with their similarity.

    Counting starts at minus the right row's share of the threshold, rounded down, so that one comparison with the left
    row's share leaves only pairs within two bits of it, and these are tested again in full.

    Order:  by tile, then left place, then right place.
    Source: Dice 1945.
    """
    _require_alike(left, right)
    words_l = _words(left)
    share_l, share_r = ((threshold * _n_set(side) // (2 * THOUSAND)).astype(np.int16) for side in (left, right))
    found: list[tuple[Places, Places]] = []
    with ThreadPoolExecutor(n_threads) as pool:
        for across in _blocks(len(right), TILE_R):
            words_r = np.ascontiguousarray(_words(right[across]).T)
            stripes = _stripes(slice(0, len(left)), n_threads) if len(left) else []
            for rows, places in _near(pool, stripes, words_l, words_r, share_l, -share_r[across]):
                found.append((rows, places + across.start))
    return _confirmed(left, right, found, threshold)


def _near(
    pool: Executor, stripes: list[slice], words_l: Words, words_r: Words, share_l: Counts, start: Counts
) -> Iterator[tuple[Places, Places]]:
    """Yield, stripe by stripe, the places of pairs that reach the left row's share."""

    def seek(stripe: slice) -> tuple[Places, Places]:
        counter, n_r, places = _Counter(words_r.shape[1]), words_r.shape[1], [np.empty(0, np.int64)]
        for block in _blocks(stripe.stop - stripe.start, ROWS_IN_BLOCK):
            rows = slice(stripe.start + block.start, stripe.start + block.stop)
            reached = counter.count(words_l[rows], words_r, start) >= share_l[rows, None]
            places.append(np.flatnonzero(reached) + rows.start * n_r)
        whole = np.concatenate(places)
        return whole // n_r, whole % n_r

    yield from pool.map(seek, stripes)


def _confirmed(
    left: Bits, right: Bits, found: list[tuple[Places, Places]], threshold: int
) -> tuple[Places, Places, npt.NDArray[np.float64]]:
    rows = np.concatenate([np.empty(0, np.int64), *(rows for rows, _ in found)])
    places = np.concatenate([np.empty(0, np.int64), *(places for _, places in found)])
    common, total = common_bits(left, right, rows, places)
    kept = (2 * THOUSAND * common >= threshold * total) & (total > 0)
    return rows[kept], places[kept], 2 * common[kept] / total[kept]


def common_bits(left: Bits, right: Bits, places_l: Places, places_r: Places) -> tuple[Places, Places]:
    """Return the common bits of chosen pairs, and the sum of both sides' bits.

    Shape:  in p pairs of places; out two arrays of p whole numbers.
    """
    _require_alike(left, right)
    words_l, words_r = _words(left), _words(right)
    common = np.empty(len(places_l), dtype=np.int64)
    for block in _blocks(len(places_l), PAIRS_AT_ONCE):
        both = words_l[places_l[block]] & words_r[places_r[block]]
        common[block] = np.bitwise_count(both).sum(axis=1, dtype=np.int64)
    return common, _n_set(left)[places_l] + _n_set(right)[places_r]


def dice_pairs(left: Bits, right: Bits, places_l: Places, places_r: Places) -> Places:
    """Return the Dice similarity of chosen pairs in whole thousandths, rounded down. Source: Dice 1945."""
    common, total = common_bits(left, right, places_l, places_r)
    return np.asarray(2 * THOUSAND * common // np.maximum(total, 1), dtype=np.int64)
