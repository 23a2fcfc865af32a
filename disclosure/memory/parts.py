"""Large components taken in parts: blocks that few rows join, each a small component while the others hold still.

With all other pieces held at a known answer, what a block's own answers attain is attained by the whole. With all rows
that leave the block left out, what bounds the block bounds the whole. Both are small programmes; where they agree an end
is exact, and a question that far witnesses answer is answered by the first alone.

Source: the bound of a relaxation and the bound of a restriction enclose the answer (Geoffrion 1971).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, csr_matrix

from disclosure.memory.reduce import Component, labels

__all__ = ["BETWEEN", "Blocks", "blocks_of"]

BETWEEN = -1
FEWEST_BLOCKS = 3
MOST_SIZES = 16  # sizes of rows that are tried as sizes of blocks
SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Blocks:
    """A component's pieces by block (BETWEEN for those of none), and its rows by column for cutting."""

    part: Component
    label: NDArray[np.int64]
    by_piece: csc_matrix

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return int(self.label.max(initial=BETWEEN)) + 1

    def neighbours(self) -> list[NDArray[np.int64]]:
        """Return for each block the others, those that share most rows with it first; ties in a fixed random order."""
        n_pieces = len(self.label)
        inside = np.flatnonzero(self.label >= 0)
        member = csr_matrix(
            (np.ones(len(inside)), (inside, self.label[inside])), shape=(n_pieces, self.n_blocks)
        )  # fmt: skip
        touched = csr_matrix(self.part.matrix @ member)
        touched.data[:] = 1.0
        shared = np.asarray((touched.T @ touched).todense())
        ties = np.random.default_rng(0).random(shared.shape)
        np.fill_diagonal(shared, -1.0)
        return [np.argsort(-(shared[block] + ties[block]), kind="stable")[:-1] for block in range(self.n_blocks)]

    def restricted(self, pieces: NDArray[np.int64], point: NDArray[np.float64]) -> Component:
        """Return what is left to some pieces while all others stay at a point that meets the rows."""
        part, cut = self.part, csr_matrix(self.by_piece[:, pieces])
        rows = np.flatnonzero(np.diff(cut.indptr))
        cut = cut[rows]
        elsewhere = part.matrix[rows] @ point - cut @ point[pieces]
        return _component(part, pieces, cut, part.low[rows] - elsewhere, part.high[rows] - elsewhere)

    def relaxed(self, pieces: NDArray[np.int64]) -> Component:
        """Return what the rows that lie wholly in some pieces leave to them."""
        part, cut = self.part, csr_matrix(self.by_piece[:, pieces])
        rows = np.flatnonzero((np.diff(cut.indptr) > 0) & (np.diff(cut.indptr) == np.diff(part.matrix.indptr)))
        return _component(part, pieces, cut[rows], part.low[rows], part.high[rows])


def _component(
    part: Component, pieces: NDArray[np.int64], rows: csr_matrix, low: NDArray[np.float64], high: NDArray[np.float64]
) -> Component:
    """Keep of rows over some pieces what says something, each set of pieces once."""
    lower, upper = part.lower[pieces], part.upper[pieces]
    rows.sort_indices()
    label, first = labels(rows)
    merged_low, merged_high = np.full(len(first), -np.inf), np.full(len(first), np.inf)
    np.maximum.at(merged_low, label, low)
    np.minimum.at(merged_high, label, high)
    rows = rows[first]
    says = np.flatnonzero((rows @ lower < merged_low - SLACK) | (rows @ upper > merged_high + SLACK))
    return Component(pieces, part.facts, csr_matrix(rows[says]), merged_low[says], merged_high[says], lower, upper)


def blocks_of(part: Component) -> Blocks | None:
    """Return blocks that are few rows' sums, disjoint, and joined by as few other rows as was found; None if none are.

    Tried are families of disjoint rows no longer than a size, the longest first, for some sizes.
    """
    length = np.diff(part.matrix.indptr)
    order = np.argsort(-length, kind="stable")
    sizes = np.unique(length[length <= len(part.lower) // FEWEST_BLOCKS])
    if not len(sizes):
        return None
    tried = sizes[np.unique(np.linspace(0, len(sizes) - 1, MOST_SIZES).astype(int))]
    best: tuple[int, NDArray[np.int64]] | None = None
    for size in tried[::-1]:
        label = _disjoint(part.matrix, order[length[order] <= size])
        n_between = _n_between(part.matrix, label)
        if best is None or n_between < best[0]:
            best = n_between, label
    if best is None or best[0] == len(length) or int(best[1].max()) + 1 < FEWEST_BLOCKS:
        return None
    return Blocks(part, best[1], csc_matrix(part.matrix))


def _disjoint(matrix: csr_matrix, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Label pieces by the first row, of rows in an order, that none before it overlaps."""
    label = np.full(matrix.shape[1], BETWEEN, dtype=np.int64)
    n_blocks, n_left = 0, matrix.shape[1]
    for row in order.tolist():
        pieces = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
        if label[pieces].max() == BETWEEN:
            label[pieces] = n_blocks
            n_blocks, n_left = n_blocks + 1, n_left - len(pieces)
            if not n_left:
                break
    return label


def _n_between(matrix: csr_matrix, label: NDArray[np.int64]) -> int:
    """Count the rows that lie in no single block."""
    of_entry = label[matrix.indices]
    least = np.minimum.reduceat(of_entry, matrix.indptr[:-1])
    most = np.maximum.reduceat(of_entry, matrix.indptr[:-1])
    return int(np.sum((least != most) | (least == BETWEEN)))
