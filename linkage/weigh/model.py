"""The model: what the fields of two records say for or against their being one person, as numbers anyone can read.

A model is one JSON file: comparisons with their levels, m and u by level, kappa by what it is conditioned on, the
chance that a record is in the index, and what it was learnt from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cld.errors import InputError
from linkage.prepare.comparisons import Comparison
from linkage.prepare.frequencies import Kappa

__all__ = ["Model", "read_model"]

VERSION = "1"
DIGITS = 8


@dataclass(frozen=True, slots=True)
class Model:
    """m and u by comparison and level, kappas, and the shares that the probabilities rest on.

    ``present`` is the chance that a record of LEFT is in RIGHT at all (linking); ``rate`` the chance that two records
    drawn at random are one person (one file alone). ``partners`` holds, by comparison, how many other records of the
    same person share a value, by which shares of values are lowered where one file holds people several times.
    """

    kind: str
    levels: Mapping[str, int]
    m: Mapping[str, tuple[float, ...]]
    u: Mapping[str, tuple[float, ...]]
    kappas: tuple[Kappa, ...]
    present: float
    rate: float
    partners: Mapping[str, float]
    n_pairs: int

    def as_json(self) -> dict[str, object]:
        """Return the model with numbers as text of eight digits, as sealed documents ask."""

        def shown(values: Mapping[str, tuple[float, ...]]) -> dict[str, list[str]]:
            return {name: [f"{value:.{DIGITS}f}" for value in each] for name, each in values.items()}

        return {
            "version": VERSION,
            "kind": self.kind,
            "levels": dict(self.levels),
            "m": shown(self.m),
            "u": shown(self.u),
            "kappas": [
                {"name": one.name, "given": list(one.given), "value": f"{one.value:.{DIGITS}f}"} for one in self.kappas
            ],
            "present": f"{self.present:.{DIGITS}f}",
            "rate": f"{self.rate:.12f}",
            "partners": {name: f"{value:.{DIGITS}f}" for name, value in self.partners.items()},
            "n_pairs": self.n_pairs,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, object]) -> Model:
        """Read what as_json wrote.

        Raises: InputError if anything is missing or is no number.
        """
        try:
            return _read(found)
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            message = "The model file is not one that Caregate wrote."
            raise InputError(message, "Leave --model away to learn a new one.") from fault

    def rounded(self) -> Model:
        """Return the model as it reads back from its file, so that a kept model gives the same weights."""
        return Model.from_json(json.loads(json.dumps(self.as_json())))

    def require_fits(self, kind: str, comparisons: Sequence[Comparison]) -> None:
        """Refuse a model that was learnt for another task or on other comparisons.

        Raises: InputError if the task, names or levels differ.
        """
        if self.kind != kind:
            message = f"The model was learnt by {self.kind}, not by {kind}."
            raise InputError(message, "Leave --model away to learn a new one, or name another file.")
        if {one.name: len(one.labels) for one in comparisons} != dict(self.levels):
            message = "The model was learnt on other columns than these files share."
            raise InputError(message, "Leave --model away to learn a new one, or give the map it was learnt with.")


def _read(found: Mapping[str, object]) -> Model:
    def values(key: str) -> dict[str, tuple[float, ...]]:
        return {str(name): tuple(float(value) for value in each) for name, each in dict(found[key]).items()}  # type: ignore[call-overload]

    if found["version"] != VERSION:
        message = "another version"
        raise ValueError(message)
    kappas = tuple(
        Kappa(str(one["name"]), tuple(str(name) for name in one["given"]), float(one["value"]))
        for one in list(found["kappas"])  # type: ignore[call-overload]
    )
    found_levels = {str(name): int(n) for name, n in dict(found["levels"]).items()}  # type: ignore[call-overload]
    _require_chances(found_levels, values("m"), values("u"), (float(str(found["present"])), float(str(found["rate"]))))
    return Model(
        str(found["kind"]),
        {str(name): int(n) for name, n in dict(found["levels"]).items()},  # type: ignore[call-overload]
        values("m"),
        values("u"),
        kappas,
        float(str(found["present"])),
        float(str(found["rate"])),
        {str(name): float(value) for name, value in dict(found["partners"]).items()},  # type: ignore[call-overload]
        int(str(found["n_pairs"])),
    )


def _require_chances(
    levels: Mapping[str, int],
    m: Mapping[str, Sequence[float]],
    u: Mapping[str, Sequence[float]],
    shares: Sequence[float],
) -> None:
    """Refuse numbers that are no chances, and levels without their chance."""
    lengths = (
        {name: len(each) for name, each in m.items()} == dict(levels) == {name: len(each) for name, each in u.items()}
    )
    chances = [value for each in (*m.values(), *u.values(), shares) for value in each]
    if not lengths or not all(0 <= value <= 1 for value in chances):
        message = "no chances"
        raise ValueError(message)


def read_model(path: Path) -> Model:
    """Read a model file.

    Raises: InputError if it cannot be read.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as fault:
        message = "The model file cannot be read."
        raise InputError(message, "Leave --model away to learn a new one.") from fault
    if not isinstance(found, dict):
        message = "The model file is not one that Caregate wrote."
        raise InputError(message, "Leave --model away to learn a new one.")
    return Model.from_json(found)
