"""Releases as linear facts: each released row says that a sum of fine cells lies between two numbers.

A fine cell is the smallest group of persons that the history tells apart; every row, of any release under any rule, is
a set of fine cells with the interval that its shown value leaves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from cld.errors import UnreadableFile

__all__ = ["Fact", "History", "Release", "read_history"]

MOST_FINE_CELLS = 5_000_000
LARGEST_COUNT = 10**9
MOST_PERSONS = 10**15  # sums of counts stay exact in double precision
REMEDY = "Write the history as the help of caregate differences shows; what is not known is not assumed harmless."


@dataclass(frozen=True, slots=True)
class Fact:
    """A sum over fine cells, between two numbers of persons."""

    cells: tuple[int, ...] | NDArray[np.int64]
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Release:
    """What one recipient was given at one time."""

    name: str
    recipient: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class History:
    """Fine cells 0 to n_fine - 1, each at most ``upper_bound`` persons; what was released; what is asked about."""

    n_fine: int
    upper_bound: float
    releases: tuple[Release, ...]
    targets: tuple[tuple[int, ...], ...]

    @property
    def recipients(self) -> tuple[str, ...]:
        """Everyone who holds a release, in the order of their first."""
        return tuple(dict.fromkeys(release.recipient for release in self.releases))

    def as_json(self) -> dict[str, object]:
        """Return the history as a JSON value; history_from reads it back."""
        releases = [
            {
                "name": release.name,
                "recipient": release.recipient,
                "rows": [
                    {"cells": [int(cell) for cell in f.cells], "low": f.low, "high": f.high} for f in release.facts
                ],
            }
            for release in self.releases
        ]
        targets = [list(target) for target in self.targets]
        return {"n_fine": self.n_fine, "upper_bound": self.upper_bound, "releases": releases, "targets": targets}

    def held_by(self, recipients: Sequence[str]) -> tuple[Release, ...]:
        """What these recipients hold together."""
        return tuple(release for release in self.releases if release.recipient in recipients)


def read_history(path: Path) -> History:
    """Read HISTORY.json (shared commands page, differences).

    Raises: UnreadableFile, saying which release, row or target cannot be read; nothing is skipped.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        message = f"There is no history {path.name}, or it is not text in UTF-8."
        raise UnreadableFile(message, "Check the name.") from fault
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as fault:
        message = f"The history {path.name} is not JSON, names a key twice or holds what is no number."
        raise UnreadableFile(message, REMEDY) from fault
    return history_from(value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Read an object; a key that stands twice would hide one of its values."""
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a key stands twice"
        raise ValueError(message)
    return found


def _no_number(name: str) -> NoReturn:
    message = f"{name} is no number of persons"
    raise ValueError(message)


def history_from(value: object) -> History:
    """Read a history from its JSON value.

    Raises: UnreadableFile.
    """
    held = _object(value, "The history")
    n_fine = held.get("n_fine")
    if type(n_fine) is not int or not 0 < n_fine <= MOST_FINE_CELLS:
        _refuse(f"n_fine is a whole number from 1 to {MOST_FINE_CELLS:,}.")
    upper = _number(held.get("upper_bound"), "upper_bound")
    if not 0 <= upper <= LARGEST_COUNT:
        _refuse(f"upper_bound is a number from 0 to {LARGEST_COUNT:,}.")
    releases = tuple(
        _release(release, f"Release {place}", n_fine)
        for place, release in enumerate(_list(held.get("releases"), "releases"), 1)
    )
    asked = _list(held["targets"], "targets") if "targets" in held else [[cell] for cell in range(n_fine)]
    targets = tuple(_cells(target, f"Target {place}", n_fine) for place, target in enumerate(asked, 1))
    return History(n_fine, upper, releases, targets)


def _release(value: object, where: str, n_fine: int) -> Release:
    held = _object(value, where)
    name, recipient = _text(held.get("name"), where, "name"), _text(held.get("recipient"), where, "recipient")
    where = f"{where} ({name})"
    rows = _list(held.get("rows"), f"{where}: rows")
    facts = tuple(_fact(row, f"{where}, row {place}", n_fine) for place, row in enumerate(rows, 1))
    return Release(name, recipient, facts)


def _fact(value: object, where: str, n_fine: int) -> Fact:
    held = _object(value, where)
    cells = _cells(held.get("cells"), where, n_fine)
    low, high = _number(held.get("low"), f"{where}: low"), _number(held.get("high"), f"{where}: high")
    if low > high:
        _refuse(f"{where}: low is above high.")
    return Fact(cells, low, high)


def _cells(value: object, where: str, n_fine: int) -> tuple[int, ...]:
    """A set of fine cells: at least one, none twice, each within the history."""
    cells = tuple(_list(value, f"{where}: cells"))
    if not cells or set(map(type, cells)) != {int}:
        _refuse(f"{where}: cells are whole numbers, at least one.")
    if min(cells) < 0 or max(cells) >= n_fine:
        _refuse(f"{where}: a cell lies outside 0 to {n_fine - 1}.")
    if len(set(cells)) != len(cells):
        _refuse(f"{where}: a cell stands twice.")
    return cells


def _object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        _refuse(f"{where} is not an object.")
    return value


def _list(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        _refuse(f"{where} is missing or is no list.")
    return value


def _text(value: object, where: str, name: str) -> str:
    if not isinstance(value, str) or not value:
        _refuse(f"{where}: {name} is missing or is no text.")
    return value


def _number(value: object, where: str) -> float:
    """A finite number, as it stands: whole numbers stay whole."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MOST_PERSONS:
        _refuse(f"{where} is missing or is no number of persons.")
    return value


def _refuse(message: str) -> NoReturn:
    raise UnreadableFile(message, REMEDY)
