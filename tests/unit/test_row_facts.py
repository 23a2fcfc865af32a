"""What policy is told of rows: counted on small rows by hand, and read from documents that hold it or do not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from api.demo.requests import demo_requests
from cld.engine import scratch_engine
from cld.plan import ExtractPlan, Population, Registered, Resident, Submitted, Subset
from extracts.approve import decision_on
from extracts.life.rows import RowFacts, found_in, promised_by
from extracts.life.standing import Standing
from extracts.on_rows import counted_on_rows

DAY, GOOD = date(2022, 3, 1), Standing(submitted=True)
ASKED = {one.application.reference: one for one in demo_requests()[:7]}
CCG, LINKED = ASKED["CG-0002"].application, ASKED["CG-0002"].plan
EVENTS = replace(LINKED, tables=LINKED.tables[:1])
"""An application of a CCG, and a plan whose one table is of the CLD."""

CLD = [("a", "503", "71E", "71E"), ("a", "901", "71E", "71E"), ("b", "503", "71E", "10Q"), ("c", "901", None, "71E"), ("d", "901", "10Q", None)]  # fmt: skip
"""Rows of the CLD: person, council, CCG of registration, CCG of residence."""


def counted(folder: Path, population: Population, leave: list[int], codes: tuple[str, ...] = ("71E",)) -> dict[str, int | None]:  # fmt: skip
    """Count on the rows of the CLD at some places, as if they were those that leave."""
    names = ("person_id", "la_code", "registered_ccg", "residence_ccg")

    def table(rows: list[tuple[str, str, str | None, str | None]]) -> pa.Table:
        return pa.table({name: pa.array([row[place] for row in rows], pa.string()) for place, name in enumerate(names)})

    with scratch_engine(folder).session() as session:
        session.take("cld", table(CLD))
        session.take("source_cld", table([CLD[place] for place in leave]))
        session.take("chosen", pa.table({"person_id": sorted({CLD[place][0] for place in leave})}))
        return counted_on_rows(session, CCG, replace(EVENTS, population=population), frozenset(codes))


@pytest.mark.parametrize(
    ("population", "leave", "n_not_own"),
    [
        (Submitted("503"), [0, 2], 0), (Submitted("503"), [0, 1, 2], 1), (Submitted("503"), [0, 3], 2), (Registered("71E"), [0, 1, 2], 0),
        (Registered("71E"), [0, 3], 1), (Registered("71E"), [3, 4], 2), (Resident("71E"), [0, 1, 3], 0), (Resident("71E"), [2, 3, 4], 2),
    ],
)  # fmt: skip
def test_others_people_and_another_council_s_rows_are_counted_on_what_leaves(
    tmp_path: Path, population: Population, leave: list[int], n_not_own: int
) -> None:
    """Row 1 is another council's about the council's own person; row 3 adds a person and a row that are not its own."""
    found = counted(tmp_path, population, leave)
    assert (found["n_not_own"], found["n_left_out"]) == (n_not_own, None)


def test_what_a_subset_leaves_out_and_a_ccg_s_people_in_it(tmp_path: Path) -> None:
    part, whole = Subset(("901",), "part", "why"), [0, 1, 2, 3, 4]
    assert counted(tmp_path / "a", part, [1, 3, 4]) == {"n_not_own": None, "n_left_out": 1, "n_of_recipient": 2}
    assert counted(tmp_path / "b", part, whole)["n_left_out"] == 0
    assert counted(tmp_path / "c", part, [4])["n_of_recipient"] == 0
    assert counted(tmp_path / "d", part, [4], ("QJM", "10Q"))["n_of_recipient"] == 1, "those of the body before count"


COUNTED = {"n_not_own": 0, "n_left_out": 3, "n_of_recipient": 12}
LIMITS = {"smallest_overlap_with_a_council": 10, "secondary_protection": True, "k": 10}


def documents(plan: ExtractPlan) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return bodies of a candidate and a checked extract as they are where everything holds."""
    names = [*(counts.name for counts in plan.counts), *(table.data_set for table in plan.tables)]
    measures = {name: {"n_primary": 4, "k": 11} for name in names}
    return {"counted_on_rows": COUNTED, "persons_by_council": {"901": 10}}, {"limits": LIMITS, "measures": measures}


@pytest.mark.parametrize("reference", ASKED)
def test_what_documents_hold_is_what_the_plan_promised_and_without_them_nothing_leaves(reference: str) -> None:
    application, plan = ASKED[reference].application, ASKED[reference].plan
    candidate, checked = documents(plan)
    found = found_in(plan, candidate, checked)
    assert found == promised_by(plan)
    assert decision_on(application, plan, DAY, standing=GOOD, rows=found).allowed
    assert found_in(plan, {}, {}) == RowFacts()
    if reference != "CG-0001":
        assert not decision_on(application, plan, DAY, standing=GOOD, rows=RowFacts()).allowed


@pytest.mark.parametrize(
    ("reference", "part", "value", "clause"),
    [
        ("CG-0001", "n_not_own", 1, "own population, tested"), ("CG-0001", "n_not_own", None, "own population, tested"),
        ("CG-0002", "n_of_recipient", 0, "Annex 3, first entry: CCGs"), ("CG-0003", "persons_by_council", {"901": 9, "902": 40}, "overlap"),
        ("CG-0003", "limits", {}, "overlap"), ("CG-0005", "n_left_out", 0, "Direction 6(b) bullet 5"),
        ("CG-0004", "measures", {"people": {"k": 9}}, "6(b)"), ("CG-0007", "measures", {}, "6(b)"),
        ("CG-0007", "limits", LIMITS | {"secondary_protection": False}, "6(b)"),
    ],
)  # fmt: skip
def test_each_fact_of_the_rows_refuses_by_its_clause(reference: str, part: str, value: object, clause: str) -> None:
    application, plan = ASKED[reference].application, ASKED[reference].plan
    candidate, checked = documents(plan)
    for body in (candidate, candidate["counted_on_rows"], checked):
        if part in body:
            held: dict[str, Any] = {part: value}
            if body is candidate["counted_on_rows"]:
                candidate["counted_on_rows"] = COUNTED | held
            else:
                body |= held
    decision = decision_on(application, plan, DAY, standing=GOOD, rows=found_in(plan, candidate, checked))
    assert not decision.allowed
    assert any(clause in told for told in decision.clauses), decision.clauses
