"""Why a small count can be worked out, and the least change that would prevent it.

The releases that do it together are found by leaving one after another out. The candidate's numbers that prove a bound
are those whose rows have a price in the linear programme; the smallest of them are withheld one by one until nothing is
worked out, and put back where that is not needed. What is offered has been judged again in full.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

from disclosure.memory.bounds import bounds_of
from disclosure.memory.history import Fact
from disclosure.memory.judge import Conflict, SmallCounts, Story, conflicts_in
from disclosure.memory.probes import Work, prices
from disclosure.memory.reduce import membership, merged, pieces_of
from disclosure.memory.sheet import MOST_PERSONS

__all__ = ["least_withheld", "releases_behind"]

MOST_WITHHELD = 60
MOST_PUT_BACK = 20


def releases_behind(story: Story, conflict: Conflict, small: SmallCounts, work: Work) -> tuple[str, ...]:
    """Return earlier releases that work out a small count with the candidate, none of which can be left out."""
    names = [release.name for release in story.releases[:-1]]
    for name in list(names):
        fewer = [other for other in names if other != name]
        if _is_told(story.facts(fewer), conflict, story, small, work):
            names = fewer
    return tuple(names)


def least_withheld(
    story: Story, conflicts: Sequence[Conflict], offered: frozenset[int], small: SmallCounts, work: Work
) -> frozenset[int] | None:
    """Return which of the offered facts of the candidate to withhold, as few as were found, or None if none will do.

    Raises: Contradiction if no counts fit the facts.
    """
    withheld: frozenset[int] = frozenset()
    waiting = list(conflicts)
    while waiting and len(withheld) < MOST_WITHHELD:
        facts = story.facts(withheld=withheld)
        if not _is_told(facts, waiting[0], story, small, work):
            waiting.pop(0)
        elif (chosen := _next(story, waiting[0], offered - withheld, withheld)) is None:
            return None
        else:
            withheld |= {chosen}
        if not waiting:
            waiting = list(conflicts_in(story, small, work, withheld))
    return None if waiting else _put_back(story, withheld, small, work)


def _put_back(story: Story, withheld: frozenset[int], small: SmallCounts, work: Work) -> frozenset[int]:
    """Show again what need not be withheld, the largest counts first."""
    if len(withheld) > MOST_PUT_BACK:
        return withheld
    facts = story.candidate.facts
    for number in sorted(withheld, key=lambda place: (-facts[place].high, place)):
        if not conflicts_in(story, small, work, withheld - {number}):
            withheld -= {number}
    return withheld


def _next(story: Story, conflict: Conflict, offered: frozenset[int], withheld: frozenset[int]) -> int | None:
    """Return the number to withhold next: of those that prove the bound, fewest cells first, then fewest persons."""
    facts = story.candidate.facts
    shown = [number for number in range(len(facts)) if number not in withheld]
    before = story.facts(withheld=frozenset(range(len(facts))))
    priced = _priced([*before, *(facts[number] for number in shown)], conflict, story)
    found = offered & {shown[place - len(before)] for place in priced if place >= len(before)}
    return min(found, key=lambda number: (len(facts[number].cells), facts[number].high, number), default=None)


def _priced(facts: Sequence[Fact], conflict: Conflict, story: Story) -> list[int]:
    """Return the facts whose rows have a price in either bound of the group."""
    rows = merged(facts, story.cells.n_fine, integer=True)
    behind = np.flatnonzero(prices(pieces_of(rows, _asked(conflict, story), MOST_PERSONS)))
    return sorted({fact for row in behind for fact in rows.facts[row]})


def _asked(conflict: Conflict, story: Story) -> csr_matrix:
    return membership([conflict.cells], story.cells.n_fine)


def _is_told(facts: Sequence[Fact], conflict: Conflict, story: Story, small: SmallCounts, work: Work) -> bool:
    found = bounds_of(facts, _asked(conflict, story), MOST_PERSONS, integer=True, work=work)
    low, high = float(found.low[0]), float(found.high[0])
    return small.are_told_by(low, high) or not (bool(found.proven[0]) or low > small.largest)
