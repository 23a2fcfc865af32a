"""One story an audience, in the Direction's words."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit.verify import open_package


def rows_of(demo: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((demo / "summary.json").read_text())["rows"]
    return found


def opened(demo: Path, recipient: str, folder: Path) -> Path:
    row = next(row for row in rows_of(demo) if row["recipient"] == recipient)
    open_package(demo / row["package"], demo / row["identity"], folder)
    return folder


def test_a_council_officer_gets_traced_numbers_back_by_the_councils_own_id_and_no_one_elses(demo_folder: Path) -> None:
    with (demo_folder / "given-back" / "503" / "nhs-numbers.csv").open(newline="") as stream:
        given = {line["la_person_unique_identifier"]: line for line in csv.DictReader(stream)}
    with (demo_folder / "truth" / "clients.csv").open(newline="") as stream:
        truth = {
            line["la_person_unique_identifier"]: line["true_nhs_number"]
            for line in csv.DictReader(stream)
            if line["la_code"] == "503"
        }
    assert set(given) <= set(truth)
    traced = [name for name, line in given.items() if line["outcome"] == "traced"]
    assert len(traced) > 10
    right = sum(given[name]["nhs_number"] == truth[name] for name in given)
    assert right / len(given) > 0.99


def test_an_analyst_opens_a_ccgs_extract_in_pandas_and_joins_its_tables_by_person(
    demo_folder: Path, tmp_path: Path
) -> None:
    folder = opened(demo_folder, "NHS Oxfordshire CCG", tmp_path)
    tables = {
        name: pd.read_parquet(folder / "data" / f"{name}.parquet") for name in ("cld", "apc", "attendances", "deaths")
    }
    assert tables["cld"]["person_key"].str.fullmatch(r"[A-Z][0-9A-Z]{26}").all()
    joined = tables["cld"].merge(tables["apc"], on="person_key")
    assert len(joined) > 0
    described = json.loads((folder / "datapackage.json").read_text())
    for resource in described["resources"]:
        if resource["format"] == "parquet":
            assert [field["name"] for field in resource["schema"]["fields"]] == list(
                tables[resource["name"].removesuffix("-parquet")].columns
            )
    again = pd.read_csv(folder / "data" / "cld.csv", dtype=str)
    assert len(again) == len(tables["cld"])


def test_a_recipient_verifies_with_the_one_file_in_the_package_and_nothing_of_ours(
    demo_folder: Path, tmp_path: Path
) -> None:
    folder = opened(demo_folder, "DHSC", tmp_path / "package")
    trust = str(demo_folder / "trust-policy.txt")
    found = subprocess.run(
        [sys.executable, "-I", "verify.py", ".", "--trust", trust],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout
    (folder / "data" / "people.csv").write_text("nothing\n")
    found = subprocess.run(
        [sys.executable, "-I", "verify.py", ".", "--trust", trust],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 6
    assert "data/people.csv was altered" in found.stdout


@pytest.mark.parametrize(
    ("recipient", "clause"),
    [
        ("The public (tables on a website)", "Direction 5; HSCA 2012 s260(2)(d)"),
        ("DHSC, pseudonymised", "Direction 6(b) bullet 3"),
        ("Care Quality Commission", "Direction 6(b): no listed route permits this"),
        ("Processor for ADASS, the whole combined set", "Direction 6(b) bullet 5"),
        ("A general practitioner, re-identification", "not in the Direction: re-identification"),
        ("West Sussex council (a file sent, not taking part)", "Direction 3, bullet 1"),
        ("NHS Lincolnshire CCG, agreement expired", "Direction 6, closing words: data sharing agreement"),
        ("NHS Oxfordshire CCG, a neighbour's people", "Direction 6(b) bullet 3"),
        ("Research body without NIHR funding or joint approval", "Direction 6(b): no listed route permits this"),
        ("DHSC, detail that singles people out", "disclosure check: k-anonymity"),
        ("DHSC, the same rows without the people who object", "disclosure check: differencing against CG-0004"),
    ],
)
def test_an_approver_sees_who_is_refused_and_by_which_clause(demo_folder: Path, recipient: str, clause: str) -> None:
    row = next(row for row in rows_of(demo_folder) if row["recipient"] == recipient)
    assert row["decision"] == "refused"
    assert clause in row["clauses"]
    assert row["digest"] is None


def test_a_researcher_gets_one_row_a_person_and_no_class_under_ten(demo_folder: Path, tmp_path: Path) -> None:
    people = pd.read_csv(
        opened(demo_folder, "Adult Social Care Research Unit", tmp_path) / "data" / "people.csv", dtype=str
    )
    assert people["person_key"].is_unique
    sizes = people.groupby(["age_years", "gender", "ethnicity", "la_code"], dropna=False).size()
    assert sizes.min() >= 10


def test_a_key_custodian_finds_the_keys_of_anonymised_releases_destroyed(demo_folder: Path) -> None:
    states = {
        path.stem: json.loads(path.read_text())["versions"][-1]["state"]
        for path in (demo_folder / "keystore" / "wrapped").glob("*.json")
    }
    anonymised = {name for name in states if name.startswith("release-CG-000")}
    assert len(anonymised) == 3
    assert {states[name] for name in anonymised} == {"destroyed"}
    assert {states[name] for name in states if name.startswith("agreement-")} == {"active"}
