"""Attack a published table, ours or anybody's: the exact interval of every hidden cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cld.engine import Session
from cld.errors import InputError, Refused
from disclosure.tables.audit import Intervals, intervals
from disclosure.tables.grid import Grid
from disclosure.tables.moves import Layout
from disclosure.tables.published import Published, ShownRule, read_shown
from disclosure.tables.reading import TableRequest
from disclosure.tables.writing import write_beside

__all__ = ["attack_files"]

N_NAMED = 3


def attack_files(
    session: Session, paths: Sequence[Path], request: TableRequest, rule: ShownRule, tell: Callable[[str], None], *,
    whole: bool = False, rounded: bool = False, out: Path | None = None,
) -> dict[str, object]:  # fmt: skip
    """Attack one published table, or several linked ones, and return the summary with every interval.

    ``rounded`` asks for the intervals of rounded cells as well. ``out`` gets the rows of the table with the columns
    attack_lower and attack_upper, empty for cells that are shown, infinite where nothing bounds a cell.
    Raises: as read_shown; Refused if no table fits what is shown; DisclosureRefused without an answer.
    """
    tell("reading")
    published = read_shown(session, paths, request, rule)
    if whole:
        _refuse_fractions(published)
    tell("attacking")
    targets = published.hidden | published.rounded if rounded else published.hidden
    grid = published.rows.grid
    layout = Layout(grid.codes, tuple(dimension.parents for dimension in grid.dimensions))
    found = intervals(grid.matrix, published.low, published.high, targets=targets, layout=layout, whole=whole)
    if found.contradicted is not None:
        _refuse_contradiction(grid, found.contradicted, whole=whole)
    if out is not None:
        tell("writing")
        shown = ~targets[published.rows.cell]
        ends = {"attack_lower": found.low[published.rows.cell], "attack_upper": found.high[published.rows.cell]}
        columns = {name: pa.array(values, pa.float64(), mask=shown) for name, values in ends.items()}
        write_beside(session, published.rows.file, columns, out)
    return _summary(published, found, targets)


def _refuse_fractions(published: Published) -> None:
    shown = ~published.hidden & ~published.rounded & (published.low == published.high)
    n_broken = int(np.sum(shown & (published.low != np.floor(published.low))))
    if n_broken:
        message = f"{n_broken} shown values are not whole numbers."
        raise InputError(message, "Leave --integer out for values that are no counts.")


def _refuse_contradiction(grid: Grid, rows: NDArray[np.int64], *, whole: bool) -> None:
    """Refuse a table that cannot be, naming totals that show it where single ones do."""
    kind = "No table of whole numbers" if whole else "No table"
    named = [
        f"{grid.name_of(int(grid.totals[row]))} along {grid.dimensions[grid.along[row]].name}" for row in rows[:N_NAMED]
    ]
    where = f"; see the total {' and '.join(named)}" if named else "; no single total shows it, several together do"
    message = f"{kind} fits what is shown{where}."
    remedy = "Check values, labels and the rounding rule; parts that a table leaves out count as zero."
    raise Refused(message, remedy)


def _summary(published: Published, found: Intervals, targets: NDArray[np.bool_]) -> dict[str, object]:
    grid = published.rows.grid
    cells = np.flatnonzero(targets)
    exact = published.hidden & (found.high <= found.low)
    return {
        "n_cells": grid.n_given,
        "n_hidden": int(published.hidden.sum()),
        "n_rounded": int(published.rounded.sum()),
        "n_added_totals": grid.n_cells - grid.n_given,
        "n_exact": int(exact.sum()),
        "n_not_proven": int((~found.attained[targets]).sum()),
        "n_programmes": found.n_programmes,
        "n_searches": found.n_searches,
        "intervals": [
            {
                **{d.name: d.labels[grid.codes[cell, place]] for place, d in enumerate(grid.dimensions)},
                "attack_lower": _number(found.low[cell]),
                "attack_upper": _number(found.high[cell]),
            }
            for cell in cells.tolist()
        ],
    }


def _number(value: float) -> float | int | None:
    """Return a number for JSON, which has no infinity: None where nothing bounds."""
    if np.isinf(value):
        return None
    return int(value) if value == int(value) else float(value)
