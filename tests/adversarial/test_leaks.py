"""Ways in which something could leave that must not: each was tried against the house, and each must fail."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import openpyxl
import pandas as pd
import pyrage
import pytest

import disclosure.memory.weigh
from api.demo.requests import demo_requests
from api.house.house import House, Stage
from api.workspace.wiring import open_demo_workspace
from audit.journal import Event
from audit.verify import open_package
from cld.engine import Query, scratch_engine
from cld.errors import DisclosureRefused, InputError, KeyUnavailable, PolicyRefused, SamePerson
from cld.journey import ApprovedPlan, Document, DocumentKind
from cld.plan import (
    Combined,
    ExtractPlan,
    Keep,
    OutputColumn,
    Pseudonym,
    Resident,
    Submitted,
    Subset,
    TableOfCounts,
    TablePlan,
)
from cld.vocabulary import Form, Grain
from collection.read import read_council_file
from extracts.approve import Application
from extracts.build import build
from tests.lib.journey import OpenJourney

REQUESTS = {request.application.recipient: request for request in demo_requests()}
HEADER = "LA Code,LA Person Unique Identifier,NHS Number,Event Type,Event Start Date,Date of Birth"
PERSON_KEY = OutputColumn("person_key", "person_key", Pseudonym("person"))


@pytest.fixture
def house(demo_folder: Path, tmp_path: Path) -> Iterator[House]:
    """A finished demo that may be attacked."""
    folder = tmp_path / "workspace"
    shutil.copytree(demo_folder, folder)
    made = House(open_demo_workspace(folder))
    yield made
    made.space.journal.close()


def carry(house: House, name: str, reference: str, *, plan: ExtractPlan | None = None, **changes: object) -> Path:
    """Carry an application like a demo's all the way, under another reference."""
    asked = REQUESTS[name]
    identity = pyrage.x25519.Identity.generate()
    (house.space.folder / f"{reference}.key").write_text(str(identity))
    application: Application = replace(
        asked.application, reference=reference, recipient_key=str(identity.to_public()), **changes
    )  # type: ignore[arg-type]
    house.receive(application, plan or asked.plan)
    for stage, people in (
        (Stage.APPROVE, ("approver one", "approver two")),
        (Stage.RELEASE, ("releaser one", "releaser two")),
    ):
        for person in people:
            house.sign(reference, stage, person, house.space.staff[person])
        if stage == Stage.APPROVE:
            house.approve(reference)
            house.build(reference)
            house.check(reference)
    return house.release(reference)[1]


@pytest.mark.parametrize(
    "column",
    [
        OutputColumn("raw", "person_key", Keep()),
        OutputColumn("raw", "person_key", Pseudonym("nhs")),
        OutputColumn("n", "nhs_number", Pseudonym("other")),
        OutputColumn("n", "gender", Pseudonym("nhs")),
        OutputColumn("x, y", "gender", Keep()),
        OutputColumn("t", "gp_practice_name", Keep()),
        OutputColumn("t", "review_outcomes_achieved", Keep()),
    ],
    ids=str,
)
def test_no_plan_lets_an_identifier_out_or_keys_it_in_another_kind(column: OutputColumn) -> None:
    plan = REQUESTS["Lincolnshire council"].plan
    with pytest.raises(InputError):
        replace(plan, tables=(TablePlan("cld", Grain.EVENT, (PERSON_KEY, column)),))


def test_anonymised_plans_hold_people_and_never_events() -> None:
    plan = REQUESTS["DHSC"].plan
    for data_set, grain in (("cld", Grain.PERSON), ("cld", Grain.EVENT), ("people", Grain.EVENT)):
        with pytest.raises(InputError):
            replace(plan, tables=(TablePlan(data_set, grain, (PERSON_KEY, OutputColumn("gender", "gender", Keep()))),))


def test_a_plan_sealed_without_signatures_is_not_built(journey: OpenJourney) -> None:
    space = journey.space
    held = space.journal.load(journey.documents["ApprovedPlan"])
    assert held is not None
    forged = Document(DocumentKind.APPROVED_PLAN, (), {**held.body, "signs": []})
    space.journal.seal(forged, Event("approve", "operator", "operator", {}))
    with pytest.raises(SamePerson):
        build(
            ApprovedPlan(forged), journey.linked, engine=space.engine, journal=space.journal, keys=space.keys, opt_outs=journey.space.opt_outs,
            people=space.people(), today=space.clock.today(), actor="operator",
        )  # fmt: skip


