"""Canonical bytes against the rfc8785 library, and what a leaf may hold, on random values."""

from __future__ import annotations

import json
import random

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.commitment import COMMITTED, commitment_of, opens, without_free_text
from audit.journal import Event, leaf_bytes
from cld.canonical import canonical_bytes, parsed_lines
from cld.errors import InvariantBroken
from cld.free_text import FreeText

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
@settings(max_examples=400, deadline=None)
def test_canonical_bytes_are_those_of_the_library(value: object) -> None:
    assert canonical_bytes(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


def test_keys_beyond_the_basic_plane_are_sorted_by_their_code_units() -> None:
    """U+FB33 sorts after U+1F600 by UTF-16 and before it by code point. Source: RFC 8785, section 3.2.3."""
    value = {"\ufb33": 1, "\U0001f600": 2}
    assert canonical_bytes(value) == rfc8785.dumps(value) == '{"\U0001f600":2,"\ufb33":1}'.encode()
    assert parsed_lines([canonical_bytes(value)]) is None, "the slower look decides"


@pytest.mark.parametrize("value", [1.0, [1, 2.5], {"a": {"b": 0.1}}, {"a": (1.5,)}, float("nan")])
def test_a_float_is_refused_wherever_it_stands(value: object) -> None:
    with pytest.raises(InvariantBroken):
        canonical_bytes(value)


@given(st.lists(VALUES, min_size=1, max_size=6), st.integers(0, 10**6))
@settings(max_examples=300, deadline=None)
def test_lines_are_parsed_if_each_is_canonical_and_not_after_any_change_of_a_byte(
    values: list[object], seed: int
) -> None:
    lines, dice = [canonical_bytes(value) for value in values], random.Random(seed)
    parsed = parsed_lines(lines)
    assert parsed is None or parsed == values
    place = dice.randrange(len(lines))
    line = bytearray(lines[place])
    line[dice.randrange(len(line))] ^= 1 << dice.randrange(8)
    altered = [*lines[:place], bytes(line), *lines[place + 1 :]]
    again = parsed_lines(altered)
    assert again is None or [canonical_bytes(one) for one in again] == altered


@pytest.mark.parametrize(
    "line",
    [b'{"a": 1}', b'{"b":1,"a":2}', b'{"a":1,"a":2}', b"1.0", b"1e3", b"1,2", b"-0", b"NaN", b"9007199254740993"],
)
def test_other_spellings_are_not_canonical(line: bytes) -> None:
    assert parsed_lines([line]) is None


@given(TEXT.filter(bool), st.binary(min_size=32, max_size=32))
@settings(max_examples=100, deadline=None)
def test_free_text_leaves_only_a_commitment_that_its_salt_opens(words: str, salt: bytes) -> None:
    value = {"plan": {"reason": FreeText(words), "codes": ["503", FreeText("")]}, "n": 1}
    public, openings = without_free_text(value, lambda: salt)
    assert public == {"plan": {"reason": {COMMITTED: commitment_of(salt, words)}, "codes": ["503", ""]}, "n": 1}
    assert [(made.text, opens(made)) for made in openings] == [(words, True)]
    assert commitment_of(salt, words) != commitment_of(bytes(32), words) or salt == bytes(32)


NUMBERS = ["9434765919", "943 476 5919", "943-476-5919", "943 4765919", "9434765870"]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("around", ["{}", "number {}", "({})", "a-{}-b"])
def test_a_leaf_refuses_an_nhs_number_however_it_is_written(number: str, around: str) -> None:
    with pytest.raises(InvariantBroken):
        leaf_bytes(0, "2026-01-05T09:00:00Z", Event("tested", "a", "b", {"note": around.format(number)}), "")


def test_a_leaf_refuses_a_pseudonym_and_takes_digests_times_and_other_numbers() -> None:
    with pytest.raises(InvariantBroken):
        leaf_bytes(0, "2026-01-05T09:00:00Z", Event("tested", "a", "b", {"p": "A" + "0123456789ABCDEFGHJKMNPQRS"}), "")
    details = {"digest": "9434765919" * 6 + "abcd", "n": 9434765918, "day": "2026-01-05", "phone": "0113 496 0000"}
    leaf = leaf_bytes(0, "2026-01-05T09:00:00Z", Event("tested", "a", "b", details), "f" * 64)
    assert json.loads(leaf)["details"] == details
