"""Small random tables in plain Python, and the cheapest safe pattern by trying every set of cells.

Nothing here is shared with the suppression under test: equations are written out from the codes, and every set of cells
is judged by plain linear programmes, each from nothing; scipy's ``linprog`` judges the answers again. A set that fails stays failing when cells are taken away and one that
meets a need still does when cells are added (the attacker's room only grows), so known answers are not solved again.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
from highspy import _core
from scipy.optimize import linprog

Codes = tuple[int, ...]
TOLERANCE = 1e-6


@dataclass
class PlainTable:
    """A table: values by codes, parents by dimension, and what is asked of each primary cell."""

    parents: tuple[list[int], ...]
    values: dict[Codes, int]
    primary: dict[Codes, tuple[float, float]]
    keep: set[Codes]
    weights: dict[Codes, float]
    known: dict[Codes, tuple[float, float]]

    @property
    def cells(self) -> list[Codes]:
        """All cells in order."""
        return sorted(self.values)

    @property
    def candidates(self) -> list[Codes]:
        """Cells that may be hidden to protect others."""
        return [cell for cell in self.cells if cell not in self.primary and cell not in self.keep]

    def equations(self) -> list[tuple[Codes, list[Codes]]]:
        """Every total with its parts: a cell is broken down along a dimension where parts of it are in the table."""
        found = []
        for cell in self.cells:
            for place, parent in enumerate(self.parents):
                parts = [
                    (*cell[:place], code, *cell[place + 1 :])
                    for code in range(len(parent))
                    if parent[code] == cell[place]
                ]
                parts = [part for part in parts if part in self.values]
                if parts:
                    found.append((cell, parts))
        return found


@dataclass
class Attack:
    """Who attacks a plain table, and what is known of sets of cells (bit masks over ``order``)."""

    table: PlainTable
    order: list[Codes]
    n_programmes: int = 0
    short: dict[tuple[Codes, int], list[int]] = field(default_factory=dict)
    enough: dict[tuple[Codes, int], list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Write the equations out."""
        place = {cell: number for number, cell in enumerate(self.table.cells)}
        self._matrix = np.zeros((0, len(place)))
        rows = []
        for total, parts in self.table.equations():
            row = np.zeros(len(place))
            row[[place[part] for part in parts]] = 1.0
            row[place[total]] -= 1.0
            rows.append(row)
        self._matrix = np.array(rows)
        self._place = place
        self._truth = np.array([float(self.table.values[cell]) for cell in self.table.cells])
        self._model = _core._Highs()
        for name, value in (("output_flag", False), ("threads", 1)):  # one process has one count of threads
            self._model.setOptionValue(name, value)
        free = np.full(len(place), _core.kHighsInf)
        self._model.addVars(len(place), -free, free)
        for row in rows:
            held = np.flatnonzero(row).astype(np.int32)
            self._model.addRow(0.0, 0.0, len(held), held, row[held])

    def reach(self, hidden: set[Codes], cell: Codes, direction: int) -> float:
        """Return how far from the truth an attacker must allow one hidden cell to be."""
        low, high = self._truth.copy(), self._truth.copy()
        for one in hidden:
            low[self._place[one]], high[self._place[one]] = self.table.known[one]
        cost = np.zeros(len(low))
        cost[self._place[cell]] = -direction
        places = np.arange(len(low), dtype=np.int32)
        self._model.changeColsBounds(len(low), places, low, high)
        self._model.changeColsCost(len(low), places, cost)
        self._model.clearSolver()
        self._model.run()
        self.n_programmes += 1
        assert self._model.getModelStatus() == _core.HighsModelStatus.kOptimal
        found = self._model.getInfo().objective_function_value
        return float(-found - direction * self.table.values[cell])

    def reach_by_scipy(self, hidden: set[Codes], cell: Codes, direction: int) -> float:
        """Return the same by another library's front end."""
        bounds = [self.table.known[one] if one in hidden else (self.table.values[one],) * 2 for one in self.table.cells]
        cost = np.zeros(len(self._place))
        cost[self._place[cell]] = -direction
        found = linprog(cost, A_eq=self._matrix, b_eq=np.zeros(len(self._matrix)), bounds=bounds, method="highs")
        assert found.status == 0, found.message
        return float(-found.fun - direction * self.table.values[cell])

    def meets(self, mask: int, cell: Codes, direction: int) -> bool:
        """Say whether a set of candidates leaves one cell far enough from known in one direction."""
        known_short = self.short.setdefault((cell, direction), [])
        known_enough = self.enough.setdefault((cell, direction), [])
        if any(mask & other == other for other in known_enough):
            return True
        if any(mask & other == mask for other in known_short):
            return False
        need = self.table.primary[cell][(direction + 1) // 2]
        answers = self._far(mask, cell, direction, need)
        if answers:
            known_enough.append(mask)
            return True
        for bit in range(len(self.order)):  # the more a failing set holds, the more sets it speaks for
            larger = mask | 1 << bit
            if larger != mask and not self._far(larger, cell, direction, need):
                mask = larger
        known_short.append(mask)
        return False

    def _far(self, mask: int, cell: Codes, direction: int, need: float) -> bool:
        hidden = set(self.table.primary) | {one for bit, one in enumerate(self.order) if mask >> bit & 1}
        return self.reach(hidden, cell, direction) >= need - TOLERANCE * max(1.0, need)

    def safe(self, mask: int) -> bool:
        """Say whether a set of candidates, hidden beside the primaries, leaves every primary protected."""
        return all(
            self.meets(mask, cell, direction)
            for cell, needs in self.table.primary.items()
            for direction in (-1, 1)
            if needs[(direction + 1) // 2] > 0
        )

    def unprotectable(self) -> set[Codes]:
        """Return the primaries that stay unprotected when every candidate is hidden."""
        everything = (1 << len(self.order)) - 1
        return {
            cell
            for cell, needs in self.table.primary.items()
            for direction in (-1, 1)
            if needs[(direction + 1) // 2] > 0 and not self.meets(everything, cell, direction)
        }


def cheapest(table: PlainTable) -> tuple[float, set[Codes]] | set[Codes]:
    """Return the least cost of a safe pattern and one that has it, or the cells that cannot be protected."""
    order = table.candidates
    attack = Attack(table, order)
    lost = attack.unprotectable()
    if lost:
        return lost
    costs = [
        (sum(table.weights[cell] for bit, cell in enumerate(order) if mask >> bit & 1), mask)
        for mask in range(1 << len(order))
    ]
    for cost, mask in sorted(costs):
        if attack.safe(mask):
            return cost, {cell for bit, cell in enumerate(order) if mask >> bit & 1}
    raise AssertionError("everything hidden is safe and yet nothing is")


SHAPES = {
    "2x3": ([-1, 0, 0], [-1, 0, 0, 0]),
    "3x3": ([-1, 0, 0, 0], [-1, 0, 0, 0]),
    "2x4": ([-1, 0, 0], [-1, 0, 0, 0, 0]),
    "2x2x2": ([-1, 0, 0], [-1, 0, 0], [-1, 0, 0]),
    "2x2x3": ([-1, 0, 0], [-1, 0, 0], [-1, 0, 0, 0]),
    "two levels x 2": ([-1, 0, 0, 1, 1, 2, 2], [-1, 0, 0]),
    "uneven levels x 2": ([-1, 0, 0, 0, 1, 1, 2, 2, 2], [-1, 0, 0]),
    "three levels": ([-1, 0, 0, 1, 1, 3, 3, 2, 2], [-1, 0, 0]),
    "two hierarchies": ([-1, 0, 0, 1, 1], [-1, 0, 0, 2, 2]),
}
LINKED = {
    "linked 2x2 and 2x3": ([-1, 0, 0], [-1, 0, 0], [-1, 0, 0, 0]),
    "linked 3x2 twice": ([-1, 0, 0, 0], [-1, 0, 0], [-1, 0, 0]),
}


KINDS = (*SHAPES, *LINKED)


def with_totals(leaves: dict[Codes, int], parents: tuple[list[int], ...]) -> dict[Codes, int]:
    """Sum leaves into every cell above them."""
    values: dict[Codes, int] = {}
    for codes, value in leaves.items():
        above = []
        for parent, code in zip(parents, codes, strict=True):
            line = [code]
            while parent[line[-1]] >= 0:
                line.append(parent[line[-1]])
            above.append(line)
        for cell in itertools.product(*above):
            values[cell] = values.get(cell, 0) + value
    return values


def a_random_table(draw: np.random.Generator, kind: str, *, most_candidates: int) -> PlainTable:
    """Draw a table of a kind: counts or something like magnitudes, with at least one primary and few enough candidates."""
    while True:
        table = _drawn(draw, kind)
        if table.primary and len(table.candidates) <= most_candidates:
            return table


def _drawn(draw: np.random.Generator, name: str) -> PlainTable:
    parents = (SHAPES | LINKED)[name]
    leaf_codes = [[code for code in range(len(parent)) if code not in parent] for parent in parents]
    zeros = float(draw.choice([0.05, 0.15, 0.35]))
    chances = [zeros, *([(1.0 - zeros) / 9.0] * 9)]
    leaves: dict[Codes, int] = {
        codes: int(draw.choice([0, 1, 2, 3, 5, 6, 8, 12, 20, 30], p=chances))
        for codes in itertools.product(*leaf_codes)
    }
    values = with_totals(leaves, parents)
    if name in LINKED:  # two tables that share the first dimension; no cell is broken down by both others
        values = {cell: value for cell, value in values.items() if cell[1] == 0 or cell[2] == 0}
    primary = {cell: (1.0, 5.0 - value) for cell, value in values.items() if 1 <= value <= 4}
    known = {cell: (0.0, 2.0 * value + 20.0) for cell, value in values.items()}
    weights = {cell: float(max(value, 1)) for cell, value in values.items()}
    keep = {cell for cell, value in values.items() if value == 0}
    odd = draw.random()
    if odd < 0.25:  # wider needs and an attacker who knows more, as with magnitudes
        known = {cell: (value * 0.5, value * 1.5 + 1) for cell, value in values.items()}
        primary = {cell: (round(0.3 * values[cell], 2), round(0.4 * values[cell] + 0.5, 2)) for cell in primary}
    elif odd < 0.4:
        weights = dict.fromkeys(values, 1.0)
    elif odd < 0.5:
        weights = {cell: float(draw.integers(0, 40)) / 4 for cell in values}
    if draw.random() < 0.2:
        keep |= {cell for cell in values if cell not in primary and draw.random() < 0.15}
    return PlainTable(parents, values, primary, keep, weights, known)


def a_wide_table(draw: np.random.Generator) -> PlainTable:
    """Draw a table of a few hundred cells, three regions with councils of their own by two further dimensions."""
    n_councils = 9
    places = [-1, 0, 0, 0, *(1 + number % 3 for number in range(n_councils))]
    parents = (places, [-1, 0, 0, 0], [-1, 0, 0, 0])
    size = draw.lognormal(0.0, 0.6, n_councils)
    leaves: dict[Codes, int] = {
        (4 + council, age, reason): int(draw.poisson(size[council] * 40.0 / (age * reason**1.5)))
        for council in range(n_councils)
        for age in range(1, 4)
        for reason in range(1, 4)
    }
    values = with_totals(leaves, parents)
    primary = {cell: (1.0, 5.0 - value) for cell, value in values.items() if 1 <= value <= 4}
    known = {cell: (0.0, 2.0 * value + 20.0) for cell, value in values.items()}
    weights = {cell: float(max(value, 1)) for cell, value in values.items()}
    return PlainTable(parents, values, primary, {cell for cell, value in values.items() if value == 0}, weights, known)
