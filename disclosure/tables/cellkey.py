"""Cell-key perturbation: noise that depends on who is in a cell and on nothing else.

Every person has a lasting random key. A cell's key is the sum of its persons' keys, modulo the number of keys; a
perturbation table gives the noise for each count and key. So the same persons get the same noise in every table, and two
tables that differ by one person differ by more than that person. Totals are perturbed by themselves and need not add up.

Source: Fraser and Wooton 2005 and Marley and Leaver 2011 (Australian Bureau of Statistics); ONS Statistical Methods
Library, Cell Key Perturbation (sum modulo, rows 501 to 750 used again for larger counts); Giessing 2016, Computational
issues in the design of transition probabilities (noise of maximum entropy).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from cld.errors import InputError

__all__ = ["PerturbationTable", "largest_entropy", "perturbed", "table_of_noise"]

Vector = NDArray[np.float64]
NARROWEST = 50.0
NONE = 1e-9
MOST_VALUES = 4


@dataclass(frozen=True, slots=True)
class PerturbationTable:
    """Noise by count and key.

    noise:  (top + 1) x n_keys whole numbers; row 0 is all zero.
    loop:  counts above the last row use the last ``loop`` rows again and again.
    """

    noise: NDArray[np.int64]
    loop: int

    @property
    def n_keys(self) -> int:
        """Number of different keys."""
        return int(self.noise.shape[1])


def perturbed(counts: NDArray[np.int64], key_sums: NDArray[np.int64], table: PerturbationTable) -> NDArray[np.int64]:
    """Return perturbed counts.

    Shape:  counts and key_sums n: persons, and the sum of their keys, in each cell.
    Source: ONS Cell Key Perturbation 2.1 (cell key: sum modulo the number of keys; large counts loop).
    """
    top = table.noise.shape[0] - 1
    row = np.where(counts > top, (counts - top - 1) % table.loop + top - table.loop + 1, counts)
    found: NDArray[np.int64] = counts + table.noise[row, key_sums % table.n_keys]
    return found


def largest_entropy(noise: NDArray[np.int64], variance: float) -> Vector:
    """Return the probabilities of noise values that say least: mean zero, variance at most what is given.

    No value is likelier than zero, where zero is among them. ``noise`` holds different whole numbers in rising order.
    Raises: InputError if no such distribution exists.
    Source: Giessing 2016; the R package ptable (monotony condition), whose published table for D = 2, V = 1 this gives.
    """
    values = noise.astype(np.float64)
    group = np.arange(len(values))
    while True:
        probability = _tied(values, group, variance)
        zero = np.flatnonzero(values == 0)
        above = probability > probability[zero[0]] + NONE if len(zero) else np.zeros(len(values), dtype=bool)
        if not above.any():
            return probability
        group[above] = group[zero[0]]


def _tied(values: Vector, group: NDArray[np.int64], variance: float) -> Vector:
    """Solve for values that are tied in groups: equal probability inside each, so only a group's means count."""
    _, of_value, size = np.unique(group, return_inverse=True, return_counts=True)
    mean = np.bincount(of_value, values) / size
    square = np.bincount(of_value, values**2) / size

    def weights(tilt: float, narrow: float) -> Vector:
        power = tilt * mean - narrow * square
        raw: Vector = size * np.exp(power - power.max())
        shares: Vector = raw / raw.sum()
        return shares

    steepest = 2.0 * NARROWEST * (np.abs(values).max() + 1.0)

    def centred(narrow: float) -> Vector:
        def off(tilt: float) -> float:
            return float(weights(tilt, narrow) @ mean)

        if off(-steepest) > 0 or off(steepest) < 0:
            _refuse_variance()
        return weights(float(brentq(off, -steepest, steepest, xtol=1e-14)), narrow)

    def over(narrow: float) -> float:
        return float(centred(narrow) @ square) - variance

    if over(0.0) <= 0:
        return (centred(0.0) / size)[of_value]
    if over(NARROWEST) > 0:
        _refuse_variance()
    return (centred(float(brentq(over, 0.0, NARROWEST, xtol=1e-14))) / size)[of_value]


def _refuse_variance() -> None:
    message = "No noise has mean zero and so small a variance with these limits."
    raise InputError(message, "Allow a larger variance or noise, or a smaller count to be blocked.")


def table_of_noise(most: int, variance: float, *, blocked: int = 0, n_keys: int = 256) -> PerturbationTable:
    """Return a perturbation table of largest entropy.

    ``most`` is the largest noise, ``blocked`` the largest small count that is never shown (1 up to it do not occur).
    Every row's noise sums to zero over the keys, so that it is without bias, or to as near as its values allow. Counts from the last row on share its noise.
    Raises: InputError if the variance cannot be had, or the numbers make no table.
    Source: Giessing 2016; ptable (D, V, js).
    """
    if most < 1 or variance <= 0 or blocked < 0 or n_keys < MOST_VALUES * most:
        message = "Noise is at least 1, its variance above 0, and keys are many more than noise values."
        raise InputError(message, "For example noise 5, variance 3, blocked 2 and 256 keys.")
    rows = [np.zeros(n_keys, dtype=np.int64)]
    for count in range(1, most + blocked + 1):
        reached = np.arange(max(count - most, 0), count + most + 1)
        noise = reached[(reached == 0) | (reached > blocked)] - count
        rows.append(np.repeat(noise, _shares(noise, largest_entropy(noise, variance), n_keys)))
    return PerturbationTable(np.stack(rows), 1)


def _shares(noise: NDArray[np.int64], probability: Vector, n_keys: int) -> NDArray[np.int64]:
    """Share keys out by the largest remainders, then move single keys between neighbours until the noise sums to zero."""
    exact = probability * n_keys
    shares = np.floor(exact).astype(np.int64)
    shares[np.argsort(shares - exact, kind="stable")[: n_keys - shares.sum()]] += 1
    while bias := int(shares @ noise):
        place = _giver(noise, shares, bias)
        if place is None:
            return shares
        shares[place] -= 1
        shares[place - int(np.sign(bias))] += 1
    return shares


def _giver(noise: NDArray[np.int64], shares: NDArray[np.int64], bias: int) -> int | None:
    """Return the noise value that gives a key to its neighbour nearer zero bias: the one with most keys; None if none can."""
    able = np.zeros(len(noise), dtype=bool)
    steps = np.diff(noise) <= abs(bias)
    able[1 if bias > 0 else 0 : len(noise) if bias > 0 else -1] = steps
    able &= shares > 0
    return int(np.argmax(np.where(able, shares, -1))) if able.any() else None