def test_a_lost_package_is_delivered_again_to_the_same_key_logged_and_not_after_the_agreement(house: House) -> None:
    path = carry(house, "Lincolnshire council", "CG-0201")
    n_leaves = len(house.space.journal.leaves())
    path.unlink()
    house.deliver("CG-0201")
    assert len(house.space.journal.leaves()) > n_leaves
    open_package(path, house.space.folder / "CG-0201.key", house.space.folder / "opened")
    path.unlink()
    house.space.clock.start += timedelta(days=3650)
    with pytest.raises(PolicyRefused):
        house.deliver("CG-0201")
    assert not path.exists()


def test_a_name_typed_into_a_coded_field_leaves_in_no_form(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a delivery that changes forty rows is refused beside the one before; here it is to leave, to be looked into
    monkeypatch.setattr(disclosure.memory.weigh, "require_nothing_worked_out", lambda *_, **__: None)
    rows = pd.read_csv(house.space.folder / "received" / "907.csv", dtype=str, keep_default_na=False)
    for column in (
        "Gender",
        "Event Outcome",
        "Service Component",
        "GP Practice Code",
        "Provider CQC Location ID",
        "Method of Assessment",
    ):
        rows.loc[rows.index[:40], column] = "Mrs Jane Smith 9434765919"
    sent = tmp_path / "907.csv"
    rows.to_csv(sent, index=False)
    house.give_back(house.accept(sent, "907"))
    house.link()
    plan = replace(
        REQUESTS["Lincolnshire council"].plan,
        population=Submitted("907"),
        local_items=False,
        tables=(replace(REQUESTS["NHS Oxfordshire CCG"].plan.tables[0]),),
    )
    another = replace(REQUESTS["Lincolnshire council"].application.agreement, reference="DARS-NIC-100202-A1B2C")
    for place, package in enumerate(
        (
            carry(house, "Lincolnshire council", "CG-0202", plan=plan, body_code="907", agreement=another),
            carry(house, "DHSC", "CG-0203"),
            carry(house, "Derbyshire council, benchmarking", "CG-0204"),
        )
    ):
        opened = tmp_path / str(place)
        open_package(package, house.space.folder / f"CG-020{place + 2}.key", opened)
        assert not any(b"Jane" in path.read_bytes() for path in opened.rglob("*.csv"))
    assert "Jane" not in (house.space.folder / "given-back" / "907" / "findings.csv").read_text()


def test_a_destroyed_key_of_one_release_does_not_come_back_from_a_backup(house: House) -> None:
    keys, day = house.space.keys, house.space.clock.today()
    keys.new_agreement("release-X", of_one_release=True)
    wrapped = house.space.folder / "keystore" / "wrapped" / "release-X.json"
    backup = wrapped.read_bytes()
    keys.destroy("release-X", day)
    wrapped.write_bytes(backup)
    with pytest.raises(KeyUnavailable):
        keys.new_agreement("release-X", of_one_release=True)


def test_a_recipient_never_holds_rows_under_both_opt_out_rules(house: House) -> None:
    with pytest.raises(DisclosureRefused) as refusal:
        plan = replace(REQUESTS["NHS Oxfordshire CCG"].plan, opt_outs_applied=False, opt_out_reason="said to need none")
        carry(house, "NHS Oxfordshire CCG", "CG-0205", plan=plan)
    assert refusal.value.measures[0] == "opt-out pair"


def test_a_small_overlap_is_counted_on_the_rows_that_leave(house: House) -> None:
    plan = replace(REQUESTS["NHS Oxfordshire CCG"].plan, period_start=date(2021, 3, 5), period_end=date(2021, 3, 5))
    with pytest.raises(DisclosureRefused) as refusal:
        carry(house, "NHS Oxfordshire CCG", "CG-0206", plan=plan)
    assert refusal.value.measures == ("overlap",)


def test_tables_leave_one_at_a_time_and_only_with_secondary_protection(house: House) -> None:
    plan = REQUESTS["Derbyshire council, benchmarking"].plan
    with pytest.raises(InputError):
        replace(plan, counts=(*plan.counts, TableOfCounts("another", ("la_code", "gender"))))
    with pytest.raises(DisclosureRefused) as refusal:
        carry(house, "Derbyshire council, benchmarking", "CG-0207", plan=replace(plan, profile="nhs-published"))
    assert refusal.value.measures == ("profile",)


def test_adass_does_not_get_the_whole_set_by_naming_every_council(house: House) -> None:
    every = tuple(submission.la_code for submission in house.latest_submissions())
    plan = REQUESTS["Processor for ADASS"].plan
    with pytest.raises(InputError):
        replace(plan, population=Subset(("901",), " "))
    with pytest.raises(PolicyRefused) as refusal:
        carry(
            house,
            "Processor for ADASS",
            "CG-0208",
            plan=replace(plan, population=Subset(every, "all of them", "every council")),
        )
    assert refusal.value.clauses == ("Direction 6(b) bullet 5",)


def test_a_reference_is_a_name_and_not_a_path() -> None:
    with pytest.raises(InputError):
        replace(REQUESTS["DHSC"].application, reference="../../escaped")


def test_local_items_and_anothers_people_stay_where_they_are(house: House) -> None:
    plan = REQUESTS["Lincolnshire council"].plan
    with pytest.raises(PolicyRefused):
        carry(house, "Lincolnshire council", "CG-0209", plan=replace(plan, population=Submitted("901")))
    for population in (Combined(), Resident("10Q", ("901",))):
        with pytest.raises(InputError):
            replace(plan, population=population)
    with pytest.raises(InputError):
        replace(plan, form=Form.ANONYMISED)


def sent_rows(folder: Path, name: str, content: str) -> int:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    with scratch_engine(folder).session() as session:
        read_council_file(session, path, ())
        return session.whole(
            Query(
                "select count(*) from sent where nhs_number is distinct from '1111111111' and la_code = '503'",
                ("sent",),
            )
        )


def test_every_row_of_the_named_file_is_read_and_of_no_other(tmp_path: Path) -> None:
    """Ids that begin with a comment mark, names with pattern marks, folders named like columns."""
    rows = [f"503,{'#' if n % 10 == 0 else ''}{n},,Request,2021-01-01,1950-01-01" for n in range(700)]
    content = "\n".join([HEADER, *rows]) + "\n"
    (tmp_path / "abc.csv").write_text(content)
    assert sent_rows(tmp_path, "a*.csv", content) == 700
    assert sent_rows(tmp_path, "a[b].csv", content) == 700
    assert sent_rows(tmp_path, "NHS Number=1111111111/LA Code=999/f.csv", content) == 700
    quoted = content.replace("503,699,", '503,"6, 99",')
    assert sent_rows(tmp_path, "late-quote.csv", quoted) == 700


def test_stray_quotation_marks_do_not_swallow_rows(tmp_path: Path) -> None:
    marks = {20: '"', 70: '"'}
    rows = [f"503,{marks.get(n, '')}P{n},,Request,2021-01-01,1950-01-01" for n in range(100)]
    with pytest.raises(InputError):
        sent_rows(tmp_path, "stray.csv", "\n".join([HEADER, *rows]) + "\n")


def test_numbers_of_a_workbook_are_read_as_written_and_double_headers_refused(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(HEADER.split(","))
    book.active.append([503, 1234567, 9434765919, "Request", "2021-01-01", "1950-01-01"])
    book.save(tmp_path / "sent.xlsx")
    with scratch_engine(tmp_path).session() as session:
        read_council_file(session, tmp_path / "sent.xlsx", ())
        found = session.rows(Query("select la_code, la_person_unique_identifier, nhs_number from sent", ("sent",)))
    assert found == [("503", "1234567", "9434765919")]
    book.active["G1"] = "NHS Number"
    book.save(tmp_path / "double.xlsx")
    with scratch_engine(tmp_path).session() as session, pytest.raises(InputError):
        read_council_file(session, tmp_path / "double.xlsx", ())


def test_a_blank_council_id_or_code_neither_drops_the_row_nor_stops_linkage(house: House, tmp_path: Path) -> None:
    rows = pd.read_csv(house.space.folder / "received" / "907.csv", dtype=str, keep_default_na=False)
    numbered = rows.index[rows["NHS Number"].str.fullmatch("9[0-9]{9}") & (rows["NHS Number"] != "9999999999")]
    rows.loc[numbered[0], "LA Person Unique Identifier"] = ""
    rows.loc[numbered[1], "LA Code"] = ""
    rows.loc[numbered[2], ["LA Person Unique Identifier", "NHS Number"]] = ""
    sent = tmp_path / "907.csv"
    rows.to_csv(sent, index=False)
    before = house.submission_of("907").document.body["n_kept"]
    accepted = house.accept(sent, "907")
    assert accepted.document.body["n_kept"] == before - 1
    assert accepted.document.body["findings"]["CG13"] == 1
    house.link()


def test_the_one_file_verifier_asks_for_trust_from_outside_and_for_a_release(demo_folder: Path, tmp_path: Path) -> None:
    row = next(
        row for row in json.loads((demo_folder / "summary.json").read_text())["rows"] if row["decision"] == "released"
    )
    open_package(demo_folder / row["package"], demo_folder / row["identity"], tmp_path)
    alone = subprocess.run(
        [sys.executable, "-I", "verify.py", "."], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert alone.returncode == 2
    assert "proves nothing" in alone.stdout
    trust = str(demo_folder / row["trust"])
    later = subprocess.run(
        [sys.executable, "-I", "verify.py", ".", "--trust", trust, "--on", "2031-01-01"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert later.returncode == 0
    assert "in force on 2031-01-01: no" in later.stdout
