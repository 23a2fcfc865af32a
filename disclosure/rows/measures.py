"""Measures of released rows: class sizes, and what a class tells about a sensitive column.

Everything counts persons. Without a person column each row is a person. With one, a person counts once in each class
that one of the person's rows falls into, and within a class once for each different sensitive value held there.
Missing values are a category of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cld.engine import Query, Session, quote
from disclosure.rows.coded import Column, Counts, Key, count_keys, key_of, read_columns, run_starts

__all__ = [
    "Classes",
    "SensitiveMeasures",
    "classes_of",
    "measure_classes",
    "measure_table",
    "person_part",
]

Floats = npt.NDArray[np.float64]
AS_SMALL = 1e-9
PAIRS_IN_BLOCK = 200_000


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of rows alike on all quasi-identifiers: their keys in order, and the persons in each."""

    keys: Counts
    sizes: Counts

    @property
    def n_classes(self) -> int:
        """The number of classes."""
        return len(self.sizes)

    @property
    def n_members(self) -> int:
        """The sum of class sizes: persons, each once in every class that the person is in."""
        return int(self.sizes.sum())

    @property
    def k(self) -> int:
        """The size of the smallest class; 0 without rows.

        Source: Samarati 2001 (k-anonymity).
        """
        return int(self.sizes.min()) if len(self.sizes) else 0

    @property
    def n_uniques(self) -> int:
        """The number of persons alone in their class."""
        return int((self.sizes == 1).sum())

    @property
    def highest_risk(self) -> float:
        """The prosecutor's highest risk, 1/k: the intruder knows that the person is in the file.

        Source: El Emam 2013, Guide to the De-Identification of Personal Health Information, chapter 16.
        """
        return 1 / self.k if self.k else 0.0

    @property
    def average_risk(self) -> float:
        """The prosecutor's average risk: the mean of 1/size over members, which is classes divided by members.

        Source: El Emam 2013, chapter 16.
        """
        return self.n_classes / self.n_members if len(self.sizes) else 0.0

    def histogram(self) -> tuple[Counts, Counts]:
        """Return the different class sizes in order and how many classes have each."""
        return count_keys(self.sizes)


@dataclass(frozen=True, slots=True)
class SensitiveMeasures:
    """What the classes tell about one sensitive column, each measure at its worst class.

    With q the shares of values in a class and p their shares over all classes:

    - ``distinct_l``: fewest different values (Machanavajjhala et al. 2007).
    - ``entropy_l``: exponential of the smallest entropy of q (the same).
    - ``t``: largest distance of q from p (Li, Li and Venkatasubramanian 2007): ordered distance where all values are
      numbers (``is_ordered``), else equal distance, which is never smaller.
    - ``alpha``: largest share of a class's persons that have one value (Wong et al. 2006).
    - ``basic_beta``: largest (q - p) / p (Cao and Karras 2012).
    - ``enhanced_beta``: the same, bounded by the largest -ln p (the same; as pycanon 1.3.6 measures it).
    - ``delta``: largest \\|ln(q / p)\\| over the values that occur in the class (Brickell and Shmatikov 2008).
    """

    distinct_l: int
    entropy_l: float
    t: float
    alpha: float
    basic_beta: float
    enhanced_beta: float
    delta: float
    is_ordered: bool


def person_part(key: Key, person: Column | None) -> tuple[Key, Column | None]:
    """Return a key with room for persons below it, and the persons, none if each row is a person of its own."""
    if person is None or person.n_values == len(person.codes):
        return key, None
    return (key if key.fits(person.n_values) else key.dense()), person


