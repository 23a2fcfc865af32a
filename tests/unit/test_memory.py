"""What is remembered of a release, and whose people are nobody's small count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cld.datasets import Pseudonymised
from cld.engine import Query, Session, scratch_engine
from cld.errors import DisclosureRefused
from cld.hierarchies import hierarchy_named
from cld.plan import Combined, ExtractPlan, Population, Resident, Subset, TableOfCounts
from cld.vocabulary import Form
from disclosure.memory.remember import sheet_of_classes, sheet_of_own, sheet_of_table
from disclosure.memory.sheet import WHOLE, FactSheet, SheetRow, sheet_from
from disclosure.memory.shown import parse_showing_rule
from disclosure.memory.verdict import PastRelease
from disclosure.memory.weigh import weigh
from policies.profiles import profile_named

TODAY = date(2022, 3, 1)
TABLE = TableOfCounts("t", ("la_code", "age_years"), (65,))
REGIONS = {"503": "East Midlands", "901": "South East"}
COUNTS = {
    ("503", "Under 65"): 40, ("503", "65 and above"): 3, ("503", "Total"): 43,
    ("901", "Under 65"): 20, ("901", "65 and above"): 0, ("901", "Total"): 20,
    ("Total", "Under 65"): 60, ("Total", "65 and above"): 3, ("Total", "Total"): 63,
}  # fmt: skip
SHOWN = {cell: "0" if n == 0 else "*" if n < 8 else str((n + 2) // 5 * 5) for cell, n in COUNTS.items()}


def a_plan(
    population: Population | None = None, *, opt_outs_applied: bool = False, table: TableOfCounts = TABLE
) -> ExtractPlan:
    return ExtractPlan(
        form=Form.AGGREGATE, population=population or Combined(), tables=(), counts=(table,), period_start=date(2021, 1, 1),
        period_end=date(2021, 12, 31), family="cld", profile="caregate", local_items=False,
        opt_outs_applied=opt_outs_applied, opt_out_reason="stated",
    )  # fmt: skip


def a_sheet(
    plan: ExtractPlan, shown: Mapping[tuple[str, str], str] = SHOWN, *, rule: str = "stars=1-7+rounding=5", own_code: str = "",
    counts: Mapping[tuple[str, str], int] = COUNTS,
) -> FactSheet:  # fmt: skip
    return sheet_of_table(
        plan.counts[0], plan, "linked", shown, counts, rule=parse_showing_rule(rule), smallest_shown=8, regions=REGIONS,
        own_code=own_code,
    )  # fmt: skip


def test_a_table_is_remembered_by_what_its_shown_values_leave() -> None:
    sheet = a_sheet(a_plan(), {**SHOWN, ("901", "Under 65"): ""})
    rows = {row.labels: (row.low, row.high) for row in sheet.rows}
    assert rows["503", "Under 65"] == (38, 42)
    assert rows["503", "65 and above"] == (1, 7)
    assert rows["901", "65 and above"] == (0, 0)
    assert rows["901", "Under 65"] == (8, None), "hidden beside a star, so no star itself"
    assert sheet.categories["age_years"]["65 and above"] == {str(year) for year in range(65, 115)}
    assert sheet.box_of(SheetRow(("Total", "Under 65"), 0, 0))["la_code"] == {"503", "901"}
    assert sheet_from(sheet.as_json(), "t").as_json() == sheet.as_json()


def test_a_cell_that_was_withheld_can_be_anything() -> None:
    table = replace(TABLE, withheld=(("503", "Under 65"),))
    sheet = a_sheet(a_plan(table=table), {**SHOWN, ("503", "Under 65"): ""})
    assert next((row.low, row.high) for row in sheet.rows if row.labels == ("503", "Under 65")) == (0, None)


def test_codes_that_a_table_does_not_list_have_nobody() -> None:
    shown = {cell: text for cell, text in SHOWN.items() if cell[0] != "901"}
    unlisted = next(row for row in a_sheet(a_plan(), shown).rows if row.labels == ("(not listed)", WHOLE))
    assert (unlisted.low, unlisted.high, unlisted.can_be_withheld) == (0, 0, False)


def test_a_subset_and_applied_opt_outs_are_boxes_of_their_own() -> None:
    sheet = a_sheet(a_plan(Subset(("503",), "one region"), opt_outs_applied=True))
    assert sheet.population == {"la_code": frozenset({"503"}), "opt_out": frozenset({"does not object"})}
    assert all(sheet.box_of(row)["la_code"] <= {"503"} for row in sheet.rows)


@dataclass(frozen=True)
class Held:
    """Memory as a list."""

    releases: tuple[PastRelease, ...] = ()

    def held_by(self, body_code: str) -> tuple[PastRelease, ...]:
        return tuple(one for one in self.releases if one.body_code == body_code)


def weighed(
    session: Session, sheet: FactSheet, memory: Held, body_code: str = "DHSC", councils: Mapping[str, str] | None = None
) -> dict[str, int]:
    return weigh(
        session, sheet, Form.AGGREGATE, opt_outs_applied=False, body_code=body_code, memory=memory,
        rules=profile_named("caregate", TODAY), councils=councils or {},
    )  # fmt: skip


def test_what_a_council_knows_of_its_own_people_is_taken_off_the_totals(tmp_path: Path) -> None:
    """Two councils with three and two people of 65 and over, in all 5: whoever knows its own three knows the other's two."""
    counts = {
        **COUNTS,
        ("901", "65 and above"): 2,
        ("901", "Total"): 22,
        ("Total", "65 and above"): 5,
        ("Total", "Total"): 65,
    }
    shown = {cell: "*" if 0 < n < 8 else str(n) for cell, n in counts.items()}
    shown["Total", "65 and above"] = "5"
    rule = "stars=1-4"
    with scratch_engine(tmp_path).session() as session:
        theirs = a_sheet(a_plan(), shown, rule=rule, own_code="503", counts=counts)
        with pytest.raises(DisclosureRefused) as refusal:
            weighed(session, theirs, Held(), "503", REGIONS)
        assert refusal.value.measures == ("own people subtracted",)
        own = a_sheet(a_plan(Subset(("503",), "its own")), {c: t for c, t in shown.items() if c[0] == "503"}, rule=rule, own_code="503", counts=counts)  # fmt: skip
        assert weighed(session, own, Held(), "503", REGIONS) == {"503": 0}, (
            "its own small counts are no disclosure to it"
        )


