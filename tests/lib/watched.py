"""Every suppression pattern that is made in the tests' own process is attacked, whoever made it and why.

``watch_suppression`` stands in for the house's door before any test can take it; patterns wait until a test has attacked
them itself (``settled``) or, at the test's end, are attacked here. The attack shares no code with the house: equations are
written out from each cell's codes, and scipy's ``linprog`` solves one plain programme for each need.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from disclosure.tables.suppress import files, protect
from disclosure.tables.suppress.pattern import Pattern
from disclosure.tables.system import CellState, System

SLACK = 1e-6
_due: list[tuple[System, Pattern]] = []


def watch_suppression() -> None:
    """Let every pattern that the door gives from now on wait for its attack."""
    door: Callable[..., Pattern] = protect.protect_system

    def watched(system: System, *words: Any, **named: Any) -> Pattern:
        made = door(system, *words, **named)
        _due.append((system, made))
        return made

    protect.protect_system = watched
    files.protect_system = watched  # type: ignore[attr-defined]  # has the door by name already


def settled(made: Pattern) -> None:
    """Say that a pattern has been attacked by the test that had it made."""
    _due[:] = [(system, pattern) for system, pattern in _due if pattern is not made]


def attack_what_is_due() -> int:
    """Attack what no test has attacked, the same pattern of the same table once, and return how many patterns waited."""
    due, _due[:] = list(_due), []
    for system, made in {_same(system, made): (system, made) for system, made in due}.values():
        assert unprotected(system, made.hidden) == []
    return len(due)


def _same(system: System, made: Pattern) -> tuple[bytes, ...]:
    told = (system.values, system.lower, system.upper, system.need_lower, system.need_upper, system.codes, made.hidden)
    return tuple(column.tobytes() for column in told)


def unprotected(system: System, hidden: np.ndarray) -> list[tuple[int, ...]]:
    """Return the codes of the primaries that an attacker comes too near, or that are shown, or kept cells that are not."""
    primary, keep = system.state == CellState.PRIMARY, system.state == CellState.KEEP
    wrong = (primary & ~hidden) | (keep & hidden)
    rows = plain_equations(system)
    # what is shown moves to the right, and only equations with hidden cells say anything
    shown, cells = np.where(hidden, 0.0, system.values), np.flatnonzero(hidden)
    said = rows[:, cells]
    useful = np.flatnonzero(np.diff(said.indptr))
    said, right = said[useful], -(rows @ shown)[useful]
    bounds = np.stack([system.lower, system.upper], axis=1)[cells]
    for place, cell in enumerate(cells.tolist()):
        for sign, need in ((1.0, system.need_lower[cell]), (-1.0, system.need_upper[cell])):
            if not primary[cell] or need <= 0:
                continue
            cost = np.zeros(len(cells))
            cost[place] = sign
            found = linprog(cost, A_eq=said, b_eq=right, bounds=bounds, method="highs")
            assert found.status == 0, found.message
            wrong[cell] |= sign * (system.values[cell] - sign * found.fun) < need - SLACK * max(1.0, need)
    return [tuple(line) for line in system.codes[wrong].tolist()]


def plain_equations(system: System) -> csr_matrix:
    """Write every total with those of its parts that are there, one row each: parts +1, total -1."""
    place = {tuple(codes): number for number, codes in enumerate(system.codes.tolist())}
    parts: dict[tuple[int, int], list[int]] = {}
    for codes, number in place.items():
        for axis, parent in enumerate(system.parents):
            above = place.get((*codes[:axis], int(parent[codes[axis]]), *codes[axis + 1 :]))
            if above is not None:
                parts.setdefault((above, axis), []).append(number)
    rows, columns, signs = [], [], []
    for row, ((total, _), held) in enumerate(parts.items()):
        rows += [row] * (len(held) + 1)
        columns += [*held, total]
        signs += [1.0] * len(held) + [-1.0]
    return csr_matrix((signs, (rows, columns)), shape=(len(parts), len(place)))
