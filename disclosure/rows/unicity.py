"""Unicity of event data: how many people are alone when a few of their points, such as (service, month), are known.

Source: de Montjoye, Hidalgo, Verleysen and Blondel 2013 (Unique in the Crowd), measured over persons.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

from cld.engine import Session
from cld.intervals import wilson
from disclosure.rows.coded import Counts, count_keys, key_of, read_columns, run_lengths, run_starts

__all__ = ["Unicity", "unicity"]

MOST_CHOICES = 20_000_000
MOST_CANDIDATES = 8_000_000
N_SAMPLED = 10_000
SEED = 20_201_207


@dataclass(frozen=True, slots=True)
class Unicity:
    """What an intruder does with so many known points of each person.

    ``share_alone`` is the expected share of people alone when ``n_known`` of their points, drawn at random, are known;
    between ``low`` and ``high`` with 95% confidence where it is sampled, equal to both where it is exact.
    ``n_could_be_alone`` counts people whom some choice of so many points singles out (none where sampled).
    A person with fewer points is known by all of them.
    """

    n_known: int
    n_persons: int
    share_alone: float
    low: float
    high: float
    n_could_be_alone: int | None
    is_exact: bool
    n_sampled: int


@dataclass(frozen=True, slots=True)
class _Points:
    """The different points of each person in order, person after person: ``starts`` says where each begins."""

    points: Counts
    starts: Counts
    lengths: Counts
    n_points: int

    @property
    def n_persons(self) -> int:
        return len(self.starts)

    def n_choices(self, size: int) -> int:
        """Return how many choices of so many points all people have together."""
        lengths, n = count_keys(self.lengths)
        return sum(comb(int(length), size) * int(count) for length, count in zip(lengths, n, strict=True))


def unicity(
    session: Session, table: str, *, person: str, point: Sequence[str], n_known: Sequence[int] = (1, 2, 3, 4),
    most_choices: int = MOST_CHOICES, n_sampled: int = N_SAMPLED,
) -> list[Unicity]:  # fmt: skip
    """Measure unicity of a table of events for each number of known points.

    ``point`` names the columns that make a point; the same point twice is one. Exact where all people together have at
    most ``most_choices`` choices of so many points, otherwise from a seeded sample of people with one choice each.
    Nulls:  a missing value makes a point of its own; rows without a person are left out.
    """
    held = _read_points(session, table, person, point)
    if not held.n_persons:
        return [Unicity(known, 0, 0.0, 0.0, 0.0, 0, True, 0) for known in n_known]
    counted: dict[int, Counts] = {}
    return [
        _exact(held, known, counted) if _is_countable(held, known, most_choices) else _sampled(held, known, n_sampled)
        for known in n_known
    ]


def _read_points(session: Session, table: str, person: str, point: Sequence[str]) -> _Points:
    who, *columns = read_columns(session, (table,), [person, *point])
    key = key_of(columns, len(who.codes)).dense()
    known = np.flatnonzero(~who.values.is_null().to_numpy(zero_copy_only=False)[who.codes])
    pairs, _ = count_keys(who.codes[known] * np.int64(key.n_keys) + key.values[known])
    starts = run_starts(pairs // key.n_keys)
    return _Points(pairs % key.n_keys, starts, run_lengths(starts, len(pairs)), key.n_keys)


def _is_countable(held: _Points, known: int, most: int) -> bool:
    """Say whether all choices of at most so many points can be counted, each as one whole number."""
    return held.n_points**known < 1 << 62 and all(held.n_choices(size) <= most for size in range(1, known + 1))


def _exact(held: _Points, known: int, counted: dict[int, Counts]) -> Unicity:
    """Count every choice of so many points; ``counted`` keeps by size how many choices of each person are theirs alone."""
    n_alone = np.zeros(held.n_persons, np.int64)
    sizes = np.minimum(held.lengths, known)
    for size in np.unique(sizes).tolist():
        if size not in counted:
            counted[size] = _choices_alone(held, size)
        n_alone[sizes == size] = counted[size][sizes == size]
    n_choices = np.array([comb(length, min(known, length)) for length in range(int(held.lengths.max()) + 1)], float)
    share = float((n_alone / n_choices[held.lengths]).mean())
    return Unicity(known, held.n_persons, share, share, share, int((n_alone > 0).sum()), True, held.n_persons)


def _choices_alone(held: _Points, size: int) -> Counts:
    """Return for each person how many choices of so many of their points nobody else has."""
    keys, owners = [], []
    for length in np.unique(held.lengths[held.lengths >= size]).tolist():
        people = np.flatnonzero(held.lengths == length)
        picks = np.array(list(combinations(range(length), size)), np.int64)
        key = np.zeros((len(people), len(picks)), np.int64)
        for place in range(size):
            key *= held.n_points
            key += held.points[held.starts[people][:, None] + picks[:, place]]
        keys.append(key.ravel())
        owners.append(np.repeat(people.astype(np.int32), len(picks)))
    every = np.concatenate(keys)
    order = np.argsort(every)
    starts = run_starts(every[order])
    single = starts[run_lengths(starts, len(every)) == 1]
    return np.bincount(np.concatenate(owners)[order[single]], minlength=held.n_persons)


def _sampled(held: _Points, known: int, n_sampled: int) -> Unicity:
    """Draw people and, for each, so many of their points; Wilson's interval for the share."""
    drawn = np.random.default_rng([SEED, known])
    people = drawn.choice(held.n_persons, min(n_sampled, held.n_persons), replace=False)
    holders = _Holders(held)
    n_alone = 0
    for length in np.unique(held.lengths[people]).tolist():
        some = people[held.lengths[people] == length]
        picks = np.argsort(drawn.random((len(some), length)), axis=1)[:, :known]
        n_alone += int(holders.is_alone(held.points[held.starts[some][:, None] + picks]).sum())
    low, high = wilson(n_alone, len(people))
    return Unicity(known, held.n_persons, n_alone / len(people), low, high, None, False, len(people))


