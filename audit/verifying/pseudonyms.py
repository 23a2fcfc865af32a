"""Pseudonyms as any holder can test them: form, version letter, check character and domain character; no key is needed.

Source: construction CLD-P1 (docs/pseudonyms.md); check character over GF(32) with modulus x^5 + x^2 + 1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["CROCKFORD", "FieldDomain", "ODD_POWERS", "WHOLE_NUMBER", "pseudonym_fault"]

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
VERSION_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ"
N_LETTERS = 27
WHOLE_NUMBER = "bigint"
CHECK_PLACE, DOMAIN_PLACE = 25, 26
LOW_BITS = 56
WORD = (1 << 64) - 1


def _powers() -> list[int]:
    made, value = [], 1
    for _ in range(31):
        made.append(value)
        value = (value << 1) ^ (0b100101 if value & 16 else 0)
    return made


ODD_POWERS = _powers()
"""The powers of the field's generator, from the noughth."""


def _product(one: int, other: int) -> int:
    if not one or not other:
        return 0
    return ODD_POWERS[(ODD_POWERS.index(one) + ODD_POWERS.index(other)) % 31]


WEIGHED = tuple(
    {letter: _product(ODD_POWERS[(place + 1) % 31], symbol) for symbol, letter in enumerate(CROCKFORD)}
    for place in range(CHECK_PLACE)
)
"""For each place, what each letter adds to the check character."""
SYMBOLS = {letter: symbol for symbol, letter in enumerate(CROCKFORD)}


@dataclass(frozen=True, slots=True)
class FieldDomain:
    """The domain of one column: recipient, agreement, data set family, identifier kind and key version; and its form.

    A whole number of 64 bits (``bigint``) carries no mark of its domain: only that it is one can be tested.
    """

    recipient: str
    agreement: str
    family: str
    kind: str
    version: int
    form: str = "text"

    def letter(self) -> str:
        """Return the version letter that every pseudonym of the domain begins with."""
        return VERSION_LETTERS[(self.version - 1) % len(VERSION_LETTERS)]

    def multipliers(self) -> tuple[int, int]:
        """Return the two odd numbers that make the domain character."""
        parts = ("caregate/domain-tag", self.recipient, self.agreement, self.family, self.kind, str(self.version))
        written = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
        digest = hashlib.sha256(written).digest()
        return int.from_bytes(digest[:8], "big") | 1, int.from_bytes(digest[8:16], "big") | 1


def _is_whole_number(value: str) -> bool:
    """Test a cell, behind the apostrophe that guards it from spreadsheets in a CSV file."""
    digits = value.removeprefix("'").removeprefix("-")
    return digits.isascii() and digits.isdigit() and -(2**63) <= int(value.removeprefix("'")) < 2**63


def pseudonym_fault(values: Iterable[str], domain: FieldDomain) -> str:
    """Return what is wrong with the first value that is no pseudonym of the domain, or nothing.

    The value itself is never told. One in 32 values of another domain passes by chance; a column of them does not.
    """
    if domain.form == WHOLE_NUMBER:
        return "" if all(_is_whole_number(value) for value in values) else "a value is no whole number of 64 bits"
    first, second = domain.multipliers()
    letter = domain.letter()
    for value in values:
        if len(value) != N_LETTERS or not set(value) <= SYMBOLS.keys():
            return "a value is no pseudonym"
        symbols = [SYMBOLS[one] for one in value]
        check = 0
        for place in range(CHECK_PLACE):
            check ^= WEIGHED[place][value[place]]
        if check != symbols[CHECK_PLACE]:
            return "the check character of a value is wrong: it was mistyped or altered"
        if value[0] != letter:
            return f"a value is of another key version than the dictionary's, {domain.version}"
        tag = 0
        for symbol in symbols[1:CHECK_PLACE]:
            tag = tag << 5 | symbol
        mixed = (first * (tag >> LOW_BITS) + second * (tag & ((1 << LOW_BITS) - 1))) & WORD
        if mixed >> 59 != symbols[DOMAIN_PLACE]:
            return "a value is of another agreement, kind or key version"
    return ""
