"""Protect a table in a file: cells in, the same cells with their status, what is shown and the attacker's intervals out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cld.engine import Session
from cld.errors import DisclosureRefused
from disclosure.tables.audit import Intervals, audit_pattern
from disclosure.tables.cells import Cells, read_cells
from disclosure.tables.reading import TableRequest
from disclosure.tables.rules import Rule, StatusOnly, Threshold, parse_rule, system_of
from disclosure.tables.suppress.effort import Effort
from disclosure.tables.suppress.pattern import Pattern, Unprotectable
from disclosure.tables.suppress.protect import protect_system
from disclosure.tables.suppress.writing import write_protected
from disclosure.tables.system import CellState, System

__all__ = ["ProtectRequest", "TableProfile", "protect_files"]

DEFAULT_RULE = Threshold(1, 4)
STATUS = "status"
BY_VALUE = "n"
ALIKE = "1"
SLACK = 1e-6
Vector = NDArray[np.float64]


class TableProfile(Protocol):
    """The limits of a named profile that tables are held to."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def smallest_shown(self) -> int: ...  # noqa: D102
    @property
    def round_to(self) -> int: ...  # noqa: D102
    @property
    def secondary(self) -> bool: ...  # noqa: D102
    @property
    def least_width(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class ProtectRequest:
    """What is asked: the table, rules or a profile or a status column, what hiding a cell costs, and how long it may take.

    rules:  texts such as ``threshold=1-4``; without rules, profile and status column, the status column of that name
        counts if it names primaries, and otherwise 1 to 4 is primary.
    cost:  a column's name, ``n`` for the value or ``1`` for each cell alike; None for a column called cost, or the value.
    """

    table: TableRequest
    rules: tuple[str, ...] = ()
    profile: TableProfile | None = None
    status: str | None = None
    cost: str | None = None
    effort: Effort = Effort()
    n_processes: int = 1


def protect_files(
    session: Session, paths: Sequence[Path], request: ProtectRequest, out: Path, tell: Callable[[str], None]
) -> dict[str, object]:
    """Protect a table, or several linked ones, and return the summary; ``out`` is written only when all is proven.

    Raises: as read_cells and rules.system_of; Unprotectable if no pattern is safe; DisclosureRefused if the profile asks
    for no secondary protection, or if the finished pattern does not stand the attack on the whole table.
    """
    tell("reading")
    cells = _read(session, paths, request)
    system = _system(cells, request)
    tell("protecting")
    pattern = _pattern(cells, system, request)
    tell("attacking")
    found = audit_pattern(system, pattern.hidden)
    _refuse_unsafe(system, found)
    tell("writing")
    columns = _columns(cells, system, pattern, found, request.profile)
    write_protected(session, cells, request.table, columns, out)
    return _summary(system, cells, pattern)


def _read(session: Session, paths: Sequence[Path], request: ProtectRequest) -> Cells:
    by_column = request.cost not in (None, BY_VALUE, ALIKE)
    asked = tuple(name for name in (request.status, request.cost if by_column else None) if name)
    table = replace(request.table, required=asked)
    cells = read_cells(
        session, paths, table, status=request.status or STATUS, cost=str(request.cost) if by_column else "cost"
    )
    if request.cost == BY_VALUE:
        return replace(cells, numbers={name: held for name, held in cells.numbers.items() if name != "cost"})
    return cells


def _system(cells: Cells, request: ProtectRequest) -> System:
    rules = [parse_rule(text) for text in request.rules]
    if request.profile is not None:
        rules = [Threshold(1, request.profile.smallest_shown - 1)]
    elif request.status is not None or (not rules and bool(np.any(cells.status == CellState.PRIMARY))):
        rules = [StatusOnly()]
    elif not any(not _only_widens(rule) for rule in rules):
        rules = [DEFAULT_RULE, *rules]
    system = system_of(cells, rules, unit_cost=request.cost == ALIKE)
    return system if request.profile is None else _under(system, request.profile)


def _only_widens(rule: Rule) -> bool:
    """Say whether a rule names no primary cells by itself."""
    return type(rule).__name__ == "ZerosHideable"


def _pattern(cells: Cells, system: System, request: ProtectRequest) -> Pattern:
    try:
        return protect_system(system, request.effort, n_processes=request.n_processes)
    except Unprotectable as refused:
        codes, dimensions = cells.grid.codes[refused.cells], cells.grid.dimensions
        named = ({d.name: d.labels[code] for d, code in zip(dimensions, line, strict=True)} for line in codes.tolist())
        raise Unprotectable(refused.cells, tuple(named)) from None


def _under(system: System, profile: TableProfile) -> System:
    """Hold a system to a profile, whose stars and blanks say something themselves.

    A star says 1 to smallest_shown - 1, a blank at least smallest_shown. Every star must stay possible over at least
    least_width whole numbers, of which one is least_width + 2 or more. Shown values count as exact, though the profile
    rounds them: an attacker who knew them would still fail.
    """
    if not profile.secondary:
        message = f"The profile {profile.name} has no secondary protection: stars alone may be worked out."
        raise DisclosureRefused(message, ("profile",), "Choose a profile that has, such as caregate, or rules.")
    primary, values = system.state == CellState.PRIMARY, system.values
    highest, wide = profile.smallest_shown - 1.0, profile.least_width - 1.0
    room = np.maximum(highest - values, 0.0)
    up = np.minimum(np.maximum(profile.least_width + 2.0 - values, 1.0), room)
    down = np.where(up >= wide, np.minimum(values - 1.0, 1.0), wide - up)
    return replace(
        system,
        lower=np.where(primary, 1.0, np.where(values >= profile.smallest_shown, profile.smallest_shown, system.lower)),
        upper=np.where(primary, highest, system.upper),
        need_lower=np.where(primary, down, 0.0), need_upper=np.where(primary, up, 0.0),
    )  # fmt: skip


def _refuse_unsafe(system: System, found: Intervals) -> None:
    primary = system.state == CellState.PRIMARY
    slack = SLACK * np.maximum(1.0, system.values)
    low = found.low > system.values - system.need_lower + slack
    high = found.high < system.values + system.need_upper - slack
    n_open = int(np.sum(primary & (low | high)))
    if n_open:
        message = f"The pattern leaves {n_open} primary cells open to attack."
        raise DisclosureRefused(message, ("feasible intervals",), "What is not proven safe does not leave.")


def _columns(
    cells: Cells, system: System, pattern: Pattern, found: Intervals, profile: TableProfile | None
) -> dict[str, pa.Array]:
    """Return the columns that are added, by cell of the grid."""
    hidden, primary = pattern.hidden, system.state == CellState.PRIMARY
    words = np.array(["published", "secondary", "primary"])[np.where(primary, 2, hidden.astype(np.int64))]
    return {
        "status": pa.array(words),
        "shown": _shown(cells, hidden, primary, profile),
        "attack_lower": pa.array(found.low, pa.float64(), mask=~hidden),
        "attack_upper": pa.array(found.high, pa.float64(), mask=~hidden),
    }


def _shown(
    cells: Cells, hidden: NDArray[np.bool_], primary: NDArray[np.bool_], profile: TableProfile | None
) -> pa.Array:
    """Return what is shown: values, empty where hidden; under a profile rounded, and a star for a small count."""
    values = cells.values
    if profile is None:
        whole = not cells.magnitude
        return pa.array(values.astype(np.int64) if whole else values, mask=hidden)
    base = profile.round_to
    rounded = ((values.astype(np.int64) + base // 2) // base * base).astype(str).astype(object)
    rounded[hidden] = ""
    rounded[primary] = "*"
    return pa.array(rounded, pa.string())


def _summary(system: System, cells: Cells, pattern: Pattern) -> dict[str, object]:
    primary = system.state == CellState.PRIMARY
    return {
        "n_cells": system.n_cells, "n_added_totals": system.n_cells - cells.grid.n_given,
        "n_primary": int(primary.sum()), "n_secondary": int((pattern.hidden & ~primary).sum()),
        "cost": _plain(pattern.cost), "bound": _plain(pattern.bound), "gap": pattern.gap, "optimal": pattern.optimal,
        "safe": True, "by_clock": pattern.by_clock,
    }  # fmt: skip


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) else value
