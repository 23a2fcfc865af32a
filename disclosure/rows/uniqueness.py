"""How many persons are alone in the population, estimated from the classes of a sample.

Each estimate is the estimated number of population uniques divided by the population, none where it has no value.
Source: Dankar, El Emam, Neisa and Roffey 2012 (BMC Medical Informatics 12:66) for the set and the rule that chooses.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, floor, inf, isfinite, log, log1p

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, gammaln, polygamma

from disclosure.rows.coded import Counts, count_keys
from disclosure.rows.newton import Point, climb, solve

__all__ = ["PopulationUniqueness", "estimate_uniqueness"]

Floats = npt.NDArray[np.float64]
LARGEST_FRACTION_FOR_PITMAN = 0.1
FRACTION_FOR_SNB_ABOVE = 0.5
FARTHEST = 30.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Different class sizes in order, how many classes have each, and the size of the population."""

    sizes: Floats
    classes: Floats
    n_population: int

    @property
    def n(self) -> float:
        """Persons of the sample."""
        return float((self.sizes * self.classes).sum())

    @property
    def n_classes(self) -> float:
        """Classes of the sample."""
        return float(self.classes.sum())

    @property
    def fraction(self) -> float:
        """The sampling fraction."""
        return self.n / self.n_population

    def of_size(self, size: int) -> float:
        """Return how many classes have a size."""
        return float(self.classes[self.sizes == size].sum())


@dataclass(frozen=True, slots=True)
class PopulationUniqueness:
    """Estimated shares of the population that are alone in their class, none where an estimate has no value.

    ``chosen`` names the one that the rule takes, ``notes`` say what did not converge or was not eligible.
    """

    zayatz: float | None
    pitman: float | None
    snb: float | None
    dankar: float | None
    chosen: str
    notes: tuple[str, ...]


def estimate_uniqueness(class_sizes: Counts, sampling_fraction: float) -> PopulationUniqueness:
    """Estimate population uniqueness by three models, and choose one of them by Dankar's rule.

    The rule: no sample uniques, no population uniques; a sampling fraction of at most a tenth takes Pitman, and Zayatz
    where Pitman has no value; above, the smaller of SNB and Zayatz, and Zayatz where SNB has no value.
    Assumes: a simple random sample. SNB is eligible only where more than half of the population was seen: below, its
    number of classes is extrapolated, and Zayatz, as a rule the higher, stands. ARX's published values agree.
    Source: Dankar et al. 2012; the order of the rule and its fall-backs as in ARX 3.9.2, RiskModelPopulationUniqueness.
    """
    sizes, classes = count_keys(class_sizes)
    n = int(class_sizes.sum())
    sample = Sample(sizes.astype(float), classes.astype(float), floor(n / sampling_fraction + 0.5))
    if sample.of_size(1) == 0:
        return PopulationUniqueness(0.0, 0.0, 0.0, 0.0, "none: no sample uniques", ())
    zayatz, pitman, snb = zayatz_uniques(sample), pitman_uniques(sample), snb_uniques(sample)
    chosen, uniques = _choose(sample.fraction, zayatz, pitman, snb)
    return PopulationUniqueness(
        zayatz=_share(zayatz, sample),
        pitman=_share(pitman, sample),
        snb=_share(snb, sample),
        dankar=_share(uniques, sample),
        chosen=chosen,
        notes=tuple(_notes(sample.fraction, pitman, snb)),
    )


def _choose(fraction: float, zayatz: float, pitman: float | None, snb: float | None) -> tuple[str, float]:
    if fraction <= LARGEST_FRACTION_FOR_PITMAN:
        return ("pitman", pitman) if pitman else ("zayatz", zayatz)
    if snb and snb <= zayatz and fraction > FRACTION_FOR_SNB_ABOVE:
        return "snb", snb
    return "zayatz", zayatz


def _share(uniques: float | None, sample: Sample) -> float | None:
    """Divide by the population, within what the sample's uniques allow."""
    if uniques is None:
        return None
    return min(max(uniques, 0.0), sample.of_size(1) / sample.fraction) / sample.n_population


