"""Rows of the Data Uses Register: its fields, one for each release and agreement, and nothing about people."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.demo.requests import demo_requests
from api.store.database import open_database
from api.store.journal import SqlJournal
from audit.journal import Event
from cld.errors import NotSealed
from cld.journey import Document, DocumentKind
from extracts.register import register_rows
from tests.functional.test_command_line import run
from tests.lib.small_log import HandClock

FIELDS = [
    "Project title", "Agreement reference", "Type of data", "Opt outs honoured", "Opt out reason", "Legal basis", "Commercial purpose",
    "Organisation type", "Sensitive", "Agreement start", "Agreement end", "Months of files sent", "Access method", "Data controllers",
    "Sublicensing allowed", "Datasets", "Objectives", "Expected benefits", "Processing activities", "Outputs",
]  # fmt: skip
"""Source: the register's fields as displayed on public pages of it."""
FIGURES = re.compile(r"DARS-NIC-\d+-\w+|\d{4}-\d{2}-\d{2}|\d{4}\.\d{2}|s261\(1\)|s261\(2\)|2012|251 NHS Act 2006")


def test_the_command_writes_a_row_for_each_release_and_no_figure_about_people(
    demo_folder: Path, tmp_path: Path
) -> None:
    found = run("register", "--workspace", str(demo_folder), "--out", str(tmp_path), "--json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["n_rows"] == 7
    text = (tmp_path / "data-uses-register.csv").read_text()
    reader = csv.DictReader(io.StringIO(text))
    rows = list(reader)
    assert reader.fieldnames == FIELDS
    assert rows == json.loads((tmp_path / "data-uses-register.json").read_text())
    assert [row["Agreement reference"] for row in rows] == [f"DARS-NIC-{100001 + n}-A1B2C" for n in range(7)]
    oxford = rows[1]
    assert {name: oxford[name] for name in FIELDS[2:6]} == {
        "Type of data": "Pseudonymised",
        "Opt outs honoured": "Yes - patient objections upheld",
        "Opt out reason": "",
        "Legal basis": "Health and Social Care Act 2012 - s261(1) and s261(2)(e)",
    }
    assert (rows[0]["Opt outs honoured"], rows[3]["Opt outs honoured"]) == ("No - data flow is not identifiable", "Anonymised - ICO Code Compliant")  # fmt: skip
    assert (oxford["Agreement start"], oxford["Agreement end"], oxford["Months of files sent"]) == ("2022-01-01", "2023-01-01", "2022.03")  # fmt: skip
    for row in rows:
        for cell in row.values():
            assert not re.search(r"\d", FIGURES.sub("", cell)), cell


def released(tmp_path: Path, dars: Mapping[str, Any], reason: str) -> SqlJournal:
    """Seal a release with an application that tells more of itself."""
    asked = next(one for one in demo_requests() if one.plan.opt_outs_applied)
    application, plan = asked.application.as_json() | {"dars": dars}, replace(asked.plan, opt_out_reason=reason)
    body = {"application": application, "plan": plan.as_json()}
    approved = Document(DocumentKind.APPROVED_PLAN, (), json.loads(json.dumps(body)))
    linked = Document(DocumentKind.LINKED_DATASET, (), {})
    candidate = Document(DocumentKind.CANDIDATE_EXTRACT, (approved.digest, linked.digest), {})
    checked = Document(DocumentKind.CHECKED_EXTRACT, (candidate.digest,), {"judged_against": {}})
    release = Document(
        DocumentKind.SIGNED_RELEASE, (checked.digest,), {"body_code": "10Q", "released_on": "2022-03-01"}
    )
    journal = SqlJournal(open_database(tmp_path / "kept.sqlite"), HandClock())  # type: ignore[arg-type]
    for document, action in ((approved, "approve"), (linked, "link"), (candidate, "build"), (checked, "check"), (release, "release")):  # fmt: skip
        journal.seal(document, Event(action, "somebody", "operator", {"application": "CG-1"}))
    return journal


def test_words_stand_only_where_the_register_has_words_and_hold_no_long_number(tmp_path: Path) -> None:
    dars = {
        "title": "Planning of care", "controllers": ["Council A", "Board B"], "access_method": "Frequent Adhoc Flow", "commercial": False,
        "sublicensing": True, "objectives": "To plan", "benefits": "Better care of 943 476 5919", "processing": "Counting", "outputs": "Tables",
    }  # fmt: skip
    journal = released(tmp_path, dars, "Section 251 NHS Act 2006")
    (row,) = register_rows(journal)
    journal.close()
    assert list(row) == FIELDS
    wanted = {
        "Project title": "Planning of care", "Opt out reason": "Section 251 NHS Act 2006", "Commercial purpose": "No",
        "Access method": "Frequent Adhoc Flow", "Data controllers": "Council A; Board B", "Sublicensing allowed": "Yes",
        "Objectives": "To plan", "Expected benefits": "withheld: it holds a long number", "Processing activities": "Counting",
        "Outputs": "Tables",
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted


def test_an_applicant_s_own_reason_is_not_shown_and_a_missing_document_stops_the_export(tmp_path: Path) -> None:
    journal = released(tmp_path, {}, "because Mrs Example said so")
    (row,) = register_rows(journal)
    assert row["Opt out reason"] == ""
    with journal._database.begin() as connection:
        connection.exec_driver_sql("delete from documents")
    with pytest.raises(NotSealed):
        register_rows(journal)
    journal.close()
