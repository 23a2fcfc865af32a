"""Large systems probed block by block: regions first, each alone, and the whole only for what that leaves open.

With all cells between blocks held still, a block's points are points of the whole: its extremes are attained. With the
equations between blocks left out, a block's extremes are bounds of the whole. Where both agree the end is settled by two
small programmes.

Source: the bound of a relaxation and the bound of a restriction enclose the answer (Geoffrion 1971).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from disclosure.tables.bounds import SLACK
from disclosure.tables.moves import Layout
from disclosure.tables.probe import Extremes, Problem, Proof, probe

__all__ = ["BETWEEN", "block_of_cells", "probe_by_blocks"]

BETWEEN = -1


def block_of_cells(layout: Layout) -> NDArray[np.int64]:
    """Return the block of every cell: its region, in the dimension with most codes; BETWEEN for cells above regions.

    A flat dimension's regions are its codes themselves.
    """
    place = int(np.argmax([len(of_dimension) for of_dimension in layout.parents]))
    parents = layout.parents[place].astype(np.int64)
    chain = np.arange(len(parents))
    # every code climbs until it stands just below the root
    while np.any(climbing := (chain > 0) & (parents[chain] > 0)):
        chain = np.where(climbing, parents[chain], chain)
    deep = len(np.unique(parents[parents >= 0])) > 1
    at_region = chain == np.arange(len(parents))
    label = np.where((chain == 0) | (deep & at_region), BETWEEN, chain)
    found: NDArray[np.int64] = label[layout.codes[:, place]]
    return found


def probe_by_blocks(problem: Problem, label: NDArray[np.int64], *, whole: bool, keep: bool) -> Extremes:
    """Return what ``probe`` returns, taking ``label``'s blocks of columns one by one first.

    Shape:  label n, BETWEEN for columns of no block.
    """
    known = Problem(
        problem.matrix, problem.low.copy(), problem.high.copy(), problem.met.copy(), problem.targets
    )  # fmt: skip
    proof, n_programmes, n_searches = Proof(), 0, 0
    of_targets = label[problem.targets]
    for block in np.unique(of_targets[of_targets != BETWEEN]).tolist():
        inside = _inside(known, label == block, proof, whole=whole, keep=keep)
        between = (label == block) | (label == BETWEEN)
        around = _around(known, label == block, between, proof, whole=whole, keep=keep)
        n_programmes += inside.n_programmes + around.n_programmes
        n_searches += inside.n_searches
    found = probe(known, whole=whole, keep=keep)
    proof.points.extend(found.proof.points)
    proof.duals.update(found.proof.duals)
    n_programmes, n_searches = n_programmes + found.n_programmes, n_searches + found.n_searches
    return replace(found, n_programmes=n_programmes, n_searches=n_searches, proof=proof)


def _cut(known: Problem, rows: NDArray[np.bool_], columns: NDArray[np.int64], wanted: NDArray[np.bool_]) -> Problem:
    matrix = known.matrix[np.flatnonzero(rows)][:, columns]
    chosen = np.flatnonzero(wanted[columns] & np.isin(columns, known.targets))
    return Problem(matrix, known.low[columns], known.high[columns], known.met[:, columns], chosen)


def _inside(known: Problem, block: NDArray[np.bool_], proof: Proof, *, whole: bool, keep: bool) -> Extremes:
    """Probe a block with everything outside it held still, and note what its points attain."""
    columns = np.flatnonzero(block)
    found = probe(_cut(known, abs(known.matrix) @ block > 0, columns, block), whole=whole, keep=keep)
    for side, ends in enumerate((found.least, found.most)):
        known.met[side][columns] = np.where(found.attained[:, side], ends, known.met[side][columns])
    for point in found.proof.points:
        proof.points.append(np.zeros(len(block)))
        proof.points[-1][columns] = point
    return found


def _around(
    known: Problem, block: NDArray[np.bool_], between: NDArray[np.bool_], proof: Proof, *, whole: bool, keep: bool
) -> Extremes:
    """Probe a block with the columns between blocks free and other equations left out, and tighten its bounds."""
    magnitudes = abs(known.matrix)
    rows = (magnitudes @ block > 0) & ~(magnitudes @ ~between > 0)
    columns = np.flatnonzero(magnitudes.T @ rows > 0)
    problem = _cut(known, rows, columns, block)
    found = probe(problem, keep=keep)
    places = columns[problem.targets]
    least, most = found.least[problem.targets], found.most[problem.targets]
    if whole:
        least, most = np.ceil(least - SLACK), np.floor(most + SLACK)
    # what a point attains is within every bound, whatever the solver's last digits say
    known.low[places] = np.minimum(np.maximum(known.low[places], least), known.met[0][places])
    known.high[places] = np.maximum(np.minimum(known.high[places], most), known.met[1][places])
    for (column, direction), dual in found.proof.duals.items():
        proof.duals[int(columns[column]), direction] = np.zeros(len(rows))
        proof.duals[int(columns[column]), direction][rows] = dual
    return found
