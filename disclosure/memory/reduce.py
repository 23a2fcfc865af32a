"""A history made small before anything is solved: equal rows merged, like cells joined, bounds propagated, parts split.

Fine cells with the same membership in every row are interchangeable, so their sum is one variable, a *piece*. Bounds
are propagated along the rows until nothing moves; rows that say nothing more and pieces that are settled leave; what
remains falls into components that share no row.

Source: Savelsbergh 1994 (propagation); signature classes as in the inference control of statistical databases,
Chin and Ozsoyoglu 1982.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import bmat, csr_matrix, diags, vstack
from scipy.sparse.csgraph import connected_components

from disclosure.memory.history import Fact

__all__ = [
    "Component",
    "Contradiction",
    "Pieces",
    "Rows",
    "components",
    "joined",
    "labels",
    "membership",
    "merged",
    "pieces_of",
    "propagated",
]

SLACK = 1e-9
MOST_ROUNDS = 200


class Contradiction(Exception):  # noqa: N818 - a signal inside this package, turned into an error with the recipient's name
    """No counts fit every fact; ``facts`` are the numbers of those among which the contradiction lies."""

    def __init__(self, facts: Iterable[int]) -> None:
        """Keep the facts."""
        super().__init__()
        self.facts = tuple(sorted(set(facts)))


@dataclass(frozen=True, slots=True)
class Rows:
    """Distinct sets of fine cells: m x n membership, the interval of each sum, and the facts behind each."""

    matrix: csr_matrix
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    facts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Pieces:
    """The variables: rows over pieces with the facts behind each, bounds of each piece, and the targets.

    targets:  one row a target, 1 for each piece in its sum.
    most_left_out:  how much of that sum a target can at most leave out, where it takes part of one piece alone.
    most:  what a target can at most hold, by its number of cells.
    of_cell:  the piece of each fine cell.
    """

    matrix: csr_matrix
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    facts: tuple[tuple[int, ...], ...]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    targets: csr_matrix
    most_left_out: NDArray[np.float64]
    most: NDArray[np.float64]
    of_cell: NDArray[np.int64]

    def over_cells(self, persons: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return numbers of persons in pieces as numbers in fine cells, a piece's all in the first of its cells."""
        _, first = np.unique(self.of_cell, return_index=True)
        made = np.zeros(len(self.of_cell))
        made[first] = persons
        return made


@dataclass(frozen=True, slots=True)
class Component:
    """Rows and pieces that hang together: numbers of the pieces and facts; settled pieces are taken out of the sums."""

    pieces: NDArray[np.int64]
    facts: tuple[int, ...]
    matrix: csr_matrix
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


def membership(sets: Sequence[Sequence[int] | NDArray[np.int64]], n_columns: int) -> csr_matrix:
    """Return sets of column numbers as a 0/1 matrix, one row a set."""
    ends = np.cumsum([0, *map(len, sets)])
    columns = np.concatenate([np.asarray(chosen, dtype=np.int64) for chosen in sets]) if len(sets) else np.zeros(0, int)
    made = csr_matrix((np.ones(len(columns)), columns, ends), shape=(len(sets), n_columns))
    made.sort_indices()
    return made


def merged(facts: Sequence[Fact], n_fine: int, *, integer: bool) -> Rows:
    """Merge facts about the same set of cells by intersecting their intervals; over whole numbers, rounded inward.

    Raises: Contradiction if two of them leave nothing.
    """
    matrix = membership([fact.cells for fact in facts], n_fine)
    low, high = np.array([f.low for f in facts], dtype=np.float64), np.array([f.high for f in facts], dtype=np.float64)
    if integer:
        low, high = np.ceil(low - SLACK), np.floor(high + SLACK)
    label, first = labels(matrix)
    n_rows = len(first)
    merged_low, merged_high = np.full(n_rows, -np.inf), np.full(n_rows, np.inf)
    np.maximum.at(merged_low, label, low)
    np.minimum.at(merged_high, label, high)
    behind: list[list[int]] = [[] for _ in range(n_rows)]
    for place, row in enumerate(label):
        behind[row].append(place)
    for row in np.flatnonzero(merged_low > merged_high + SLACK):
        raise Contradiction(behind[row])
    return Rows(matrix[first], merged_low, merged_high, tuple(map(tuple, behind)))


