"""Tables of councils that regional and national ones join: what one recipient holds, and a further candidate."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from disclosure.memory.sheet import WHOLE, FactSheet, SheetRow

__all__ = ["joined_sheets"]

AGE_GROUPS = ("under", "over")
N_REGIONS = 3
DIMENSIONS = ("la_code", "age", "sex", "service")
Groups = Mapping[str, frozenset[str]]


def joined_sheets(n_councils: int, shape: tuple[int, int, int]) -> tuple[list[FactSheet], FactSheet]:
    """Return what is held and a candidate, of councils with so many ages, sexes and services each.

    Held are all margins of each council and region under the NHS rule and exact national ones, the fine cells left out;
    the candidate has the margins of each council by two groups of ages.
    """
    chance = np.random.default_rng(1)
    counts = chance.poisson(np.exp(chance.normal(0.8, 1.2, size=(n_councils, *shape))))
    single = {str(age): [age] for age in range(shape[0])}
    middle = (shape[0] - 1) // 2
    groups = dict(zip(AGE_GROUPS, ([*range(middle)], [*range(middle, shape[0])]), strict=True))
    each = {f"{number:03}": [number] for number in range(n_councils)}
    regions = {f"region {r}": [c for c in range(n_councils) if c % N_REGIONS == r] for r in range(N_REGIONS)}
    held = [
        _sheet(counts, each, single, is_exact=False),
        _sheet(counts, regions, single, is_exact=False),
        _sheet(counts, {"England": [*range(n_councils)]}, single, is_exact=True),
    ]
    return held, _sheet(counts, each, groups, is_exact=False)


def _sheet(
    counts: NDArray[np.int64], areas: Mapping[str, Sequence[int]], ages: Mapping[str, Sequence[int]], *, is_exact: bool
) -> FactSheet:
    groups = [areas, ages, *({str(code): [code] for code in range(size)} for size in counts.shape[2:])]
    rows = []
    for kept in itertools.product((False, True), repeat=3):
        if all(kept):
            continue
        axes = [list(axis) if is_kept else [WHOLE] for axis, is_kept in zip(groups[1:], kept, strict=True)]
        for labels in itertools.product(areas, *axes):
            chosen = [
                group[label] if label != WHOLE else [*range(size)]
                for group, label, size in zip(groups, labels, counts.shape, strict=True)
            ]
            count = int(counts[np.ix_(*chosen)].sum())
            rows.append(SheetRow(labels, *((count, count) if is_exact else _nhs(count)), can_be_withheld=True))
    # the first dimension's codes are the councils', the others' the labels themselves
    names = [f"{number:03}" for number in range(counts.shape[0])]
    categories: dict[str, Groups] = {
        name: {label: frozenset(names[code] if name == "la_code" else str(code) for code in codes) for label, codes in group.items()}
        for name, group in zip(DIMENSIONS, groups, strict=True)
    }  # fmt: skip
    domains = {
        name: frozenset(names if name == "la_code" else map(str, range(size)))
        for name, size in zip(DIMENSIONS, counts.shape, strict=True)
    }
    return FactSheet("linked", (date(2021, 1, 1), date(2021, 12, 31)), {}, DIMENSIONS, categories, domains, tuple(rows))


def _nhs(count: int) -> tuple[int, int]:
    """What a count leaves that is shown as it is from 0, starred from 1 to 7 and else to the nearest 5."""
    if count == 0:
        return 0, 0
    shown = (count + 2) // 5 * 5
    return (1, 7) if count <= 7 else (max(8, shown - 2), shown + 2)  # noqa: PLR2004
