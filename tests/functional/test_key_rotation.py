"""The whole story of a rotation, through the house: both releases verify, the bridge in the later one joins them, and each key
is found."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyrage
import pytest

from api.demo.requests import demo_requests
from api.house.house import House, Stage
from api.house.leak import whose_file
from api.house.reidentification import Desk
from api.workspace.key_acts import destroy_key
from api.workspace.wiring import open_demo_workspace
from audit.verify import open_package, verify_package
from cld.errors import KeyDestroyed
from extracts.keying import key_id_for
from keys.legal_basis import LegalBasis
from tests.functional.test_command_line import run
from tests.lib.enrolling import enrol

ASKED = demo_requests()[0]
OLD, NEW = ASKED.application.reference, "CG-0951"
KEY_ID = key_id_for(ASKED.application, ASKED.plan)
COUNCIL = ASKED.application.body_code


@dataclass(frozen=True)
class Package:
    """A package, its recipient's identity and the folder that it was opened into."""

    path: Path
    identity: Path
    opened: Path

    def rows(self, table: str = "cld") -> list[dict[str, str]]:
        with (self.opened / "data" / f"{table}.csv").open(newline="") as stream:
            return list(csv.DictReader(stream))

    def checks(self, trust: Path) -> dict[str, Any]:
        return verify_package(self.path, trust, self.identity, date(2022, 3, 10))

    def versions_told(self) -> set[int]:
        """The key version in the dictionary, in what was released and in the first letter of every pseudonym, bridges aside."""
        described = json.loads((self.opened / "datapackage.json").read_text())
        tables = [one for one in described["resources"] if not one["caregate"]["table"].startswith("bridge_")]
        fields = [one for resource in tables for one in resource["schema"]["fields"]]
        told = {one["caregate"]["pseudonym"]["version"] for one in fields if "pseudonym" in one.get("caregate", {})}
        told.add(json.loads((self.opened / "release.json").read_text())["key_version"])
        return told | {"AB".index(row["person_key"][0]) + 1 for row in self.rows()}


@contextmanager
def house_of(folder: Path) -> Iterator[House]:
    house = House(open_demo_workspace(folder))
    try:
        yield house
    finally:
        house.space.journal.close()


def old_package(folder: Path, opened: Path) -> Package:
    rows = json.loads((folder / "summary.json").read_text())["rows"]
    row = next(row for row in rows if row["recipient"] == ASKED.application.recipient)
    made = Package(folder / row["package"], folder / row["identity"], opened)
    open_package(made.path, made.identity, made.opened)
    return made


def new_package(house: House, opened: Path) -> Package:
    """Release the same plan once more under the same agreement."""
    identity = pyrage.x25519.Identity.generate()
    key = house.space.folder / "identities" / f"{NEW}.key"
    key.parent.mkdir(exist_ok=True)
    key.write_text(str(identity))
    application = replace(ASKED.application, reference=NEW, recipient_key=str(identity.to_public()))
    house.receive(application, ASKED.plan)
    for stage, people in ((Stage.APPROVE, "approver"), (Stage.RELEASE, "releaser")):
        for person in (f"{people} one", f"{people} two"):
            house.sign(NEW, stage, person, house.space.staff[person])
        if stage == Stage.APPROVE:
            house.approve(NEW)
            house.build(NEW)
            house.check(NEW)
    made = Package(house.release(NEW)[1], key, opened)
    open_package(made.path, made.identity, made.opened)
    return made


def reidentified(house: House, reference: str, extract: str, pseudonym: str, identity: Path) -> str | None:
    """Ask who somebody is, all the way, and open the answer as the council does."""
    space, desk = house.space, Desk(house.space)
    enrol(space, COUNCIL, str(opener(identity)))
    basis = LegalBasis(COUNCIL, "Care Act 2014 s42", date(2022, 1, 1), date(2022, 12, 31))
    digest = desk.record_basis(basis, ("approver one", "releaser one"), "officer")
    expires = space.clock.today() + timedelta(days=7)
    desk.ask(
        {
            "reference": reference, "extract": extract, "kind": "person", "council": COUNCIL, "body": "CASSR", "body_code": COUNCIL,
            "purpose": "to reach a person at risk", "legal_basis": digest, "asked_by": "officer",
            "expires_on": expires.isoformat(), "pseudonyms": [pseudonym],
        }
    )  # fmt: skip
    for person in ("approver one", "releaser one"):
        desk.sign(reference, person)
    answer = json.loads(pyrage.decrypt(desk.answer(reference).read_bytes(), [opener(identity)]))
    return str(answer["answers"][0]["identifier"])


