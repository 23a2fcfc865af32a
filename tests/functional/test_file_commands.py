"""Commands on anyone's files."""

from __future__ import annotations

import csv
import gzip
import hashlib
import hmac
import json
from pathlib import Path

import openpyxl
import pytest

from tests.functional.test_command_line import run

SECRET = "5f" * 32
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
DOMAIN = ("--recipient", "R", "--agreement", "A")


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A file of numbers good and bad, and a key."""
    (tmp_path / "key").write_text(SECRET)
    path = tmp_path / "given.csv"
    path.write_text('nhs,id,"a, b"\n943 476 5919, ab1 ,x\n9434765918,AB1,y\n9999999999,,z\n,é,=1\n9434765919,ab1,\n')
    return path


def pseudonymise(path: Path, out: Path, *more: str) -> list[dict[str, str]]:
    key = str(path.parent / "key")
    found = run(
        "pseudonymise",
        str(path),
        "--column",
        "nhs:nhs",
        "--column",
        "id:client",
        "--key-file",
        key,
        *DOMAIN,
        "--out",
        str(out),
        "--json",
        *more,
    )
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["n_rows"] == 5
    opener = gzip.open if out.suffix == ".gz" else open
    with opener(out, "rt", newline="") as stream:
        return list(csv.DictReader(stream))


def thirty_lines(identifier: str, kind: str) -> str:
    """The construction again, from its documentation alone, without the check and domain characters."""

    def enc(*items: str) -> bytes:
        return b"".join(len(item.encode()).to_bytes(4, "big") + item.encode() for item in items)

    extracted = hmac.digest(b"\0" * 32, bytes.fromhex(SECRET), hashlib.sha256)
    info = enc("caregate/pseudonym", "1", "R", "A", "cld", kind, "1")
    key = hmac.digest(extracted, info + b"\x01", hashlib.sha256).hex().encode()
    tag = int.from_bytes(hmac.digest(key, identifier.encode(), hashlib.sha256)[:15], "big")
    return "A" + "".join(ALPHABET[tag >> shift & 31] for shift in range(115, -1, -5))


def test_a_column_is_keyed_in_place_with_reasons_and_a_second_implementation_agrees(
    given: Path, tmp_path: Path
) -> None:
    rows = pseudonymise(given, tmp_path / "out.csv")
    assert [row["nhs_reason"] for row in rows] == ["", "invalid", "placeholder", "blank", ""]
    assert [row["id_reason"] for row in rows] == ["", "", "blank", "", ""]
    assert [row["a, b"] for row in rows] == ["x", "y", "z", "=1", ""]
    assert rows[0]["nhs"] == rows[4]["nhs"]
    assert rows[0]["id"] == rows[1]["id"] == rows[4]["id"]
    assert rows[0]["nhs"][:25] == thirty_lines("9434765919", "nhs")
    assert rows[3]["id"][:25] == thirty_lines("É", "client")


def test_gzip_and_threads_change_nothing_and_production_refuses_the_synthetic_range(
    given: Path, tmp_path: Path
) -> None:
    assert pseudonymise(given, tmp_path / "out.csv.gz", "--threads", "1") == pseudonymise(given, tmp_path / "out.csv")
    assert {row["nhs_reason"] for row in pseudonymise(given, tmp_path / "p.csv", "--production")} == {
        "invalid",
        "placeholder",
        "blank",
    }


def test_a_checked_column_says_what_is_bad_and_what_is_another_domains(given: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    rows = pseudonymise(given, out)
    base = ("pseudonym", "check", str(out), "--column", "id", "--json")
    fine = run(*base, *DOMAIN, "--kind", "client")
    assert json.loads(fine.stdout) == {"n_rows": 5, "n_null": 1, "n_bad": 0, "n_other_domain": 0}
    assert fine.returncode == 0
    assert json.loads(run(*base).stdout)["n_other_domain"] is None
    column = tmp_path / "many.csv"
    column.write_text("id\n" + "\n".join(thirty_lines(str(n), "client") + "00" for n in range(1000)) + "\n")
    bad = run("pseudonym", "check", str(column), "--column", "id", "--json")
    assert bad.returncode == 1
    assert json.loads(bad.stdout)["n_bad"] > 900
    assert len(rows) == 5


@pytest.mark.parametrize("key", ["", "5f" * 31, "zz" * 32])
def test_a_bad_key_file_is_a_key_error_that_shows_nothing(given: Path, tmp_path: Path, key: str) -> None:
    (given.parent / "key").write_text(key)
    out = tmp_path / "out.csv"
    found = run(
        "pseudonymise",
        str(given),
        "--column",
        "nhs:nhs",
        "--key-file",
        str(given.parent / "key"),
        *DOMAIN,
        "--out",
        str(out),
    )
    assert found.returncode == 6
    assert not out.exists()
    assert not key or key not in found.stderr


def test_an_unknown_column_is_unreadable_input(given: Path, tmp_path: Path) -> None:
    key = str(given.parent / "key")
    found = run(
        "pseudonymise", str(given), "--column", "no:nhs", "--key-file", key, *DOMAIN, "--out", str(tmp_path / "o.csv")
    )
    assert found.returncode == 3


def test_check_gives_findings_for_people_and_programs(demo_folder: Path, tmp_path: Path) -> None:
    found = run(
        "check", str(demo_folder / "received" / "902.csv"), "--council", "902", "--out", str(tmp_path / "r"), "--json"
    )
    summary = json.loads(found.stdout)
    assert found.returncode == 1
    assert summary["release"] == "R1"
    assert summary["n_findings"] == sum(summary["by_rule"].values()) == sum(summary["by_severity"].values())
    assert {path.name for path in (tmp_path / "r").iterdir()} == {
        "findings.csv",
        "findings.xlsx",
        "findings.html",
        "findings.json",
    }
    assert openpyxl.load_workbook(tmp_path / "r" / "findings.xlsx").sheetnames == [
        "Summary",
        "Error Summary",
        "Error Data",
    ]
    assert "http" not in (tmp_path / "r" / "findings.html").read_text()
    assert run("check", str(demo_folder / "received" / "902.csv"), "--council", "503").returncode == 1
    assert run("check", str(tmp_path / "none.csv")).returncode == 3


def test_a_councils_own_headers_are_mapped_once(tmp_path: Path) -> None:
    path, header_map = tmp_path / "own.csv", tmp_path / "map.toml"
    path.write_text("Council,Client,Kind,From,Born\n503,P1,Request,2021-01-01,1950-01-01\n")
    header_map.write_text(
        'la_code = "Council"\nla_person_unique_identifier = "Client"\nevent_type = "Kind"\nevent_start_date = "From"\ndate_of_birth = "Born"\n'
    )
    assert run("check", str(path)).returncode == 3
    assert json.loads(run("check", str(path), "--header-map", str(header_map), "--json").stdout)["n_rows"] == 1