CLASSES = (("503", "70", "Female", "White: Irish", 9), ("901", "30", "Male", "White: Irish", 12))


def own_release(session: Session, plan: ExtractPlan) -> tuple[FactSheet, dict[str, Any]]:
    names = ("la_code", "age_years", "gender", "ethnicity", "n_persons")
    session.take("made", pa.table({name: [row[place] for row in CLASSES] for place, name in enumerate(names)}))
    classes = session.store(Query("select * from made order by all", ("made",)), Pseudonymised).as_json()
    return sheet_of_own(session, plan, "linked", classes), classes


def test_a_table_beside_own_rows_tells_of_the_people_who_are_not_own(tmp_path: Path) -> None:
    """Of the eleven in council 503 of 65 and over a CCG holds nine row by row: the two others are worked out."""
    counts = {
        **COUNTS,
        ("503", "65 and above"): 11,
        ("503", "Total"): 51,
        ("Total", "65 and above"): 11,
        ("Total", "Total"): 71,
    }
    table = a_sheet(a_plan(), {cell: str(n) for cell, n in counts.items()}, rule="exact", counts=counts)
    with scratch_engine(tmp_path).session() as session:
        own, classes = own_release(session, a_plan(Resident("10Q")))
        assert weighed(session, table, Held(), "10Q") == {"10Q": 0}
        body = {"facts": own.as_json(), "own_classes": classes, "opt_out_rule": None}
        with pytest.raises(DisclosureRefused) as refusal:
            weighed(session, table, Held((PastRelease("CG-1", "10Q", body),)), "10Q")
        assert refusal.value.measures == ("differencing against CG-1",)
    with scratch_engine(tmp_path / "turned").session() as session:
        own, _ = own_release(session, a_plan(Resident("10Q")))
        held = Held((PastRelease("CG-2", "10Q", {"facts": table.as_json(), "opt_out_rule": None}),))
        with pytest.raises(DisclosureRefused) as refusal:
            weighed(session, own, held, "10Q")
        assert refusal.value.measures == ("differencing against CG-2",)


