"""Replay: everything stored is decided and made again; what was altered is named, what is gone is told with its certificate."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from api.house.replay import Result, repeat_decisions
from api.house.replay_extracts import repeat_extracts
from api.store.kept_policies import KEPT, keep_version, version_of
from api.workspace.key_acts import destroy_key
from api.workspace.wiring import SETTINGS, open_demo_workspace
from cld.canonical import canonical_bytes
from cld.errors import UnknownSpecification, UntrustedPolicy
from policies.versions import latest_version
from tests.functional.test_command_line import run


@pytest.fixture
def folder(demo_folder: Path, tmp_path: Path) -> Path:
    """A finished demo, to be tampered with."""
    made = tmp_path / "workspace"
    shutil.copytree(demo_folder, made)
    return made


def in_database(folder: Path, text: str, *values: object) -> None:
    with sqlite3.connect(folder / "caregate.sqlite") as connection:
        assert connection.execute(text, values).rowcount == 1
    connection.close()


def decisions(folder: Path) -> list[dict[str, str]]:
    space = open_demo_workspace(folder)
    found = [one.as_json() for one in repeat_decisions(space)]
    space.journal.close()
    return found


def different(rows: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(row["where"], row["application"], row["reason"]) for row in rows if row["result"] == Result.DIFFERENT]


def leaf_of(folder: Path, action: str, reference: str) -> tuple[int, dict[str, Any]]:
    with sqlite3.connect(folder / "caregate.sqlite") as connection:
        leaves = [(seq, json.loads(content)) for seq, content in connection.execute("select seq, content from leaves")]
    connection.close()
    return next(
        (seq, leaf)
        for seq, leaf in leaves
        if leaf["action"] == action and reference in json.dumps(leaf["details"]["application"])
    )


def test_every_decision_of_the_demo_is_taken_again_the_same_and_every_extract_that_can_be_is_made_again(
    demo_folder: Path,
) -> None:
    summary = json.loads((demo_folder / "summary.json").read_text())
    found = run("replay", "--workspace", str(demo_folder), "--json")
    assert found.returncode == 0, found.stdout + found.stderr
    told = json.loads(found.stdout)
    assert (told["n_different"], told["n_decisions"]) == (0, sum(row["what"] == "decision" for row in told["rows"]))
    applications = {row["application"] for row in told["rows"] if row["what"] == "decision"}
    assert len(applications) == len(summary["rows"]) - 1  # one row of the demo is a council's file
    by_what: dict[str, list[dict[str, str]]] = {}
    for row in told["rows"]:
        by_what.setdefault(row["what"], []).append(row)
    assert {row["result"] for row in by_what["decision"]} == {"same"}
    assert [row["result"] for row in by_what["payload"]] == ["same"] * sum(
        row["decision"] == "released" for row in summary["rows"]
    )
    not_possible = [row for row in by_what["extract"] if row["result"] == "not possible"]
    assert [row["application"] for row in not_possible] == ["CG-0004", "CG-0005", "CG-0006"]
    for row in not_possible:
        assert row["reason"].startswith("The key was destroyed on 2022-03-01.")
        place = int(row["reason"].rpartition("leaf ")[2].rstrip("."))
        space = open_demo_workspace(demo_folder)
        certificate = json.loads(space.journal.leaves()[place])
        space.journal.close()
        assert (certificate["action"], certificate["details"]["key_id"]) == ("key destroyed", f"release-{row['application']}")  # fmt: skip
    assert sum(row["result"] == "same" for row in by_what["extract"]) >= 5


def test_an_altered_decision_is_named_wherever_it_is_stored(folder: Path) -> None:
    early, leaf = leaf_of(folder, "application received", "CG-0004")
    in_database(folder, "update leaves set content = ? where seq = ?", canonical_bytes(leaf | {"actor": "x"}), early)
    place, leaf = leaf_of(folder, "application received", "CG-0013")
    leaf["details"]["decision"] |= {"decision": "allow", "clauses": [], "missing": []}
    in_database(folder, "update leaves set content = ? where seq = ?", canonical_bytes(leaf), place)
    seq, approved = leaf_of(folder, "approve", "CG-0001")
    in_database(
        folder,
        "update documents set content = replace(content, 'own people', 'no people') where digest = ?",
        approved["document"],
    )
    in_database(
        folder,
        "update applications set decision = replace(decision, '\"refuse\"', '\"allow\"') where reference = 'CG-0016'",
    )
    assert different(decisions(folder)) == [
        (f"ApprovedPlan {approved['document'][:16]}", "CG-0001", "the document is not the one that was sealed"),
        (f"leaf {early}", "CG-0004", "the log has another leaf at this place"),
        (f"leaf {place}", "CG-0013", "the log has another leaf at this place"),
        ("the row that pages read", "CG-0013", "the log tells another decision"),
        ("the row that pages read", "CG-0016", "the log tells another decision"),
    ]
    assert seq < early < place
    found = run("replay", "--workspace", str(folder), "--no-extracts")
    assert found.returncode == 1
    assert f"different: decision of CG-0013, leaf {place}" in found.stdout


def test_a_decision_that_its_policies_would_not_take_is_different_even_where_no_log_tells_of_it(folder: Path) -> None:
    """The log's folder is gone, as with an operator who rewrites everything: the decision itself still gives it away."""
    place, leaf = leaf_of(folder, "application received", "CG-0013")
    leaf["details"]["decision"] |= {"decision": "allow"}
    in_database(folder, "update leaves set content = ? where seq = ?", canonical_bytes(leaf), place)
    shutil.rmtree(folder / "log")
    rows = [row for row in decisions(folder) if row["where"] == f"leaf {place}"]
    assert different(rows) == [(f"leaf {place}", "CG-0013", "decided again, it differs in: decision")]
    del leaf["details"]["decision"]["facts"]
    in_database(folder, "update leaves set content = ? where seq = ?", canonical_bytes(leaf), place)
    (row,) = [row for row in decisions(folder) if row["where"] == f"leaf {place}"]
    assert (row["result"], "before facts were kept" in row["reason"]) == ("not possible", True)


