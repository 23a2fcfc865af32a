"""Local recoding beyond the lattice: columns at different levels in different classes, never at a higher cost.

From the lattice's optimum, suppressed records are first taken back at coarser levels of their own; then classes are
split wherever every part stays safe. The same is tried from one class that holds the whole file. The cheapest result
is kept, and the optimum itself if nothing is cheaper.
Source: LeFevre, DeWitt and Ramakrishnan 2006 (local classes); Fung, Wang and Yu 2005 (top-down specialisation).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from cld.errors import DisclosureRefused
from disclosure.rows.cells import GONE, Recoding, Rows
from disclosure.rows.census import Census
from disclosure.rows.ladders import Ints
from disclosure.rows.lattice import Found, best_node
from disclosure.rows.safety import Limits
from disclosure.rows.split import refine
from disclosure.rows.tallies import Tally
from disclosure.rows.utility import CellUtility, ClassUtility, utility_named

__all__ = ["recoded_by_lattice", "recoded_locally"]

MOST_ROUNDS = 10
WORK_OF_A_ROUND = 200_000_000


def recoded_by_lattice(rows: Rows, found: Found, utility: ClassUtility | CellUtility) -> Recoding:
    """Return the recoding of a node of the lattice."""
    classes = rows.census.layout.class_of([rows.digits(place, level) for place, level in enumerate(found.levels)])
    levels = [np.full(len(rows.n), level) for level in found.levels]
    return rows.recoding(levels, np.where(found.suppressed[classes], GONE, classes), utility)


def recoded_locally(rows: Rows, limits: Limits, name: str, found: Found) -> Recoding:
    """Return the cheapest recoding found that is safe: the lattice's optimum or one that goes beyond it."""
    utility = utility_named(name, rows.census)
    best = recoded_by_lattice(rows, found, utility)
    whole = [np.full(len(rows.n), ladder.top) for ladder in rows.census.ladders]
    from_optimum = _refined(rows, limits, utility, *_taken_back(rows, limits, name, best))
    if from_optimum is None:
        from_optimum = _refined(rows, limits, utility, list(best.levels), best.classes)
    from_whole = _refined(rows, limits, utility, whole, np.zeros(len(rows.n), np.int64))
    found_so_far = [made for made in (best, from_optimum, from_whole) if made is not None]
    return min(found_so_far, key=lambda made: made.score)


def _refined(
    rows: Rows, limits: Limits, utility: ClassUtility | CellUtility, levels: list[Ints], classes: Ints
) -> Recoding | None:
    """Split a safe recoding as far as it goes; None if it is not safe to begin with, or as a reader sees the result."""
    classes = rows.seen(levels, classes)
    kept = rows.kept(classes, limits.against_whole)
    if not (classes != GONE).any() or rows.unsafe(classes, limits, kept).any():
        return None
    unsafe = partial(rows.unsafe, limits=limits, kept=kept)
    made = rows.recoding(*refine(rows, unsafe, utility, levels, classes), utility)
    return None if rows.unsafe(made.classes, limits, kept).any() else made


def _taken_back(rows: Rows, limits: Limits, name: str, best: Recoding) -> tuple[list[Ints], Ints]:
    """Recode the suppressed rows by themselves, at the best node for them, again and again while some come back."""
    levels, classes = [one.copy() for one in best.levels], best.classes.copy()
    for _ in range(MOST_ROUNDS):
        gone = np.flatnonzero(classes == GONE)
        if not len(gone):
            break
        part = _part(rows, gone, classes, limits)
        try:
            found = best_node(
                part,
                limits,
                utility_named(name, part, rows.census.n_records),
                part.n_records,
                most_work=WORK_OF_A_ROUND,
            )
        except DisclosureRefused:
            break
        digits = [rows.digits(place, level, gone) for place, level in enumerate(found.levels)]
        of_class = part.layout.class_of(digits)
        back = gone[~found.suppressed[of_class]]
        classes[back] = classes.max() + 1 + of_class[~found.suppressed[of_class]]
        for place, level in enumerate(found.levels):
            levels[place][back] = level
    return levels, classes


def _part(rows: Rows, chosen: Ints, classes: Ints, limits: Limits) -> Census:
    """Return the census of some rows; closeness stays that to the whole file and to all that is kept."""
    census = rows.census
    flags = np.zeros(len(rows.n), np.bool_)
    flags[chosen] = True
    kept = rows.kept(classes, limits.against_whole)
    sensitive = {
        name: replace(whole, kept_elsewhere=kept[name].n) if name in kept else whole
        for name, whole in census.sensitive.items()
    }
    tally = Tally(tuple(word[chosen] for word in census.classes.words), census.classes.n[chosen])
    pairs = {}
    for name, one in census.pairs.items():
        mine = flags[rows.pairs[name].row]
        pairs[name] = Tally(tuple(word[mine] for word in one.words), one.n[mine])
    return Census(census.ladders, census.layout, tally, sensitive, census.pair_layouts, pairs)
