"""Identifiers as they are keyed: one spelling for each, and a reason where there is nothing to key.

An NHS number loses spaces and hyphens and must pass every check. Any other identifier is trimmed of white space, put in
Unicode's composed form (NFC) and in capitals (full mapping, so that a sharp s becomes SS). Blanks, placeholders and
invalid numbers are never keyed: hashing them would make one false person of many.
"""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pyarrow.compute as pc

from cld.errors import InputError
from cld.nhs_number import NumberFault
from cld.number_columns import cleaned_numbers

__all__ = ["NHS_KIND", "canonical_identifiers", "canonical_text", "plain_texts"]

NHS_KIND = "nhs"
ASCII_SPACE = " \t\n\r\v\f\x1c\x1d\x1e\x1f"
LARGEST_EXACT = 2.0**63
NOTHING = pa.scalar(None, pa.string())


def canonical_text(text: str) -> str:
    """Return the one spelling of an identifier that is no NHS number."""
    return unicodedata.normalize("NFC", text.strip()).upper()


def plain_texts(column: pa.Array) -> pa.Array:
    """Return the values of a column as text; a whole number has no point, whatever type holds it.

    Nulls:  stay null; so is what a file of fractions holds for no number at all.
    Raises: InputError if bytes of the column are no text.
    """
    held = column
    if pa.types.is_floating(column.type):
        fractions = column.cast(pa.float64())
        held = pc.if_else(pc.is_nan(fractions), pa.scalar(None, pa.float64()), fractions)
        whole = pc.and_(pc.equal(pc.floor(held), held), pc.less(pc.abs(held), LARGEST_EXACT))
        numbers = pc.if_else(whole, held, 0.0).cast(pa.int64())
        return pc.if_else(whole, numbers.cast(pa.string()), held.cast(pa.string()))
    try:
        texts = held.cast(pa.string())
    except pa.ArrowException:
        message = "A column holds bytes that are no text in UTF-8."
        raise InputError(message, "Write identifiers as text, or as numbers.") from None
    if pa.types.is_decimal(column.type):
        return pc.replace_substring_regex(texts, r"\.0*$|(\.[0-9]*[1-9])0+$", r"\1")
    return texts


def canonical_identifiers(sent: pa.Array, kind: str, *, synthetic_allowed: bool) -> tuple[pa.Array, pa.Array]:
    """Return identifiers as they are keyed, null where nothing is, and the reason, null where something is.

    Shape:  in n texts as sent; out n identifiers, n reasons (blank, invalid or placeholder).
    """
    if kind == NHS_KIND:
        cleaned, fault = cleaned_numbers(sent, synthetic_allowed=synthetic_allowed)
        out_of_range = pc.equal(fault, NumberFault.RANGE.value)
        return cleaned, pc.if_else(pc.fill_null(out_of_range, False), NumberFault.INVALID.value, fault)  # noqa: FBT003
    texts = _spelt(sent.cast(pa.string()))
    texts = pc.if_else(pc.equal(pc.binary_length(texts), 0), NOTHING, texts)
    return texts, pc.if_else(pc.is_null(texts), pa.scalar(NumberFault.BLANK.value), NOTHING)


def _spelt(texts: pa.Array) -> pa.Array:
    is_plain = pc.string_is_ascii(texts)
    if pc.all(is_plain, skip_nulls=True).as_py() is not False:
        return pc.ascii_upper(pc.ascii_trim(texts, ASCII_SPACE))
    spelt = (None if text is None else canonical_text(text) for text in texts.to_pylist())
    return pa.array(spelt, pa.string(), size=len(texts))
