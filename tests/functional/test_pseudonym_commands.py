"""Commands on a workspace's pseudonyms: a leaked file named, a person found again by the council alone, everything stopped."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyrage
import pytest

from api.demo.requests import demo_requests
from api.workspace.wiring import open_demo_workspace
from audit.verify import open_package
from extracts.keying import is_of_one_release, key_id_for
from tests.lib.commands import run_here
from tests.lib.enrolling import enrol

LINCOLNSHIRE, CCG, DHSC = "Lincolnshire council", "NHS Oxfordshire CCG", "DHSC"


@pytest.fixture(scope="module")
def workspace(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workspace") / "w"
    shutil.copytree(demo_folder, folder)
    return folder


def leaked(workspace: Path, recipient: str, table: str, opened: Path) -> Path:
    rows = json.loads((workspace / "summary.json").read_text())["rows"]
    row = next(row for row in rows if row["recipient"] == recipient)
    open_package(workspace / row["package"], workspace / row["identity"], opened)
    return opened / "data" / f"{table}.csv"


def whose(workspace: Path, file: Path, column: str) -> tuple[int, dict[str, Any]]:
    found = run_here("whose-file", str(file), "--column", column, "--workspace", str(workspace), "--json")
    return found.returncode, json.loads(found.stdout)


def test_a_leaked_column_names_its_agreement_whatever_else_was_done_to_the_file(
    workspace: Path, tmp_path: Path
) -> None:
    for number, (recipient, column) in enumerate(
        ((LINCOLNSHIRE, "person_key"), (CCG, "person_key"), (LINCOLNSHIRE, "nhs_number_key"))
    ):
        file = leaked(workspace, recipient, "cld", tmp_path / str(number))
        with file.open(newline="") as stream:
            values = [row[column] for row in csv.DictReader(stream)]
        copied = tmp_path / f"{number}.csv"
        copied.write_text("x\n" + "\n".join(values[:40] + ["nonsense"]) + "\n")
        status, told = whose(workspace, copied, "x")
        agreement = next(
            r.application.agreement.reference for r in demo_requests() if r.application.recipient == recipient
        )
        assert (status, told["agreements"]) == (0, [agreement])


def test_of_a_destroyed_key_it_says_that_it_cannot_be_told(workspace: Path, tmp_path: Path) -> None:
    status, told = whose(workspace, leaked(workspace, DHSC, "people", tmp_path / "d"), "person_key")
    assert (status, told["agreements"]) == (1, [])
    fit = [one for one in told["answers"] if one["n_fit"]]
    assert [one["verdict"] for one in fit if one["state"] == "destroyed" and "destroyed" in one["reason"]] == [
        "cannot be told"
    ]
    words = run_here(
        "whose-file", str(tmp_path / "d/data/people.csv"), "--column", "person_key", "--workspace", str(workspace)
    )
    assert "cannot be told" in words.stdout
    assert (
        run_here(
            "whose-file", str(tmp_path / "d/data/people.csv"), "--column", "no", "--workspace", str(workspace)
        ).returncode
        == 3
    )


def test_values_of_nobody_are_nobodys(workspace: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("x\nhello\n" + "A" * 27 + "\n")
    assert whose(workspace, file, "x")[0] == 1


def command(workspace: Path, *given: str) -> dict[str, Any]:
    found = run_here(*given, "--workspace", str(workspace))
    assert found.returncode == 0, found.stderr
    told: dict[str, Any] = json.loads(found.stdout)
    return told


def a_question(workspace: Path, tmp_path: Path, basis: str, **changes: object) -> tuple[Path, str]:
    file = leaked(workspace, LINCOLNSHIRE, "cld", tmp_path / "opened")
    with file.open(newline="") as stream:
        pseudonym = next(csv.DictReader(stream))["person_key"]
    asked = {
        "reference": "Q-1", "extract": "CG-0001", "kind": "person", "council": "503", "body": "CASSR", "body_code": "503",
        "purpose": "to reach a person at risk", "legal_basis": basis, "asked_by": "officer", "expires_on": "2022-03-20",
        "pseudonyms": [pseudonym], **changes,
    }  # fmt: skip
    path = tmp_path / f"{asked['reference']}.json"
    path.write_text(json.dumps(asked))
    return path, pseudonym


def test_a_person_is_found_again_by_commands_for_the_council_alone(workspace: Path, tmp_path: Path) -> None:
    days = ("--from", "2022-01-01", "--to", "2022-12-31", "--as", "approver one", "--as", "releaser one")
    given = ("--council", "503", "--words", "Care Act 2014 s42", "--recorded-by", "officer")
    basis = command(workspace, "reidentify", "basis", *given, *days)["legal_basis"]
    path, pseudonym = a_question(workspace, tmp_path, basis)
    assert command(workspace, "reidentify", "ask", str(path))["n_asked"] == 1
    assert run_here("reidentify", "ask", str(path), "--workspace", str(workspace)).returncode == 5
    assert run_here("reidentify", "answer", "Q-1", "--workspace", str(workspace)).returncode == 4
    # a signature that would be none of the two it needs is refused, so that no question ends where it cannot be answered
    for person, status in (("approver one", 0), ("approver one", 4), ("approver two", 4), ("officer one", 4),
                           ("releaser one", 0), ("custodian one", 4)):  # fmt: skip
        cast = run_here("reidentify", "sign", "Q-1", "--as", person, "--workspace", str(workspace))
        assert cast.returncode == status, (person, cast.stderr)
    nobody = run_here("reidentify", "answer", "Q-1", "--workspace", str(workspace))
    assert (nobody.returncode, "The council has enrolled no key" in nobody.stderr) == (4, True)
    own = pyrage.x25519.Identity.generate()
    space = open_demo_workspace(workspace)
    enrol(space, "503", str(own))
    space.journal.close()
    sealed = Path(command(workspace, "reidentify", "answer", "Q-1")["sealed"])
    with pytest.raises(pyrage.DecryptError):
        identity = (workspace / "recipients" / "CG-0001.age-key").read_text().strip()
        pyrage.decrypt(sealed.read_bytes(), [pyrage.x25519.Identity.from_str(identity)])
    told = json.loads(pyrage.decrypt(sealed.read_bytes(), [own]))
    assert told["answers"][0]["pseudonym"] == pseudonym
    with (workspace / "truth" / "clients.csv").open(newline="") as stream:
        known = {row["true_nhs_number"] for row in csv.DictReader(stream)}
    found = told["answers"][0]["identifier"]
    assert found in known or found.startswith("L503|")


def test_a_basis_withdrawn_by_command_ends_a_question_that_was_signed(workspace: Path, tmp_path: Path) -> None:
    days = ("--from", "2022-01-01", "--to", "2022-12-31", "--as", "approver one", "--as", "releaser one")
    given = ("--council", "503", "--words", "Mental Capacity Act 2005", "--recorded-by", "officer")
    basis = command(workspace, "reidentify", "basis", *given, *days)["legal_basis"]
    path, _ = a_question(workspace, tmp_path, basis, reference="W-1")
    command(workspace, "reidentify", "ask", str(path))
    for person in ("approver one", "releaser one"):
        command(workspace, "reidentify", "sign", "W-1", "--as", person)
    why = ("--council", "503", "--reason", "the court order of Mrs Smith lapsed", "--as", "approver two")
    assert command(workspace, "reidentify", "withdraw", basis, *why)["withdrawn"]
    again = run_here("reidentify", "withdraw", basis, *why, "--workspace", str(workspace))
    refused = run_here("reidentify", "answer", "W-1", "--workspace", str(workspace))
    assert (again.returncode, refused.returncode, "policy-refused" in refused.stderr) == (5, 1, True)
    space = open_demo_workspace(workspace)
    log = b"".join(space.journal.leaves())
    space.journal.close()
    assert b"Mrs Smith" not in log
    assert b"Mental Capacity" not in log
    assert b"re-identification basis withdrawn" in log


def test_a_general_practitioner_and_a_council_without_a_basis_are_refused(workspace: Path, tmp_path: Path) -> None:
    for number, changes in enumerate(({"body": "OTHER", "body_code": "GP"}, {"legal_basis": "0" * 64})):
        place = tmp_path / str(number)
        place.mkdir()
        path, _ = a_question(workspace, place, "0" * 64, reference=f"R-{number}", **changes)
        command(workspace, "reidentify", "ask", str(path))
        for person in ("approver one", "releaser one"):
            command(workspace, "reidentify", "sign", f"R-{number}", "--as", person)
        refused = run_here("reidentify", "answer", f"R-{number}", "--workspace", str(workspace))
        assert refused.returncode == 1, refused.stderr
        assert "policy-refused" in refused.stderr
    assert not (workspace / "reidentified" / "R-0.json.age").exists()


def test_everything_stops_at_one_command_and_goes_on_after_three(workspace: Path) -> None:
    assert command(workspace, "emergency", "status") == {"stopped": False}
    assert command(workspace, "emergency", "stop", "--as", "releaser two")["stopped"] is True
    for verb in ("build", "release", "deliver"):
        assert run_here("journey", verb, "CG-0001", "--workspace", str(workspace)).returncode == 5
    assert run_here("journey", "build", "CG-0001", "--workspace", str(workspace)).stderr.startswith("stopped:")
    signed = [
        command(workspace, "emergency", "lift", "--as", person)["stopped"]
        for person in ("approver one", "approver two", "releaser one")
    ]
    assert signed == [True, True, False]


def test_a_plan_says_whether_pseudonyms_last_for_the_agreement_or_for_one_release() -> None:
    asked = demo_requests()[0]
    lasting, once = asked.plan, replace(asked.plan, pseudonyms_last="release")
    second = replace(asked.application, reference="CG-0999")
    assert key_id_for(asked.application, lasting) == key_id_for(second, lasting)
    assert key_id_for(asked.application, once) != key_id_for(second, once)
    assert [is_of_one_release(plan) for plan in (lasting, once, demo_requests()[3].plan)] == [False, True, True]


def test_a_list_and_legacy_digests_are_carried_over_without_identifiers(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("5f" * 32)
    (tmp_path / "salt").write_text("mackerel")
    listed, out = tmp_path / "list.csv", tmp_path / "bridge.csv"
    listed.write_text("n,old\n943 476 5919,P1\n9434765870,P2\n9434765919,P1\n,P3\n9999999999,P4\n")
    given = ("--column", "n:nhs", "--key-file", str(tmp_path / "key"), "--recipient", "R", "--agreement", "A")
    base = ("pseudonym", "migrate", str(listed), *given, "--out", str(out), "--json")
    told = json.loads(run_here(*base, "--old", "old").stdout)
    assert (told["n_rows"], told["n_pairs"], told["n_left_out"]) == (5, 2, 2)
    with out.open(newline="") as stream:
        pairs = {row["old_pseudonym"]: row["pseudonym"] for row in csv.DictReader(stream)}
    assert pairs["P1"] == "ANEEVQB4MSKAN80CY5SKY1WTEY8"
    assert "9434765919" not in out.read_text()
    assert json.loads(run_here(*base, "--legacy-salt-file", str(tmp_path / "salt")).stdout)["n_pairs"] == 2
    assert "643574A0AEFDA8DAC01EEBE45F7E8CFE814B15BBC3F654AC934518A34A53D575" in out.read_text()
    listed.write_text("n,old\n9434765919,P1\n9434765919,P2\n")
    assert run_here(*base, "--old", "old").returncode == 3
    assert run_here(*base).returncode == 3


def test_legacy_digests_are_refused_as_new_pseudonyms(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("5f" * 32)
    (tmp_path / "x.csv").write_text("n\n9434765919\n")
    given = ("--column", "n:nhs", "--key-file", str(tmp_path / "key"), "--recipient", "R", "--agreement", "A")
    refused = run_here(
        "pseudonymise", str(tmp_path / "x.csv"), *given, "--form", "legacy", "--out", str(tmp_path / "o.csv")
    )
    assert refused.returncode == 1
    assert not (tmp_path / "o.csv").exists()
