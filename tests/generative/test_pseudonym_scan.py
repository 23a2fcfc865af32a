"""The fast reading of pseudonym columns against the plain one, value by value, on whole, spoilt and foreign pseudonyms."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.scan import column_fault
from audit.verifying.pseudonyms import CROCKFORD, FieldDomain, pseudonym_fault
from keys.derivation import PseudonymDomain
from keys.text_form import Tags, encode_tags

OURS = FieldDomain("503", "DARS-1", "cld", "person", 1)


def pseudonyms(chance: np.random.Generator, n_values: int, agreement: str = "DARS-1", version: int = 1) -> list[str]:
    high, low = (chance.integers(0, 2**bits, n_values, dtype=np.uint64) for bits in (64, 56))
    texts: list[str] = encode_tags(
        Tags(high, low), PseudonymDomain("503", agreement, "cld", "person", version)
    ).to_pylist()
    return texts


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    place=st.integers(0, 26),
    letter=st.sampled_from(CROCKFORD + "ILOU-a\u00e9"),
    coded=st.booleans(),
)
def test_one_letter_changed_gives_the_same_answer_by_both_readings(
    seed: int, place: int, letter: str, coded: bool
) -> None:
    values = pseudonyms(np.random.default_rng(seed), 20)
    changed = values[7][:place] + letter + values[7][place + 1 :]
    column = pa.array([*values[:7], changed, None, *values[8:]])
    fault = column_fault(column.dictionary_encode() if coded else column, OURS)
    assert fault == pseudonym_fault([changed], OURS)
    assert bool(fault) == (changed != values[7])


def test_whole_columns_pass_and_columns_of_another_agreement_or_version_do_not() -> None:
    chance = np.random.default_rng(5)
    assert column_fault(pa.array(pseudonyms(chance, 50_000)), OURS) == ""
    assert column_fault(pa.array(pseudonyms(chance, 50_000)).slice(31, 40_000), OURS) == ""
    assert column_fault(pa.array([None, None], pa.string()), OURS) == ""
    for values in (pseudonyms(chance, 200, "DARS-2"), pseudonyms(chance, 200, version=2)):
        assert column_fault(pa.array(values), OURS) == pseudonym_fault(values, OURS) != ""