def test_policies_that_are_no_longer_shipped_are_found_in_the_workspace_and_only_unaltered(
    folder: Path, tmp_path: Path
) -> None:
    digest = latest_version().digest
    nothing = tmp_path / "nothing shipped"
    nothing.mkdir()
    assert version_of(digest, folder, nothing).policies_text == latest_version().policies_text
    with pytest.raises(UnknownSpecification):
        version_of("0" * 64, folder, nothing)
    with pytest.raises(UnknownSpecification):
        version_of("../" + digest, folder, nothing)
    (policies,) = (folder / KEPT / digest).rglob("policies.cedar")
    policies.write_text(policies.read_text().replace("forbid", "permit", 1))
    with pytest.raises(UntrustedPolicy):
        version_of(digest, folder, nothing)
    shutil.rmtree(folder / KEPT)
    keep_version(folder, latest_version())
    keep_version(folder, latest_version())
    assert version_of(digest, folder, nothing).digest == digest


def test_an_extract_that_would_come_out_otherwise_is_named_and_a_destroyed_key_ends_it(folder: Path) -> None:
    listed = folder / "nhs" / "opt_outs.parquet"
    pq.write_table(pq.read_table(listed).slice(0, 0), listed)
    space = open_demo_workspace(folder)
    destroy_key(space, "agreement-DARS-NIC-100001-A1B2C", None, "custodian one")
    rows = {(one.what, one.application): one for one in repeat_extracts(space)}
    space.journal.close()
    objected = rows["extract", "CG-0002"]
    assert objected.result is Result.DIFFERENT
    assert objected.reason.startswith("built again, it differs in: ")
    assert "tables" in objected.reason
    ended = rows["extract", "CG-0001"]
    assert ended.result is Result.NOT_POSSIBLE
    assert "The key was destroyed on" in ended.reason
    assert "certificate in leaf" in ended.reason
    assert rows["payload", "CG-0001"].result is Result.SAME


def test_nobody_is_asked_about_opt_outs_again_for_a_replay(folder: Path) -> None:
    settings = json.loads((folder / SETTINGS).read_text())
    mailbox = {"folder": str(folder / "mesh"), "own_mailbox": "8HQ50OT001", "service_mailbox": "X26OT154"}
    (folder / SETTINGS).write_text(json.dumps(settings | {"opt_outs": mailbox}))
    space = open_demo_workspace(folder)
    rows = {one.application: one for one in repeat_extracts(space) if one.what == "extract"}
    space.journal.close()
    assert rows["CG-0002"].result is Result.NOT_POSSIBLE
    assert rows["CG-0002"].reason == "The answer about opt-outs is no longer kept."
    assert rows["CG-0001"].result is Result.SAME
    assert not (folder / "mesh").exists()
