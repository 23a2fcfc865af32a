"""A world of few cells, releases made from it under any rule, and an attacker who holds them; the attacker is plain
enumeration of what he can add and subtract, and shares nothing with the product."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from disclosure.memory.sheet import FactSheet, SheetRow
from tests.lib.brute_history import by_cold_programmes

Cell = tuple[str, ...]
Groups = Mapping[str, Sequence[str]]
DIMENSIONS = ("area", "age", "opt_out")
DOMAINS: dict[str, tuple[str, ...]] = {
    "area": ("town", "rest"),
    "age": ("64", "65", "66"),
    "opt_out": ("does not object", "objects"),
}
CELLS: tuple[Cell, ...] = tuple(itertools.product(*DOMAINS.values()))
YEAR = (date(2021, 1, 1), date(2021, 12, 31))


@dataclass(frozen=True)
class Rule:
    """Counts up to ``stars`` are starred, others shown to the nearest ``base``."""

    stars: int
    base: int

    def told(self, count: int) -> tuple[int, int | None]:
        """Return the interval that the shown value leaves."""
        if count == 0:
            return 0, 0
        if count <= self.stars:
            return 1, self.stars
        shown = (count + self.base // 2) // self.base * self.base
        every = [
            n
            for n in range(self.stars + 1, count + self.base + 1)
            if (n + self.base // 2) // self.base * self.base == shown
        ]
        return every[0], every[-1]


@dataclass(frozen=True)
class SmallRelease:
    """A table of a world: groups of codes in area and age, the population it counts, and what each number told."""

    name: str
    recipient: str
    linked: str
    period: tuple[date, date]
    groups: Mapping[str, Groups]
    population: Mapping[str, Sequence[str]]
    rows: tuple[tuple[tuple[str, ...], int, int | None], ...]

    def sheet(self) -> FactSheet:
        """Return what the house would remember of it."""
        return FactSheet(
            linked=self.linked,
            period=self.period,
            population={name: frozenset(codes) for name, codes in self.population.items()},
            dimensions=tuple(self.groups),
            categories={name: {g: frozenset(c) for g, c in groups.items()} for name, groups in self.groups.items()},
            domains={name: frozenset(codes) for name, codes in DOMAINS.items()},
            rows=tuple(SheetRow(labels, low, high, can_be_withheld=True) for labels, low, high in self.rows),
        )

    def without(self, number: int) -> SmallRelease:
        """Return the release with one number not shown."""
        labels, _, _ = self.rows[number]
        return replace(self, rows=(*self.rows[:number], (labels, 0, None), *self.rows[number + 1 :]))

    def facts(self) -> list[dict[str, Any]]:
        """Return what the attacker reads: cells by number, and the interval of their sum."""
        found = []
        for labels, low, high in self.rows:
            codes = {name: self.groups[name][label] for name, label in zip(self.groups, labels, strict=True)}
            cells = [
                number
                for number, cell in enumerate(CELLS)
                if all(code in codes.get(n, DOMAINS[n]) and code in self.population.get(n, DOMAINS[n]) for n, code in zip(DIMENSIONS, cell, strict=True))
            ]  # fmt: skip
            found.append({"cells": cells, "low": low, "high": 10_000 if high is None else high})
        return found


def a_release(
    name: str, truth: Mapping[Cell, int], rule: Rule, ages: Groups, areas: Groups | None = None, *,
    recipient: str = "A", linked: str = "first", period: tuple[date, date] = YEAR,
    population: Mapping[str, Sequence[str]] | None = None,
) -> SmallRelease:  # fmt: skip
    """Count a world by area and age under a rule."""
    held, by_area = population or {}, areas or {"town": ["town"], "rest": ["rest"]}
    groups = {"area": by_area, "age": ages}
    rows = []
    for labels in itertools.product(by_area, ages):
        codes = {"area": by_area[labels[0]], "age": ages[labels[1]]}
        inside = [
            cell
            for cell in CELLS
            if all(code in codes.get(n, DOMAINS[n]) and code in held.get(n, DOMAINS[n]) for n, code in zip(DIMENSIONS, cell, strict=True))
        ]  # fmt: skip
        low, high = rule.told(sum(truth[cell] for cell in inside))
        rows.append((labels, low, high))
    return SmallRelease(name, recipient, linked, period, groups, held, tuple(rows))


def a_world(town: Sequence[int], rest: Sequence[int], objectors: Sequence[int] = (0,) * 6) -> dict[Cell, int]:
    """Return true counts: who does not object by age in town and rest, then who does."""
    everyone = [*town, *rest]
    truth = {}
    for place, (area, age) in enumerate(itertools.product(DOMAINS["area"], DOMAINS["age"])):
        truth[area, age, "does not object"] = everyone[place]
        truth[area, age, "objects"] = objectors[place]
    return truth


def worked_out(releases: Sequence[SmallRelease], cells: Sequence[Cell]) -> tuple[float, float]:
    """Return the interval that an attacker who holds these releases computes for the persons in some cells."""
    rows = [fact for release in releases for fact in release.facts()]
    history = {
        "n_fine": len(CELLS), "upper_bound": 10_000, "targets": [[CELLS.index(cell) for cell in cells]],
        "releases": [{"recipient": "A", "rows": rows}],
    }  # fmt: skip
    found = by_cold_programmes(history, ("A",))
    assert found is not None, "the attacker's releases contradict each other"
    return found[0]
