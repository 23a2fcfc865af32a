"""Classes of a sample set beside the same classes of a population file: risks and uniques that need no estimate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from disclosure.rows.coded import Counts
from disclosure.rows.measures import Classes

__all__ = ["KnownPopulation", "know_population"]


@dataclass(frozen=True, slots=True)
class KnownPopulation:
    """What a population file shows of a sample's classes.

    ``sizes`` holds, for each class of the sample, its persons in the population; a class of which the population file
    holds fewer than the sample (``n_classes_beyond`` counts those) is taken to be as large as in the sample.
    ``counts_rows`` says that the population file has no person column and each of its rows was counted as a person.
    """

    classes: Classes
    sample: Classes
    sizes: Counts
    n_classes_beyond: int
    counts_rows: bool

    @property
    def n_persons(self) -> int:
        """Persons of the population."""
        return self.classes.n_members

    @property
    def uniqueness(self) -> float:
        """The share of the population that is alone in its class."""
        return self.classes.n_uniques / self.n_persons

    @property
    def n_sample_uniques_alone(self) -> int:
        """Persons alone in the sample who are alone in the population too."""
        return int(((self.sample.sizes == 1) & (self.sizes == 1)).sum())

    @property
    def highest_journalist_risk(self) -> float:
        """One divided by the smallest population class that the sample shows.

        Source: El Emam 2013, Guide to the De-Identification of Personal Health Information, chapter 16.
        """
        return float(1 / self.sizes.min())

    @property
    def marketer_risk(self) -> float:
        """The expected share of the sample that a match with the whole population names rightly: the mean of f/F.

        Source: El Emam 2013, chapter 16; Dankar and El Emam 2010 (marketer risk).
        """
        return float(self._shares().sum() / self.sample.n_members)

    @property
    def average_journalist_risk(self) -> float:
        """The larger of the mean risk over classes of the population and over members of the sample.

        Source: El Emam 2013, chapter 16.
        """
        return max(float(self.sample.n_classes / self.sizes.sum()), self.marketer_risk)

    def _shares(self) -> npt.NDArray[np.float64]:
        return self.sample.sizes / self.sizes


def know_population(sample: Classes, population: Classes, *, counts_rows: bool) -> KnownPopulation:
    """Look each class of a sample up in a population whose rows have keys made in the same way."""
    places = np.minimum(np.searchsorted(population.keys, sample.keys), len(population.keys) - 1)
    found = np.where(population.keys[places] == sample.keys, population.sizes[places], 0)
    beyond = found < sample.sizes
    return KnownPopulation(population, sample, np.maximum(found, sample.sizes), int(beyond.sum()), counts_rows)
