"""NHS numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cld.engine import Query, scratch_engine
from cld.errors import InputError
from cld.nhs_number import NHSNumber, NumberRange, clean_number_sql, fault_of, number_fault_sql, placeholders


def test_the_nineteen_placeholders_pass_the_check_digit_and_are_refused() -> None:
    assert len(placeholders()) == 19
    assert {fault_of(value, synthetic_allowed=True) for value in placeholders()} == {"placeholder"}


def test_a_number_never_shows_itself() -> None:
    number = NHSNumber.parse("943 476 5919", synthetic_allowed=True)
    assert number.range is NumberRange.SYNTHETIC
    assert "9434765919" not in f"{number!r} {number}"


def test_production_refuses_the_synthetic_range_without_echoing_it() -> None:
    with pytest.raises(InputError) as refusal:
        NHSNumber.parse("9434765919", synthetic_allowed=False)
    assert "9434765919" not in str(refusal.value)


@pytest.mark.parametrize("sent", ["", "943476591", "94347659190", "9434765918", "abcdefghij", "٩٤٣٤٧٦٥٩١٩"])
def test_faulty_numbers_are_refused(sent: str) -> None:
    assert fault_of(sent, synthetic_allowed=True) in ("blank", "invalid")


@settings(max_examples=5, deadline=None)
@given(numbers=st.lists(st.from_regex(r"[0-9 -]{0,13}", fullmatch=True), min_size=200, max_size=200))
def test_sql_and_python_find_the_same_faults(tmp_path_factory: pytest.TempPathFactory, numbers: list[str]) -> None:
    folder: Path = tmp_path_factory.mktemp("sql")
    text = f"""
        select sent, {number_fault_sql("(" + clean_number_sql("sent") + ")", synthetic_allowed=False)}
        from (select unnest($numbers::varchar[]) as sent)
    """
    with scratch_engine(folder).session() as session:
        rows = session.rows(Query(text, (), {"numbers": [*numbers, *placeholders(), "9434765919", "4505577104"]}))
    for sent, fault in rows:
        assert fault == fault_of(str(sent), synthetic_allowed=False)
