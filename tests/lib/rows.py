"""Row risk again, slowly and in plain Python, sharing no code with the house; and makers of small tables."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import scipy.integrate
import scipy.optimize

from cld.engine import scratch_engine
from disclosure.rows.coded import Column
from disclosure.rows.measures import Classes, SensitiveMeasures, measure_table

Table = Mapping[str, Sequence[object]]

ADULT_SAMPLE = Path(__file__).parents[1] / "data" / "adult_sample.csv.gz"
# classes of UCI Adult, 30,162 rows, on all nine attributes: how many classes have each size
ADULT_CLASSES = {
    1: 15512, 2: 2098, 3: 754, 4: 375, 5: 189, 6: 155, 7: 97, 8: 73, 9: 39, 10: 37, 11: 29, 12: 18, 13: 23, 14: 14,
    15: 15, 16: 9, 17: 11, 18: 10, 19: 10, 20: 5, 21: 3, 22: 4, 23: 3, 24: 2, 25: 1, 26: 3, 27: 5, 29: 1, 30: 2, 32: 1,
    34: 1, 35: 1, 36: 1, 45: 1,
}  # fmt: skip


def adult_sizes() -> np.ndarray:
    return np.repeat(list(ADULT_CLASSES), list(ADULT_CLASSES.values())).astype(np.int64)


def columns_of(table: Table) -> list[Column]:
    """Code columns of plain values."""
    found = []
    for name, values in table.items():
        encoded = pa.array(values).dictionary_encode(null_encoding="encode")
        found.append(Column(name, encoded.indices.to_numpy().astype(np.int32), encoded.dictionary))
    return found


def measure(
    folder: Path, table: Table, quasi: Sequence[str], sensitive: Sequence[str] = (), person: str | None = None
) -> tuple[Classes, Mapping[str, SensitiveMeasures]]:
    """Measure a small table by the house's own measures."""
    with scratch_engine(folder).session() as session:
        session.take("rows_given", pa.table({name: pa.array(values) for name, values in table.items()}))
        return measure_table(session, "rows_given", quasi, sensitive, person=person)


def plain_classes(table: Table, quasi: Sequence[str], person: str | None = None) -> dict[tuple[object, ...], int]:
    """Count the persons of each class."""
    held = defaultdict(set)
    for row in range(len(next(iter(table.values())))):
        held[tuple(table[name][row] for name in quasi)].add(row if person is None else table[person][row])
    return {kind: len(persons) for kind, persons in held.items()}


def plain_measures(table: Table, quasi: Sequence[str], sensitive: str, person: str | None = None) -> dict[str, float]:
    """Measure one sensitive column from its definitions, over all values in every class."""
    held = set()
    for row in range(len(table[sensitive])):
        who = row if person is None else table[person][row]
        held.add((tuple(table[name][row] for name in quasi), who, table[sensitive][row]))
    sizes = plain_classes(table, quasi, person)
    values = set(table[sensitive])
    is_ordered = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    order = sorted(values) if is_ordered else list(values)
    overall = Counter(value for _, _, value in held)
    p = [overall[value] / len(held) for value in order]
    found = defaultdict(list)
    for kind, size in sizes.items():
        counts = Counter(value for of, _, value in held if of == kind)
        n = sum(counts.values())
        q = [counts[value] / n for value in order]
        gaps = [b - a for a, b in zip(p, q, strict=True)]
        found["distinct_l"].append(-len(counts))
        found["entropy_l"].append(-math.exp(-sum(one * math.log(one) for one in q if one)))
        ordered = sum(abs(sum(gaps[: place + 1])) for place in range(len(gaps))) / max(len(gaps) - 1, 1)
        found["t"].append(ordered if is_ordered else sum(map(abs, gaps)) / 2)
        found["alpha"].append(max(counts.values()) / size)
        found["basic_beta"].append(max(gap / one for gap, one in zip(gaps, p, strict=True)))
        found["delta"].append(max(abs(math.log(b / a)) for a, b in zip(p, q, strict=True) if b))
    worst = {name: max(each) for name, each in found.items()}
    worst["distinct_l"], worst["entropy_l"] = -worst["distinct_l"], -worst["entropy_l"]
    worst["enhanced_beta"] = min(worst["basic_beta"], -math.log(min(p)))
    return worst


