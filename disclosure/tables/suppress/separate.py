"""Separation: cuts that a pattern breaks, fractional or whole, found by attacking one part.

Capacities are clipped to the need that is asked for: a cell gives at most the need, however large it is, and since a
clipped programme is the smaller one it finds the clipped cuts that plain capacities would miss. Needs are asked for in
classes of like size, the largest first; a deviation that meets a need of one class, shrunk or turned round, often meets
others, and one that still fits when the pattern has changed need not be looked for again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from disclosure.tables.suppress.attacker import Attacker
from disclosure.tables.suppress.cuts import Cut, cut_of
from disclosure.tables.suppress.part import Need, Part

__all__ = ["Separator", "size_classes"]

Vector = NDArray[np.float64]
VIOLATED = 1e-3
HELD = 1e-7
MOST_CLASSES = 6
# stronger cuts cost more; so many needs of a class are asked about again
MOST_LIFTED = 3


def size_classes(distances: Iterable[float]) -> dict[float, float]:
    """Return for each distance the size of its class, at least as large; few classes, each within a factor.

    Units: of the table's values.
    """
    distinct = sorted(set(distances), reverse=True)
    factor = 1.0
    while True:
        found: dict[float, float] = {}
        top = np.inf
        for distance in distinct:
            if distance * factor < top:
                top = distance
            found[distance] = top
        if len(set(found.values())) <= MOST_CLASSES:
            return found
        factor += 0.25


@dataclass(slots=True)
class _Class:
    """Needs of about one size, and the deviations that met them last, kept sparse."""

    size: float
    needs: list[Need]
    kept: dict[Need, tuple[NDArray[np.int64], Vector]] = field(default_factory=dict)


class Separator:
    """Finds cuts of one part of a larger one.

    places:  where the part's cells stand in the pattern that is asked about; its own cells where left out.
    """

    def __init__(self, part: Part, places: NDArray[np.int64] | None = None) -> None:
        """Take the part; nothing is solved yet."""
        self.part = part
        self.places = np.arange(part.n_cells) if places is None else places
        sizes = size_classes(need.distance for need in part.needs)
        self._classes = [
            _Class(size, [need for need in part.needs if sizes[need.distance] == size])
            for size in sorted(set(sizes.values()), reverse=True)
        ]
        self._attacker = Attacker(part.matrix)
        # a model of its own: a basis that fits one kind of capacity is far from one that fits the other
        self._stronger = Attacker(part.matrix)
        self._clean: Vector | None = None

    def cuts(self, pattern: Vector, *, lift: float = 0.0, only: Iterable[Need] | None = None) -> list[Cut]:
        """Return cuts that a pattern breaks, over the cells that ``places`` count.

        Shape:  pattern: of the larger part, each from 0 to 1, primaries 1.
        ``only`` some needs are asked about. With ``lift`` needs that are short are asked about again with so much more of
        every cell: a cut that holds against a little more than the pattern hides is a stronger one.
        A pattern that was clean stays so when it grows, and is not asked about again.
        """
        own = pattern[self.places]
        wanted = None if only is None else frozenset(only)
        if self._clean is not None and bool(np.all(own >= self._clean - HELD)):
            return []
        found: list[Cut] = []
        reached = [np.zeros((2, self.part.n_cells)) for _ in self._classes]
        cut_off: set[int] = set()
        for place, one in enumerate(self._classes):
            short = self._short(place, own, reached, wanted, cut_off)
            cut_off |= {need.cell for need in short}
            stronger = self._lifted(one.size, own, lift, list(short)[:MOST_LIFTED]) if lift and short else {}
            found += (short | stronger).values()
        if not found and wanted is None:
            self._clean = own.copy()
        return [Cut(self.places[cut.cells], cut.shares) for cut in found]

    def _capacities(self, size: float, lifted: Vector) -> tuple[Vector, Vector]:
        """Return how far each cell may go below and above, in units of the class's size."""
        part = self.part
        return np.minimum(part.down / size, 1.0) * lifted, np.minimum(part.up / size, 1.0) * lifted

    def _short(
        self, place: int, own: Vector, reached: list[NDArray[np.float64]], wanted: frozenset[Need] | None,
        cut_off: set[int],
    ) -> dict[Need, Cut]:  # fmt: skip
        """Return the needs of one class that a pattern leaves short, each with a cut that it breaks.

        Cells in ``cut_off`` have a cut already, and are asked about again when it is satisfied.
        """
        one = self._classes[place]
        bounds = [self._capacities(later.size, own) for later in self._classes[place:]]
        (down, up), goes = bounds[0], reached[place]
        for need, (cells, moves) in one.kept.items():
            if bool(np.all(moves <= up[cells] + HELD)) and bool(np.all(moves >= -down[cells] - HELD)):
                goes[(need.direction + 1) // 2][need.cell] = 1.0
        found: dict[Need, Cut] = {}
        allowed = False
        for need in one.needs:
            asked = need.distance / one.size - HELD
            if need.cell in cut_off or (wanted is not None and need not in wanted):
                continue
            if goes[(need.direction + 1) // 2][need.cell] >= asked:
                continue
            if not allowed:
                self._attacker.allow(down, up)
                allowed = True
            answer = self._attacker.furthest(need.cell, need.direction)
            if answer.fits:
                _harvest(answer.point, bounds, reached[place:])
                if need.direction * answer.point[need.cell] >= asked:
                    cells = np.flatnonzero(answer.point)
                    one.kept[need] = (cells, answer.point[cells])
                    continue
            cut = cut_of(self.part, need, answer.duals)
            if cut is not None and cut.at(own) < 1.0 - VIOLATED:
                found[need] = cut
        return found

    def _lifted(self, size: float, own: Vector, lift: float, needs: Sequence[Need]) -> dict[Need, Cut]:
        """Return the stronger cuts of needs that are short with more of every cell too."""
        self._stronger.allow(*self._capacities(size, np.minimum(own + lift, 1.0)))
        found = {}
        for need in needs:
            cut = cut_of(self.part, need, self._stronger.furthest(need.cell, need.direction).duals)
            if cut is not None and cut.at(own) < 1.0 - VIOLATED:
                found[need] = cut
        return found


def _harvest(point: Vector, bounds: list[tuple[Vector, Vector]], reached: list[NDArray[np.float64]]) -> None:
    """Note how far a deviation takes every cell, in its own class and, turned round, in it and in smaller ones.

    In units of a class's size a deviation of a larger class always fits a smaller one, whose cells give relatively more.
    """
    for (down, up), goes in zip(bounds, reached, strict=True):
        np.maximum(goes[1], point, out=goes[1])
        np.maximum(goes[0], -point, out=goes[0])
        rises, falls = point > HELD, point < -HELD
        turned = min(
            1.0,
            float(np.min(down[rises] / point[rises], initial=1.0)),
            float(np.min(up[falls] / -point[falls], initial=1.0)),
        )
        np.maximum(goes[1], -turned * point, out=goes[1])
        np.maximum(goes[0], turned * point, out=goes[0])
