"""A whole journey on PostgreSQL: what leaves is, byte for byte, what leaves on SQLite."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.workspace.wiring import open_demo_workspace
from audit.fsck import fsck
from audit.journal import Event
from audit.stop import stop
from cld.errors import AlreadyReleased, Stopped
from tests.functional.test_command_line import run
from tests.lib.journey import OpenJourney, open_journey
from tests.lib.postgres import Server

EVENT = Event("build", "operator", "operator", {})


def test_a_council_s_extract_is_the_same_on_both_and_the_log_is_whole(
    journey: OpenJourney, postgres: Server, tmp_path: Path
) -> None:
    on_postgres = open_journey(tmp_path / "postgres", postgres.new_database())
    digests = [made.release()[0].document.body["payload_digest"] for made in (journey, on_postgres)]
    assert digests[0] == digests[1]
    with pytest.raises(AlreadyReleased):
        on_postgres.release()
    space = on_postgres.space
    assert not list(space.folder.glob("*.sqlite*"))
    assert fsck(space.journal, space.log.folder)["faults"] == []
    space.journal.close()
    told = json.loads(run("log", "fsck", "--workspace", str(space.folder), "--json").stdout)
    assert told["faults"] == []
    stopped = run("emergency", "stop", "--as", "approver one", "--workspace", str(space.folder))
    assert stopped.returncode == 0, stopped.stderr
    again = open_demo_workspace(space.folder)
    with pytest.raises(Stopped):
        again.journal.seal(again.journal.load(on_postgres.checked.document.digest), EVENT)  # type: ignore[arg-type]
    assert stop(again.journal, "approver two", "approver")
    again.journal.close()


def test_a_whole_demo_is_the_same_on_both(postgres: Server, is_long: bool, tmp_path: Path) -> None:
    if not is_long:
        pytest.skip("a long form")
    made = []
    for name, database in (("sqlite", ()), ("postgres", ("--database", postgres.new_database()))):
        asked = ("demo", "--out", str(tmp_path / name), "--people", "1200", "--seed", "7", *database, "--json")
        found = run(*asked)
        assert found.returncode == 0, found.stderr
        made.append([(row["recipient"], row["decision"], row["clauses"], row.get("digest")) for row in json.loads(found.stdout)["rows"]])  # fmt: skip
    assert made[0] == made[1]