def plain_special_uniques(
    table: Table, largest: int, person: Sequence[object] | None = None
) -> tuple[list[int], list[int]]:
    """Find minimal sample uniques by trying every set on every row; return their number and the score of each row."""
    names, n_rows = list(table), len(next(iter(table.values())))
    who = list(range(n_rows)) if person is None else person
    found: list[list[set[str]]] = [[] for _ in range(n_rows)]
    for size in range(1, largest + 1):
        for chosen in itertools.combinations(names, size):
            for row in range(n_rows):
                alike = [o for o in range(n_rows) if all(table[name][o] == table[name][row] for name in chosen)]
                smaller = any(part < set(chosen) for part in found[row])
                if all(who[other] == who[row] for other in alike) and not smaller:
                    found[row].append(set(chosen))
    scores = [sum(math.factorial(len(names) - len(part)) for part in of_row) for of_row in found]
    return [len(of_row) for of_row in found], scores


def plain_unicity(rows: Sequence[tuple[object, ...]], known: int) -> tuple[float, int]:
    """Try every choice of so many points of every person: the mean share alone, and who could be singled out."""
    points = defaultdict(set)
    for person, *point in rows:
        if person is not None:
            points[person].add(tuple(point))
    share, could = 0.0, 0
    for of_person in points.values():
        choices = list(itertools.combinations(sorted(of_person, key=str), min(known, len(of_person))))
        alone = [sum(set(choice) <= others for others in points.values()) == 1 for choice in choices]
        share += sum(alone) / len(alone)
        could += any(alone)
    return share / len(points), could


def plain_individual_risk(n_sample: int, n_population: float) -> float:
    """Integrate u^(f-1) / (1 + z u) from 0 to 1, the risk as an integral."""
    p = n_sample / n_population
    z = (1 - p) / p
    points = [min(1.0, 1 / z)] if z > 1 else None
    found, _ = scipy.integrate.quad(
        lambda u: u ** (n_sample - 1) / (1 + z * u), 0, 1, points=points, epsabs=0, epsrel=1e-12, limit=500
    )
    return float(found)


def plain_pitman_log_likelihood(sizes: Sequence[int], theta: float, alpha: float) -> float:
    """Sum Pitman's sampling formula term by term, up to a constant (Hoshino 2001, equation of the log-likelihood)."""
    between = sum(math.log(theta + i * alpha) for i in range(1, len(sizes)))
    drawn = sum(math.log(theta + i) for i in range(1, sum(sizes)))
    inside = sum(math.log(i - alpha) for size in sizes for i in range(1, size))
    return between - drawn + inside


def plain_pitman(sizes: Sequence[int], n_population: int) -> float:
    """Find Pitman's parameters by searching without derivatives, and return the estimated uniques."""

    def loss(at: np.ndarray) -> float:
        theta, alpha = math.exp(at[0]), 1 / (1 + math.exp(-at[1]))
        return -plain_pitman_log_likelihood(sizes, theta, alpha)

    starts = [(t, a) for t in (0.0, 3.0, 6.0) for a in (-2.0, 0.0, 2.0)]
    tries = [
        scipy.optimize.minimize(
            loss, start, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-11, "maxiter": 4000}
        )
        for start in starts
    ]
    best = min(tries, key=lambda one: one.fun)
    theta, alpha = math.exp(best.x[0]), 1 / (1 + math.exp(-best.x[1]))
    return math.exp(math.lgamma(theta + 1) - math.lgamma(theta + alpha) + alpha * math.log(n_population))


def plain_snb(sizes: Sequence[int], fraction: float) -> float:
    """Solve the slide negative binomial from its distribution, class size by class size; return estimated uniques."""
    counts = Counter(sizes)
    f = fraction
    unseen = sum((1 - f) ** i * n for i, n in counts.items())
    first = sum(i * f * f * (1 - f * f) ** (i - 1) * n for i, n in counts.items())
    first /= sum((1 - f) ** i * ((1 + f) ** i - 1) * n for i, n in counts.items())
    second = unseen / sum(i * f * (1 - f) ** (i - 1) * n for i, n in counts.items())
    n_classes = len(sizes) + counts[1] * first * second**2
    larger = np.arange(0, 20_000)

    def gaps(at: np.ndarray) -> list[float]:
        a, b = math.exp(at[0]), 1 / (1 + math.exp(-at[1]))
        logs = np.array([math.lgamma(a + j) - math.lgamma(a) - math.lgamma(j + 1) for j in larger])
        has = np.exp(logs + a * math.log(b) + larger * math.log1p(-b))
        shows_one = (has * (larger + 1) * f * (1 - f) ** larger).sum()
        two = larger[1:] * (larger[1:] + 1) / 2 * f * f * (1 - f) ** (larger[1:] - 1.0)
        return [n_classes * shows_one / counts[1] - 1, n_classes * (has[1:] * two).sum() / counts[2] - 1]

    at = scipy.optimize.fsolve(gaps, (-1.0, -1.0), xtol=1e-13)
    return float(n_classes * (1 / (1 + math.exp(-at[1]))) ** math.exp(at[0]))