def test_anonymised_rows_are_remembered_by_their_classes_and_by_those_that_are_not_there(tmp_path: Path) -> None:
    rows = [("a", "503"), ("b", "503"), ("c", "901")]
    names = ("person_key", "la_code", "age_years")
    made = pa.table({name: [(*row, "18 to 64")[place] for row in rows] for place, name in enumerate(names)})
    hierarchies = {"la_code": hierarchy_named("council", REGIONS), "age_years": hierarchy_named("age", {})}
    with scratch_engine(tmp_path).session() as session:
        session.take("released", made)
        sheet = sheet_of_classes(
            session, "released", a_plan(), "linked", {"la_code": "la_code", "age_years": "age_years"},
            levels={"la_code": 0, "age_years": 3}, hierarchies=hierarchies, k=10, n_suppressed=2, regions=REGIONS,
        )  # fmt: skip
    told = {row.labels: (row.low, row.high) for row in sheet.rows}
    assert sheet.dimensions == ("age_years", "la_code")
    assert told["18 to 64", "503"] == (2, 2)
    assert told["18 to 64", "901"] == (1, 1)
    assert told["65 and above", "503"] == (0, 9)
    assert told[WHOLE, WHOLE] == (5, 5), "with the two who were left out"
    assert sheet.categories["age_years"]["18 to 64"] == {str(year) for year in range(18, 65)}
    assert not any(row.can_be_withheld for row in sheet.rows)


def test_rows_without_a_person_key_are_refused(tmp_path: Path) -> None:
    made = pa.table({"person_key": ["a", None], "la_code": ["503", "503"]})
    with scratch_engine(tmp_path).session() as session:
        session.take("released", made)
        with pytest.raises(DisclosureRefused) as refusal:
            sheet_of_classes(
                session, "released", a_plan(), "linked", {"la_code": "la_code"}, levels={"la_code": 0},
                hierarchies={"la_code": hierarchy_named("council", REGIONS)}, k=10, n_suppressed=0, regions=REGIONS,
            )  # fmt: skip
    assert refusal.value.measures == ("persons",)
    assert "1 rows have no person key" in refusal.value.message


def test_rows_under_the_other_opt_out_rule_are_refused_whatever_they_count(tmp_path: Path) -> None:
    with scratch_engine(tmp_path).session() as session:
        own, classes = own_release(session, a_plan(Resident("10Q")))
        body = {"facts": own.as_json(), "own_classes": classes, "opt_out_rule": True}
        with pytest.raises(DisclosureRefused) as refusal:
            weigh(
                session, own, Form.PSEUDONYMISED, opt_outs_applied=False, body_code="10Q", councils={},
                memory=Held((PastRelease("CG-1", "10Q", body),)), rules=profile_named("caregate", TODAY),
            )  # fmt: skip
    assert refusal.value.measures == ("opt-out pair", "differencing against CG-1")


def test_stated_coalitions_are_dated_and_say_who_set_them_and_why() -> None:
    profile = profile_named("caregate", TODAY)
    assert [one.members for one in profile.coalitions] == [("DHSC", "ASCRU")]
    assert all(one.set_by and one.why for one in profile.coalitions)
    assert profile.coalitions_with("ASCRU")[0][1] == ("DHSC", "ASCRU")
    assert profile.coalitions_with("907") == ()
