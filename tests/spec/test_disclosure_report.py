"""What the disclosure report says, worked by hand; what the recipient's statement must not say; limits that are held."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pypdf import PdfReader

from cld.canonical import canonical_bytes
from cld.engine import Session, scratch_engine
from cld.errors import DisclosureRefused
from cld.hierarchies import hierarchy_named
from disclosure.report.limits import hold_limits, over_limit, require_within
from disclosure.report.page import report_page
from disclosure.report.pdf import pdf_of
from disclosure.report.refusal import refusal_parts, told_refusal
from disclosure.report.rows import GeneralisedRows, report_of_events, report_of_people
from disclosure.report.statement import disclosure_statement, disclosure_statement_page
from disclosure.report.tables import report_of_table
from disclosure.tables.stars import Limits, protect, with_totals
from policies.limits import StatedLimit, limits_in_force, parameters_in_force
from policies.profiles import profile_named

TODAY = date(2022, 6, 1)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with scratch_engine(tmp_path).session() as opened:
        yield opened


def people_report(session: Session) -> dict[str, Any]:
    """Four people of two sexes; ages 20, 40, 60, 80 become one value."""
    keys, gender = ["a", "b", "c", "d"], ["Male", "Male", "Female", "Female"]
    reason = ["Physical Support", "Support with Memory", "Physical Support", "Physical Support"]
    rest = {"gender": gender, "primary_support_reason": reason}
    session.take("people", pa.table({"person_key": keys, "age_years": [20, 40, 60, 80], **rest}))
    session.take("released", pa.table({"person_key": keys, "age_years": ["*"] * 4, **rest}))
    hierarchies = {name: hierarchy_named(kind, {}) for name, kind in (("age_years", "age"), ("gender", "gender"))}
    rows = GeneralisedRows(
        "people", "released", ("age_years", "gender", "primary_support_reason"), ("age_years", "gender"),
        ("primary_support_reason",), {"age_years": 4, "gender": 0}, hierarchies, 0,
    )  # fmt: skip
    return report_of_people(session, rows)


def test_rows_are_told_before_and_after_with_what_was_lost(session: Session) -> None:
    """Before, four are alone; after, two classes of two. All of age is lost and nothing of gender."""
    found = people_report(session)
    assert (found["before"]["n_uniques"], found["before"]["k"]) == (4, 1)
    assert (found["after"]["n_uniques"], found["after"]["k"], found["after"]["n_classes"]) == (0, 2, 2)
    assert (found["after"]["highest_prosecutor_risk"], found["after"]["average_prosecutor_risk"]) == (
        "0.5000",
        "0.5000",
    )
    assert {name: one["loss"] for name, one in found["utility_lost"].items()} == {
        "age_years": "1.0000",
        "gender": "0.0000",
    }
    assert found["risk_by_column"] == {"age_years": 4, "gender": 0}
    told = found["sensitive"]["primary_support_reason"]
    assert told["distinct_l"] == 1, "both women have one reason"
    assert told["t"] == "0.2500", "men: half and half against three quarters and one quarter"


def test_each_stated_intruder_is_promised_the_risk_of_what_it_knows(session: Session) -> None:
    """Who knows the reason too finds both men alone: each has a reason of his own."""
    found = {one["name"]: one for one in people_report(session)["intruders"]}
    assert found["a neighbour"]["highest"] == "0.5000"
    holder = found["another recipient with its own extract"]
    assert (holder["highest"], holder["n_alone"], holder["average"]) == ("1.0000", 2, "0.7500")
    assert holder["outside_k"] == ["primary_support_reason"]


def test_events_are_told_with_unicity(session: Session) -> None:
    """Two people share their one service month; the third has another, and is alone by one point."""
    rows = {
        "person_key": ["a", "b", "c"],
        "service_type": ["Home", "Home", "Day"],
        "event_start_date": [date(2021, 1, 1), date(2021, 1, 31), date(2021, 1, 1)],
        "gender": ["Male", "Male", "Female"],
    }
    session.take("cld", pa.table(rows))
    found = report_of_events(session, "cld", ("gender",))
    assert [one["share_alone"] for one in found["unicity"]] == ["0.3333"] * 4
    assert found["unicity"][0]["n_could_be_alone"] == 1


def table_report() -> dict[str, Any]:
    counts = {("A", "x"): 3, ("A", "y"): 40, ("B", "x"): 50, ("B", "y"): 60, ("C", "x"): 30, ("C", "y"): 20}
    made = protect(counts, Limits(8, 5, True, 3))  # noqa: FBT003
    assert set(made.shown) == set(with_totals(counts))
    return report_of_table(counts, made, made.shown, 8)


def test_a_table_is_told_with_the_narrowest_interval_of_its_stars() -> None:
    found = table_report()
    stars = [line for line in found["grid"] if line[2] == "*"]
    assert found["before"] == {"n_cells": 6, "n_small": 1}
    assert found["after"]["n_primary"] == 1
    assert stars
    assert all(len(line) == 5 for line in stars)
    assert found["after"]["narrowest_interval"] == min(high - low + 1 for *_, low, high in stars)


def body_of(report: dict[str, Any], **measures: object) -> dict[str, Any]:
    limits = profile_named("caregate", TODAY).limits
    return {
        "profile": "caregate", "limits": {"k": 10}, "limits_held": [], "judged_against": {"DHSC": 2}, "report": {"people": report},
        "measures": {"people": measures}, "not_checked": ["what neighbours know"], "known": len(limits),
    }  # fmt: skip


def test_the_report_is_sealed_without_floats_and_drawn_as_a_page(session: Session) -> None:
    for report in (people_report(session), table_report()):
        body = body_of(report)
        assert canonical_bytes(body)
        page = report_page("Disclosure report", body)
        assert "<svg" in page
        assert "http" not in page


def test_the_page_shows_a_stars_interval_on_hover_and_the_statement_never_does() -> None:
    body = body_of(table_report(), n_primary=1, n_secondary=3, intervals=[["A", "x", 1, 7]])
    star = next(line for line in body["report"]["people"]["grid"] if line[2] == "*")
    assert f"between {star[3]} and {star[4]}" in report_page("Disclosure report", body)
    statement = disclosure_statement("aggregate", body, {})
    for told in (json.dumps(statement), disclosure_statement_page(statement)):
        for secret in ("between", "interval", "n_primary", "n_secondary", "grid", "narrowest"):
            assert secret not in told, secret


def test_every_hidden_cell_has_its_interval_in_a_table_beside_the_hover() -> None:
    report = table_report()
    stars = [line for line in report["grid"] if len(line) == 5]
    page = report_page("Disclosure report", body_of(report))
    listed = page[page.index("Hidden cells and what each can be") :]
    for row, column, shown, low, high in stars:
        cells = f"<td>{row}</td><td>{column}</td><td>{shown or 'withheld'}</td>"
        assert f'{cells}<td class="n">{low}</td><td class="n">{high}</td>' in listed


def test_the_report_names_the_releases_that_were_weighed_and_how(session: Session) -> None:
    memory = {
        "groups": [{"name": "the recipient", "members": ["DHSC"]}],
        "releases": [{"holder": "DHSC", "name": "CG-1", "digest": "d1", "n_numbers": 9, "can_be_subtracted": True}],
        "n_numbers": 12, "judged": ["every number"], "small": "1 to 7", "methods": ["whole numbers"], "work_limit": 5,
        "not_proven": ["nothing"],
    }  # fmt: skip
    page = report_page("Disclosure report", {**body_of(people_report(session)), "memory": memory})
    for words in ("CG-1", "d1", "every number", "whole numbers", "Nothing small can be worked out"):
        assert words in page


def test_a_refusal_is_told_with_measure_limit_value_and_what_to_change(session: Session) -> None:
    body = {name: value for name, value in body_of(people_report(session)).items() if name != "judged_against"}
    refusal = DisclosureRefused("Too fine <b>.", ("k",), "Be coarser.", [over_limit("k", "at least", 10, 2)])
    told = told_refusal(refusal, body)
    assert told.told is not None
    page = "".join(refusal_parts(told.told))
    for words in ("Refused", "Too fine &lt;b&gt;", "Be coarser.", "at least 10", "<td>2</td>", "Class sizes"):
        assert words in page
    assert "Nothing small can be worked out" not in page


def test_a_pdf_says_what_the_page_says_in_the_same_bytes_each_time(session: Session) -> None:
    report = people_report(session)
    held = hold_limits({"people": report}, [Limit("distinct_l", "at least", Decimal(1))])
    page = report_page("Disclosure report", {**body_of(report), "limits_held": held})
    made = pdf_of(page)
    if made.content is None:
        pytest.skip(made.reason)
    read = PdfReader(io.BytesIO(made.content))
    text = " ".join(" ".join(one.extract_text() for one in read.pages).split())
    for words in (
        "Limits in force",
        "at least 1",
        "Before and after",
        "smallest class (k)",
        "Class sizes",
        "Risk by column",
        "what neighbours know",
    ):
        assert words in text
    assert read.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert pdf_of(page).content == made.content


def test_without_the_library_the_pdf_is_said_to_be_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    made = pdf_of("<p>x</p>")
    assert made.content is None
    assert made.reason.startswith("not made")


def test_the_statement_of_rows_counts_nobody(session: Session) -> None:
    measures = {
        "k": 2,
        "n_uniques": 0,
        "n_suppressed": 1,
        "levels": {"age_years": "all"},
        "quasi_identifiers": ["age_years"],
    }
    statement = disclosure_statement("anonymised", body_of(people_report(session), **measures), {})
    assert statement["tables"]["people"]["detail_lost"] == {"age_years": "1.0000", "gender": "0.0000"}
    for secret in ("n_uniques", "n_suppressed", "sizes", "intruders", "n_alone"):
        assert secret not in json.dumps(statement), secret
    assert "age_years" in disclosure_statement_page(statement)


@dataclass(frozen=True)
class Limit:
    measure: str
    bound: str
    value: Decimal | None

    set_by: str = "a test"
    why: str = "a test"
    answers: str = "nothing"

    def allows(self, found: Decimal) -> bool:
        return StatedLimit("anonymised", ("*",), self.measure, self.bound, self.value, "", "", "").allows(found)


def test_a_limit_that_is_broken_refuses_and_one_that_is_only_reported_does_not(session: Session) -> None:
    report = {"people": people_report(session)}
    lines = hold_limits(report, [Limit("distinct_l", "at least", Decimal(1)), Limit("t", "reported", None)])
    assert [(line["limit"], line["found"], line["within"]) for line in lines] == [
        ("1", "1", True),
        (None, "0.2500", None),
    ]
    require_within(lines)
    broken = hold_limits(
        report, [Limit("distinct_l", "at least", Decimal(2)), Limit("n_uniques", "at most", Decimal(0))]
    )
    with pytest.raises(DisclosureRefused, match="distinct_l is 1, at least 2 is asked") as refusal:
        require_within(broken)
    assert refusal.value.measures == ("distinct_l",)
    assert "Leave the sensitive column out" in refusal.value.remedy
    assert [(line["found"], line["limit"]) for line in refusal.value.lines] == [("1", "2")]


FOUND: dict[str, tuple[dict[str, Any], str, str]] = {
    "highest_prosecutor_risk": ({"after": {"highest_prosecutor_risk": "0.1000"}}, "0.1000", "0.1001"),
    "n_uniques": ({"after": {"n_uniques": 0}}, "0", "1"),
    "k_on_all_columns": ({"after": {"k_on_all_columns": 2}}, "2", "1"),
    "narrowest_interval": ({"after": {"narrowest_interval": 3}}, "3", "2"),
    "distinct_l": ({"sensitive": {"reason": {"distinct_l": 2}}}, "2", "1"),
    "t": ({"sensitive": {"reason": {"t": "0.5000"}}}, "0.5000", "0.5001"),
    "delta": ({"sensitive": {"reason": {"delta": "3.0000"}}}, "3.0000", "3.0001"),
    "n_alone_to_another_recipient": (
        {"intruders": [{"name": "another recipient with its own extract", "n_alone": 0}]}, "0", "1",
    ),
}  # fmt: skip
"""Of each measure with a number in force: a table's report that stands at the limit, that value, and the next beyond."""


