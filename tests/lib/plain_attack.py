"""A second attacker, plain and slow: every end of every interval is a linear programme of its own, made from the rows.

It shares no code with the house: cells are tuples of labels, equations are written out from the codes, and scipy's
``linprog`` solves each programme from nothing. Whole numbers are tried one by one, or searched by scipy's ``milp``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

Cell = tuple[str, ...]
Interval = tuple[float, float]
Parents = Mapping[str, str]


def equations(cells: Sequence[Cell], parents: Sequence[Parents]) -> list[tuple[Cell, list[Cell]]]:
    """Every total with those of its parts that are there, along each dimension."""
    found = []
    held = set(cells)
    for cell in cells:
        for place, parent in enumerate(parents):
            parts = [
                (*cell[:place], code, *cell[place + 1 :]) for code, above in parent.items() if above == cell[place]
            ]
            parts = [part for part in parts if part in held]
            if parts:
                found.append((cell, parts))
    return found


def with_unknown_totals(said: Mapping[Cell, Interval], parents: Sequence[Parents]) -> dict[Cell, Interval]:
    """Add every total above the cells that is not there: nothing is said of it."""
    found = dict(said)
    for cell in said:
        lines = []
        for code, parent in zip(cell, parents, strict=True):
            line = [code]
            while line[-1] in parent:
                line.append(parent[line[-1]])
            lines.append(line)
        for above in itertools.product(*lines):
            found.setdefault(above, (0.0, math.inf))
    return found


def _system(said: Mapping[Cell, Interval], parents: Sequence[Parents]) -> tuple[list[Cell], np.ndarray]:
    cells = list(said)
    place = {cell: number for number, cell in enumerate(cells)}
    rows = []
    for total, parts in equations(cells, parents):
        row = np.zeros(len(cells))
        row[[place[part] for part in parts]] = 1.0
        row[place[total]] = -1.0
        rows.append(row)
    return cells, np.array(rows).reshape(len(rows), len(cells))


def plain_attack(
    said: Mapping[Cell, Interval], parents: Sequence[Parents], targets: Sequence[Cell]
) -> dict[Cell, Interval] | None:
    """Return each target's interval over the reals, or None if no table fits."""
    said = with_unknown_totals(said, parents)
    cells, matrix = _system(said, parents)
    bounds = [(low, None if math.isinf(high) else high) for low, high in said.values()]
    found = {}
    for target in targets:
        ends = []
        for sign in (1.0, -1.0):
            cost = np.zeros(len(cells))
            cost[cells.index(target)] = sign
            answer = linprog(cost, A_eq=matrix, b_eq=np.zeros(len(matrix)), bounds=bounds, method="highs")
            if answer.status == 2:
                return None
            ends.append(sign * answer.fun if answer.status == 0 else sign * -math.inf)
        found[target] = (ends[0], ends[1])
    return found


def plain_whole_attack(
    said: Mapping[Cell, Interval], parents: Sequence[Parents], targets: Sequence[Cell]
) -> dict[Cell, Interval] | None:
    """Return each target's interval over whole numbers by a search of its own for every end, or None if no table fits."""
    said = with_unknown_totals(said, parents)
    cells, matrix = _system(said, parents)
    low, high = np.array([a for a, _ in said.values()]), np.array([b for _, b in said.values()])
    within = LinearConstraint(matrix, np.zeros(len(matrix)), np.zeros(len(matrix)))
    found = {}
    for target in targets:
        ends = []
        for sign in (1.0, -1.0):
            cost = np.zeros(len(cells))
            cost[cells.index(target)] = sign
            answer = milp(cost, constraints=[within], bounds=Bounds(low, high), integrality=np.ones(len(cells)))
            if answer.status == 2:
                return None
            assert answer.status == 0, answer.message
            ends.append(float(np.rint(sign * answer.fun)))
        found[target] = (ends[0], ends[1])
    return found


def by_trying(
    said: Mapping[Cell, Interval], parents: Sequence[Parents], targets: Sequence[Cell]
) -> dict[Cell, Interval] | None:
    """Return each target's interval by trying every whole number in every inner cell, or None if no table fits."""
    leaves = [
        cell for cell in said if all(code not in parent.values() for code, parent in zip(cell, parents, strict=True))
    ]
    lines = {leaf: _above(leaf, parents) for leaf in leaves}
    reached: dict[Cell, list[float]] = {target: [] for target in targets}
    for values in itertools.product(*(range(int(said[leaf][0]), int(said[leaf][1]) + 1) for leaf in leaves)):
        table = dict.fromkeys(said, 0)
        for leaf, value in zip(leaves, values, strict=True):
            for cell in lines[leaf]:
                if cell in table:
                    table[cell] += value
        if all(said[cell][0] <= value <= said[cell][1] for cell, value in table.items()):
            for target in targets:
                reached[target].append(table[target])
    if targets and not reached[targets[0]]:
        return None
    return {target: (min(values), max(values)) for target, values in reached.items()}


def _above(leaf: Cell, parents: Sequence[Parents]) -> list[Cell]:
    lines = []
    for code, parent in zip(leaf, parents, strict=True):
        line = [code]
        while line[-1] in parent:
            line.append(parent[line[-1]])
        lines.append(line)
    return list(itertools.product(*lines))
