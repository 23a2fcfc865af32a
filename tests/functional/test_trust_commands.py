"""The trust policy through its commands: witnesses in processes of their own, keys replaced, a key stolen, recipients told.

One workspace lives through it all, as a house does; each test takes it on from the one before.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from audit.note import read_checkpoint, read_note
from audit.verify import verify_package
from audit.verifying.trust import read_policy
from tests.lib.commands import run_here as run
from tests.lib.damage import failed_of

ON = date(2022, 6, 1)
SERVE = "import sys; from api.entry import main; main()"
CUSTODIANS = ("custodian one", "custodian two")


@dataclass
class Life:
    """A workspace, the policy and memory of a recipient of its, and the witness that somebody else runs."""

    folder: Path
    scratch: Path
    packages: dict[str, Any]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def space(self) -> tuple[str, str]:
        return "--workspace", str(self.folder / "space")

    @property
    def of_witness(self) -> Path:
        """The policy that the witness holds, which it follows as recipients do."""
        return self.scratch / "witness-policy.txt"

    @property
    def held(self) -> Path:
        return self.scratch / "recipient-policy.txt"

    def told(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        made = run(*arguments)
        assert made.returncode == status, (arguments, made.stdout, made.stderr)
        return json.loads(made.stdout.splitlines()[0]) if made.stdout.startswith("{") else {"said": made.stderr}

    def verified(self, reference: str, **more: Any) -> dict[str, Any]:
        row = self.packages[reference]
        return verify_package(
            self.folder / "space" / row["package"], self.held, self.folder / "space" / row["identity"], ON, **more
        )

    def signed_draft(self, name: str, *asked: str, by: tuple[str, ...] = CUSTODIANS) -> str:
        update = str(self.scratch / name)
        self.told("log", "trust", "draft", *self.space, "--out", update, *asked)
        for person in by:
            self.told("log", "trust", "sign", update, *self.space, "--as", person)
        return update

    def followed(self, update: str, status: int = 0) -> dict[str, Any]:
        return self.told("log", "trust", "follow", str(self.held), update, "--out", str(self.held), status=status)


@pytest.fixture(scope="module")
def life(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """A copy of the demo whose recipient holds its first policy."""
    folder, scratch = tmp_path_factory.mktemp("house"), tmp_path_factory.mktemp("others")
    shutil.copytree(demo_folder, folder / "space")
    rows = json.loads((demo_folder / "summary.json").read_text())["rows"]
    packages = {Path(row["package"]).name.partition(".")[0]: row for row in rows if row["decision"] == "released"}
    made = Life(folder, scratch, packages)
    for path in (made.held, made.of_witness):
        shutil.copy(demo_folder / "trust-policy.txt", path)
    yield made
    for process in made.processes:
        process.kill()
        process.wait()


def serve_witness(life: Life, port: int) -> None:
    """Run the shipped witness program in a process of its own."""
    trust = str(life.of_witness)
    command = [
        sys.executable,
        "-c",
        SERVE,
        "log",
        "witness",
        "serve",
        "--folder",
        str(life.scratch / "w"),
        "--trust",
        trust,
    ]
    life.processes.append(subprocess.Popen([*command, "--port", str(port)]))
    for _ in range(600):
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", "/none/checkpoint")
            connection.getresponse().read()
            connection.close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the witness did not come up")


def stop_witness(life: Life) -> None:
    life.processes[-1].kill()
    life.processes[-1].wait()


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port: int = made.getsockname()[1]
        return port


def test_a_witness_is_enrolled_only_on_its_own_signatures_and_the_fingerprint_heard(life: Life) -> None:
    keys, request, answer = (life.scratch / name for name in ("w.keys", "w.request", "w.answer"))
    trust = str(life.folder / "space" / "trust-policy.txt")
    created = run("log", "witness", "create", "--folder", str(life.scratch / "w"), "--name", "dhsc.example/w1")
    keys.write_text(created.stdout)
    early = life.scratch / "early.answer"
    before = life.told("log", "checkpoint", *life.space, "--json")["head"]
    early.write_text(before.partition("\n\n")[2])
    enrol = ("log", "witness", "enrol", str(keys), *life.space, "--url", "http://127.0.0.1:1")
    assert "not offered" in life.told(*enrol, "--heard", "0", "--answer", str(early), status=5)["said"]
    offered = life.told("log", "witness", "offer", str(keys), *life.space, "--out", str(request))
    made = run("log", "witness", "answer", str(request), "--folder", str(life.scratch / "w"), "--trust", trust)
    answer.write_text(made.stdout)
    stranger = str(life.scratch / "stranger")
    run("log", "witness", "create", "--folder", stranger, "--name", "dhsc.example/w1")
    theirs = life.scratch / "theirs.answer"
    theirs.write_text(run("log", "witness", "answer", str(request), "--folder", stranger, "--trust", trust).stdout)
    half = life.scratch / "half.answer"
    half.write_text(made.stdout.splitlines(keepends=True)[0])
    said = offered["fingerprint"]
    for heard, given in (
        (said[:-1] + ("0" if said[-1] != "0" else "1"), answer),
        (said, theirs),
        (said, half),
        (said, early),
    ):
        assert "not enrolled" in life.told(*enrol, "--heard", heard, "--answer", str(given), status=6)["said"]
    port = free_port()
    (life.scratch / "port").write_text(str(port))
    enrolled = life.told(*enrol[:-1], f"http://127.0.0.1:{port}/", "--heard", said.lower(), "--answer", str(answer))
    assert enrolled["name"] == "dhsc.example/w1"
    assert "past enrolment" in life.told(*enrol, "--heard", said, "--answer", str(answer), status=5)["said"]
    listed = [json.loads(line) for line in run("log", "witness", "list", *life.space).stdout.splitlines()]
    assert [(one["policy"], one["name"]) for one in listed] == [
        ("in_force", "caregate.demo/witness"), ("next", "caregate.demo/witness"), ("next", "dhsc.example/w1"),
    ]  # fmt: skip


def test_a_policy_of_two_witnesses_needs_both_custodians_and_keeps_old_packages_good(life: Life) -> None:
    asked = ("--quorum", "2")
    assert "cannot be had" in life.told("log", "trust", "draft", *life.space, "--out", str(life.scratch / "x"), "--quorum", "3", status=3)["said"]  # fmt: skip
    alone = life.signed_draft("alone.update", *asked, by=CUSTODIANS[:1])
    shown = life.told("log", "trust", "show", alone, "--held", str(life.held), "--json")
    assert (shown["may_succeed"], shown["quorum"]) == (False, 2)
    assert [name.rpartition("+")[0] for name in shown["must_still_sign"]] == ["caregate.demo/update/custodian-two"]
    assert "not signed by every key" in life.told("log", "trust", "adopt", alone, *life.space, status=6)["said"]
    assert "not signed by every key" in life.followed(alone, status=6)["said"]
    life.told("log", "trust", "sign", alone, *life.space, "--as", CUSTODIANS[1])
    shown = life.told("log", "trust", "show", alone, "--held", str(life.held), "--json")
    assert shown["may_succeed"]
    refused = life.told("log", "trust", "adopt", alone, *life.space, status=6)
    assert "Too few witnesses" in refused["said"], "the second witness is not up: nothing is signed without it"
    serve_witness(life, int((life.scratch / "port").read_text()))
    assert life.told("log", "trust", "adopt", alone, *life.space)["policy"] == 2
    assert life.followed(alone)["policy"] == 2
    assert all(life.verified(reference)["ok"] for reference in life.packages)
    assert life.told("log", "fsck", *life.space, "--json")["faults"] == []


def delivered(life: Life, reference: str, status: int = 0) -> dict[str, Any]:
    """Deliver a release again, whose package is gone."""
    return life.told("journey", "deliver", reference, *life.space, status=status)


def test_a_release_is_proved_under_both_witnesses_and_fails_closed_without_one(life: Life) -> None:
    again = life.folder / "space" / life.packages["CG-0001"]["package"]
    again.unlink()
    delivered(life, "CG-0001")
    report = life.verified("CG-0001")
    assert report["ok"], report
    witnesses = report["checks"][7]["reason"]
    assert "dhsc.example/w1/ml-dsa" in witnesses
    assert "caregate.demo/witness/ed25519" in witnesses
    head = life.told("log", "checkpoint", *life.space, "--json")["head"]
    seen, joined = life.scratch / "seen", life.scratch / "joined"
    seen.write_text(head)
    made = life.told("log", "consistency", "--seen", str(seen), *life.space, "--out", str(joined))
    assert joined.read_text().startswith(f"old {made['old']}\n")
    assert {name for name, _ in read_note(head).signatures} == {
        "caregate.demo",
        "caregate.demo/witness",
        "dhsc.example/w1",
    }
    stop_witness(life)
    again.unlink()
    assert "Too few witnesses" in delivered(life, "CG-0001", status=6)["said"]
    assert not again.exists()
    serve_witness(life, int((life.scratch / "port").read_text()))
    delivered(life, "CG-0001")
    assert again.exists()


def test_keys_are_replaced_and_what_was_signed_before_stays_good(life: Life) -> None:
    stale = life.signed_draft("stale.update", "--new-key", "log")
    update = life.signed_draft("second.update", "--new-key", "release", "--new-key", "log")
    before = life.told("log", "checkpoint", *life.space, "--json")["size"]
    refused = life.told("log", "trust", "adopt", update, *life.space, status=6)["said"]
    assert "Too few witnesses" in refused, "a witness that was not told of the new key does not cosign it"
    stop_witness(life)
    followed = [str(life.scratch / name) for name in ("alone.update", "second.update")]
    life.told("log", "trust", "follow", str(life.of_witness), *followed, "--out", str(life.of_witness))
    serve_witness(life, int((life.scratch / "port").read_text()))
    assert life.told("log", "trust", "adopt", update, *life.space)["policy"] == 3, "asking again finishes it"
    assert "does not succeed" in life.told("log", "trust", "adopt", stale, *life.space, status=6)["said"]
    life.followed(update)
    policy = read_policy(life.held.read_text())
    assert len(policy.releases) == 2
    assert set(policy.retired.values()) == {before}
    assert all(life.verified(reference)["ok"] for reference in life.packages)
    (life.folder / "space" / life.packages["CG-0003"]["package"]).unlink()
    delivered(life, "CG-0003")
    assert life.verified("CG-0003")["ok"]
    assert life.told("log", "fsck", *life.space, "--json")["faults"] == []


def test_a_stolen_release_key_signs_nothing_that_counts_and_what_it_signed_before_stays_authentic(life: Life) -> None:
    shown = life.told("log", "trust", "show", str(life.held), "--json")
    line = next(line.split()[1] for line in life.held.read_text().splitlines() if line.startswith("release ") and shown["release_keys"][1]["key"] in line)  # fmt: skip
    told = life.told("log", "compromised", line, "--since", "2022-12-31", *life.space)
    (life.folder / "space" / life.packages["CG-0004"]["package"]).unlink()
    refused = delivered(life, "CG-0004", status=6)["said"]
    assert "stolen" in refused, "until the key is replaced nothing leaves"
    no_successor = life.told("log", "trust", "draft", *life.space, "--out", str(life.scratch / "y"), status=3)
    assert "without one after it" in no_successor["said"]
    update = life.signed_draft("third.update", "--new-key", "release")
    life.told("log", "trust", "adopt", update, *life.space)
    assert life.followed(update)["policy"] == 4
    policy = read_policy(life.held.read_text())
    stolen = policy.releases[1]
    assert policy.retired[stolen] == told["counts_until"]
    assert policy.counts_at(stolen, told["counts_until"] - 1)
    assert not policy.counts_at(stolen, told["counts_until"])
    delivered(life, "CG-0004")
    assert all(life.verified(reference)["ok"] for reference in life.packages)


def test_a_witness_is_retired_and_the_others_go_on(life: Life) -> None:
    assert "no witness of that name" in life.told("log", "witness", "retire", "nobody", *life.space, status=5)["said"]
    life.told("log", "witness", "retire", "dhsc.example/w1", *life.space)
    assert "cannot be had" in life.told("log", "trust", "draft", *life.space, "--out", str(life.scratch / "z"), status=3)["said"]  # fmt: skip
    update = life.signed_draft("fourth.update", "--quorum", "1")
    life.told("log", "trust", "adopt", update, *life.space)
    life.followed(update)
    stop_witness(life)
    head = read_checkpoint(read_note(life.told("log", "checkpoint", *life.space, "--json")["head"]).text)
    assert head.size > 0
    assert all(life.verified(reference)["ok"] for reference in life.packages)
    assert "cannot be changed" in life.told("log", "witness", "offer", str(life.scratch / "w.keys"), *life.space, "--out", str(life.scratch / "r"), status=5)["said"]  # fmt: skip


def test_a_policy_that_the_log_did_not_adopt_releases_nothing(life: Life) -> None:
    path = life.folder / "space" / "trust-policy.txt"
    whole = path.read_text()
    path.write_text(whole + "# a remark\n")
    (life.folder / "space" / life.packages["CG-0005"]["package"]).unlink()
    assert "not the one that its log adopted" in delivered(life, "CG-0005", status=6)["said"]
    path.write_text(whole)
    delivered(life, "CG-0005")
    assert life.verified("CG-0005")["ok"]


def test_an_update_key_of_a_custodians_own_signs_what_comes_after(life: Life) -> None:
    key = life.scratch / "custodian.key"
    line = run(
        "log", "trust", "new-update-key", "--out", str(key), "--name", "house.example/update/three"
    ).stdout.strip()
    assert key.stat().st_mode & 0o077 == 0
    life.told("log", "trust", "new-update-key", "--out", str(key), "--name", "again", status=5)
    update = life.signed_draft("fifth.update", "--update-key", line)
    assert "house.example/update/three" in life.told("log", "trust", "adopt", update, *life.space, status=6)["said"]
    life.told("log", "trust", "sign", update, "--key", str(key))
    life.told("log", "trust", "adopt", update, *life.space)
    by_old = life.signed_draft("sixth.update")
    assert "not signed by every key" in life.told("log", "trust", "adopt", by_old, *life.space, status=6)["said"]
    assert life.followed(update)["policy"] == 6


def test_what_a_stolen_key_signed_after_the_day_fails_until_it_is_delivered_anew(life: Life) -> None:
    """Since the last policy the key in force has signed CG-0004 and CG-0005; it was stolen before it was ever used."""
    shown = life.told("log", "trust", "show", str(life.held), "--json")
    (now,) = [one["key"] for one in shown["release_keys"] if one["counts_until"] is None]
    line = next(one.split()[1] for one in life.held.read_text().splitlines() if one.startswith(f"release {now}"))
    assert life.told("log", "compromised", line, "--since", "2022-03-01", *life.space)["counts_until"] == 0
    update = life.signed_draft("seventh.update", "--new-key", "release", by=())
    life.told("log", "trust", "sign", update, "--key", str(life.scratch / "custodian.key"))
    life.told("log", "trust", "adopt", update, *life.space)
    assert all(life.verified(reference)["ok"] for reference in life.packages), "the recipient has not heard of it yet"
    life.followed(update)
    failed = {
        reference: failed_of(report) for reference in life.packages if not (report := life.verified(reference))["ok"]
    }
    assert sorted(failed) == ["CG-0004", "CG-0005"]
    assert all("no trusted release key signed" in reasons[3] for reasons in failed.values())
    for reference in failed:
        (life.folder / "space" / life.packages[reference]["package"]).unlink()
        delivered(life, reference)
        assert life.verified(reference)["ok"], "the same statement and leaf, signed by the key in force"


def test_heads_of_a_stolen_log_key_are_put_aside_and_what_a_recipient_saw_of_them_still_binds_the_log(
    life: Life,
) -> None:
    """The log's key in force was stolen before it was ever used: every head since then is disowned."""
    seen = life.scratch / "seen.json"
    again = life.folder / "space" / life.packages["CG-0003"]["package"]
    again.unlink()
    delivered(life, "CG-0003")
    assert life.verified("CG-0003", remember=seen)["ok"]
    held = life.held.read_text()
    shown = life.told("log", "trust", "show", str(life.held), "--json")
    now = [one["key"] for one in shown["log_keys"] if one["counts_until"] is None]
    lines = [line.split()[1] for line in held.splitlines() if line.startswith("log ")]
    disowned = life.folder / "space" / "log" / "disowned"
    assert not disowned.exists()
    for line in [line for line in lines if any(line.startswith(key) for key in now)]:
        assert life.told("log", "compromised", line, "--since", "2022-03-01", *life.space)["counts_until"] == 0
    update = life.signed_draft("eighth.update", "--new-key", "log", by=())
    life.told("log", "trust", "sign", update, "--key", str(life.scratch / "custodian.key"))
    life.told("log", "trust", "adopt", update, *life.space)
    assert (disowned / "checkpoint").is_file()
    assert life.told("log", "fsck", *life.space, "--json")["faults"] == []
    life.followed(update)
    failed = failed_of(life.verified("CG-0003", remember=seen))
    assert 7 in failed, "its head has the thief's keys alone"
    assert life.verified("CG-0002")["ok"], "the head of a package from before stays good"
    again.unlink()
    delivered(life, "CG-0003")
    report = life.verified("CG-0003", remember=seen)
    assert report["ok"], "the new head continues, by its hashes, the disowned one that was seen"
    assert report["checks"][8]["result"] == "passed"
