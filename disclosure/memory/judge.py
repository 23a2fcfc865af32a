"""Whether a candidate, beside all that its recipient holds, lets a small count be worked out.

Candidate and earlier releases are one system over the fine cells of all their categories. Earlier rows that newer data
contradict are set aside, the fewest that will do, and the rest is taken to hold still: an attacker may suppose that
nothing else changed. A count is worked out when its interval lies within the small counts and is narrower than a star
may be. Targets are fine cells and their margins, released rows and what one release leaves of another, less the
recipient's own people.

Source: Direction 6(b) bullet 4; ICO code of practice on anonymisation (who holds what else); Dwork et al. 2017,
Exposed! (attacks by differencing).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import bmat, csr_matrix, diags
from scipy.sparse.csgraph import connected_components

from disclosure.memory.bounds import answer_to, bounds_of
from disclosure.memory.boxes import BoxFact, BoxRelease, FineCells, fine_cells, targets_of
from disclosure.memory.elastic import contradicted
from disclosure.memory.history import Fact, Release
from disclosure.memory.probes import Work
from disclosure.memory.reduce import Contradiction, labels, membership
from disclosure.memory.sheet import MOST_PERSONS, FactSheet, OwnPeople

__all__ = ["Conflict", "Held", "NotProven", "SmallCounts", "Story", "beyond_own", "conflicts_in", "settled", "story_of"]

MOST_CORRECTIONS = 5  # a whole-number contradiction that the reals do not show takes another round


class NotProven(Exception):  # noqa: N818 - a signal inside this package, turned into a refusal
    """The work limit came before the answer."""


@dataclass(frozen=True, slots=True)
class SmallCounts:
    """Which counts are small, and how narrow the interval of one may be: as narrow as a star's, no narrower."""

    largest: int
    least_width: int

    def are_told_by(self, low: float, high: float) -> bool:
        """Say whether an interval works out a small count."""
        width = max(self.least_width, 2)
        return low >= 1 and high <= self.largest and (high - low + 1 < width or high < width + 2)

    def are_safe_from(
        self, least: NDArray[np.float64], most: NDArray[np.float64], outer_least: NDArray[np.float64],
        outer_most: NDArray[np.float64],
    ) -> NDArray[np.bool_]:  # fmt: skip
        """Say which intervals that reach from least to most, within outer bounds, work out no small count."""
        width = max(self.least_width, 2)
        reaches = (least < 1) | (most > self.largest) | ((most - least + 1 >= width) & (most >= width + 2))
        return reaches | (outer_least > self.largest) | (outer_most < 1)


@dataclass(frozen=True, slots=True)
class Held:
    """An earlier release: its name and its facts."""

    name: str
    sheet: FactSheet


@dataclass(frozen=True, slots=True)
class Conflict:
    """A group whose small count can be worked out, by the fine cells it is made of."""

    cells: tuple[int, ...]
    low: float
    high: float
    proven: bool


@dataclass(frozen=True, slots=True)
class Story:
    """A candidate beside what is held, as facts over fine cells; the candidate's facts are the last release.

    known:  what the recipient knows exactly of its own people; ``told`` is what the candidate adds to that.
    own:  cells of own people: they bind the others and are not judged.
    answer:  persons in each fine cell that fit all of it, once they are known.
    """

    cells: FineCells
    releases: tuple[Release, ...]
    known: tuple[Fact, ...]
    told: tuple[Fact, ...]
    own: frozenset[int]
    answer: NDArray[np.float64] | None = None

    @property
    def candidate(self) -> Release:
        """The candidate's own facts."""
        return self.releases[-1]

    def facts_before(self) -> list[Fact]:
        """Return what the recipient holds without the candidate."""
        return [*self.known, *(fact for release in self.releases[:-1] for fact in release.facts)]

    def facts(self, names: Sequence[str] | None = None, withheld: frozenset[int] = frozenset()) -> list[Fact]:
        """Return what the recipient would hold: of the named releases (all if none are named), with the candidate.

        ``withheld`` are numbers of the candidate's facts that it goes without.
        """
        earlier = [f for r in self.releases[:-1] if names is None or r.name in names for f in r.facts]
        shown = [fact for number, fact in enumerate(self.candidate.facts) if number not in withheld]
        return [*self.known, *earlier, *self.told, *shown]


