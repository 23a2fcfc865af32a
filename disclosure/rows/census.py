"""A census: a file's records counted once by their finest values, and the nodes of the lattice rolled up from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from disclosure.rows.ladders import Ints, Ladder
from disclosure.rows.safety import Held, Sensitive
from disclosure.rows.tallies import Flags, Layout, Tally, layout_of

__all__ = ["Census", "Node", "census_of"]


@dataclass(frozen=True, slots=True)
class Census:
    """Tallies at the finest levels: of classes, and of classes by value of each sensitive column.

    The ladders stand in the order of the keys' fields. In a tally by value the value is the last field.
    """

    ladders: tuple[Ladder, ...]
    layout: Layout
    classes: Tally
    sensitive: Mapping[str, Sensitive]
    pair_layouts: Mapping[str, Layout]
    pairs: Mapping[str, Tally]

    @property
    def n_records(self) -> int:
        """How many records are counted."""
        return int(self.classes.n.sum())

    @property
    def n_nodes(self) -> int:
        """How many nodes the lattice has."""
        return math.prod(ladder.top + 1 for ladder in self.ladders)

    def of_code(self, place: int) -> Ints:
        """Return the records of each value of a column."""
        codes = self.layout.fields[place].read(self.classes.words)
        return np.bincount(codes, self.classes.n, len(self.ladders[place].values)).astype(np.int64)


def census_of(
    ladders: Sequence[Ladder],
    codes: Sequence[Ints],
    n: Ints,
    sensitive: Mapping[str, Sensitive],
    pairs: Mapping[str, tuple[Sequence[Ints], Ints, Ints]],
) -> Census:
    """Make a census from rows of codes, one column each, with the records that each row stands for.

    ``pairs[name]`` holds the rows again by value of a sensitive column: codes, code of the value, records.
    """
    n_values = [len(ladder.values) for ladder in ladders]
    finest = [ladder.digits[0] for ladder in ladders]
    layout = layout_of(n_values)
    layouts = {name: layout_of([*n_values, len(sensitive[name].n)]) for name in pairs}
    tallies = {
        name: layouts[name].tally([*_digits(finest, found), values], counted)
        for name, (found, values, counted) in pairs.items()
    }
    return Census(tuple(ladders), layout, layout.tally(_digits(finest, codes), n), sensitive, layouts, tallies)


def _digits(finest: Sequence[Ints], codes: Sequence[Ints]) -> list[Ints]:
    return [of_code[column] for of_code, column in zip(finest, codes, strict=True)]


class Node:
    """A node of the lattice: a level for each column. Its tallies are rolled up from the node below when asked for."""

    __slots__ = ("_below", "_census", "_pairs", "_step", "classes", "levels")

    def __init__(self, census: Census, levels: tuple[int, ...], classes: Tally) -> None:
        """Hold a node whose classes are counted; ``finest`` and ``raised`` make them."""
        self._census, self.levels, self.classes = census, levels, classes
        self._below: Node | None = None
        self._step: tuple[int, Ints] | None = None
        self._pairs: dict[str, Tally] = {}

    @classmethod
    def finest(cls, census: Census) -> Node:
        """Return the node of all levels 0."""
        node = cls(census, (0,) * len(census.ladders), census.classes)
        node._pairs.update(census.pairs)
        return node

    def raised(self, place: int, level: int) -> Node:
        """Return the node with one column at a coarser level, which must be made of groups of the present one."""
        census, ladder = self._census, self._census.ladders[place]
        mapping = ladder.step(self.levels[place], level)
        assert mapping is not None
        in_order = place == len(census.ladders) - 1 and bool((np.diff(mapping) >= 0).all())
        levels = (*self.levels[:place], level, *self.levels[place + 1 :])
        node = Node(census, levels, self.classes.rolled(census.layout.fields[place], mapping, in_order=in_order))
        node._below, node._step = self, (place, mapping)
        return node

    def held(self, name: str) -> Held:
        """Return the values of a sensitive column that each class holds, in the order of the classes."""
        tally, layout = self._tally(name), self._census.pair_layouts[name]
        starts = tally.starts(layout, len(self._census.ladders))
        return Held(starts, layout.fields[-1].read(tally.words), tally.n)

    def digits(self, flags: Flags) -> list[Ints]:
        """Return, column by column, the digits of the classes flagged."""
        words = tuple(word[flags] for word in self.classes.words)
        return [field.read(words) for field in self._census.layout.fields]

    def upper(self, depth: int) -> Ints:
        """Return the sizes of the classes on the first ``depth`` columns alone."""
        return np.add.reduceat(self.classes.n, self.classes.starts(self._census.layout, depth))

    def _tally(self, name: str) -> Tally:
        """Roll the tally by value up from the nearest node below that has it."""
        path: list[Node] = [self]
        while name not in path[-1]._pairs:
            assert path[-1]._below is not None
            path.append(path[-1]._below)
        tally = path.pop()._pairs[name]
        for node in reversed(path):
            assert node._step is not None
            place, mapping = node._step
            field = self._census.pair_layouts[name].fields[place]
            tally = node._pairs[name] = tally.rolled(field, mapping, in_order=False)
        return tally
