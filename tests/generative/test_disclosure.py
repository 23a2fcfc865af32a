"""Random tables and rows: the attacker equals trying everything, the lattice's answer equals trying every node."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cld.engine import scratch_engine
from cld.errors import DisclosureRefused
from cld.hierarchies import hierarchy_named
from disclosure.rows.classes import best_levels, generalised, row_risk
from disclosure.tables.published import STAR
from disclosure.tables.stars import TOTAL, Limits, protect, with_totals
from tests.lib.plain_attack import by_trying

LIMITS = Limits(4, 1, secondary=False, least_width=0)
HOUSE = Limits(8, 5, secondary=True, least_width=3)
AGES, PLACES = (20, 30, 50, 70, 80, 97), ("White: Irish", "White: Roma", "Asian: Indian")
SIDES = ({"a": TOTAL, "b": TOTAL}, {"x": TOTAL, "y": TOTAL})


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(st.integers(0, 9), min_size=4, max_size=4))
def test_the_attackers_interval_is_what_trying_every_table_gives(values: list[int]) -> None:
    counts = dict(zip([("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")], values, strict=True))
    made = protect(counts, LIMITS)
    said = {cell: (1, 3) if text == STAR else (int(text), int(text)) for cell, text in made.shown.items()}
    tried = by_trying(said, SIDES, list(made.intervals))
    assert tried == {cell: tuple(ends) for cell, ends in made.intervals.items()}


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(st.lists(st.integers(0, 60), min_size=12, max_size=12))
def test_the_house_profile_leaves_no_narrow_interval_or_refuses(values: list[int]) -> None:
    counts = {(f"r{place // 4}", f"c{place % 4}"): value for place, value in enumerate(values)}
    try:
        made = protect(counts, HOUSE)
    except DisclosureRefused:
        return
    full = with_totals(counts)
    for cell, (low, high) in made.intervals.items():
        assert low <= full[cell] <= high
        if cell in made.primary:
            assert high - low >= 2
            assert high >= 5


def plain_level(name: str, value: object, level: int) -> object:
    """The hierarchies again, in plain Python."""
    if name == "gender":
        return [value, "*"][level]
    if name == "ethnicity":
        return [value, str(value).split(":")[0], "*"][level]
    age = int(str(value))
    bands = [
        (18, "Under 18"),
        (25, "18 to 24"),
        (45, "25 to 44"),
        (65, "45 to 64"),
        (75, "65 to 74"),
        (85, "75 to 84"),
        (95, "85 to 94"),
    ]
    band = next((label for limit, label in bands if age < limit), "95 and above")
    five = f"{age // 5 * 5} to {age // 5 * 5 + 4}" if age < 95 else "95 and above"
    working = "Under 18" if age < 18 else "18 to 64" if age < 65 else "65 and above"
    return [age, five, band, working, "*"][level]


PEOPLE = st.lists(
    st.tuples(st.sampled_from(AGES), st.sampled_from(("Female", "Male")), st.sampled_from(PLACES)),
    min_size=1,
    max_size=60,
)


@settings(max_examples=15, deadline=None, derandomize=True, database=None)
@given(PEOPLE, st.integers(2, 6), st.integers(0, 4))
def test_the_best_levels_are_those_that_trying_every_node_finds(
    tmp_path_factory: pytest.TempPathFactory, people: list[tuple[int, str, str]], k: int, most: int
) -> None:
    names = ("age_years", "gender", "ethnicity")
    kinds = {"age_years": "age", "gender": "gender", "ethnicity": "ethnicity"}
    hierarchies = {name: hierarchy_named(kinds[name], {}) for name in names}
    order = sorted(names)
    nodes = []
    for node in itertools.product(*(range(hierarchies[name].top + 1) for name in order)):
        levels = dict(zip(order, node, strict=True))
        classes = Counter(
            tuple(plain_level(kinds[n], value, levels[n]) for n, value in zip(names, person, strict=True))
            for person in people
        )
        small = sum(count for count in classes.values() if count < k)
        loss = sum(level / hierarchies[name].top for name, level in levels.items()) / len(order)
        if small <= most and small < len(people):  # a file without rows is no answer
            nodes.append((loss, small, node))
    table = pa.table(
        {
            "person_key": [str(n) for n in range(len(people))],
            **{name: [p[i] for p in people] for i, name in enumerate(names)},
        }
    )
    folder: Path = tmp_path_factory.mktemp("lattice")
    with scratch_engine(folder).session() as session:
        session.take("rows_given", table)
        if not nodes:
            with pytest.raises(DisclosureRefused):
                best_levels(session, "rows_given", hierarchies, k=k, most_suppressed=most, fixed={})
            return
        levels, small = best_levels(session, "rows_given", hierarchies, k=k, most_suppressed=most, fixed={})
        best = min(nodes)
        assert (tuple(levels[name] for name in order), small) == (best[2], best[1])
        session.table("released", generalised("rows_given", ("person_key", *names), levels, hierarchies, k))
        risk = row_risk(session, "released", names)
        assert risk.k == 0 or risk.k >= k
        assert (
            len(session.rows(generalised("rows_given", ("person_key", *names), levels, hierarchies, k)))
            == len(people) - small
        )
