"""The interval audit: what an attacker can say of every hidden cell, exactly, from all that is shown.

The system is cut to the cells that are not shown, bounds are carried along the equations, cells that move as one are
merged, what hangs together is solved together, and every bound that is given is attained by a point (probe).

Source: Fischetti and Salazar 2001 (attacker's programmes). Method and figures: docs/methods/disclosure-tables-attack.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import bmat, csr_matrix
from scipy.sparse.csgraph import connected_components

from disclosure.tables.blocks import BETWEEN, block_of_cells, probe_by_blocks
from disclosure.tables.bounds import SLACK, propagate
from disclosure.tables.descent import point_from_the_top
from disclosure.tables.evidence import Evidence, EvidenceMaker
from disclosure.tables.merging import Classes, merge, unmerged
from disclosure.tables.moves import Layout, reach
from disclosure.tables.probe import HELD, Extremes, Problem, probe
from disclosure.tables.programmes import find_point
from disclosure.tables.system import System

__all__ = ["Intervals", "audit_pattern", "intervals"]

MOSTLY = 0.5
LARGE = 1_200
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Intervals:
    """The least and the most that each of n cells can be.

    low, high:  exact for every target and every shown cell; for others valid bounds that may be wide.
    attained:  n x 2, whether a table is known that attains each end; it fails only over whole numbers, where a search
        was cut off and the end is an outer bound.
    contradicted:  None where some table fits what is shown; otherwise the rows of the matrix that no table satisfies, as
        far as single rows tell, and then the rest says nothing.
    n_programmes, n_searches:  linear programmes solved, and searches over whole numbers.
    """

    low: Vector
    high: Vector
    attained: NDArray[np.bool_]
    contradicted: NDArray[np.int64] | None = None
    n_programmes: int = 0
    n_searches: int = 0
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class _Open:
    """The cells that are not shown: where they are, their equations, and a table that fits."""

    place: NDArray[np.int64]
    rows: NDArray[np.int64]
    matrix: csr_matrix
    low: Vector
    high: Vector
    point: Vector


def audit_pattern(system: System, hidden: NDArray[np.bool_], *, whole: bool = False, keep: bool = False) -> Intervals:
    """Return the interval of every hidden cell of a true table, all others being shown exactly.

    Shape:  hidden n. ``keep`` keeps the evidence that ``verify_audit`` checks without a solver.
    Source: research convention of ``System``: the attacker knows lower and upper, every shown cell and every addition.
    """
    low, high = np.where(hidden, system.lower, system.values), np.where(hidden, system.upper, system.values)
    layout = Layout(system.codes, system.parents)
    return intervals(
        system.matrix, low, high, targets=hidden, layout=layout, start=system.values, whole=whole, keep=keep
    )


def intervals(
    matrix: csr_matrix, low: Vector, high: Vector, *, targets: NDArray[np.bool_], layout: Layout | None = None,
    start: Vector | None = None, whole: bool = False, keep: bool = False,
) -> Intervals:  # fmt: skip
    """Return the least and the most of every target over ``matrix @ values == 0`` and low <= values <= high.

    Shape:  matrix m x n, entries +1 and -1; low, high, targets and, if a table that fits is known, start of length n;
    bounds may be infinite. ``layout`` says where the cells stand, which is of use where most of them are open, as in
    rounded tables. ``whole`` asks for whole numbers.
    Raises: DisclosureRefused if the solver ends without an answer.
    """
    low, high = low.astype(np.float64), high.astype(np.float64)
    # where most cells are open, moves between them reach most ends, from a table that has room on all sides
    mostly = layout is not None and int(np.sum(low != high)) > MOSTLY * len(low)
    found = _opened(matrix, low, high, start, layout if mostly else None, whole=whole)
    if not isinstance(found, _Open):
        return Intervals(low, high, np.zeros((len(low), 2), dtype=bool), found)
    low[found.place], high[found.place] = found.low, found.high
    known = Intervals(low, high, np.ones((len(low), 2), dtype=bool))
    maker = EvidenceMaker(matrix.shape) if keep else None
    reached = np.stack([found.point, found.point])
    if mostly and layout is not None:
        reached = _moved(found, known, targets, layout, maker)
    blocks = np.full(len(low), BETWEEN) if layout is None else block_of_cells(layout)
    return _settled(found, known, reached, targets, blocks, whole=whole, maker=maker)


def _opened(
    matrix: csr_matrix, low: Vector, high: Vector, start: Vector | None, layout: Layout | None, *, whole: bool
) -> _Open | NDArray[np.int64]:
    """Cut the system to what is open, carry bounds and find a table that fits; or return the rows that none satisfies."""
    place = np.flatnonzero(low != high)
    shown = np.flatnonzero(low == high)
    cut = matrix[:, place]
    sums = -(matrix[:, shown] @ low[shown])
    # sums of magnitudes carry the rounding of their floating-point terms
    slack = SLACK + 1e-9 * (abs(matrix[:, shown]) @ np.abs(low[shown]))
    length = np.diff(cut.indptr)
    wrong = np.flatnonzero((length == 0) & (np.abs(sums) > slack))
    if len(wrong):
        return wrong
    rows = np.flatnonzero(length)
    cut, sums = cut[rows], sums[rows]
    bounds = propagate(cut, sums, low[place], high[place], integer=whole)
    if len(bounds.contradicted):
        return rows[bounds.contradicted]
    if start is not None:
        point: Vector | None = start[place]
    else:
        point = None
        if layout is not None:
            of_place = Layout(layout.codes[place], layout.parents)
            point = point_from_the_top(of_place, cut, sums, bounds.low, bounds.high, whole=whole)
        if point is None:
            point = find_point(cut, sums, bounds.low, bounds.high, whole=whole, amid=layout is not None)
    if point is None:
        return rows[:0]
    return _Open(place, rows, cut, bounds.low, bounds.high, point)


def _moved(
    found: _Open, known: Intervals, targets: NDArray[np.bool_], layout: Layout, maker: EvidenceMaker | None
) -> NDArray[np.float64]:
    """Return, 2 x open cells, how far moves take each."""
    table = known.low.copy()
    table[found.place] = found.point
    open_targets = np.flatnonzero(targets & (known.high - known.low > SLACK))
    reached = reach(layout, np.minimum(known.low, table), np.maximum(known.high, table), table, open_targets)
    if maker is not None:
        maker.add_tables(reached.tables)
    return np.stack([reached.least[found.place], reached.most[found.place]])


def _settled(
    found: _Open, known: Intervals, reached: NDArray[np.float64], targets: NDArray[np.bool_],
    blocks: NDArray[np.int64], *, whole: bool, maker: EvidenceMaker | None,
) -> Intervals:  # fmt: skip
    """Merge, part and probe, and bring the answers back to the cells."""
    least, most = np.minimum(found.low - found.point, 0.0), np.maximum(found.high - found.point, 0.0)
    moving = np.flatnonzero(most - least > SLACK)
    cells = found.place[moving]
    matrix = found.matrix[:, moving]
    classes = merge(matrix) if maker is None else unmerged(matrix)
    low, high = classes.bounds(least[moving], most[moving])
    if maker is None:
        bounds = propagate(classes.matrix, np.zeros(classes.matrix.shape[0]), low, high, integer=whole)
        low, high = np.minimum(bounds.low, 0.0), np.maximum(bounds.high, 0.0)
    met = classes.met(*(reached - found.point)[:, moving])
    wanted = np.zeros(len(low), dtype=bool)
    wanted[classes.of_cell[targets[cells] & (classes.sign != 0)]] = True
    attained = np.ones((len(low), 2), dtype=bool)
    label = classes.common(blocks[cells], BETWEEN)
    n_programmes = n_searches = 0
    for rows, columns in _parts(classes.matrix, wanted):
        chosen = np.flatnonzero(wanted[columns])
        cut = classes.matrix[rows][:, columns]
        part = _probed(
            Problem(cut, low[columns], high[columns], met[:, columns], chosen),
            label[columns], whole=whole, keep=maker is not None,
        )  # fmt: skip
        low[columns[chosen]], high[columns[chosen]] = part.least[chosen], part.most[chosen]
        attained[columns] = part.attained
        n_programmes, n_searches = n_programmes + part.n_programmes, n_searches + part.n_searches
        if maker is not None:
            maker.add(part.proof, found.rows[classes.rows[rows]], cells[columns])
    settled = _brought_back(found, known, moving, classes, np.stack([low, high]), attained)
    table = known.low.copy()
    table[found.place] = found.point
    evidence = None if maker is None else maker.made(table)
    return replace(settled, n_programmes=n_programmes, n_searches=n_searches, evidence=evidence)


def _probed(problem: Problem, label: NDArray[np.int64], *, whole: bool, keep: bool) -> Extremes:
    """Probe at once what is small or in one block, and block by block what is large."""
    if problem.matrix.shape[1] < LARGE or len(np.unique(label[label != BETWEEN])) < 2:  # noqa: PLR2004 - one is no parting
        return probe(problem, whole=whole, keep=keep)
    return probe_by_blocks(problem, label, whole=whole, keep=keep)


def _parts(matrix: csr_matrix, wanted: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Part a system into what hangs together; yield rows and columns of the parts that are wanted and have rows."""
    n_rows = matrix.shape[0]
    if not n_rows:
        return
    _, label = connected_components(bmat([[None, matrix], [matrix.T, None]], format="csr"), directed=False)
    of_row, of_column = label[:n_rows], label[n_rows:]
    rows, columns = np.argsort(of_row, kind="stable"), np.argsort(of_column, kind="stable")
    for part in np.intersect1d(of_row, of_column[wanted]).tolist():
        ends = np.searchsorted(of_row[rows], [part, part + 1])
        sides = np.searchsorted(of_column[columns], [part, part + 1])
        yield rows[slice(*ends)], columns[slice(*sides)]


