"""Generalisation again, slowly and in plain Python, sharing no code with the house: every node, every class, every record."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from disclosure.rows.census import Census, census_of
from disclosure.rows.ladders import ladder_of
from disclosure.rows.safety import Limits, Sensitive

Hierarchy = Mapping[str, Sequence[str]]
ADULT = Path(__file__).parents[1] / "data" / "adult"
UTILITIES = ("discernability", "loss", "entropy", "average-class")


@dataclass(frozen=True)
class Case:
    """Records, hierarchies by column (value: its names from fine to coarse) and limits."""

    records: Sequence[Mapping[str, str]]
    hierarchies: Mapping[str, Hierarchy]
    k: int
    distinct_l: Mapping[str, int] = field(default_factory=dict)
    entropy_l: Mapping[str, float] = field(default_factory=dict)
    t: Mapping[str, float] = field(default_factory=dict)
    most_suppressed: int = 0

    @property
    def columns(self) -> list[str]:
        return list(self.hierarchies)

    @property
    def limits(self) -> Limits:
        return Limits(self.k, dict(self.distinct_l), dict(self.entropy_l), dict(self.t))

    def nodes(self) -> list[tuple[int, ...]]:
        return list(itertools.product(*(range(len(next(iter(h.values())))) for h in self.hierarchies.values())))


@dataclass(frozen=True)
class Node:
    """What one node costs by every utility, and how many records it suppresses."""

    levels: tuple[int, ...]
    n_suppressed: int
    scores: Mapping[str, float]


def distance(part: Sequence[str], whole: Sequence[str]) -> float:
    """Earth mover's distance of two lists of values: ordered where all are numbers, else equal."""
    is_ordered = all(value.isdigit() for value in whole)
    order = sorted(set(whole), key=float) if is_ordered else sorted(set(whole))
    gaps = [part.count(value) / len(part) - whole.count(value) / len(whole) for value in order]
    if is_ordered:
        return sum(abs(sum(gaps[: place + 1])) for place in range(len(gaps))) / max(len(gaps) - 1, 1)
    return sum(map(abs, gaps)) / 2


def is_safe(case: Case, members: Sequence[Mapping[str, str]], *wholes: Sequence[Mapping[str, str]]) -> bool:
    """Say whether a class keeps all limits, closeness being to each of ``wholes``."""
    values = {name: [one[name] for one in members] for name in {*case.distinct_l, *case.entropy_l, *case.t}}
    shares = {name: [n / len(members) for n in Counter(held).values()] for name, held in values.items()}
    return (
        len(members) >= case.k
        and all(len(shares[name]) >= l for name, l in case.distinct_l.items())
        and all(math.exp(-sum(p * math.log(p) for p in shares[name])) >= x - 1e-9 for name, x in case.entropy_l.items())
        and all(
            distance(values[name], [one[name] for one in whole]) <= t + 1e-9
            for name, t in case.t.items()
            for whole in wholes
        )
    )


def classes_at(case: Case, levels: Sequence[int]) -> dict[tuple[str, ...], list[Mapping[str, str]]]:
    found: dict[tuple[str, ...], list[Mapping[str, str]]] = {}
    for record in case.records:
        shown = tuple(
            case.hierarchies[name][record[name]][level] for name, level in zip(case.columns, levels, strict=True)
        )
        found.setdefault(shown, []).append(record)
    return found


def kept_at(case: Case, levels: Sequence[int]) -> dict[tuple[str, ...], list[Mapping[str, str]]]:
    """Return the classes that are kept: safe against the whole file and against what is kept."""
    held = {shown: of for shown, of in classes_at(case, levels).items() if is_safe(case, of, case.records)}
    while True:
        kept = list(itertools.chain(*held.values()))
        still = {shown: of for shown, of in held.items() if is_safe(case, of, case.records, kept)}
        if len(still) == len(held):
            return held
        held = still


def cell_costs(case: Case, column: str, value: str, shown: str | None, level: int) -> tuple[float, float]:
    """Return loss and entropy of one cell, from their definitions; not shown means suppressed."""
    hierarchy = case.hierarchies[column]
    of_all = [record[column] for record in case.records]
    below = [one for one, names in hierarchy.items() if shown is None or names[level] == shown]
    n_group = sum(of_all.count(one) for one in below)
    loss = (len(below) - 1) / (len(hierarchy) - 1) if len(hierarchy) > 1 else 0.0
    return loss, -math.log2(of_all.count(value) / n_group)