@pytest.mark.parametrize("form", ["anonymised", "aggregate"])
def test_every_limit_with_a_number_passes_at_it_and_refuses_just_beyond(form: str) -> None:
    limits = [one for one in profile_named("caregate", TODAY).limits_for(form, "DHSC") if one.value is not None]
    assert limits
    for limit in limits:
        report, at, beyond = FOUND[limit.measure]
        assert Decimal(at) == limit.value, "the limit was changed: change what stands at it"
        require_within(hold_limits({"people": report}, [limit]))
        worse = json.loads(json.dumps(report).replace(at, beyond))
        with pytest.raises(DisclosureRefused) as refusal:
            require_within(hold_limits({"people": worse}, [limit]))
        assert refusal.value.measures == (limit.measure,)
        assert refusal.value.remedy


def test_every_limit_says_who_set_it_why_and_what_it_answers_and_no_assumed_number_is_official() -> None:
    limits = limits_in_force("caregate", TODAY)
    assert limits
    for limit in limits:
        assert limit.set_by
        assert limit.why
        assert limit.answers.startswith("ICO")
        assert (limit.value is None) == (limit.bound == "reported")
    parameters = parameters_in_force(TODAY)
    assert parameters["k"]["set_by"] == "the project, assumed"
    assert parameters["smallest_shown"]["set_by"].startswith("NHS Digital")


def test_limits_say_the_same_as_the_parameters_beside_them() -> None:
    profile = profile_named("caregate", TODAY)
    stated = {one.measure: one.value for one in profile.limits if one.value is not None}
    assert stated["highest_prosecutor_risk"] == Decimal(1) / profile.k
    assert stated["narrowest_interval"] == profile.least_width
    assert set(parameters_in_force(TODAY)) >= {"k", "smallest_shown", "round_to", "least_width", "smallest_overlap"}


def test_limits_hold_from_their_day_for_their_form_and_recipients() -> None:
    profile = profile_named("caregate", TODAY)
    assert limits_in_force("caregate", date(2021, 12, 31)) == ()
    assert "unicity" in {one.measure for one in profile.limits_for("pseudonymised", "CCG")}
    assert "unicity" not in {one.measure for one in profile.limits_for("pseudonymised", "DHSC")}
    assert {one.measure for one in profile.limits_for("aggregate", "CASSR")} == {"narrowest_interval"}
