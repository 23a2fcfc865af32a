"""Tallies: how many records each class holds, as sorted integer keys with counts, rolled up from finer to coarser.

Every column has a field of bits in the key, the first column highest; a step up a ladder replaces one field's digit,
then equal keys are added. A key of more than 63 bits takes several words. Rows are read once, to make the first tally.
Source: El Emam et al. 2009 (a lattice searched by counts of classes); Kohlmayer et al. 2012 (roll-up from finer nodes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from disclosure.rows.ladders import Ints

__all__ = ["Field", "Flags", "Layout", "Tally", "layout_of", "numbered"]

BITS_IN_WORD = 63
MOST_TICKED = 16
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Field:
    """Where a column's digit sits in a key."""

    word: int
    shift: int
    bits: int

    def read(self, words: tuple[Ints, ...]) -> Ints:
        """Return the digits of a column."""
        found: Ints = (words[self.word] >> self.shift) & ((1 << self.bits) - 1)
        return found


@dataclass(frozen=True, slots=True)
class Tally:
    """Distinct keys, ascending, and the number of records of each."""

    words: tuple[Ints, ...]
    n: Ints

    def rolled(self, field: Field, mapping: Ints, *, in_order: bool) -> Tally:
        """Return the tally with one column's digits mapped; ``in_order`` if the keys then still ascend."""
        steps = (mapping - np.arange(len(mapping))) << field.shift
        moved = self.words[field.word] + steps[field.read(self.words)]
        words = tuple(moved if place == field.word else word for place, word in enumerate(self.words))
        return _added(words, self.n, in_order=in_order)

    def starts(self, layout: Layout, depth: int) -> Ints:
        """Return where each class on the first ``depth`` columns (one at least) begins."""
        last = layout.fields[depth - 1]
        return _starts((*self.words[: last.word], self.words[last.word] >> last.shift))


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields of the columns, first column first, and the number of words."""

    fields: tuple[Field, ...]
    n_words: int

    def tally(self, digits: Sequence[Ints], n: Ints) -> Tally:
        """Count rows, given as digits column by column, each standing for ``n`` records."""
        return _added(self._words(digits), n, in_order=False)

    def class_of(self, digits: Sequence[Ints]) -> Ints:
        """Return for each row the place of its class among all classes, in the order of ``tally``."""
        words = self._words(digits)
        order = _order(words)
        starts = _starts(tuple(word[order] for word in words))
        found = np.empty(len(order), np.int64)
        found[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(order)))
        return found

    def _words(self, digits: Sequence[Ints]) -> tuple[Ints, ...]:
        words = [np.zeros(len(digits[0]), np.int64) for _ in range(self.n_words)]
        for field, one in zip(self.fields, digits, strict=True):
            words[field.word] |= one << field.shift
        return tuple(words)


def layout_of(n_values: Sequence[int]) -> Layout:
    """Return the layout for columns of so many values, filled from the last column up."""
    fields: list[Field] = []
    n_words, shift = 1, 0
    for n in reversed(n_values):
        bits = max(1, (n - 1).bit_length())
        if shift + bits > BITS_IN_WORD:
            n_words, shift = n_words + 1, 0
        fields.append(Field(n_words, shift, bits))
        shift += bits
    placed = tuple(Field(n_words - field.word, field.shift, field.bits) for field in reversed(fields))
    return Layout(placed, n_words)


def numbered(keys: Ints, n_keys: int) -> tuple[Ints, Ints]:
    """Return the different keys, ascending, and for each key its place among them; all keys lie below ``n_keys``.

    Where there are not many more possible keys than keys they are ticked off, which is quicker than sorting them.
    """
    if n_keys > MOST_TICKED * max(len(keys), 1):
        return np.unique(keys, return_inverse=True)
    there = np.zeros(n_keys, np.bool_)
    there[keys] = True
    places = np.cumsum(there, dtype=np.int32)
    return np.flatnonzero(there), places[keys].astype(np.int64) - 1


def _starts(words: tuple[Ints, ...]) -> Ints:
    """Return where each run of equal keys begins."""
    first: Flags = np.empty(len(words[0]), np.bool_)
    first[:1] = True
    np.not_equal(words[0][1:], words[0][:-1], out=first[1:])
    for word in words[1:]:
        first[1:] |= word[1:] != word[:-1]
    return np.flatnonzero(first)


def _order(words: tuple[Ints, ...]) -> Ints:
    """Return the order of keys. A stable sort is quick here: what was in order stays so in long runs."""
    return words[0].argsort(kind="stable") if len(words) == 1 else np.lexsort(words[::-1])


def _added(words: tuple[Ints, ...], n: Ints, *, in_order: bool) -> Tally:
    """Add the counts of equal keys."""
    if not in_order:
        order = _order(words)
        words, n = tuple(word[order] for word in words), n[order]
    starts = _starts(words)
    if len(starts) == len(n):
        return Tally(words, n)
    return Tally(tuple(word[starts] for word in words), np.add.reduceat(n, starts))