def weigh(case: Case, levels: Sequence[int]) -> Node | None:
    """Weigh one node; None if it suppresses too much or everything."""
    held = kept_at(case, levels)
    sizes = [len(of) for of in held.values()]
    n, n_gone = len(case.records), len(case.records) - sum(sizes)
    if n_gone > case.most_suppressed or n_gone == n:
        return None
    loss = entropy = 0.0
    for shown, of in classes_at(case, levels).items():
        for record in of:
            for place, column in enumerate(case.columns):
                name = shown[place] if shown in held else None
                one = cell_costs(case, column, record[column], name, levels[place])
                loss, entropy = loss + one[0] / n, entropy + one[1]
    scores = {
        "discernability": float(sum(size**2 for size in sizes) + n_gone * n),
        "average-class": n / (len(sizes) + (n_gone > 0)),
        "loss": loss,
        "entropy": entropy,
    }
    return Node(tuple(levels), n_gone, scores)


def by_trying(case: Case) -> list[Node]:
    """Weigh every node of the lattice; those that pass."""
    return [node for node in (weigh(case, levels) for levels in case.nodes()) if node is not None]


def best_of(nodes: Sequence[Node], utility: str) -> Node:
    """Return the best node; ties go to fewest suppressed, then lowest levels."""
    least = min(node.scores[utility] for node in nodes)
    ties = [node for node in nodes if math.isclose(node.scores[utility], least, rel_tol=1e-9, abs_tol=1e-9)]
    return min(ties, key=lambda node: (node.n_suppressed, node.levels))


def a_case(seed: int) -> Case:
    """Draw a small case: two or three columns, up to four levels, one ordered and one unordered sensitive column."""
    draw = random.Random(seed)
    hierarchies = {f"q{place}": _drawn_hierarchy(draw, place) for place in range(draw.choice((2, 3)))}
    records = [
        {
            **{name: draw.choice(list(values)) for name, values in hierarchies.items()},
            "reason": draw.choice("aaabbc"),
            "cost": draw.choice(("1", "2", "10", "30")),
        }
        for _ in range(draw.randint(8, 45))
    ]
    chosen = draw.choice(("k", "l", "t", "all", "all"))
    return Case(
        records,
        hierarchies,
        k=draw.randint(1, 5),
        distinct_l={"reason": 2} if chosen in ("l", "all") else {},
        entropy_l={"reason": draw.choice((1.5, 2.0))} if chosen in ("l", "all") else {},
        t={"cost": draw.choice((0.15, 0.3)), "reason": 0.4} if chosen in ("t", "all") else {},
        most_suppressed=int(len(records) * draw.choice((0, 0.1, 0.3))),
    )


def _drawn_hierarchy(draw: random.Random, place: int) -> dict[str, list[str]]:
    """Draw a hierarchy of three to seven values; groups merge at random, and the top may be several groups."""
    values = [f"v{place}{number}" for number in range(draw.randint(3, 7))]
    names = {value: [value] for value in values}
    groups = {value: number for number, value in enumerate(values)}
    for level in range(1, draw.randint(2, 4)):
        merged = {
            group: draw.randrange(max(len(set(groups.values())) // 2, 1)) for group in sorted(set(groups.values()))
        }
        groups = {value: merged[group] for value, group in groups.items()}
        for value in values:
            names[value].append(f"g{place}{level}{groups[value]}")
    return names


def census_for(case: Case) -> Census:
    """Make the house's census of a case, columns in the case's order."""
    ladders = [
        ladder_of(
            name, {value: tuple(names) for value, names in lines.items()}, sorted({r[name] for r in case.records})
        )
        for name, lines in case.hierarchies.items()
    ]
    codes = [np.array([ladder.values.index(record[ladder.column]) for record in case.records]) for ladder in ladders]
    ones = np.ones(len(case.records), np.int64)
    sensitive, pairs = {}, {}
    for name in case.limits.sensitive:
        held = [record[name] for record in case.records]
        is_ordered = all(value.isdigit() for value in held)
        order = sorted(set(held), key=float) if is_ordered else sorted(set(held))
        values = np.array([order.index(value) for value in held])
        sensitive[name], pairs[name] = Sensitive(np.bincount(values), is_ordered), (codes, values, ones)
    return census_of(ladders, codes, ones, sensitive, pairs)