def _brought_back(
    found: _Open, known: Intervals, moving: NDArray[np.int64], classes: Classes, ends: NDArray[np.float64],
    attained: NDArray[np.bool_],
) -> Intervals:  # fmt: skip
    """Give every cell the ends of its class, turned round where it moves against it; ``ends`` is 2 x k."""
    low, high, reached = known.low.copy(), known.high.copy(), known.attained.copy()
    low[found.place], high[found.place] = found.point, found.point
    held = classes.sign != 0
    cells, of_cell, up = found.place[moving[held]], classes.of_cell[held], classes.sign[held] > 0
    point = found.point[moving[held]]
    low[cells] = point + np.where(up, ends[0][of_cell], -ends[1][of_cell])
    high[cells] = point + np.where(up, ends[1][of_cell], -ends[0][of_cell])
    reached[cells] = np.where(up[:, None], attained[of_cell], attained[of_cell][:, ::-1])
    return Intervals(_tidy(low), _tidy(high), reached)


def _tidy(values: Vector) -> Vector:
    """Write whole numbers as such where the solver's last digits miss them."""
    finite = np.where(np.isinf(values), 0.0, values)
    near = np.rint(finite)
    return np.where(np.isinf(values) | (np.abs(finite - near) >= HELD), values, near) + 0.0
