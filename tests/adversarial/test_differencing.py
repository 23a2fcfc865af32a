"""Differencing attacks, each played against a history: with memory it fails, without memory it wins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest

from cld.engine import scratch_engine
from cld.errors import DisclosureRefused
from cld.vocabulary import Form
from disclosure.memory.sheet import FactSheet, SheetRow
from disclosure.memory.verdict import PastRelease
from disclosure.memory.weigh import weigh
from tests.lib.small_world import Cell, Rule, SmallRelease, a_release, a_world, worked_out

EXACT = Rule(stars=7, base=1)
ROUNDED = Rule(stars=7, base=5)
BANDS = {"to 64": ["64"], "65 and over": ["65", "66"]}
SHIFTED = {"to 65": ["64", "65"], "66 and over": ["66"]}
ALL_AGES = {"all": ["64", "65", "66"]}
COUNTY = {"county": ["town", "rest"]}
WORLD = a_world([40, 3, 60], [200, 30, 300])
MIXED = a_world([9, 4, 19], [200, 30, 300])
TOWN_65 = [("town", "65", "does not object"), ("town", "65", "objects")]


class ListedMemory:
    """What each recipient holds, from a list."""

    def __init__(self, held: Sequence[SmallRelease]) -> None:
        self._held = held

    def held_by(self, body_code: str) -> tuple[PastRelease, ...]:
        return tuple(
            PastRelease(one.name, body_code, {"facts": one.sheet().as_json(), "opt_out_rule": None})
            for one in self._held
            if one.recipient == body_code
        )


@dataclass(frozen=True)
class Rules:
    """The house's limits, with the coalitions that are stated."""

    coalitions: tuple[tuple[str, tuple[str, ...]], ...] = ()
    smallest_shown: int = 8
    least_width: int = 3
    memory_units: int = 10**9

    def coalitions_with(self, body_code: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return tuple(one for one in self.coalitions if body_code in one[1])


@dataclass(frozen=True)
class Attack:
    """What is held, what is asked for, the small group that the two give away and its true count."""

    held: tuple[SmallRelease, ...]
    candidate: SmallRelease
    cells: tuple[Cell, ...]
    count: int
    rules: Rules = Rules()


def attacks() -> dict[str, Attack]:
    """Every attack of which each release is harmless by itself."""
    bands, shifted = a_release("first", WORLD, EXACT, BANDS), a_release("second", WORLD, EXACT, SHIFTED)
    county = a_release("first", a_world([41, 2, 63], [200, 30, 300]), EXACT, ALL_AGES, COUNTY)
    few = a_world([2, 1, 2], [200, 30, 300])
    town = [("town", age, opt_out) for age in ("64", "65", "66") for opt_out in ("does not object", "objects")]
    objecting = a_world([40, 20, 60], [200, 30, 300], objectors=[2, 0, 0, 0, 0, 0])
    objectors = [("town", "64", "objects")]
    willing = {"opt_out": ["does not object"]}
    beside = a_world([41, 2, 63], [200, 30, 300])
    in_town = {"town": ["town"]}
    return {
        "shifted age bands": Attack((bands,), shifted, tuple(TOWN_65), 3),
        "nested area": Attack(
            (a_release("first", few, EXACT, ALL_AGES, COUNTY),),
            a_release("second", few, EXACT, ALL_AGES, {"rest": ["rest"]}), tuple(town), 5,
        ),
        "subset": Attack(
            (a_release("first", few, EXACT, {"to 64": ["64"], "65 and over": ["65", "66"]}, COUNTY),),
            a_release("second", few, EXACT, ALL_AGES, COUNTY, population={"area": ["rest"]}), tuple(town), 5,
        ),
        "other rounding rule": Attack(
            (a_release("first", MIXED, ROUNDED, BANDS, in_town),),
            a_release("second", MIXED, Rule(stars=7, base=3), SHIFTED, in_town), tuple(TOWN_65), MIXED[TOWN_65[0]],
        ),
        "opt-out pair": Attack(
            (a_release("first", objecting, EXACT, BANDS),),
            a_release("second", objecting, EXACT, BANDS, population=willing), tuple(objectors), 2,
        ),
        "colluding recipients": Attack(
            (replace(bands, recipient="B"),), shifted, tuple(TOWN_65), 3, Rules((("A and B together", ("A", "B")),)),
        ),
        "tables beside rows": Attack(
            (county, a_release("rows", beside, Rule(stars=0, base=1), BANDS)),
            a_release("table", beside, ROUNDED, SHIFTED), tuple(TOWN_65), 2,
        ),
    }  # fmt: skip


ATTACKS = attacks()


def weighed(folder: Path, attack: Attack, memory: ListedMemory) -> dict[str, int]:
    with scratch_engine(folder).session() as session:
        return weigh(
            session, attack.candidate.sheet(), Form.AGGREGATE, opt_outs_applied=False, body_code=attack.candidate.recipient,
            memory=memory, rules=attack.rules, councils={},
        )  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_fails_and_names_the_releases_that_would_do_it(attack: Attack, tmp_path: Path) -> None:
    with pytest.raises(DisclosureRefused) as refusal:
        weighed(tmp_path, attack, ListedMemory(attack.held))
    assert any(one.name in measure for one in attack.held for measure in refusal.value.measures)
    assert refusal.value.remedy


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_the_same_attack_wins_where_nothing_is_remembered(attack: Attack, tmp_path: Path) -> None:
    """A house without memory lets the candidate go, and the attacker has the small count that nobody showed."""
    assert weighed(tmp_path, attack, ListedMemory(())) is not None
    alone = [worked_out([one], attack.cells) for one in (*attack.held, attack.candidate)]
    assert all(not is_worked_out(interval) for interval in alone), "one release alone gives it away: no differencing"
    low, high = worked_out([*attack.held, attack.candidate], attack.cells)
    assert is_worked_out((low, high))
    assert low - 1e-6 <= attack.count <= high + 1e-6


THREE = {"north": 200, "middle": 3, "south": 300}


def of_areas(name: str, *groups: tuple[str, ...]) -> FactSheet:
    """Count groups of three areas exactly."""
    labels = [" and ".join(codes) for codes in groups]
    counts = [sum(THREE[code] for code in codes) for codes in groups]
    return FactSheet(
        linked="first", period=(date(2021, 1, 1), date(2021, 12, 31)), population={}, dimensions=("area",),
        categories={"area": {label: frozenset(codes) for label, codes in zip(labels, groups, strict=True)}},
        domains={"area": frozenset(THREE)},
        rows=tuple(SheetRow((label,), n, n, can_be_withheld=True) for label, n in zip(labels, counts, strict=True)),
    )  # fmt: skip


def test_overlapping_areas_are_refused_and_win_where_nothing_is_remembered(tmp_path: Path) -> None:
    """North and middle, beside all three; then middle and south, which is nested in nothing and leaves nothing alone."""
    held = of_areas("first", ("north", "middle"), ("north", "middle", "south"))
    asked = of_areas("second", ("middle", "south"))

    class Remembered(ListedMemory):
        def held_by(self, body_code: str) -> tuple[PastRelease, ...]:
            return (PastRelease("first", body_code, {"facts": held.as_json(), "opt_out_rule": None}),)

    def weighed_against(memory: ListedMemory, folder: Path) -> dict[str, int]:
        with scratch_engine(folder).session() as session:
            return weigh(
                session, asked, Form.AGGREGATE, opt_outs_applied=False, body_code="A", memory=memory, rules=Rules(),
                councils={},
            )  # fmt: skip

    with pytest.raises(DisclosureRefused) as refusal:
        weighed_against(Remembered(()), tmp_path)
    assert refusal.value.measures == ("differencing against first",)
    assert weighed_against(ListedMemory(()), tmp_path / "off") == {"A": 0}
    (both,), (first, whole) = ([row.low for row in sheet.rows] for sheet in (asked, held))
    assert both + first - whole == THREE["middle"], "without memory the three in the middle are told"


def is_worked_out(interval: tuple[float, float]) -> bool:
    """Say whether an interval of small counts is narrower than a star's may be (fewer than three, or below five)."""
    low, high = math.ceil(interval[0] - 1e-6), math.floor(interval[1] + 1e-6)
    return low >= 1 and high <= 7 and (high - low < 2 or high < 5)


def later(truth_then: dict[Cell, int], truth_now: dict[Cell, int], period: tuple[date, date]) -> Attack:
    """The same exact table of a later state of the data."""
    held = a_release("first", truth_then, EXACT, BANDS)
    asked = a_release("second", truth_now, EXACT, BANDS, linked="second", period=period)
    return Attack((held,), asked, (("town", "64", "does not object"), ("town", "64", "objects")), 2)


THEN, NOW = a_world([40, 20, 60], [200, 30, 300]), a_world([42, 20, 60], [200, 30, 300])
LATER = {
    "later period": later(THEN, NOW, (date(2021, 1, 1), date(2022, 3, 31))),
    "corrected delivery": later(THEN, NOW, (date(2021, 1, 1), date(2021, 12, 31))),
}


@pytest.mark.parametrize("attack", LATER.values(), ids=LATER.keys())
def test_a_small_number_that_came_between_two_deliveries_is_not_told(attack: Attack, tmp_path: Path) -> None:
    with pytest.raises(DisclosureRefused) as refusal:
        weighed(tmp_path, attack, ListedMemory(attack.held))
    assert refusal.value.measures == ("differencing against first",)
    assert weighed(tmp_path / "off", attack, ListedMemory(())) == {"A": 0}
    then, now = (worked_out([one], attack.cells) for one in (attack.held[0], attack.candidate))
    assert now[0] - then[1] == pytest.approx(attack.count), "without memory the two who came are told exactly"


def test_a_shifted_band_is_refused_across_a_corrected_delivery_too(tmp_path: Path) -> None:
    """One person was added elsewhere; everything else an attacker may take to hold still."""
    corrected = {**WORLD, ("rest", "66", "does not object"): 310}
    held = a_release("first", WORLD, EXACT, BANDS)
    asked = a_release("second", corrected, EXACT, SHIFTED, linked="second")
    attack = Attack((held,), asked, tuple(TOWN_65), 3)
    with pytest.raises(DisclosureRefused, match="differencing|Small counts"):
        weighed(tmp_path, attack, ListedMemory(attack.held))


def test_periods_that_share_no_day_are_about_different_people(tmp_path: Path) -> None:
    attack = later(THEN, NOW, (date(2022, 1, 1), date(2022, 12, 31)))
    assert weighed(tmp_path, attack, ListedMemory(attack.held)) == {"A": 1}


def test_the_same_table_again_tells_nothing_new(tmp_path: Path) -> None:
    held = a_release("first", WORLD, ROUNDED, BANDS)
    attack = Attack((held,), replace(held, name="second"), tuple(TOWN_65), 3)
    assert weighed(tmp_path, attack, ListedMemory(attack.held)) == {"A": 1}


def test_colluders_who_are_not_stated_are_weighed_alone(tmp_path: Path) -> None:
    attack = replace(ATTACKS["colluding recipients"], rules=Rules())
    assert weighed(tmp_path, attack, ListedMemory(attack.held)) == {"A": 0}


def test_the_remedy_that_is_offered_passes_when_it_is_applied(tmp_path: Path) -> None:
    attack = ATTACKS["shifted age bands"]
    with pytest.raises(DisclosureRefused) as refusal:
        weighed(tmp_path, attack, ListedMemory(attack.held))
    assert refusal.value.remedy.startswith("Withhold ")
    named = refusal.value.remedy.partition(": ")[2].rstrip(".").split("; ")
    candidate = attack.candidate
    numbers = [n for n, (labels, _, _) in enumerate(candidate.rows) if " / ".join(labels) in named]
    assert len(numbers) == len(named)
    for number in numbers:
        candidate = candidate.without(number)
    changed = replace(attack, candidate=candidate)
    assert weighed(tmp_path / "again", changed, ListedMemory(attack.held)) == {"A": 1}


def test_two_earlier_releases_that_do_it_only_together_are_both_named(tmp_path: Path) -> None:
    """The county by shifted bands, then the rest by shifted bands: only with both is the town's 65 told by its own bands."""
    county = a_release("county", WORLD, EXACT, SHIFTED, COUNTY)
    rest = a_release("rest", WORLD, EXACT, SHIFTED, {"rest": ["rest"]})
    other = a_release("other", WORLD, ROUNDED, ALL_AGES, COUNTY)
    asked = a_release("asked", WORLD, EXACT, BANDS, {"town": ["town"]})
    attack = Attack((county, other, rest), asked, tuple(TOWN_65), 3)
    with pytest.raises(DisclosureRefused) as refusal:
        weighed(tmp_path, attack, ListedMemory(attack.held))
    assert refusal.value.measures == ("differencing against county and rest",)


def test_an_earlier_release_that_cannot_be_read_is_not_assumed_harmless(tmp_path: Path) -> None:
    class Damaged(ListedMemory):
        def held_by(self, body_code: str) -> tuple[PastRelease, ...]:
            return (PastRelease("first", body_code, {"facts": {"linked": "x"}}),)

    with pytest.raises(DisclosureRefused, match="first .* cannot be read"):
        weighed(tmp_path, ATTACKS["nested area"], Damaged(()))


def test_what_is_not_proven_safe_within_the_work_limit_is_refused(tmp_path: Path) -> None:
    held = a_release("first", WORLD, ROUNDED, BANDS)
    asked = a_release("second", WORLD, ROUNDED, SHIFTED)
    attack = Attack((held,), asked, tuple(TOWN_65), 3, Rules(memory_units=0))
    with pytest.raises(DisclosureRefused) as refusal:
        weighed(tmp_path, attack, ListedMemory(attack.held))
    assert refusal.value.measures == ("differencing, not proven safe",)
