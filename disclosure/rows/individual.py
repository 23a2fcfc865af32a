"""Individual risk: the chance that a record of a weighted sample is linked to its person in the population.

Source: Benedetti and Franconi 1998; Franconi and Polettini 2004 (Individual risk estimation in mu-Argus: a review).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["individual_risk"]

Floats = npt.NDArray[np.float64]
SERIES_FROM = 30
N_TERMS = 64


def individual_risk(n_sample: npt.NDArray[np.integer], n_population: Floats) -> Floats:
    """Return the expected 1/F of classes that show f persons in the sample and an estimated number in the population.

    With p = f / estimated F, F given f follows a negative binomial distribution, and the risk is
    p/f x 2F1(1, 1; f + 1; 1 - p): -log(p) p/(1-p) for one person, p/(1-p) - (p/(1-p))^2 -log(p) for two. An estimate
    below f is taken as f, whose risk is 1/f.
    Shape:  both and the answer are one value a class.
    """
    f = n_sample.astype(np.float64)
    p = np.minimum(f / n_population, 1.0)
    risk = np.empty(len(f))
    by_series = (f >= SERIES_FROM) | (p >= 0.5)
    risk[by_series] = _series(f[by_series], p[by_series])
    risk[~by_series] = _steps(n_sample[~by_series], p[~by_series])
    return risk


def _series(f: Floats, p: Floats) -> Floats:
    """Sum the hypergeometric series: its terms are positive and fall by half or faster, so nothing is lost."""
    term, total = p / f, p / f
    for step in range(1, N_TERMS):
        term = term * ((1 - p) * step / (f + step))
        total = total + term
    return total


def _steps(f: npt.NDArray[np.integer], p: Floats) -> Floats:
    """Step up from one person: the risk is the integral of u^(f-1) / (1 + z u) from 0 to 1 with z = (1-p)/p.

    So risk(f + 1) = (1/f - risk(f)) / z; for z of 1 and more an error shrinks at every step.
    """
    z = (1 - p) / p
    risk = np.log1p(z) / z
    for size in range(1, SERIES_FROM - 1):
        risk = np.where(f > size, (1 / size - risk) / z, risk)
    return risk