def opener(identity: Path) -> pyrage.x25519.Identity:
    lines = [line for line in identity.read_text().splitlines() if line.startswith("AGE-SECRET-KEY-")]
    return pyrage.x25519.Identity.from_str(lines[0])


def verdicts(house: House, file: Path) -> dict[int, tuple[str, str, str]]:
    """Say what is found of each version of the agreement's key of persons: verdict, reason and state."""
    agreement = ASKED.application.agreement.reference
    found = [
        one for one in whose_file(house.space, file, "person_key") if (one.agreement, one.kind) == (agreement, "person")
    ]
    return {one.version: (one.verdict, one.reason, one.state) for one in found}


def content_of(rows: list[dict[str, str]], keys: dict[str, str]) -> Counter[tuple[str, ...]]:
    """Return the rows without the other pseudonyms, under the person keys given."""
    kept = [name for name in rows[0] if not name.endswith("_key")]
    return Counter((keys[row["person_key"]], *(row[name] for name in kept)) for row in rows)


def test_a_rotation_from_the_release_before_it_to_the_end_of_the_old_key(demo_folder: Path, tmp_path: Path) -> None:
    folder, trust = tmp_path / "workspace", tmp_path / "trust.txt"
    shutil.copytree(demo_folder, folder)
    old = old_package(folder, tmp_path / "old")
    rotated = run("keys", "rotate", KEY_ID, "--workspace", str(folder), "--by", "a custodian", "--json")
    assert json.loads(rotated.stdout) == {"key_id": KEY_ID, "version": 2}
    with house_of(folder) as house:
        new = new_package(house, tmp_path / "new")
        trust.write_text(house.space.release_keys.trust)
    # both verify, each says its own version everywhere, and the change log says that it changed
    for package, version in ((old, 1), (new, 2)):
        report = package.checks(trust)
        assert report["ok"], [check for check in report["checks"] if check["result"] == "failed"]
        assert [check["result"] for check in report["checks"] if check["number"] == 12] == ["passed"]
        assert package.versions_told() == {version}
    assert "of key version 1 before, of 2 now" in (new.opened / "CHANGES.txt").read_text()
    assert "table bridge_1: leads from person keys of key version 1" in (new.opened / "CHANGES.txt").read_text()
    assert not list((old.opened / "data").glob("bridge*"))
    assert "key version" not in (old.opened / "CHANGES.txt").read_text()
    # nobody's pseudonym is the same, and the bridge joins row to row
    follows = {row["old_pseudonym"]: row["new_pseudonym"] for row in new.rows("bridge_1")}
    assert list(follows) == sorted(follows), "the order tells who is who"
    before, after = {row["person_key"] for row in old.rows()}, {row["person_key"] for row in new.rows()}
    assert not before & after
    assert (set(follows), set(follows.values())) == (before, after)
    assert content_of(old.rows(), follows) == content_of(new.rows(), {key: key for key in after})
    somebody = next(iter(sorted(before)))
    with house_of(folder) as house:
        # re-identification finds the version by the pseudonym, whichever of the two extracts is named
        asked = ((OLD, somebody), (NEW, follows[somebody]), (OLD, follows[somebody]))
        people = [
            reidentified(house, f"Q-{number}", extract, text, new.identity)
            for number, (extract, text) in enumerate(asked)
        ]
        assert len(set(people)) == 1
        assert people[0] not in (None, "None")
        made, unfit = "made with this key", "its domain characters do not fit"
        found_old, found_new = (verdicts(house, one.opened / "data" / "cld.csv") for one in (old, new))
        assert (found_old[1][0], found_old[1][2], found_old[2][:2]) == (
            made,
            "deactivated",
            ("not made with this key", unfit),
        )
        assert (found_new[2][0], found_new[2][2], found_new[1][:2]) == (
            made,
            "active",
            ("not made with this key", unfit),
        )
        destroyed_on = destroy_key(house.space, KEY_ID, 1, "a custodian")[0]["destroyed_on"]
        verdict, reason, state = verdicts(house, old.opened / "data" / "cld.csv")[1]
        assert (verdict, state, f"destroyed on {destroyed_on}" in reason) == ("cannot be told", "destroyed", True)
        with pytest.raises(KeyDestroyed, match=f"destroyed on {destroyed_on}"):
            reidentified(house, "Q-8", OLD, somebody, new.identity)
        assert reidentified(house, "Q-9", NEW, follows[somebody], new.identity) == people[0]
    assert old.checks(trust)["ok"], "a package stays what it was after its key ended"
