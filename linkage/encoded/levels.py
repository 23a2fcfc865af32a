"""From Dice similarity to levels of agreement: thresholds follow from the scheme, so that a level counts edits.

An edit changes a known number of tokens, hence of source bits, hence of bits that travel; how similar two filters are
after none, one, two or three edits is worked out, and each threshold lies halfway between two of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linkage.encoded.compare import dice_pairs
from linkage.encoded.scheme import EncodedField, EncodingScheme, FieldKind

__all__ = [
    "EXACT",
    "NEAR",
    "FieldSide",
    "LevelThresholds",
    "expected_dice",
    "field_levels",
    "n_levels",
    "thresholds_of",
]

MISSING = -1
NEAR, EXACT = 2, 3
THOUSAND = 1_000
CLEAR_OF_CHANCE = 4.0
HALF = 0.5
FURTHEST = 0.499
Bits = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LevelThresholds:
    """The least similarity of each level, in thousandths of Dice."""

    partial: int
    near: int
    exact: int


@dataclass(frozen=True, slots=True)
class FieldSide:
    """One file's filters of one field, which rows have one, and the tags of their salts."""

    filters: Bits
    present: npt.NDArray[np.bool_]
    salt_tags: npt.NDArray[np.int16]

    @property
    def density(self) -> float:
        """The share of bits that are set, over the rows that have a filter."""
        n_bits = int(self.present.sum()) * int(self.filters.shape[1]) * 8
        return float(np.bitwise_count(self.filters).sum(dtype=np.int64)) / max(n_bits, 1)


def n_levels(field: EncodedField) -> int:
    """Return how many levels a field has: a category is equal or not, others also near and partial."""
    return 2 if field.kind is FieldKind.CATEGORY else 4


def expected_dice(field: EncodedField, scheme: EncodingScheme, density: float, n_edits: int) -> float:
    """Return the Dice similarity that filters of this density have, on average, after some single-character edits.

    With p the share of source bits set, d that of changed ones and t positions joined by XOR, a share
    (1 - (1 - 2d)^t) / 2 of the bits that travel changes, and Dice is 1 less that share over twice the density.

    Assumes: source bits are independent; an edit replaces q q-grams by q others, or one placed character by another.
    Source:  Matsui 1993, piling-up lemma; Armknecht, Heng and Schnell 2023 for its use on diffused filters.
    """
    flip = scheme.flips_per_thousand / THOUSAND
    plain = min((density - flip) / (1 - 2 * flip), FURTHEST)
    source = (1.0 - float((1 - 2 * max(plain, 0.0)) ** (1 / scheme.n_joined))) / 2
    replaced = scheme.q if field.kind in (FieldKind.NAME, FieldKind.TEXT) else 1
    changed = min(2 * replaced * n_edits * field.n_hashes * (1 - source) / scheme.n_bits, HALF)
    unlike = (1.0 - float((1 - 2 * changed) ** scheme.n_joined)) / 2
    both = 2 * flip * (1 - flip)
    return 1 - (unlike * (1 - 2 * both) + both) / (2 * max(density, 1 / scheme.n_bits_out))


def thresholds_of(field: EncodedField, scheme: EncodingScheme, density: float) -> LevelThresholds:
    """Return a field's thresholds: halfway between no and one edit, one and two, two and three, clear of chance."""
    edits = [expected_dice(field, scheme, density, n_edits) for n_edits in range(4)]
    spread = (1 - density) / max(scheme.n_bits_out, 1) ** HALF
    floor = density + CLEAR_OF_CHANCE * spread
    exact, near, partial = (max((edits[place] + edits[place + 1]) / 2, floor) for place in range(3))
    return LevelThresholds(round(partial * THOUSAND), round(near * THOUSAND), round(exact * THOUSAND))


def field_levels(
    left: FieldSide, right: FieldSide, field: EncodedField, limits: LevelThresholds, pairs: tuple[Places, Places]
) -> npt.NDArray[np.int8]:
    """Return the level of each pair; a missing value, or a salt that cannot be the same, is neutral.

    Shape:  in p pairs of places; out p levels, -1 for neutral.
    """
    similar = dice_pairs(left.filters, right.filters, *pairs)
    levels = np.zeros(len(similar), dtype=np.int8)
    for limit in (limits.partial, limits.near, limits.exact):
        levels += similar >= limit
    if field.kind is FieldKind.CATEGORY:
        levels = (similar >= limits.exact).astype(np.int8)
    neutral = ~(left.present[pairs[0]] & right.present[pairs[1]])
    if field.salted:
        neutral |= left.salt_tags[pairs[0]] != right.salt_tags[pairs[1]]
    levels[neutral] = MISSING
    return levels


def level_names(field: EncodedField) -> Mapping[int, str]:
    """Return the names of a field's levels, for reports."""
    if field.kind is FieldKind.CATEGORY:
        return {MISSING: "not compared", 0: "unlike", 1: "equal"}
    return {MISSING: "not compared", 0: "unlike", 1: "partial", NEAR: "near", EXACT: "equal"}