def _notes(fraction: float, pitman: float | None, snb: float | None) -> list[str]:
    notes = []
    if pitman is None:
        notes.append("Pitman's iteration did not converge to a number of uniques that the population can have.")
    if snb is None:
        notes.append("The equations of the slide negative binomial have no solution here: it did not converge.")
    elif LARGEST_FRACTION_FOR_PITMAN < fraction <= FRACTION_FOR_SNB_ABOVE:
        notes.append("The slide negative binomial extrapolates at half of the population or less: not eligible.")
    return notes


def zayatz_uniques(sample: Sample) -> float:
    """Estimate population uniques by the chance that a sample unique is one: Bayes over class sizes as in the sample.

    P(F=1 | f=1) = pi n1 / sum over k of n_k h(1;k), h(1;k) being the hypergeometric chance that a class of k persons
    shows one; uniques are n1 P / pi.
    Source: Zayatz 1991 (Bureau of the Census, SRD 91/08); ARX 3.9.2, ModelZayatz.
    """
    fraction, alone = sample.fraction, sample.of_size(1)
    most, left = int(sample.sizes[-1]), sample.n_population - sample.n
    places = np.arange(max(most - 1, 0))
    missed = np.maximum(left - places, 0) / np.maximum(sample.n_population - 1 - places, 1)
    with np.errstate(divide="ignore"):
        none_else = np.exp(np.concatenate(([0.0], np.cumsum(np.log(missed)))))
    shows_one = sample.sizes * fraction * none_else[sample.sizes.astype(np.int64) - 1]
    return float(alone * (fraction * alone / (sample.classes * shows_one).sum()) / fraction)


def pitman_uniques(sample: Sample) -> float | None:
    """Estimate population uniques by Pitman's sampling formula, fitted by maximum likelihood.

    Uniques are Gamma(theta + 1) / Gamma(theta + alpha) x N^alpha, 0 <= alpha < 1, theta > -alpha. Newton begins at
    Hoshino's closed form. Without classes of two or more the likelihood has no highest
    point; more uniques than people count as no value.
    Source: Hoshino 2001 (Applying Pitman's sampling formula to microdata disclosure risk assessment, JOS 17(4)).
    """
    if sample.n_classes == sample.n or sample.n_classes < 2:
        return None
    likelihood = _Pitman(sample)
    found = climb(likelihood.worth, likelihood.slopes, [*_hoshino_start(sample), *likelihood.starts()])
    if found is None:
        found = likelihood.at_edge()
    if found is None:
        return None
    theta, alpha = found
    uniques = exp(gammaln(theta + 1) - gammaln(theta + alpha) + alpha * log(sample.n_population))
    return uniques if 0 <= uniques <= sample.n_population else None


def _hoshino_start(sample: Sample) -> list[Point]:
    """Return Hoshino's closed form from classes of one and two persons, none where it has no value."""
    n, u, one, two = sample.n, sample.n_classes, sample.of_size(1), max(sample.of_size(2), 1.0)
    c = one * (one - 1) / two
    below = 2 * one * u + one * c - n * c
    if below == 0:
        return []
    theta = (n * u * c - one * (n - 1) * (2 * u + c)) / below
    return [(theta, (theta * (one - n) + (n - 1) * one) / (n * u))]


