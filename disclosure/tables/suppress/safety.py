"""Whether a whole pattern is safe in a part: every need met by a deviation among hidden cells, with the deviation kept.

Only hidden cells move, so what hangs together falls apart (regions whose totals are shown do), and each piece is a small
programme. A deviation that met a need is kept: as long as its cells stay hidden it meets it again without a solver.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import bmat
from scipy.sparse.csgraph import connected_components

from disclosure.tables.suppress.attacker import Attacker
from disclosure.tables.suppress.part import Need, Part

__all__ = ["TOLERANCE", "Auditor"]

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]
# of a need of one unit: programmes answer to about a hundred-millionth
TOLERANCE = 1e-6
ZERO = 1e-9
MOST_KEPT = 2
NEVER = 10**9


class Auditor:
    """Tells which needs of a part a pattern leaves unmet."""

    def __init__(self, part: Part) -> None:
        """Take the part; nothing is solved yet."""
        self.part = part
        self._cells = np.array([need.cell for need in part.needs], dtype=np.int64)
        self._directions = np.array([need.direction for need in part.needs], dtype=np.int64)
        self._distances = np.array([need.distance for need in part.needs])
        self._number = {need: place for place, need in enumerate(part.needs)}
        self._kept: dict[int, list[NDArray[np.int64]]] = {place: [] for place in range(len(part.needs))}
        self.n_programmes = 0

    def unmet(self, hidden: Flags, *, needs: Iterable[Need] | None = None, most: int = NEVER) -> list[Need]:
        """Return the needs (of all, or of those given) that a pattern leaves unmet; stop when ``most`` are found.

        Shape:  hidden n; primaries are hidden.
        """
        wanted = range(len(self._cells)) if needs is None else [self._number[need] for need in needs]
        doubtful = [place for place in wanted if not self._is_kept(place, hidden)]
        if not doubtful:
            return []
        found: list[int] = []
        for rows, cells, asked in self._pieces(hidden, doubtful):
            found += self._unmet_in(rows, cells, asked, most - len(found))
            if len(found) >= most:
                break
        return [self.part.needs[place] for place in sorted(found)]

    def uses(self, need: Need, cell: int, hidden: Flags) -> bool:
        """Say whether no kept deviation meets a need without a cell."""
        without = [kept for kept in self._kept[self._number[need]] if bool(np.all(hidden[kept])) and cell not in kept]
        return not without

    def _is_kept(self, place: int, hidden: Flags) -> bool:
        return any(bool(np.all(hidden[cells])) for cells in self._kept[place])

    def _keep(self, place: int, cells: NDArray[np.int64]) -> None:
        kept = self._kept[place]
        kept.insert(0, cells)
        del kept[MOST_KEPT:]

    def _pieces(
        self, hidden: Flags, doubtful: list[int]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], list[int]]]:
        """Part the hidden cells into what hangs together; yield rows, cells and the doubtful needs among them."""
        cells = np.flatnonzero(hidden)
        matrix = self.part.matrix[:, cells]
        rows = np.flatnonzero(np.diff(matrix.indptr))
        matrix = matrix[rows]
        _, label = connected_components(bmat([[None, matrix], [matrix.T, None]], format="csr"), directed=False)
        of_row, of_cell = label[: len(rows)], label[len(rows) :]
        place_of = np.full(self.part.n_cells, -1, dtype=np.int64)
        place_of[cells] = np.arange(len(cells))
        by_piece: dict[int, list[int]] = {}
        for place in doubtful:
            by_piece.setdefault(int(of_cell[place_of[self._cells[place]]]), []).append(place)
        for piece in sorted(by_piece):
            yield rows[of_row == piece], cells[of_cell == piece], by_piece[piece]

    def _unmet_in(self, rows: NDArray[np.int64], cells: NDArray[np.int64], asked: list[int], most: int) -> list[int]:
        """Ask each doubtful need of one piece in turn; every answer may meet others."""
        part = self.part
        attacker = Attacker(part.matrix[rows][:, cells].tocsr())
        down, up = part.down[cells], part.up[cells]
        attacker.allow(down, up)
        local = np.searchsorted(cells, self._cells[asked])
        is_open = np.ones(len(asked), dtype=bool)
        found = []
        for number, place in enumerate(asked):
            if not is_open[number]:
                continue
            answer = attacker.furthest(int(local[number]), int(self._directions[place]))
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
        self.n_programmes += attacker.n_programmes
        return found


def _turned(point: Vector, down: Vector, up: Vector) -> float:
    """Return the largest share, at most 1, of a deviation that still fits when it is turned round."""
    rises, falls = point > ZERO, point < -ZERO
    return min(
        float(np.min(down[rises] / point[rises], initial=1.0)), float(np.min(up[falls] / -point[falls], initial=1.0))
    )