def classes_of(key: Key, person: Column | None) -> Classes:
    """Count persons in each class; pass what ``person_part`` returned."""
    if person is None:
        return Classes(*count_keys(key.values))
    members, _ = count_keys(key.with_part(person.codes, person.n_values).values)
    return Classes(*count_keys(members // person.n_values, in_order=True))


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Pairs of class and sensitive value in order, as one number each, and the persons that hold each."""

    keys: Counts
    n: Counts
    n_values: int
    is_ordered: bool

    def classes(self) -> Classes:
        """Return the classes, where each person holds one value."""
        owners = self.keys // self.n_values
        starts = run_starts(owners)
        return Classes(owners[starts], np.add.reduceat(self.n, starts))


def _pairs_of(key: Key, person: Column | None, column: Column) -> _Pairs:
    codes, n_values, is_ordered = column.ordered()
    return _Pairs(*_holders(key, person, codes, n_values), n_values, is_ordered)


def _holders(key: Key, person: Column | None, codes: npt.NDArray[np.int32], n_values: int) -> tuple[Counts, Counts]:
    """Return the pairs of class and value in order, as one number each, and the persons that hold each."""
    pairs = key.with_part(codes, n_values)
    if person is None:
        return count_keys(pairs.values)
    if pairs.fits(person.n_values):
        held, _ = count_keys(pairs.with_part(person.codes, person.n_values).values)
        return count_keys(held // person.n_values, in_order=True)
    distinct, ranks = np.unique(pairs.values, return_inverse=True)
    held, _ = count_keys(ranks * np.int64(person.n_values) + person.codes)
    return distinct, count_keys(held // person.n_values, in_order=True)[1]


def measure_classes(
    key: Key, person: Column | None, sensitive: Sequence[Column]
) -> tuple[Classes, dict[str, SensitiveMeasures]]:
    """Count the classes and measure what they tell about each sensitive column; pass what ``person_part`` returned.

    Nulls:  a missing value is a value of its own; a column with one is measured at equal distance.
    """
    classes, found = None, {}
    for column in sensitive:
        pairs = _pairs_of(key, person, column)
        if classes is None:
            # one sort for both, where the pairs hold the keys as they are
            sorted_already = person is None and key.fits(pairs.n_values)
            classes = pairs.classes() if sorted_already else classes_of(key, person)
        found[column.name] = _measure_pairs(pairs, classes)
    return classes or classes_of(key, person), found


@dataclass(frozen=True, slots=True)
class _Held:
    """Some classes side by side: for each value that a class holds, its code, persons ``n`` of how many, share, share in all."""

    values: Counts
    n: Counts
    of: Counts
    q: Floats
    here: Floats
    starts: Counts
    lengths: Counts
    sizes: Counts


def _in_blocks(pairs: _Pairs, p: Floats, classes: Classes) -> Iterator[_Held]:
    """Cut the pairs into blocks of whole classes, small enough to stay in the processor's cache."""
    owners = pairs.keys // pairs.n_values
    starts = run_starts(owners)
    bounds = np.append(starts, len(owners))
    cuts = np.append(run_starts(starts // PAIRS_IN_BLOCK), len(starts))
    for first, after in zip(cuts[:-1], cuts[1:], strict=True):
        here = slice(int(bounds[first]), int(bounds[after]))
        n, values = pairs.n[here], pairs.keys[here] - owners[here] * pairs.n_values
        begin = starts[first:after] - here.start
        lengths = np.diff(bounds[first : after + 1])
        of = np.repeat(np.add.reduceat(n, begin), lengths)
        yield _Held(values, n, of, n / of, p[values], begin, lengths, classes.sizes[first:after])


def _measure_pairs(pairs: _Pairs, classes: Classes) -> SensitiveMeasures:
    """Take each measure at its worst class."""
    p = np.bincount(pairs.keys % pairs.n_values, pairs.n, pairs.n_values) / pairs.n.sum()
    distance = _Ordered(p).distance if pairs.is_ordered else _equal_distance
    worst = [
        (
            int(held.lengths.min()),
            _entropy_l(held),
            distance(held),
            float((held.n / np.repeat(held.sizes, held.lengths)).max()),
            float(((held.q - held.here) / held.here).max()),
            float(np.abs(np.log(held.q / held.here)).max()),
        )
        for held in _in_blocks(pairs, p, classes)
    ]
    distinct, entropy, t, alpha, beta, delta = zip(*worst, strict=True)
    return SensitiveMeasures(
        distinct_l=min(distinct),
        entropy_l=min(entropy),
        t=max(t),
        alpha=max(alpha),
        basic_beta=max(beta),
        enhanced_beta=min(max(beta), float(-np.log(p[p > 0].min()))),
        delta=max(delta),
        is_ordered=pairs.is_ordered,
    )


def _entropy_l(held: _Held) -> float:
    """Return the exponential of the smallest entropy of a class.

    The classes that may be smallest are summed again value by value, so that no rounding of the long sums can push
    the answer over a whole number.
    """
    if held.lengths.min() == 1:
        return 1.0
    entropies = -np.add.reduceat(held.q * np.log(held.q), held.starts)
    near = np.flatnonzero(entropies <= entropies.min() + AS_SMALL)
    exact = []
    for length in np.unique(held.lengths[near]):
        rows = held.starts[near[held.lengths[near] == length]]
        for shares in np.unique(held.n[rows[:, None] + np.arange(length)], axis=0):
            parts = shares / shares.sum()
            exact.append(-np.sum(parts * np.log(parts)))
    return float((np.exp(1) ** np.asarray(exact)).min())


def _equal_distance(held: _Held) -> float:
    """Return the largest earth mover's distance where all values lie equally far apart: half the sum of |q - p|."""
    outside = np.maximum(1 - np.add.reduceat(held.here, held.starts), 0)
    return float(((np.add.reduceat(np.abs(held.q - held.here), held.starts) + outside) / 2).max())


class _Ordered:
    """Earth mover's distance over ordered values: the mean of |Q - P| over all steps of the order.

    Between two values of a class Q stands still and P climbs, so the sum of |Q - P| over such a stretch follows from
    prefix sums of P and the place where P passes Q: the work is in what classes hold, not in classes times values.
    """

    def __init__(self, p: Floats) -> None:
        self._climb = np.cumsum(p)
        self._below = np.concatenate(([0.0], np.cumsum(self._climb)))

    def distance(self, held: _Held) -> float:
        """Return the largest distance of a class."""
        n_values, below, values = len(self._climb), self._below, held.values
        if n_values == 1:
            return 0.0
        climbed = np.cumsum(held.n)
        level = (climbed - np.repeat(climbed[held.starts] - held.n[held.starts], held.lengths)) / held.of
        ends = np.append(values[1:], n_values)
        ends[held.starts[1:] - 1] = n_values
        passed = np.clip(np.searchsorted(self._climb, level), values, ends)
        under = level * (passed - values) - (below[passed] - below[values])
        over = (below[ends] - below[passed]) - level * (ends - passed)
        moved = np.add.reduceat(under + over, held.starts) + below[values[held.starts]]
        return float(moved.max() / (n_values - 1))


def measure_table(
    session: Session, table: str, quasi_identifiers: Sequence[str], sensitive: Sequence[str] = (), *,
    person: str | None = None,
) -> tuple[Classes, Mapping[str, SensitiveMeasures]]:  # fmt: skip
    """Measure a table of a session: its classes, and each sensitive column (none of them where there are no rows)."""
    names = [*quasi_identifiers, *sensitive, *([] if person is None else [person])]
    columns = dict(zip(names, read_columns(session, (table,), names), strict=True))
    n_rows = session.whole(Query(f"select count(*) from {quote(table)}", (table,)))  # noqa: S608
    key = key_of([columns[name] for name in quasi_identifiers], n_rows)
    key, persons = person_part(key, None if person is None else columns[person])
    if not n_rows:
        return classes_of(key, persons), {}
    return measure_classes(key, persons, [columns[name] for name in sensitive])
