"""The lattice of generalisations: its optimum with bounded suppression, proven, and the figures of all its nodes.

The search goes depth first, column by column, from fine to coarse. What it leaves out it proves first: a subtree whose
cost is at least so high by its levels or by its finest classes (both only grow), or in which k fails for too many
records even on the columns settled so far (classes only merge). Ties: fewest suppressed, then lowest levels.
Source: Samarati 2001; LeFevre et al. 2005 (roll-up, monotone k); El Emam et al. 2009; Bayardo and Agrawal 2005 (bounds).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cld.errors import DisclosureRefused
from disclosure.rows.census import Census, Node
from disclosure.rows.ladders import Ints
from disclosure.rows.safety import Limits, unsafe_classes
from disclosure.rows.tallies import Flags
from disclosure.rows.utility import Utility

__all__ = ["FIGURES", "MOST_WORK", "Found", "best_node", "cover"]

MOST_NODES_SHOWN = 1_000_000
MOST_WORK = 20_000_000_000  # rows rolled up, about ten minutes of one processor
WORK_OF_A_STEP = 2_000  # what a step costs however few its rows
TIE = 1 + 1e-11
FIGURES = ("n_classes", "n_uniques", "n_under_3", "n_under_5", "n_under_10", "n_under_20", "smallest_class",
           "largest_class", "sum_of_squares")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """The best node: levels in the census's order of columns, its classes, which of them go, and how it was found."""

    levels: tuple[int, ...]
    score: float
    n_suppressed: int
    suppressed: Flags
    node: Node
    n_nodes_checked: int
    is_optimal: bool


class _OutOfWork(Exception):
    """The work allowed is used up."""


def best_node(
    census: Census, limits: Limits, utility: Utility, most_suppressed: int, *,
    order: Sequence[int] = (), most_work: int = MOST_WORK,
) -> Found:  # fmt: skip
    """Return the node of the lowest score at which at most ``most_suppressed`` records sit in unsafe classes.

    ``order`` are the places of the columns in the order that settles ties. When the work allowed runs out the best
    node so far is returned, not proven.
    Raises: DisclosureRefused if no node passes, or none was found in time.
    """
    search = _Search(census, limits, utility, most_suppressed, tuple(order) or tuple(range(len(census.ladders))))
    search.run(most_work)
    if search.best is None:
        raise _no_node(census, limits, most_suppressed, whole=search.is_whole)
    score, n_suppressed, _, node, suppressed = search.best
    return Found(node.levels, score, n_suppressed, suppressed, node, search.n_checked, search.is_whole)


def _no_node(census: Census, limits: Limits, most: int, *, whole: bool) -> DisclosureRefused:
    n_records = census.n_records
    if not whole:
        message = f"No generalisation that passes was found in the work allowed, of {census.n_nodes} in the lattice."
        return DisclosureRefused(message, ("k-anonymity",), "Give fewer columns, or hierarchies with fewer levels.")
    if limits.k > n_records:
        message = f"k is {limits.k} and the file holds {n_records} records: no class can be so large."
        return DisclosureRefused(message, ("k-anonymity",), "Ask for a smaller k, or give more records.")
    measures = ["k-anonymity"]
    measures += ["l-diversity"] * bool(limits.distinct_l or limits.entropy_l) + ["t-closeness"] * bool(limits.t)
    message = f"None of {census.n_nodes} generalisations passes with at most {most} of {n_records} records left out."
    remedy = "Allow more to be left out, give coarser levels, fewer columns, or weaker limits."
    return DisclosureRefused(message, tuple(measures), remedy)


