"""Random release histories: every bound equals trying every whole-number answer, or a cold linear programme an end."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cld.errors import InputError
from disclosure.memory import ends, parts
from disclosure.memory.bounds import coalition_bounds
from disclosure.memory.history import history_from
from tests.lib.brute_history import Interval, by_cold_programmes, by_trying, random_history

COALITIONS = (("A",), ("B",), ("A", "B"))


def ours(history: dict[str, Any], recipients: tuple[str, ...], *, integer: bool) -> list[Interval] | None:
    try:
        found = coalition_bounds(history_from(history), recipients, integer=integer)
    except InputError as refusal:
        assert all(recipient in refusal.message for recipient in recipients)
        return None
    assert all(bound.proven for bound in found)
    return [(bound.low, bound.high) for bound in found]


def spoilt(seed: int) -> dict[str, Any]:
    """Make a history and shift one row, so that it may contradict itself."""
    history, chance = random_history(seed), random.Random(seed)
    row = chance.choice(chance.choice(history["releases"])["rows"])
    row["low"] += 2
    row["high"] = max(row["high"], row["low"])
    return history


def histories(is_long: bool) -> list[dict[str, Any]]:
    n_seeds = 1500 if is_long else 100
    return [spoilt(seed) if seed % 4 == 0 else random_history(seed) for seed in range(n_seeds)]


def test_whole_number_bounds_are_those_of_trying_every_answer(is_long: bool) -> None:
    n_contradictions = 0
    for history in histories(is_long):
        for recipients in COALITIONS:
            wanted = by_trying(history, recipients)
            assert ours(history, recipients, integer=True) == wanted
            n_contradictions += wanted is None
    assert n_contradictions > 5, "no history contradicted itself: the refusal was not tried"


def test_bounds_that_are_taken_in_parts_are_the_same(is_long: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every component that has blocks is taken in parts, however small: whole numbers and reals."""
    n_parted, taken = 0, ends._take_parts  # noqa: SLF001 - counted, to see that it is tried

    def counted(*given: Any, **named: Any) -> None:
        nonlocal n_parted
        n_parted += 1
        taken(*given, **named)

    monkeypatch.setattr(ends, "LARGE", 1)
    monkeypatch.setattr(parts, "FEWEST_BLOCKS", 1)
    monkeypatch.setattr(ends, "_take_parts", counted)
    for history in histories(is_long):
        for recipients in COALITIONS:
            wanted = by_trying(history, recipients)
            assert ours(history, recipients, integer=True) == wanted
    assert n_parted > 10, "hardly any history was taken in parts"
    for history in histories(is_long)[::3]:
        wanted, found = by_cold_programmes(history, ("A", "B")), ours(history, ("A", "B"), integer=False)
        assert (wanted is None) == (found is None)
        for mine, theirs in zip(found or [], wanted or [], strict=True):
            assert mine == pytest.approx(theirs, abs=1e-6)


def test_real_bounds_are_those_of_one_cold_programme_an_end(is_long: bool) -> None:
    for history in histories(is_long)[:: 1 if is_long else 3]:
        for recipients in COALITIONS:
            wanted, found = by_cold_programmes(history, recipients), ours(history, recipients, integer=False)
            assert (wanted is None) == (found is None)
            for (low, high), (our_low, our_high) in zip(wanted or [], found or [], strict=True):
                assert our_low == pytest.approx(low, abs=1e-6)
                assert our_high == pytest.approx(high, abs=1e-6)


def test_whole_number_bounds_lie_within_the_real_ones(is_long: bool) -> None:
    for seed in range(400 if is_long else 40):
        history = random_history(seed, largest=60)
        for recipients in COALITIONS:
            whole, real = (ours(history, recipients, integer=integer) for integer in (True, False))
            assert whole is not None and real is not None, "the history has an answer"
            for (low, high), (real_low, real_high) in zip(whole, real, strict=True):
                assert real_low - 1e-6 <= low <= high <= real_high + 1e-6