def story_of(candidate: FactSheet, held: Sequence[Held], own: Sequence[OwnPeople]) -> Story:
    """Put a candidate and what is held on common fine cells.

    own:  people whom the recipient knows anyway; those that it holds row by row stand in the sheets.
    What is known of own people binds where it is of the candidate's data; their boxes cut cells in any case.
    Raises: InputError if the categories make more fine cells than can be worked on.
    """
    named = [*((one.name, one.sheet) for one in held), ("", candidate)]
    boxes = [BoxRelease(name, "", sheet.facts()) for name, sheet in named]
    people = [*own, *(sheet.own for _, sheet in named if sheet.own)]
    own_rows = [fact for _, sheet in named if sheet.linked == candidate.linked for fact in sheet.own_facts()]
    cutting = BoxRelease("", "", (*own_rows, *(BoxFact(one.box, 0, MOST_PERSONS) for one in people)))
    cells = _cells_of([*boxes, cutting], [sheet for _, sheet in named], people)
    releases = []
    for made, (_, sheet) in zip(boxes, named, strict=True):
        facts = [Fact(cells.cells_of(f.box), f.low, f.high) for f in made.facts]
        if sheet.own and sheet is not candidate and sheet.linked == candidate.linked:
            facts += _by_class(sheet.own, cells)
        releases.append(Release(made.name, "", tuple(facts)))
    known = tuple(Fact(cells.cells_of(fact.box), fact.low, fact.high) for fact in own_rows)
    told = tuple(_by_class(candidate.own, cells)) if candidate.own else ()
    inside = frozenset(int(cell) for one in people for cell in cells.cells_of(one.box))
    return Story(cells, tuple(releases), known, told, inside)


def _cells_of(releases: Sequence[BoxRelease], sheets: Sequence[FactSheet], people: Sequence[OwnPeople]) -> FineCells:
    """Return the fine cells of boxes over every code that anything names."""
    boxes = [fact.box for release in releases for fact in release.facts]
    domains: dict[str, set[str]] = {}
    for codes_of in [*(sheet.domains for sheet in sheets), *boxes, *map(_codes_of_classes, people)]:
        for name, codes in codes_of.items():
            domains.setdefault(name, set()).update(codes)
    used = {name for box in boxes for name in box}
    return fine_cells(releases, {name: sorted(domains[name]) for name in used})


def settled(story: Story, work: Work) -> Story:
    """Set aside the earlier rows that the candidate contradicts, and those that contradict each other.

    What newer data correct is known to have changed; everything else an attacker may take to hold still.
    Raises: Contradiction if the candidate's own facts fit no counts.
    """
    for _ in range(MOST_CORRECTIONS):
        try:
            answer = answer_to(story.facts(), story.cells.n_fine, MOST_PERSONS, integer=True, work=work)
        except Contradiction:
            firm = [*story.known, *story.told, *story.candidate.facts]
            earlier = [(place, fact) for place, r in enumerate(story.releases[:-1]) for fact in r.facts]
            aside = contradicted(firm, [fact for _, fact in earlier], story.cells.n_fine, MOST_PERSONS)
            if not aside:
                raise
            kept = [one for number, one in enumerate(earlier) if number not in aside]
            releases = tuple(
                replace(release, facts=tuple(fact for owner, fact in kept if owner == place))
                for place, release in enumerate(story.releases[:-1])
            )
            story = replace(story, releases=(*releases, story.candidate))
        else:
            return replace(story, answer=answer)
    raise Contradiction(())


def _codes_of_classes(own: OwnPeople) -> dict[str, set[str]]:
    return {name: {codes[place] for codes, _ in own.classes} for place, name in enumerate(own.dimensions)}


