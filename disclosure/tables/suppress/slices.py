"""Slices: the sub-tables of a part that keep some dimensions free and fix the codes of all others.

With two free dimensions a slice is a small network. Its attacker knows few equations, so its cuts are valid and cheap,
and they give nearly the whole of the bound.
"""

from __future__ import annotations

import itertools

import numpy as np

from disclosure.tables.suppress.part import Part, sub_part

__all__ = ["slices_of"]


def slices_of(part: Part, n_free: int) -> list[tuple[np.ndarray, Part]]:
    """Return every slice with ``n_free`` free dimensions that has primaries and equations: cells' places and the part."""
    n_dimensions = part.codes.shape[1]
    if n_free >= n_dimensions:
        return [(np.arange(part.n_cells), part)] if part.needs and part.matrix.shape[0] else []
    found = []
    for free in itertools.combinations(range(n_dimensions), n_free):
        found += _slices_along(part, free)
    return found


def _slices_along(part: Part, free: tuple[int, ...]) -> list[tuple[np.ndarray, Part]]:
    fixed = [place for place in range(part.codes.shape[1]) if place not in free]
    _, label = np.unique(part.codes[:, fixed], axis=0, return_inverse=True)
    label = label.ravel()
    starts = part.matrix.indptr[:-1]
    of_entries = label[part.matrix.indices]
    least, most = np.minimum.reduceat(of_entries, starts), np.maximum.reduceat(of_entries, starts)
    of_row = np.where(least == most, least, -1)
    cells, rows = np.argsort(label, kind="stable"), np.argsort(of_row, kind="stable")
    found = []
    for one in np.unique(label[part.primary]).tolist():
        held = cells[slice(*np.searchsorted(label[cells], [one, one + 1]))]
        within = rows[slice(*np.searchsorted(of_row[rows], [one, one + 1]))]
        if len(within):
            found.append((held, sub_part(part, held, within)))
    return found
