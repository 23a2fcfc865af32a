"""A recipient's key from its making to its loss: proof of possession, the second channel, rotation, packages sealed anew."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.house.house import House
from api.workspace.wiring import open_demo_workspace
from audit.sealing import key_fingerprint, new_identity, open_seal
from audit.verify import verify_package
from cld.errors import BadSignature, InputError, InvalidTransition, NotPermitted, SamePerson
from cld.signing import sign_off
from extracts.recipients import enrol_key, lose_key, offer_key, recipient_keys, require_enrolled, sign_for_lost
from tests.functional.test_command_line import run
from tests.lib.damage import ON

BODY = "10Q"


@pytest.fixture
def house(demo_folder: Path, tmp_path: Path) -> Iterator[House]:
    """A finished demo whose recipients may change their keys."""
    folder = tmp_path / "workspace"
    shutil.copytree(demo_folder, folder)
    made = House(open_demo_workspace(folder))
    yield made
    made.space.journal.close()


def offered(house: House, secrets: dict[str, str], key: str, folder: Path) -> dict[str, str]:
    """Offer a key and open its challenges with the secrets that are there."""
    space = house.space
    files = offer_key(BODY, key, journal=space.journal, entropy=space.entropy, actor="officer", folder=folder)
    answers = {}
    for one, path in files.items():
        if one in secrets:
            opened = folder / "plain"
            open_seal(path, secrets[one], opened)
            answers[one] = opened.read_text()
            opened.unlink()
    return answers


def enrol(house: House, key: str, answers: dict[str, str], heard: str | None = None, **more: object) -> None:
    space = house.space
    enrol_key(
        BODY, key, answers=answers, spoken_fingerprint=key_fingerprint(key).lower() if heard is None else heard,
        journal=space.journal, actor="officer", people=space.people(), **more,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["age", "xwing", "crypt4gh"])
def test_a_key_is_enrolled_on_possession_and_the_second_channel_together(
    kind: str, house: House, tmp_path: Path
) -> None:
    secret, key = new_identity(kind)
    answers = offered(house, {key: secret}, key, tmp_path)
    for wrong, heard in (({}, None), ({key: "0" * 64}, None), (answers, ""), (answers, key_fingerprint("age1other"))):
        with pytest.raises(BadSignature) as refusal:
            enrol(house, key, wrong, heard)
        assert refusal.value.message == "The key is not enrolled: an answer or the fingerprint is not the one expected."
    assert recipient_keys(BODY, house.space.journal).enrolled == []
    enrol(house, key, answers)
    assert recipient_keys(BODY, house.space.journal).enrolled == [key]


def test_the_challenge_stands_nowhere_in_the_log(house: House, tmp_path: Path) -> None:
    secret, key = new_identity("age")
    answers = offered(house, {key: secret}, key, tmp_path)
    assert not any(answers[key].encode() in leaf for leaf in house.space.journal.leaves())


def test_a_further_key_needs_the_old_one_or_two_people(house: House, tmp_path: Path) -> None:
    first_secret, first = new_identity("age")
    enrol(house, first, offered(house, {first: first_secret}, first, tmp_path))
    secret, key = new_identity("xwing")
    answers = offered(house, {first: first_secret, key: secret}, key, tmp_path)
    with pytest.raises(BadSignature):
        enrol(house, key, {key: answers[key]})
    staff = house.space.staff
    one, two = (sign_off(name, staff[name], sign_for_lost(BODY, key)) for name in ("approver one", "approver two"))
    with pytest.raises(SamePerson):
        enrol(house, key, {key: answers[key]}, signs=(one, one))
    enrol(house, key, answers, retire=(first,))
    held = recipient_keys(BODY, house.space.journal)
    assert held.enrolled == [key]
    assert held.ended == {first}
    third_secret, third = new_identity("age")
    enrol(house, third, {third: offered(house, {third: third_secret}, third, tmp_path)[third]}, signs=(
        sign_off(one.person, staff[one.person], sign_for_lost(BODY, third)), sign_off(two.person, staff[two.person], sign_for_lost(BODY, third)),
    ))  # fmt: skip
    assert recipient_keys(BODY, house.space.journal).enrolled == [key, third]


def test_nothing_is_sealed_to_a_key_that_ended_or_was_never_enrolled(house: House, tmp_path: Path) -> None:
    journal = house.space.journal
    secret, key = new_identity("age")
    require_enrolled(BODY, "age1of-an-approved-application", journal)
    enrol(house, key, offered(house, {key: secret}, key, tmp_path))
    require_enrolled(BODY, key, journal)
    with pytest.raises(NotPermitted):
        require_enrolled(BODY, "age1another", journal)
    lose_key(BODY, key, journal=journal, actor="officer")
    for one in (key, "age1another"):
        with pytest.raises(NotPermitted):
            require_enrolled(BODY, one, journal)
    with pytest.raises(InvalidTransition):
        offered(house, {}, key, tmp_path)
    with pytest.raises(InvalidTransition):
        lose_key(BODY, key, journal=journal, actor="officer")
    with pytest.raises(InputError):
        offered(house, {}, "ssh-ed25519 AAAA", tmp_path)


@pytest.mark.parametrize("kind", ["age", "xwing", "crypt4gh"])
def test_a_release_is_sealed_anew_to_a_new_key_without_touching_the_data(
    kind: str, house: House, tmp_path: Path
) -> None:
    rows = json.loads((house.space.folder / "summary.json").read_text())["rows"]
    row = next(row for row in rows if row["recipient"] == "NHS Oxfordshire CCG")
    trust, old = house.space.folder / row["trust"], house.space.folder / row["identity"]
    before = verify_package(house.space.folder / row["package"], trust, old, ON)
    secret, key = new_identity(kind)
    with pytest.raises(NotPermitted):
        house.reissue("CG-0002", key)
    enrol(house, key, offered(house, {key: secret}, key, tmp_path))
    package = house.reissue("CG-0002", key)
    mine = tmp_path / "mine"
    mine.write_text(secret)
    remember = tmp_path / "seen.json"
    after = verify_package(package, trust, mine, ON, remember=remember)
    assert before["ok"] and after["ok"]
    assert after["release"] == before["release"], "statement and leaf are the same"
    assert {one["number"]: one["result"] for one in after["checks"]}[10] == "passed"
    assert not verify_package(package, trust, old, ON)["ok"]
    assert json.loads(remember.read_text())["releases"] == {"CG-0002": after["release"]["statement"]}
    again = verify_package(house.space.folder / row["package"], trust, old, ON, remember=remember)
    ninth = again["checks"][8]
    assert not again["ok"]
    assert "nothing joins" in ninth["reason"], "an older checkpoint after a newer one needs a proof"


def test_recipients_make_and_show_keys_and_answer_challenges_by_command(house: House, tmp_path: Path) -> None:
    made = run("recipient-key", "new", "--kind", "xwing", "--out", str(tmp_path / "key"), "--json")
    told = json.loads(made.stdout)
    assert json.loads(run("recipient-key", "show", str(tmp_path / "key"), "--json").stdout) == told
    assert run("recipient-key", "new", "--out", str(tmp_path / "key")).returncode == 5
    workspace = str(house.space.folder)
    given = run(
        "journey",
        "recipient",
        "offer",
        "--workspace",
        workspace,
        "--body",
        BODY,
        "--key",
        told["key"],
        "--out",
        str(tmp_path / "c"),
    )
    challenge = json.loads(given.stdout)["challenges"][0]["file"]
    answer = run("recipient-key", "answer", challenge, "--identity", str(tmp_path / "key")).stdout.strip()
    common = ("--workspace", workspace, "--body", BODY, "--key", told["key"])
    refused = run("journey", "recipient", "enrol", *common, "--answer", f"{told['key']}={answer}", "--heard", "0000")
    assert refused.returncode == 6
    done = run(
        "journey", "recipient", "enrol", *common, "--answer", f"{told['key']}={answer}", "--heard", told["fingerprint"]
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(run("journey", "recipient", "show", "--workspace", workspace, "--body", BODY).stdout)
    assert shown["enrolled"] == [told]
    assert run("journey", "recipient", "lose", *common).returncode == 0
    assert run("journey", "reissue", "CG-0002", "--workspace", workspace, "--key", told["key"]).returncode == 4