class _Pitman:
    """The logarithm of Pitman's sampling formula with its derivatives."""

    def __init__(self, sample: Sample) -> None:
        self._n, self._u = sample.n, sample.n_classes
        self._steps = np.arange(1.0, self._u)
        several = sample.sizes > 1
        self._sizes, self._classes = sample.sizes[several], sample.classes[several]

    def starts(self) -> list[Point]:
        """Return further places to begin, where Hoshino's closed form leads nowhere."""
        return [(self._u * share, alpha) for alpha in (0.5, 0.1, 0.9) for share in (0.1, 1.0, 10.0)]

    def worth(self, at: Point) -> float:
        """Return the log-likelihood up to a constant; minus infinity outside the domain."""
        theta, alpha = at
        if not (0 < alpha < 1 and theta > -alpha and isfinite(theta)):
            return -inf
        inside = (self._classes * (gammaln(self._sizes - alpha) - gammaln(1 - alpha))).sum()
        between = np.log(theta + self._steps * alpha).sum() - gammaln(theta + self._n) + gammaln(theta + 1)
        return float(between + inside)

    def slopes(self, at: Point) -> tuple[Point, tuple[Point, Point]]:
        """Return first and second derivatives by theta and alpha."""
        theta, alpha = at
        part = 1 / (theta + self._steps * alpha)
        weighed = self._steps * part
        by_theta = part.sum() - (digamma(theta + self._n) - digamma(theta + 1))
        by_alpha = weighed.sum() - (self._classes * (digamma(self._sizes - alpha) - digamma(1 - alpha))).sum()
        bend = -(part * part).sum() + (polygamma(1, theta + 1) - polygamma(1, theta + self._n))
        inside = (self._classes * (polygamma(1, 1 - alpha) - polygamma(1, self._sizes - alpha))).sum()
        both = -(weighed * part).sum()
        return (float(by_theta), float(by_alpha)), (
            (float(bend), float(both)),
            (float(both), float(-(weighed * weighed).sum() - inside)),
        )

    def at_edge(self) -> Point | None:
        """Return the highest point on the edge alpha = 0 (Ewens), if the likelihood falls from there inwards."""
        low, high = 1e-6, 1e12
        if self._edge_slope(low) < 0 or self._edge_slope(high) > 0:
            return None
        for _ in range(200):
            middle = (low * high) ** 0.5
            low, high = (middle, high) if self._edge_slope(middle) > 0 else (low, middle)
        inwards = (self._u - 1) * self._u / 2 / low - (self._classes * (digamma(self._sizes) - digamma(1))).sum()
        return (low, 0.0) if inwards <= 0 else None

    def _edge_slope(self, theta: float) -> float:
        return float((self._u - 1) / theta - (digamma(theta + self._n) - digamma(theta + 1)))


def snb_uniques(sample: Sample) -> float | None:
    """Estimate population uniques by the slide negative binomial: K beta^alpha, from the classes of one and of two.

    A population class holds 1 + NB(alpha, beta) persons; K classes are estimated by the modified Shlosser estimator;
    alpha and beta make the expected classes of one and of two in a Bernoulli sample equal to those seen.
    Source: Chen and Keller-McNulty 1998 (JOS 14(1)); Haas and Stokes 1998 (JASA 93, D_Sh3). ARX 3.9.2 (ModelSNB)
    differs in two places and seldom converges: see the methods page.
    """
    one, two, f = sample.of_size(1), sample.of_size(2), sample.fraction
    if two == 0:
        return None
    n_classes = _shlosser(sample)
    rest = 1 - f

    def equations(at: Point) -> tuple[Point, tuple[Point, Point]]:
        if max(abs(at[0]), abs(at[1])) > FARTHEST:
            return (inf, inf), ((0.0, 0.0), (0.0, 0.0))
        a, b = exp(at[0]), 1 / (1 + exp(-at[1]))
        d = rest * (1 - b)
        u = 1 - d
        ones, twos = u + a * d, 2 - (1 - a) * d
        values = (
            log(n_classes * f / one) + a * log(b / u) + log(ones / u),
            log(n_classes * f * f / 2 / two) + log(a) + a * log(b) + log1p(-b) - (a + 2) * log(u) + log(twos),
        )
        by_a = (log(b / u) + d / ones, 1 / a + log(b / u) + d / twos)
        by_b = (
            a * (1 / b - rest / u) + rest * (1 - a) / ones - rest / u,
            a / b - 1 / (1 - b) - (a + 2) * rest / u + (1 - a) * rest / twos,
        )
        inner = b * (1 - b)
        return values, ((a * by_a[0], inner * by_b[0]), (a * by_a[1], inner * by_b[1]))

    found = solve(equations, [(0.0, 0.0), (-2.0, -2.0), (-1.0, -4.0), (2.0, 0.0), (-4.0, 0.0), (1.0, 3.0)])
    if found is None:
        return None
    alpha, beta = exp(found[0]), 1 / (1 + exp(-found[1]))
    return float(n_classes * beta**alpha)


def _shlosser(sample: Sample) -> float:
    """Estimate the classes of the population.

    Source: Haas and Stokes 1998, Estimating the number of classes in a finite population, D_Sh3.
    """
    f, i, n = sample.fraction, sample.sizes, sample.classes
    if f >= 1:
        return sample.n_classes
    unseen = ((1 - f) ** i * n).sum()
    first = (i * f * f * (1 - f * f) ** (i - 1) * n).sum() / (((1 - f * f) ** i - (1 - f) ** i) * n).sum()
    second = unseen / (i * f * (1 - f) ** (i - 1) * n).sum()
    return float(sample.n_classes + sample.of_size(1) * first * second**2)
