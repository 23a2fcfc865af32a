"""NHS numbers: parsed once at the border, checked, marked with their range, masked wherever they are shown."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

from cld.errors import InputError

__all__ = ["NHSNumber", "NumberFault", "NumberRange", "clean_number_sql", "number_fault_sql", "placeholders"]

N_DIGITS = 10
MODULUS = 11


class NumberRange(StrEnum):
    """Who issues numbers of a range."""

    ENGLAND_WALES = "England, Wales, Isle of Man"
    SCOTLAND = "Scotland CHI"
    NORTHERN_IRELAND = "Northern Ireland"
    IRELAND = "Republic of Ireland"
    SYNTHETIC = "synthetic and test"
    UNALLOCATED = "unallocated"


class NumberFault(StrEnum):
    """Why a value is not an NHS number that may identify a person."""

    BLANK = "blank"
    INVALID = "invalid"
    PLACEHOLDER = "placeholder"
    RANGE = "range"


@cache
def placeholders() -> frozenset[str]:
    """Return the nineteen values that pass the check digit and stand for nobody.

    Source: cld/reference/nhs-number-placeholders.csv.
    """
    text = files("cld").joinpath("reference/nhs-number-placeholders.csv").read_text("utf-8")
    values = (row["value"] for row in csv.DictReader(text.splitlines()))
    return frozenset(value for value in values if value.isdigit() and len(value) == N_DIGITS)


@dataclass(frozen=True, slots=True)
class NHSNumber:
    """A number that passed every check. Its text is reached by ``text`` alone; ``repr`` and ``str`` mask it."""

    text: str
    range: NumberRange

    def __repr__(self) -> str:
        """Show nothing of the number."""
        return "NHSNumber(**********)"

    __str__ = __repr__

    @classmethod
    def parse(cls, sent: str, *, synthetic_allowed: bool) -> NHSNumber:
        """Parse a number as sent.

        Raises: InputError, whose message names the fault and never the value.
        Source: NHS Data Dictionary, NHS NUMBER (modulus 11); cld/reference/nhs-number-ranges.csv.
        """
        fault = fault_of(sent, synthetic_allowed=synthetic_allowed)
        if fault is not None:
            message = f"Not an NHS number that may identify a person: {fault.value}."
            raise InputError(message)
        digits = _digits(sent)
        return cls(digits, _range_of(digits))


def _digits(sent: str) -> str:
    return sent.replace(" ", "").replace("-", "")


def fault_of(sent: str, *, synthetic_allowed: bool) -> NumberFault | None:
    """Say what is wrong with a number as sent, or nothing."""
    digits = _digits(sent)
    if not digits:
        return NumberFault.BLANK
    if len(digits) != N_DIGITS or not digits.isascii() or not digits.isdigit():
        return NumberFault.INVALID
    if digits in placeholders():
        return NumberFault.PLACEHOLDER
    if not _passes_modulus_11(digits):
        return NumberFault.INVALID
    allowed = {NumberRange.ENGLAND_WALES} | ({NumberRange.SYNTHETIC} if synthetic_allowed else set())
    return None if _range_of(digits) in allowed else NumberFault.RANGE


def _passes_modulus_11(digits: str) -> bool:
    total = sum(int(digit) * weight for digit, weight in zip(digits[:9], range(10, 1, -1), strict=True))
    check = (MODULUS - total % MODULUS) % MODULUS
    return check == int(digits[9])


def _range_of(digits: str) -> NumberRange:
    match digits[0]:
        case "4" | "6" | "7":
            return NumberRange.ENGLAND_WALES
        case "9":
            return NumberRange.SYNTHETIC
        case "8" if digits < "8600000000":
            return NumberRange.IRELAND
        case "3" if digits >= "3200000000":
            return NumberRange.NORTHERN_IRELAND
        case "0" | "1" | "2" | "3" if "0100000000" <= digits < "3113000000":
            return NumberRange.SCOTLAND
        case _:
            return NumberRange.UNALLOCATED


def clean_number_sql(column: str) -> str:
    """Return SQL that strips spaces and hyphens from a number as sent; blank becomes null."""
    return f"nullif(replace(replace({column}, ' ', ''), '-', ''), '')"


def number_fault_sql(cleaned: str, *, synthetic_allowed: bool) -> str:
    """Return SQL that gives the fault of a cleaned number, null where there is none.

    Shape:  text in; 'blank', 'invalid', 'placeholder', 'range' or null out.
    Source: as for NHSNumber.parse; a test holds the two against each other.
    """
    weights = " + ".join(f"{10 - place} * try_cast({cleaned}[{place + 1}] as integer)" for place in range(9))
    listed = ", ".join(f"'{value}'" for value in sorted(placeholders()))
    first = "'4', '6', '7', '9'" if synthetic_allowed else "'4', '6', '7'"
    return f"""case
        when {cleaned} is null then 'blank'
        when not regexp_full_match({cleaned}, '[0-9]{{10}}') then 'invalid'
        when {cleaned} in ({listed}) then 'placeholder'
        when (11 - ({weights}) % 11) % 11 <> try_cast({cleaned}[10] as integer) then 'invalid'
        when {cleaned}[1] not in ({first}) then 'range'
    end"""