def _by_class(own: OwnPeople, cells: FineCells) -> list[Fact]:
    """Count own people over the fine cells that their classes tell apart; a class that is not there has nobody."""
    told = [
        (cells.dimensions.index(name), own.dimensions.index(name))
        for name in cells.dimensions
        if name in own.dimensions
    ]
    sizes = tuple(len(atoms) for atoms in cells.atoms)
    counted: dict[tuple[int, ...], int] = {}
    for codes, n_persons in own.classes:
        group = tuple(cells.atom_of[place][codes[theirs]] for place, theirs in told)
        counted[group] = counted.get(group, 0) + n_persons
    members: dict[tuple[int, ...], list[int]] = {}
    inside = cells.cells_of(own.box)
    places = np.unravel_index(inside, sizes)
    for number, cell in enumerate(inside.tolist()):
        members.setdefault(tuple(int(places[place][number]) for place, _ in told), []).append(cell)
    return [Fact(tuple(group), n, n) for key, group in members.items() for n in (counted.get(key, 0),)]


def conflicts_in(
    story: Story, small: SmallCounts, work: Work, withheld: frozenset[int] = frozenset()
) -> tuple[Conflict, ...]:
    """Return the groups whose small counts the candidate lets be worked out and that were not known before it.

    What the work limit leaves open counts as worked out. Only what hangs together with the candidate is looked at.
    Raises: Contradiction if no counts fit the facts.
    """
    facts = story.facts(withheld=withheld)
    shown = [fact for number, fact in enumerate(story.candidate.facts) if number not in withheld]
    reached = _reached(facts, [*story.told, *shown], story.cells.n_fine)
    facts = [fact for fact in facts if reached[fact.cells[0]]]
    largest = None if story.own else small.largest  # own people are taken off what a row tells
    asked = beyond_own(targets_of(story.releases, story.cells, largest=largest), story.own)
    asked = asked[np.flatnonzero(asked @ reached)]
    now = bounds_of(
        facts, asked, MOST_PERSONS, integer=True, work=work, known=story.answer, enough=lambda _, *ends: small.are_safe_from(*ends)
    )  # fmt: skip
    open_ = [
        place
        for place in range(asked.shape[0])
        if small.are_told_by(now.low[place], now.high[place])
        or not (now.proven[place] or now.low[place] > small.largest)
    ]
    low, high = now.low[open_], now.high[open_]
    # known before as narrowly, or certainly less: that is all that is asked of what was known before
    before = bounds_of(
        story.facts_before(), asked[open_], MOST_PERSONS, integer=True, work=work, known=story.answer,
        enough=lambda places, least, most, outer_least, outer_most: (least < low[places]) | (most > high[places])
        | ((outer_least >= low[places]) & (outer_most <= high[places])),
    )  # fmt: skip
    told_before = before.proven & (before.low >= low) & (before.high <= high)
    return tuple(
        Conflict(tuple(asked[place].indices.tolist()), float(low[number]), float(high[number]), bool(now.proven[place]))
        for number, place in enumerate(open_)
        # what was worked out already is not the candidate's doing, unless it tells it more narrowly
        if not told_before[number]
    )


def _reached(facts: Sequence[Fact], candidate: Sequence[Fact], n_fine: int) -> NDArray[np.bool_]:
    """Mark the fine cells that hang together with a candidate's rows."""
    matrix = membership([fact.cells for fact in facts], n_fine)
    n_rows = matrix.shape[0]
    _, part = connected_components(bmat([[None, matrix], [matrix.T, None]]), directed=False)
    with_candidate = np.unique(part[n_rows:][[fact.cells[0] for fact in candidate]])
    reached: NDArray[np.bool_] = np.isin(part[n_rows:], with_candidate)
    return reached


def beyond_own(asked: csr_matrix, own: frozenset[int]) -> csr_matrix:
    """Return targets without the recipient's own people, each once, and none that is theirs alone."""
    kept = np.ones(asked.shape[1])
    kept[sorted(own)] = 0.0
    left = csr_matrix(asked @ diags(kept))
    left.eliminate_zeros()
    left.sort_indices()
    left = left[np.flatnonzero(np.diff(left.indptr))]
    return left[labels(left)[1]]