def labels(matrix: csr_matrix) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the distinct rows of a 0/1 matrix with sorted indices; also return the first row of each number."""
    numbers: dict[bytes, int] = {}
    first: list[int] = []
    label = np.empty(matrix.shape[0], dtype=np.int64)
    for row in range(matrix.shape[0]):
        key = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]].tobytes()
        found = numbers.setdefault(key, len(first))
        if found == len(first):
            first.append(row)
        label[row] = found
    return label, np.array(first, dtype=np.int64)


def pieces_of(rows: Rows, asked: csr_matrix, upper: float) -> Pieces:
    """Join cells that no row tells apart. A target that cuts across several joined cells keeps its own pieces.

    asked:  targets over fine cells, 0/1.
    A target that takes part of one class of joined cells alone needs no pieces of its own: with y persons in a class of
    k cells, s of its cells can hold anything from y - (k - s) upper to the smaller of y and s upper.
    """
    class_of, first = labels(_turned(rows.matrix))
    counts = csr_matrix(asked @ _indicator(class_of))
    class_size = np.bincount(class_of, minlength=len(first))
    is_part = csr_matrix((counts.data < class_size[counts.indices], counts.indices, counts.indptr), counts.shape)
    cutting = (np.asarray(is_part.sum(axis=1)).ravel() > 0) & (np.diff(counts.indptr) > 1)
    piece_of = class_of
    if cutting.any():
        piece_of, first = labels(_turned(csr_matrix(vstack([rows.matrix, asked[np.flatnonzero(cutting)]]))))
    size = np.bincount(piece_of, minlength=len(first))
    by_class = _ones(csr_matrix(diags((~cutting).astype(float)) @ counts)) @ _turned(_indicator(class_of[first]))
    by_piece = _ones(csr_matrix(diags(cutting.astype(float)) @ asked @ _indicator(piece_of)))
    targets = csr_matrix(by_class + by_piece)
    n_cells = np.diff(asked.indptr)
    return Pieces(
        matrix=csr_matrix(rows.matrix[:, first]),
        low=rows.low,
        high=rows.high,
        facts=rows.facts,
        lower=np.zeros(len(size)),
        upper=size * np.float64(upper),
        targets=targets,
        most_left_out=(targets @ size - n_cells) * np.float64(upper),
        most=n_cells * np.float64(upper),
        of_cell=piece_of,
    )


def _ones(matrix: csr_matrix) -> csr_matrix:
    """The same places, each 1."""
    matrix.eliminate_zeros()
    return csr_matrix((np.ones(len(matrix.indices)), matrix.indices, matrix.indptr), matrix.shape)


def joined(matrix: csr_matrix) -> tuple[csr_matrix, NDArray[np.int64]]:
    """Join the columns that no row tells apart; return the rows over what is left and how many columns each stands for."""
    label, first = labels(_turned(matrix))
    return csr_matrix(matrix[:, first]), np.bincount(label, minlength=len(first))


def _turned(matrix: csr_matrix) -> csr_matrix:
    turned = csr_matrix(matrix.T)
    turned.sort_indices()
    return turned


def _indicator(label: NDArray[np.int64]) -> csr_matrix:
    n_cells = len(label)
    return csr_matrix((np.ones(n_cells), label, np.arange(n_cells + 1)), shape=(n_cells, int(label.max()) + 1))


def _groups(label: NDArray[np.int64], n_groups: int) -> list[NDArray[np.int64]]:
    """Return, for each number, the places that carry it."""
    order = np.argsort(label, kind="stable")
    return np.split(order, np.cumsum(np.bincount(label, minlength=n_groups))[:-1])


def propagated(pieces: Pieces) -> Pieces:
    """Tighten the bounds of each piece by what the rows leave it, until nothing moves.

    Raises: Contradiction if a row cannot be met.
    """
    matrix, by_piece = pieces.matrix, csr_matrix(pieces.matrix.T)
    lower, upper = pieces.lower.copy(), pieces.upper.copy()
    held = np.flatnonzero(np.diff(by_piece.indptr))
    starts = by_piece.indptr[held]
    row, piece = by_piece.indices, np.repeat(np.arange(len(lower)), np.diff(by_piece.indptr))
    for _ in range(MOST_ROUNDS if len(row) else 0):
        least, most = matrix @ lower, matrix @ upper
        _require_met(pieces, least, most)
        new_upper = np.minimum(upper[held], np.minimum.reduceat((pieces.high - least)[row] + lower[piece], starts))
        new_lower = np.maximum(lower[held], np.maximum.reduceat((pieces.low - most)[row] + upper[piece], starts))
        moved = np.any(new_upper < upper[held] - SLACK) or np.any(new_lower > lower[held] + SLACK)
        # each alone is kept; where rounding crosses them by a hair they meet
        upper[held], lower[held] = np.maximum(new_upper, lower[held]), np.minimum(new_lower, upper[held])
        if not moved:
            break
    _require_met(pieces, matrix @ lower, matrix @ upper)
    return replace(pieces, lower=lower, upper=upper)


def _require_met(pieces: Pieces, least: NDArray[np.float64], most: NDArray[np.float64]) -> None:
    """A bound that passes its row by more than rounding is a contradiction."""
    slack = SLACK * np.maximum(1.0, np.abs(most))
    broken = (least > pieces.high + slack) | (most < pieces.low - slack)
    if broken.any():
        raise Contradiction(fact for row in np.flatnonzero(broken) for fact in pieces.facts[row])


def components(pieces: Pieces) -> list[Component]:
    """Split what propagation left open: pieces that are not settled, under the rows that still say something of them."""
    least, most = pieces.matrix @ pieces.lower, pieces.matrix @ pieces.upper
    rows = np.flatnonzero((least < pieces.low - SLACK) | (most > pieces.high + SLACK))
    settled = pieces.upper - pieces.lower <= SLACK
    by_settled = pieces.matrix[rows] @ np.where(settled, pieces.lower, 0.0)
    chosen = np.flatnonzero(~settled & (np.asarray(pieces.matrix[rows].sum(axis=0)).ravel() > 0))
    open_part = csr_matrix(pieces.matrix[rows][:, chosen])
    low, high = pieces.low[rows] - by_settled, pieces.high[rows] - by_settled
    n_rows = len(rows)
    square = bmat([[None, open_part], [open_part.T, None]]) if n_rows and len(chosen) else None
    if square is None:
        return []
    n_parts, part = connected_components(square, directed=False)
    rows_in, pieces_in = _groups(part[:n_rows], n_parts), _groups(part[n_rows:], n_parts)
    return [
        Component(
            pieces=chosen[inside],
            facts=tuple(fact for row in rows[across] for fact in pieces.facts[row]),
            matrix=csr_matrix(open_part[across][:, inside]),
            low=low[across],
            high=high[across],
            lower=pieces.lower[chosen[inside]],
            upper=pieces.upper[chosen[inside]],
        )
        for across, inside in zip(rows_in, pieces_in, strict=True)
    ]
