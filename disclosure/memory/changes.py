"""Small changes between two states of the data: whoever came or went between deliveries is a small count too.

Where two deliveries speak of the same period, or of periods that overlap, an attacker may take it that people were only
added or only removed. The change of a group is then the difference of what each delivery leaves of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from scipy.sparse import csr_matrix

from disclosure.memory.bounds import bounds_of
from disclosure.memory.ends import Ends
from disclosure.memory.history import Fact
from disclosure.memory.judge import Conflict, Held, NotProven, SmallCounts, Story, beyond_own, story_of
from disclosure.memory.probes import Work
from disclosure.memory.reduce import membership
from disclosure.memory.sheet import MOST_PERSONS, FactSheet, OwnPeople

__all__ = ["Change", "overlapping", "small_changes"]


Change = tuple[str, Conflict]


def overlapping(first: FactSheet, second: FactSheet) -> bool:
    """Say whether two sheets may be about the same people: the same data, or periods that share a day."""
    if first.linked == second.linked:
        return True
    return max(first.period[0], second.period[0]) <= min(first.period[1], second.period[1])


def small_changes(
    candidate: FactSheet, held: Sequence[Held], own: Sequence[OwnPeople], small: SmallCounts, work: Work
) -> tuple[Change, ...]:
    """Return each earlier release, and a group of which the candidate tells that a small number came or went since.

    Raises: Contradiction if no counts fit the facts of one state; NotProven if the work limit comes first.
    """
    found: list[Change] = []
    for earlier in dict.fromkeys(one.sheet.linked for one in held if one.sheet.linked != candidate.linked):
        then = [one for one in held if one.sheet.linked == earlier]
        now = [one for one in held if one.sheet.linked == candidate.linked]
        story = story_of(candidate, [*then, *now], own)
        found += [(then[-1].name, change) for change in _between(story, len(then), small, work)]
    return tuple(found)


def _between(story: Story, n_then: int, small: SmallCounts, work: Work) -> list[Conflict]:
    old = [fact for release in story.releases[:n_then] for fact in release.facts]
    new = [fact for release in story.releases[n_then:] for fact in release.facts]
    new_before = [fact for release in story.releases[n_then:-1] for fact in release.facts]
    groups = beyond_own(membership([fact.cells for fact in [*old, *new]], story.cells.n_fine), story.own)
    before, after, known = (_ends(facts, groups, work) for facts in (old, new, new_before))
    found = []
    for place in range(groups.shape[0]):
        change = float(after.low[place] - before.high[place]), float(after.high[place] - before.low[place])
        is_told = small.are_told_by(*change) or small.are_told_by(-change[1], -change[0])
        is_new = (after.low[place], after.high[place]) != (known.low[place], known.high[place])
        if is_told and is_new:
            least, most = sorted((abs(change[0]), abs(change[1])))
            found.append(Conflict(tuple(groups[place].indices.tolist()), least, most, proven=True))
    return found


def _ends(facts: Sequence[Fact], groups: csr_matrix, work: Work) -> Ends:
    """Bound groups by the facts of one state alone; own people are known in no other state than their facts'."""
    found = bounds_of(facts, groups, MOST_PERSONS, integer=True, work=work)
    if not found.proven.all():
        raise NotProven
    return found
