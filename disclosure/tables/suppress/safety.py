"""Whether a whole pattern is safe in a part: every need met by a deviation among hidden cells, with the deviation kept.

Only hidden cells move, so what hangs together falls apart (regions whose totals are shown do), and each piece is a small
programme. A deviation that met a need is kept: as long as its cells stay hidden it meets it again without a solver.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import bmat
from scipy.sparse.csgraph import connected_components

from disclosure.tables.suppress.attacker import Attacker
from disclosure.tables.suppress.cubes import Cubes
from disclosure.tables.suppress.part import Need, Part

__all__ = ["TOLERANCE", "Auditor"]

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]
# of a need of one unit: programmes answer to about a hundred-millionth
TOLERANCE = 1e-6
ZERO = 1e-9
MOST_KEPT = 2
NEVER = 10**9
# small programmes are solved sooner than cubes are looked for
WORTH_CUBES = 1_000
# programmes of an earlier pattern serve a smaller one while this share of its cells is left
WORTH_KEEPING = 0.9


class Auditor:
    """Tells which needs of a part a pattern leaves unmet."""

    def __init__(self, part: Part, still: Flags | None = None) -> None:
        """Take the part and the cells that no deviation may move, hidden or not; nothing is solved yet."""
        self.part = part
        self._may_move = np.ones(part.n_cells, dtype=bool) if still is None else ~still
        self.cubes = Cubes(part)
        self.n_failed = 0
        self._cells = np.array([need.cell for need in part.needs], dtype=np.int64)
        self._directions = np.array([need.direction for need in part.needs], dtype=np.int64)
        self._distances = np.array([need.distance for need in part.needs])
        self._number = {need: place for place, need in enumerate(part.needs)}
        self._kept: list[list[Places]] = [[] for _ in part.needs]
        self._without_cube: dict[int, Flags] = {}
        self._pieces = _Pieces(part, np.zeros(part.n_cells, dtype=bool))

    def unmet(self, hidden: Flags, *, needs: Iterable[Need] | None = None, most: int = NEVER) -> list[Need]:
        """Return the needs (of all, or of those given) that a pattern leaves unmet; stop when ``most`` are found.

        Shape:  hidden n; primaries are hidden. Needs are asked in the order given.
        """
        hidden = hidden & self._may_move
        wanted = range(len(self._cells)) if needs is None else [self._number[need] for need in needs]
        doubtful = [place for place in wanted if not self._is_kept(place, hidden) and not self._by_cube(place, hidden)]
        if not doubtful:
            return []
        if not self._pieces.serves(hidden):
            self._pieces = _Pieces(self.part, hidden.copy())
        found: list[int] = []
        for cells, attacker, asked in self._pieces.of(self._cells, doubtful):
            found += self._unmet_in(cells, attacker, asked, hidden, most - len(found))
            if len(found) >= most:
                break
        return [self.part.needs[place] for place in found]

    def relying_on(self, cell: int, hidden: Flags) -> list[Need]:
        """Return the needs that no kept deviation meets without a cell, those nearest to it first."""
        without = hidden & self._may_move
        without[cell] = False
        places = [place for place in range(len(self._cells)) if not self._is_kept(place, without)]
        apart = np.sum(self.part.codes[self._cells[places]] != self.part.codes[cell], axis=1)
        return [self.part.needs[places[one]] for one in np.argsort(apart, kind="stable").tolist()]

    def has_cube(self, need: Need, hidden: Flags) -> bool:
        """Say whether a need is met by what is kept, or by a cube, without asking a solver."""
        place, hidden = self._number[need], hidden & self._may_move
        return self._is_kept(place, hidden) or self._by_cube(place, hidden)

    def _is_kept(self, place: int, hidden: Flags) -> bool:
        return any(bool(np.all(hidden[cells])) for cells in self._kept[place])

    def _by_cube(self, place: int, hidden: Flags) -> bool:
        if self.part.n_cells < WORTH_CUBES:
            return False
        before = self._without_cube.get(place)
        if before is not None and not np.any(hidden & ~before):
            return False  # what had no cube has none when it hides less
        cells = self.cubes.met(self.part.needs[place], hidden)
        if cells is None:
            self._without_cube[place] = hidden
        else:
            self._keep(place, cells)
        return cells is not None

    def _keep(self, place: int, cells: Places) -> None:
        kept = self._kept[place]
        kept.insert(0, cells)
        del kept[MOST_KEPT:]

    def _unmet_in(self, cells: Places, attacker: Attacker, asked: list[int], hidden: Flags, most: int) -> list[int]:
        """Ask each doubtful need of one piece in turn; every answer may meet others."""
        down, up = self.part.down[cells] * hidden[cells], self.part.up[cells] * hidden[cells]
        attacker.allow(down, up)
        local = np.searchsorted(cells, self._cells[asked])
        is_open = np.ones(len(asked), dtype=bool)
        found = []
        for number, place in enumerate(asked):
            if not is_open[number]:
                continue
            answer = attacker.furthest(int(local[number]), int(self._directions[place]))
            self.n_failed += not answer.fits
            point = answer.point if answer.fits else np.zeros(len(cells))
            for moved in (point, -_turned(point, down, up) * point):
                goes = moved[local] * self._directions[asked]
                met = is_open & (goes >= self._distances[asked] * (1.0 - TOLERANCE))
                if met.any():
                    moving = cells[np.abs(moved) > ZERO]
                    for other in np.flatnonzero(met).tolist():
                        self._keep(asked[other], moving)
                    is_open &= ~met
            if is_open[number]:
                is_open[number] = False
                found.append(place)
                if len(found) >= most:
                    break
        return found


class _Pieces:
    """The hidden cells of one pattern parted into what hangs together, each piece with its programme."""

    def __init__(self, part: Part, hidden: Flags) -> None:
        self._matrix, self._hidden, self._n_hidden = part.matrix, hidden, int(hidden.sum())
        cells = np.flatnonzero(hidden)
        matrix = part.matrix[:, cells]
        self._rows = np.flatnonzero(np.diff(matrix.indptr))
        matrix = matrix[self._rows]
        _, label = connected_components(bmat([[None, matrix], [matrix.T, None]], format="csr"), directed=False)
        self._of_row = label[: len(self._rows)]
        self._of_cell = np.full(part.n_cells, -1, dtype=np.int64)
        self._of_cell[cells] = label[len(self._rows) :]
        self._attackers: dict[int, tuple[Places, Attacker]] = {}

    def serves(self, hidden: Flags) -> bool:
        """Say whether these pieces do for a pattern: it hides nothing more, and nearly as much."""
        return not np.any(hidden & ~self._hidden) and int(hidden.sum()) >= WORTH_KEEPING * self._n_hidden

    def of(self, targets: Places, asked: list[int]) -> list[tuple[Places, Attacker, list[int]]]:
        """Return the pieces of what is asked, in the order in which it is: cells, attacker, and what is asked of each."""
        by_piece: dict[int, list[int]] = {}
        for place in asked:
            by_piece.setdefault(int(self._of_cell[targets[place]]), []).append(place)
        return [(*self._piece(piece), places) for piece, places in by_piece.items()]

    def _piece(self, piece: int) -> tuple[Places, Attacker]:
        if piece not in self._attackers:
            cells = np.flatnonzero(self._of_cell == piece)
            rows = self._rows[self._of_row == piece]
            self._attackers[piece] = cells, Attacker(self._matrix[rows][:, cells].tocsr())
        return self._attackers[piece]


def _turned(point: Vector, down: Vector, up: Vector) -> float:
    """Return the largest share, at most 1, of a deviation that still fits when it is turned round."""
    rises, falls = point > ZERO, point < -ZERO
    return min(
        float(np.min(down[rises] / point[rises], initial=1.0)), float(np.min(up[falls] / -point[falls], initial=1.0))
    )
