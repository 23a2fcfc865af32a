"""Tables of the shapes that are measured: England's councils in their regions by age, sex, reason and service.

People are drawn council by council from shares that are skewed as adult social care's are: council sizes log-normal,
services by a falling law, reasons that change with age, and each council with shares of its own about England's. Nobody
in it is real. The rules are those of the house: 1 to 4 is primary, zeros are published, weight max(count, 1), the
attacker knows 0 to 2 x count + 20, a primary must be possible at 5 and at one less than it is.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from disclosure.tables.system import CellState, System

__all__ = ["SHAPES", "Shape", "england_counts", "england_parents", "england_table", "system_of", "with_margins"]

N_COUNCILS = 150
AGES = np.array([0.22, 0.12, 0.20, 0.28, 0.18])
SEXES = np.array([0.58, 0.42])
REASONS_BY_AGE = np.array(
    [[0.30, 0.50, 0.20], [0.52, 0.28, 0.20], [0.70, 0.08, 0.22], [0.75, 0.05, 0.20], [0.80, 0.01, 0.19]]
)
SERVICES = np.array([0.27, 0.19, 0.14, 0.11, 0.09, 0.07, 0.05, 0.04, 0.02, 0.02])
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shape:
    """Which dimensions stand beside the councils, and how many people are drawn."""

    name: str
    dimensions: tuple[str, ...]
    n_people: int


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("1760", ("service",), 90_000),
        Shape("3840", ("age", "reason"), 170_000),
        Shape("10560", ("age", "service"), 220_000),
        Shape("21120", ("sex", "reason", "service"), 700_000),
        Shape("42240", ("age", "reason", "service"), 850_000),
        Shape("126720", ("age", "sex", "reason", "service"), 850_000),
    )
}
AXES = ("council", "age", "sex", "reason", "service")


def england_parents() -> tuple[list[str], NDArray[np.int32]]:
    """Return the codes of England, its regions and 150 councils (the smallest left out), and each one's parent."""
    text = files("cld").joinpath("reference/cassr-councils.csv").read_text("utf-8")
    rows = [row for row in csv.DictReader(text.splitlines()) if row["cassr_at_2020_12_07"] == "yes"]
    placed = sorted((row["region"], row["la_register_code"]) for row in rows if row["la_register_code"] != "IOS")
    councils = placed[:N_COUNCILS]
    regions = sorted({region for region, _ in councils})
    names, parents = ["England", *regions], [-1, *(0 for _ in regions)]
    for region, council in councils:
        names.append(council)
        parents.append(1 + regions.index(region))
    return names, np.array(parents, dtype=np.int32)


def england_counts(n_people: int, seed: int) -> Counts:
    """Draw people: councils x age x sex x reason x service."""
    draw = np.random.default_rng(seed)
    sizes = draw.lognormal(0.0, 0.7, N_COUNCILS)
    base = AGES[:, None, None, None] * SEXES[:, None, None] * REASONS_BY_AGE[:, None, :, None] * SERVICES
    made = np.zeros((N_COUNCILS, *base.shape), dtype=np.int64)
    for place, share in enumerate(sizes / sizes.sum()):
        own = base.copy()
        for axis in range(4):
            shift = [1] * 4
            shift[axis] = base.shape[axis]
            own *= draw.lognormal(0.0, 0.5, base.shape[axis]).reshape(shift)
        own *= draw.lognormal(0.0, 0.5, base.shape)
        made[place] = draw.multinomial(draw.poisson(n_people * share), (own / own.sum()).ravel()).reshape(base.shape)
    return made


def with_margins(counts: Counts, parents: tuple[NDArray[np.int32], ...]) -> NDArray[np.float64]:
    """Add every total: leaves in the order of their codes in, all codes in each dimension out."""
    values = counts.astype(np.float64)
    for axis, parent in enumerate(parents):
        is_leaf = ~np.isin(np.arange(len(parent)), parent)
        moved = np.moveaxis(values, axis, 0)
        whole = np.zeros((len(parent), *moved.shape[1:]))
        whole[is_leaf] = moved
        for code in range(len(parent) - 1, 0, -1):
            whole[parent[code]] += whole[code]
        values = np.moveaxis(whole, 0, axis)
    return values


def system_of(values: NDArray[np.float64], parents: tuple[NDArray[np.int32], ...]) -> System:
    """Make the system of a table with all its totals, under the rules of the house; parents before children."""
    shape = values.shape
    place = np.arange(values.size).reshape(shape)
    rows, columns, signs, n = [], [], [], 0
    for axis, parent in enumerate(parents):
        moved = np.moveaxis(place, axis, 0).reshape(len(parent), -1)
        width = moved.shape[1]
        for code in np.unique(parent[parent >= 0]):
            parts = np.flatnonzero(parent == code)
            equation = n + np.arange(width)
            rows += [np.tile(equation, len(parts)), equation]
            columns += [moved[parts].ravel(), moved[code]]
            signs += [np.ones(width * len(parts)), -np.ones(width)]
            n += width
    matrix = csr_matrix(
        (np.concatenate(signs), (np.concatenate(rows), np.concatenate(columns))), shape=(n, values.size)
    )
    a = values.ravel()
    state = np.full(a.size, CellState.CANDIDATE, dtype=np.int8)
    state[(a >= 1) & (a <= 4)] = CellState.PRIMARY
    state[a == 0] = CellState.KEEP
    small = state == CellState.PRIMARY
    codes = np.stack(np.unravel_index(np.arange(a.size), shape), axis=1).astype(np.int32)
    return System(
        values=a, matrix=matrix, lower=np.zeros(a.size), upper=2 * a + 20, state=state, weight=np.maximum(a, 1),
        need_lower=np.where(small, 1.0, 0.0), need_upper=np.where(small, 5 - a, 0.0), codes=codes, parents=parents,
    )  # fmt: skip


def england_table(shape: Shape, seed: int) -> System:
    """Draw the table of a shape."""
    counts = england_counts(shape.n_people, seed)
    gone = tuple(place for place, name in enumerate(AXES) if place and name not in shape.dimensions)
    counts = counts.sum(axis=gone)
    flat = [np.array([-1, *([0] * size)], dtype=np.int32) for size in counts.shape[1:]]
    parents = (england_parents()[1], *flat)
    return system_of(with_margins(counts, parents), parents)