class _Search:
    """One search: the best node so far and the work done."""

    def __init__(
        self, census: Census, limits: Limits, utility: Utility, most_suppressed: int, order: tuple[int, ...]
    ) -> None:
        self.census, self.limits, self.utility = census, limits, utility
        self.most, self.order = most_suppressed, order
        self.best: tuple[float, int, tuple[int, ...], Node, Flags] | None = None
        self.n_checked, self.work, self.is_whole = 0, 0, True
        self.climbed: set[tuple[int, ...]] = set()
        self.nests = [ladder.nests for ladder in census.ladders]
        self.floors = [self._floor(place) for place in range(len(census.ladders))]
        cheapest = [
            min(costs[floor:], default=0.0) for costs, floor in zip(utility.level_costs, self.floors, strict=True)
        ]
        self.rest = [sum(cheapest[place:]) for place in range(len(cheapest) + 1)]

    def run(self, most_work: int) -> None:
        """Search until all is covered or the work allowed is done."""
        self.most_work = most_work
        if any(floor > ladder.top for floor, ladder in zip(self.floors, self.census.ladders, strict=True)):
            return
        root = Node.finest(self.census)
        try:
            for place, floor in enumerate(self.floors):
                root = self._raised(root, place, floor) if floor else root
            self._climb(root)
            self._visit(0, root, 0.0)
        except _OutOfWork:
            self.is_whole = False

    def _floor(self, place: int) -> int:
        """Return the lowest level at which the column by itself does not already fail k for too many records."""
        ladder, n_of_code = self.census.ladders[place], self.census.of_code(place)
        if not self.nests[place]:
            return 0
        for level in range(ladder.top + 1):
            if not self._fails(np.bincount(ladder.digits[level], n_of_code)):
                return level
        return ladder.top + 1

    def _fails(self, sizes: np.ndarray) -> bool:
        """Say whether too many records sit in classes under k, which no coarser column beside these can mend."""
        return bool(sizes[sizes < self.limits.k].sum() > self.most)

    def _raised(self, node: Node, place: int, level: int) -> Node:
        self.work += len(node.classes.n) + WORK_OF_A_STEP
        if self.work > self.most_work:
            raise _OutOfWork
        return node.raised(place, level)

    def _climb(self, node: Node) -> None:
        """Find a first node that passes: always raise the column with most values left."""
        ladders = self.census.ladders
        self._judge(node)
        self.climbed.add(node.levels)
        while self.best is None:
            n_left = [
                len(ladder.labels[level]) if level < ladder.top else 0
                for ladder, level in zip(ladders, node.levels, strict=True)
            ]
            place = int(np.argmax(n_left))
            if not n_left[place]:
                return
            higher = range(node.levels[place] + 1, ladders[place].top + 1)
            level = next((up for up in higher if ladders[place].step(node.levels[place], up) is not None), None)
            if level is None:
                return
            node = self._raised(node, place, level)
            self._judge(node)
            self.climbed.add(node.levels)

    def _visit(self, place: int, node: Node, cost: float) -> None:
        """Cover all nodes that share the levels settled so far; the columns from ``place`` on stand at their floors."""
        if place == len(self.census.ladders):
            self._judge(node)
            return
        for level, at in self._rungs(place, node, cost):
            if place + 1 == len(self.census.ladders) or not self._fails(at.upper(place + 1)):
                self._visit(place + 1, at, cost + self.utility.level_costs[place][level])

    def _rungs(self, place: int, node: Node, cost: float) -> Iterator[tuple[int, Node]]:
        """Climb one column's ladder from its floor, past levels that cannot win."""
        ladder, made = self.census.ladders[place], {self.floors[place]: node}
        for level in range(self.floors[place], ladder.top + 1):
            if self._is_beaten(cost + self.utility.level_costs[place][level] + self.rest[place + 1]):
                continue
            below = level
            while below not in made:
                below = ladder.below(below)
            at = made[level] = made[below] if below == level else self._raised(made[below], place, level)
            if self._is_beaten(self.utility.least(at.classes.n)):
                if self.nests[place]:
                    return
                continue
            yield level, at

    def _is_beaten(self, bound: float) -> bool:
        return self.best is not None and bound > self.best[0] * TIE

    def _judge(self, node: Node) -> None:
        """Weigh one node, once, and keep it if it is the best so far."""
        if node.levels in self.climbed:
            return
        self.n_checked += 1
        sizes = node.classes.n
        flags = unsafe_classes(sizes, node.held, self.limits, self.census.sensitive, self.most)
        if flags is None:
            return
        score = self.utility.score(node.levels, sizes, flags, node.digits)
        levels = tuple(node.levels[place] for place in self.order)
        rank = (score, int(sizes[flags].sum()), levels)
        if self.best is None or rank < self.best[:3]:
            self.best = (*rank, node, flags)


def cover(census: Census) -> tuple[Ints, Ints]:
    """Return the levels of every node and its FIGURES, one row a node, in the order of the levels.

    Units:  records; ``n_under_5`` are the records in classes of fewer than five.
    Raises: DisclosureRefused for a lattice of more than MOST_NODES_SHOWN nodes.
    """
    if census.n_nodes > MOST_NODES_SHOWN:
        message = f"The lattice has {census.n_nodes} nodes, more than the {MOST_NODES_SHOWN} that are shown."
        raise DisclosureRefused(message, ("size of the lattice",), "Give fewer columns, or fewer levels.")
    n_nodes, n_columns = census.n_nodes, len(census.ladders)
    levels, figures = np.empty((n_nodes, n_columns), np.int64), np.empty((n_nodes, len(FIGURES)), np.int64)
    for row, node in enumerate(_all_nodes(Node.finest(census), 0, census)):
        levels[row], figures[row] = node.levels, _figures(node.classes.n)
    return levels, figures


def _all_nodes(node: Node, place: int, census: Census) -> Iterator[Node]:
    if place == len(census.ladders):
        yield node
        return
    ladder, made = census.ladders[place], {0: node}
    for level in range(ladder.top + 1):
        if level:
            below = ladder.below(level)
            made[level] = made[below].raised(place, level)
        yield from _all_nodes(made[level], place + 1, census)


def _figures(sizes: Ints) -> tuple[int, ...]:
    n_of_size = np.bincount(np.minimum(sizes, 20), minlength=20)[:20]
    under = np.cumsum(n_of_size * np.arange(20))
    return (len(sizes), int(n_of_size[1]), int(under[2]), int(under[4]), int(under[9]), int(under[19]),
            int(sizes.min()), int(sizes.max()), int(sizes @ sizes))  # fmt: skip
