"""Measures of released rows: class sizes, and what a class tells about a sensitive column.

Everything counts persons. Without a person column each row is a person. With one, a person counts once in each class
that one of the person's rows falls into, and within a class once for each different sensitive value held there.
Missing values are a category of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from cld.engine import Session
from disclosure.rows.coded import Column, Counts, Key, count_keys, key_of, read_columns, run_starts

__all__ = [
    "Classes",
    "SensitiveMeasures",
    "classes_of",
    "measure_sensitive",
    "measure_table",
    "person_part",
]

Floats = npt.NDArray[np.float64]
AS_SMALL = 1e-9


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


def measure_sensitive(key: Key, person: Column | None, classes: Classes, column: Column) -> SensitiveMeasures:
    """Measure what classes tell about a sensitive column.

    Nulls:  a missing value is a value of its own; a column with one is measured at equal distance.
    """
    codes, n_values, is_ordered = column.ordered()
    pairs, n = _holders(key, person, codes, n_values)
    starts = run_starts(pairs // n_values)
    values = (pairs % n_values).astype(np.int64, copy=False)
    lengths = np.diff(starts, append=len(pairs))
    q = n / np.repeat(np.add.reduceat(n, starts), lengths)
    p = np.bincount(values, n, n_values) / n.sum()
    here = p[values]
    basic_beta = float(((q - here) / here).max())
    distance = _ordered_distance if is_ordered else _equal_distance
    return SensitiveMeasures(
        distinct_l=int(lengths.min()),
        entropy_l=_entropy_l(n, q, starts, lengths),
        t=distance(q, p, values, starts, lengths),
        alpha=float((n / np.repeat(classes.sizes, lengths)).max()),
        basic_beta=basic_beta,
        enhanced_beta=min(basic_beta, float(-np.log(p[p > 0].min()))),
        delta=float(np.abs(np.log(q / here)).max()),
        is_ordered=is_ordered,
    )


def _entropy_l(n: Counts, q: Floats, starts: Counts, lengths: Counts) -> float:
    """Return the exponential of the smallest entropy of a class.

    The classes that may be smallest are summed again value by value, so that no rounding of the long sums can push
    the answer over a whole number.
    """
    entropies = -np.add.reduceat(q * np.log(q), starts)
    near = np.flatnonzero(entropies <= entropies.min() + AS_SMALL)
    if lengths[near].min() == 1:
        return 1.0
    exact = []
    for length in np.unique(lengths[near]):
        rows = starts[near[lengths[near] == length]]
        for shares in np.unique(n[rows[:, None] + np.arange(length)], axis=0):
            parts = shares / shares.sum()
            exact.append(-np.sum(parts * np.log(parts)))
    return float((np.exp(1) ** np.asarray(exact)).min())


def _equal_distance(q: Floats, p: Floats, values: Counts, starts: Counts, lengths: Counts) -> float:
    """Return the largest earth mover's distance where all values lie equally far apart: half the sum of |q - p|."""
    del lengths
    here = p[values]
    outside = 1 - np.add.reduceat(here, starts)
    return float(((np.add.reduceat(np.abs(q - here), starts) + np.maximum(outside, 0)) / 2).max())


def _ordered_distance(q: Floats, p: Floats, values: Counts, starts: Counts, lengths: Counts) -> float:
    """Return the largest earth mover's distance over ordered values: the mean of |Q - P| over all steps of the order.

    Between two values of a class Q stands still and P climbs, so the sum of |Q - P| over such a stretch follows from
    prefix sums of P and the place where P passes Q: the work is in what classes hold, not in classes times values.
    """
    n_values = len(p)
    if n_values == 1:
        return 0.0
    climb = np.cumsum(p)
    below = np.concatenate(([0.0], np.cumsum(climb)))
    total = np.cumsum(q)
    level = total - np.repeat(total[starts] - q[starts], lengths)
    ends = np.append(values[1:], n_values)
    ends[starts[1:] - 1] = n_values
    passed = np.clip(np.searchsorted(climb, level), values, ends)
    under = level * (passed - values) - (below[passed] - below[values])
    over = (below[ends] - below[passed]) - level * (ends - passed)
    moved = np.add.reduceat(under + over, starts) + below[values[starts]]
    return float(moved.max() / (n_values - 1))


def measure_table(
    session: Session, table: str, quasi_identifiers: Sequence[str], sensitive: Sequence[str] = (), *,
    person: str | None = None,
) -> tuple[Classes, Mapping[str, Mapping[str, object]]]:  # fmt: skip
    """Measure a table of a session: its classes, and for each sensitive column its measures by name."""
    names = [*quasi_identifiers, *sensitive, *([] if person is None else [person])]
    columns = dict(zip(names, read_columns(session, (table,), names), strict=True))
    n_rows = len(next(iter(columns.values())).codes) if columns else 0
    key = key_of([columns[name] for name in quasi_identifiers], n_rows)
    key, persons = person_part(key, None if person is None else columns[person])
    classes = classes_of(key, persons)
    if not n_rows:
        return classes, {}
    return classes, {name: asdict(measure_sensitive(key, persons, classes, columns[name])) for name in sensitive}
