"""m-probabilities by EM on counted agreement patterns, u and its dependence held fixed.

Pairs are counted by pattern first, so a million pairs cost no more than the few thousand patterns they show. Blocking
brings only pairs that agree on something, which would make m of those fields one; so each *view* holds the pairs that
agree on some fields and estimates m of the others alone.

Source: Fellegi and Sunter 1969; Winkler 1988 (EM for linkage); Splink's training passes rest on the same thought.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linkage.prepare.comparisons import Comparison
from linkage.prepare.frequencies import SMALLEST_KAPPA, Kappa

__all__ = ["Counted", "Fitted", "conditional", "fit_m", "likelihoods", "masks_of", "views_for"]

Floats = npt.NDArray[np.float64]
Levels = npt.NDArray[np.int64]
MAX_ROUNDS = 300
TOLERANCE = 1e-6
MOST_VIEWS = 12
SMALLEST = 1e-7
PRIOR_WEIGHT = 2.0
FEWEST_MATCHES = 50.0
ENOUGH_SHARING_NUMBER = 1_000.0
HOUSEHOLD = ("postcode", "birth", "family")
OWN = ("given", "birth", "number")
FEWEST_OTHERS = 12.0


@dataclass(frozen=True, slots=True)
class Counted:
    """Agreement patterns and how many pairs show each: p patterns x k comparisons, and p counts."""

    gammas: Levels
    n_pairs: Floats

    @property
    def total(self) -> float:
        """All pairs counted."""
        return float(self.n_pairs.sum())


def masks_of(gammas: Levels, comparisons: Sequence[Comparison]) -> Levels:
    """Return for each pattern the fields in exact agreement, one bit a comparison, the first being bit 0."""
    bits = np.zeros(len(gammas), dtype=np.int64)
    for place, one in enumerate(comparisons):
        bits |= (gammas[:, place] == one.exact).astype(np.int64) << place
    return bits


def conditional(mask: int, place: int, names: Sequence[str], kappas: Sequence[Kappa]) -> float:
    """Return kappa of a comparison given the agreements of a mask: that of the strongest set counted, else 0."""
    agreed = {name for bit, name in enumerate(names[:place]) if mask >> bit & 1}
    return max((one.value for one in kappas if one.name == names[place] and agreed.issuperset(one.given)), default=0.0)


def likelihoods(
    counted: Counted, comparisons: Sequence[Comparison], u: Mapping[str, Sequence[float]], kappas: Sequence[Kappa]
) -> Floats:
    """Return, pattern by comparison, the chance of its level given a non-match and what agrees before it; 1 if missing."""
    names = [one.name for one in comparisons]
    masks = masks_of(counted.gammas, comparisons)
    result = np.ones((len(counted.gammas), len(comparisons)))
    for place, one in enumerate(comparisons):
        table = np.array(u[one.name])
        levels = counted.gammas[:, place]
        by_mask = {int(mask): conditional(int(mask), place, names, kappas) for mask in np.unique(masks)}
        kappa = np.array([by_mask[int(mask)] for mask in masks]) if len(masks) else np.zeros(0)
        exact = kappa + (1 - kappa) * table[-1]
        others = table[np.maximum(levels, 0)] * (1 - exact) / max(1 - table[-1], SMALLEST)
        result[:, place] = np.where(levels < 0, 1.0, np.where(levels == one.exact, exact, others))
    return result


def views_for(comparisons: Sequence[Comparison]) -> list[tuple[str, ...]]:
    """Return the sets of fields that a pair must agree on to be counted in a view."""
    names = [one.name for one in comparisons if one.name != "sex"]
    pairs: list[tuple[str, ...]] = [
        (a, b) for i, a in enumerate(names) for b in names[i + 1 :] if "number" not in (a, b)
    ]
    return [("number",), *pairs] if "number" in names else pairs


@dataclass(frozen=True, slots=True)
class Fitted:
    """m by comparison and level, the matching pairs it rests on, and kappas where households were left free."""

    m: Mapping[str, tuple[float, ...]]
    n_matches: float
    kappas: tuple[Kappa, ...] = ()


def fit_m(
    counted: Counted,
    comparisons: Sequence[Comparison],
    u: Mapping[str, Sequence[float]],
    kappas: Sequence[Kappa],
    *,
    free_households: bool = False,
) -> Fitted:
    """Estimate m of every comparison.

    Pairs that share a number are the first view: where it holds a thousand matches, the other fields are learnt from
    it alone. Else every view adds to a field its expected counts. With ``free_households`` each view also estimates how
    often two different people of it agree on postcode, birth date and family name (twins, households), which one
    file alone cannot count, its own repeats being among its pairs; names and numbers keep their u and tell them apart.
    """
    names = [one.name for one in comparisons]
    chances = likelihoods(counted, comparisons, u, kappas)
    exact = counted.gammas == np.array([one.exact for one in comparisons])
    sums = {one.name: np.zeros(len(one.labels)) for one in comparisons}
    rests_on, settled, free = 0.0, set[str](), list[Kappa]()
    for view in _fullest(views_for(comparisons), exact, counted.n_pairs, names):
        chosen = np.all(exact[:, [names.index(name) for name in view]], axis=1)
        outside = [place for place, name in enumerate(names) if name not in view]
        part = Counted(counted.gammas[chosen], counted.n_pairs[chosen])
        freed = HOUSEHOLD if free_households and view != ("number",) else ()
        expected, others = _fit_view(part, chances[chosen], [comparisons[place] for place in outside], outside, freed)
        free += _freed_kappas(view, others, u)
        n_matches = max((float(each.sum()) for each in expected.values()), default=0.0)
        if n_matches < FEWEST_MATCHES or not _are_people(expected):
            continue
        rests_on = max(rests_on, n_matches)
        for name, each in expected.items():
            if name not in settled:
                sums[name] += each
        if view == ("number",) and n_matches >= ENOUGH_SHARING_NUMBER:
            settled = {name for name in names if name != "number"}
    m = {one.name: tuple(_normal(sums[one.name], one)) for one in comparisons}
    return Fitted(m, rests_on, tuple(sorted(free, key=lambda one: (one.name, one.given))))


def _are_people(expected: Mapping[str, Floats]) -> bool:
    """Say whether a class may be one person twice: what is a person's own must agree in more than a third of it.

    Where a file holds nobody twice, the pairs most alike are members of one household; their names, birth dates and
    numbers differ.
    """
    own = [expected[name] for name in OWN if name in expected and expected[name].sum() >= FEWEST_OTHERS]
    return all(counts[-1] > counts.sum() / 3 for counts in own)


def _freed_kappas(view: tuple[str, ...], others: Mapping[str, Floats], u: Mapping[str, Sequence[float]]) -> list[Kappa]:
    """Read kappas off the pairs of a view that are different people; ``others`` holds their expected counts by level."""
    found = []
    for name, counts in others.items():
        if counts.sum() >= FEWEST_OTHERS:
            share = counts[-1] / counts.sum()
            kappa = float((share - u[name][-1]) / (1 - u[name][-1]))
            found += [Kappa(name, view, kappa)] if kappa > SMALLEST_KAPPA else []
    return found


def _fullest(
    views: Sequence[tuple[str, ...]], exact: npt.NDArray[np.bool_], n_pairs: Floats, names: Sequence[str]
) -> list[tuple[str, ...]]:
    """Return the view of the number, then the views with the most pairs: more would learn nothing new."""
    sizes = {
        view: float(n_pairs[np.all(exact[:, [names.index(name) for name in view]], axis=1)].sum()) for view in views
    }
    held = [view for view in views if sizes[view] >= FEWEST_MATCHES]
    first = [view for view in held if view == ("number",)]
    rest = sorted((view for view in held if view != ("number",)), key=lambda view: (-sizes[view], view))
    return first + rest[:MOST_VIEWS]


def _fit_view(
    part: Counted, chances: Floats, outside: Sequence[Comparison], places: Sequence[int], freed: Sequence[str]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """EM with m of the fields outside the view and the share of matches free, and u of the freed fields.

    Returns expected counts by level: of matches for every field, and of others for the freed fields.

    Patterns stand as one row each of noughts and ones, a column for every level of every field outside the view, so
    that both steps are a product of matrices; a missing value is a row of noughts, which is neutral.
    """
    if not outside:
        return {}, {}
    edges = np.cumsum([0, *(len(one.labels) for one in outside)])
    shown = np.zeros((len(part.n_pairs), int(edges[-1])))
    for start, place in zip(edges[:-1], places, strict=True):
        levels = part.gammas[:, place]
        known = levels >= 0
        shown[np.nonzero(known)[0], start + levels[known]] = 1.0
    held = [place for one, place in zip(outside, places, strict=True) if one.name not in freed]
    fixed = np.prod(chances[:, held], axis=1)
    loose = [(one, a, b) for one, a, b in zip(outside, edges[:-1], edges[1:], strict=True) if one.name in freed]
    q = [np.full(b - a, 1 / (b - a)) for _, a, b in loose]
    other, rest = np.prod(chances[:, list(places)], axis=1), np.zeros(len(part.n_pairs))
    m = np.concatenate([np.array(_start(one)) for one in outside])
    share, mass = 0.5, np.zeros(int(edges[-1]))
    for _ in range(MAX_ROUNDS):
        match = share * np.exp(shown @ np.log(m))
        belongs = match / np.maximum(match + (1 - share) * other, 1e-300) * part.n_pairs
        mass = belongs @ shown
        fresh = min(max(float(belongs.sum()) / part.total, SMALLEST), 1 - SMALLEST)
        m = np.concatenate([_normal(mass[a:b], one) for a, b, one in zip(edges[:-1], edges[1:], outside, strict=True)])
        rest = part.n_pairs - belongs
        for place, (_, a, b) in enumerate(loose):
            counts = rest @ shown[:, a:b] + SMALLEST
            q[place] = counts / counts.sum()
        if loose:
            other = fixed * np.prod([_at(shown[:, a:b], q[i]) for i, (_, a, b) in enumerate(loose)], axis=0)
        if abs(fresh - share) < TOLERANCE:
            break
        share = fresh
    return (
        {one.name: mass[a:b] for a, b, one in zip(edges[:-1], edges[1:], outside, strict=True)},
        {one.name: rest @ shown[:, a:b] for one, a, b in loose},
    )


def _at(shown: Floats, shares: Floats) -> Floats:
    """Return the share of each pattern's level; 1 where the value is missing."""
    return np.where(shown.any(axis=1), shown @ shares, 1.0)


def _normal(mass: Floats, one: Comparison) -> Floats:
    """Return shares, held off nought by two pairs spread as a match is expected to be before anything is counted."""
    held = mass + PRIOR_WEIGHT * np.array(_start(one))
    return np.asarray(held / held.sum())


def _start(one: Comparison) -> list[float]:
    low = 0.1 / (len(one.labels) - 1)
    return [*([low] * (len(one.labels) - 1)), 0.9]
