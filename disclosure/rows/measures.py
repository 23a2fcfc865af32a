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
from disclosure.rows.safety import Held, Sensitive, closeness, logarithms

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
class _Block:
    """Some classes side by side: what they hold, of how many pairs and persons each, and shares here and in all by value."""

    held: Held
    of: Counts
    sizes: Counts
    q: Floats
    here: Floats


def _in_blocks(pairs: _Pairs, p: Floats, classes: Classes) -> Iterator[_Block]:
    """Cut the pairs into blocks of whole classes, small enough to stay in the processor's cache."""
    owners = pairs.keys // pairs.n_values
    starts = run_starts(owners)
    bounds = np.append(starts, len(owners))
    cuts = np.append(run_starts(starts // PAIRS_IN_BLOCK), len(starts))
    for first, after in zip(cuts[:-1], cuts[1:], strict=True):
        here = slice(int(bounds[first]), int(bounds[after]))
        n, values = pairs.n[here], pairs.keys[here] - owners[here] * pairs.n_values
        begin = starts[first:after] - here.start
        held, of = Held(begin, values, n), np.add.reduceat(n, begin)
        yield _Block(held, of, classes.sizes[first:after], n / held.per_pair(of), p[values])


def _measure_pairs(pairs: _Pairs, classes: Classes) -> SensitiveMeasures:
    """Take each measure at its worst class."""
    n_of_value = np.bincount(pairs.keys % pairs.n_values, pairs.n, pairs.n_values).astype(np.int64)
    p, reference = n_of_value / n_of_value.sum(), Sensitive(n_of_value, pairs.is_ordered)
    worst = [
        (
            int(block.held.lengths.min()),
            _entropy_l(block),
            float(closeness(block.of, block.held, reference).max()),
            float((block.held.n / block.held.per_pair(block.sizes)).max()),
            float(((block.q - block.here) / block.here).max()),
            float(logarithms(block.of, block.held, reference).max()),
        )
        for block in _in_blocks(pairs, p, classes)
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


def _entropy_l(block: _Block) -> float:
    """Return the exponential of the smallest entropy of a class.

    The classes that may be smallest are summed again value by value, so that no rounding of the long sums can push
    the answer over a whole number.
    """
    held = block.held
    if held.lengths.min() == 1:
        return 1.0
    sums = -np.add.reduceat(block.q * np.log(block.q), held.starts)
    near = np.flatnonzero(sums <= sums.min() + AS_SMALL)
    exact = []
    for length in np.unique(held.lengths[near]):
        rows = held.starts[near[held.lengths[near] == length]]
        for shares in np.unique(held.n[rows[:, None] + np.arange(length)], axis=0):
            parts = shares / shares.sum()
            exact.append(-np.sum(parts * np.log(parts)))
    return float((np.exp(1) ** np.asarray(exact)).min())


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