class _Holders:
    """Who has each point, in order of points, then of people."""

    def __init__(self, held: _Points) -> None:
        persons = np.repeat(np.arange(held.n_persons), held.lengths)
        order = np.argsort(held.points, kind="stable")
        self._persons, self._n_persons = persons[order], held.n_persons
        self._members = held.points[order] * np.int64(held.n_persons) + self._persons
        self._n_holders = np.bincount(held.points, minlength=held.n_points)
        self._first = np.cumsum(self._n_holders) - self._n_holders

    def is_alone(self, choices: Counts) -> npt.NDArray[np.bool_]:
        """Say of each row of points whether one person alone has them all.

        The people who have the rarest of the points are the candidates; each other point is looked up for each of them.
        """
        order = np.argsort(self._n_holders[choices], axis=1, kind="stable")
        choices = np.take_along_axis(choices, order, axis=1)
        n_candidates = self._n_holders[choices[:, 0]]
        alone = np.zeros(len(choices), np.bool_)
        for rows in _in_parts(n_candidates):
            n = n_candidates[rows]
            owner = np.repeat(rows, n)
            within = np.arange(len(owner)) - np.repeat(np.cumsum(n) - n, n)
            candidates = self._persons[self._first[choices[owner, 0]] + within]
            for place in range(1, choices.shape[1]):
                wanted = choices[owner, place] * np.int64(self._n_persons) + candidates
                found = np.minimum(np.searchsorted(self._members, wanted), len(self._members) - 1)
                has = self._members[found] == wanted
                owner, candidates = owner[has], candidates[has]
            alone[rows] = np.bincount(owner - rows[0], minlength=len(rows)) == 1
        return alone


def _in_parts(sizes: Counts) -> Iterator[Counts]:
    """Cut rows into parts, one after the other, whose sizes add up to a bounded number."""
    yield from np.split(np.arange(len(sizes)), run_starts(np.cumsum(sizes) // MOST_CANDIDATES)[1:])
