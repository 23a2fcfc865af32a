"""Pseudonyms against a second implementation, against published answers, and against faults put in on purpose."""

from __future__ import annotations

import random

import numpy as np
import polars_hash
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.keys.injected import injected_faults
from benchmarks.keys.pseudonyms import DOMAIN, collisions, identifiers, key_of, shared
from cld.engine import Query, scratch_engine
from cld.errors import InvariantBroken
from cld.nhs_number import fault_of, placeholders
from cld.number_columns import cleaned_numbers
from keys import pseudonym, routes
from keys.canonical import canonical_identifiers
from keys.derivation import PseudonymDomain, Secret, domain_key
from keys.pseudonym import PseudonymForm, check_texts, expected_collisions, plain_pseudonym, pseudonyms_of
from keys.routes import ROUTES, available_routes, expressible, rfc_4231_cases
from keys.text_form import Tags
from tests.lib.second_pseudonym import second_pseudonym

SECRET, PEPPER = bytes(range(32)), bytes(range(100, 132))
NUMBERS = st.text("0123456789 -x", max_size=13) | st.sampled_from(["9434765919", "943 476 5919", "4505577104", " "])


def test_every_computation_gives_the_published_answers_that_its_form_can_express() -> None:
    """RFC 4231, cases 1 to 7, cut to 120 bits: a test of its own beside the one at start."""
    told = 0
    for route in available_routes():
        for case in rfc_4231_cases():
            if not expressible(route, case):
                continue
            data = bytes.fromhex(case["data"])
            message = pa.array([data.decode()]) if data.isascii() else pa.array([data])
            tags = ROUTES[route](Secret(bytes.fromhex(case["key"])), message)
            assert f"{int(tags.high[0]):016x}{int(tags.low[0]):014x}" == case["expected"][:30], (route, case["source"])
            told += 1
    assert told == 7 + 7 + (3 if "fast" in available_routes() else 0)


def test_a_computation_that_differs_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(key: Secret, texts: pa.Array) -> Tags:
        made = routes.plain_tags(key, texts)
        return Tags(made.high, made.low ^ np.uint64(len(texts) > 5000))

    monkeypatch.setitem(ROUTES, "copied", wrong)
    with pytest.raises(InvariantBroken):
        routes.require_routes_agree.__wrapped__()


def test_a_failure_of_the_fast_computation_tells_nothing_of_key_or_identifier() -> None:
    key = Secret(b"5" * 64)
    with pytest.raises(InvariantBroken) as failed:
        routes.fast_tags(key, pa.array([1, 2, 3]))
    assert failed.value.__context__ is None
    assert "5555" not in repr(failed.value)
    expression = polars_hash.col("identifier").chash.hmac_sha256(key=key.reveal().decode())
    assert "5555" not in repr(expression) + str(expression)


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), min_size=1, max_size=20),
    names=st.tuples(*[st.text(min_size=1, max_size=8)] * 4),
    version=st.integers(1, 60),
)
def test_a_second_implementation_agrees_character_by_character(
    texts: list[str], names: tuple[str, str, str, str], version: int
) -> None:
    domain = PseudonymDomain(*names, version)
    key = domain_key(Secret(SECRET), Secret(PEPPER), domain)
    cleaned, reasons = canonical_identifiers(pa.array(texts, pa.string()), domain.kind, synthetic_allowed=True)
    made = pseudonyms_of(cleaned, key, domain).to_pylist()
    for text, found, reason in zip(texts, made, reasons.to_pylist(), strict=True):
        assert (found is None) == (reason is not None)
        if found is not None:
            assert found == second_pseudonym(SECRET, PEPPER, (*names, version), text)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.none() | NUMBERS | st.sampled_from(sorted(placeholders())), min_size=1, max_size=30), st.booleans())
def test_numbers_a_column_at_a_time_are_judged_as_one_at_a_time(
    sent: list[str | None], synthetic_allowed: bool
) -> None:  # noqa: FBT001
    _, faults = cleaned_numbers(pa.array(sent, pa.string()), synthetic_allowed=synthetic_allowed)
    wanted = [fault_of(text or "", synthetic_allowed=synthetic_allowed) for text in sent]
    assert faults.to_pylist() == [fault and fault.value for fault in wanted]


def test_numbers_of_every_range_are_judged_alike_in_a_slice_too() -> None:
    source = random.Random(11)
    sent = [f"{source.randrange(10**10):010d}" for _ in range(20_000)]
    column = pa.array(["", *sent]).slice(1)
    cleaned, faults = cleaned_numbers(column, synthetic_allowed=True)
    wanted = [fault_of(text, synthetic_allowed=True) for text in sent]
    assert faults.to_pylist() == [fault and fault.value for fault in wanted]
    assert cleaned.to_pylist() == [text if fault is None else None for text, fault in zip(sent, wanted, strict=True)]


def test_every_injected_error_and_swap_is_caught(is_long: bool) -> None:  # noqa: FBT001
    texts = pseudonyms_of(next(identifiers(20_000)).column(0), key_of(DOMAIN), DOMAIN)
    faulty, n_changed, n_swapped = injected_faults(texts, 160_000 if is_long else 20_000, 5)
    assert min(n_changed, n_swapped) > len(faulty) // 3
    assert check_texts(faulty, None)[0].all()
    assert not check_texts(texts, DOMAIN)[0].any()


def test_no_two_persons_share_a_pseudonym_and_no_two_agreements_one(is_long: bool) -> None:  # noqa: FBT001
    assert all(row["met"] for row in collisions(10_000_000 if is_long else 200_000))
    assert all(row["met"] for row in shared(1_000_000 if is_long else 50_000))


def test_a_build_fails_where_two_persons_would_share_a_pseudonym(
    tmp_path: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def narrow(key: Secret, texts: pa.Array) -> Tags:
        made = routes.tags_of(key, texts)
        return Tags(made.high & np.uint64(0xFF), made.low & np.uint64(0))

    monkeypatch.setattr(pseudonym, "tags_of", narrow)
    with scratch_engine(tmp_path).session() as session:  # type: ignore[arg-type]
        session.table("people", Query("select range as person_id from range(200)"))
        with pytest.raises(InvariantBroken):
            pseudonym.pseudonym_table(session, "keyed", "people", "person_id", key_of(DOMAIN), DOMAIN)


def test_the_expected_collisions_are_those_of_the_birthday_bound() -> None:
    """Expected colliding pairs n^2 / 2^(b + 1): 64 bits and 60 million 9.8e-5, 120 bits and 100 million 3.8e-21."""
    assert expected_collisions(60_000_000, PseudonymForm.BIGINT) == pytest.approx(9.8e-5, rel=0.01)
    assert expected_collisions(100_000_000, PseudonymForm.TEXT) == pytest.approx(3.8e-21, rel=0.02)


def test_a_column_of_another_domain_is_seen_at_once() -> None:
    texts = pseudonyms_of(next(identifiers(1_000)).column(0), key_of(DOMAIN), DOMAIN)
    for changed in (("504", "A-1", "cld", "nhs", 1), ("503", "A-2", "cld", "nhs", 1), ("503", "A-1", "cld", "nhs", 2)):
        bad, other = check_texts(texts, PseudonymDomain(*changed))
        assert not bad.any()
        assert other.sum() > 900
    assert plain_pseudonym(key_of(DOMAIN), DOMAIN, "4000000000") == texts[0].as_py()
