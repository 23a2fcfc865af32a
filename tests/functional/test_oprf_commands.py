"""Oblivious keying by commands: a council and the house, each with its own files, and what neither may get from the other."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.house.house import House
from api.house.oblivious import ObliviousDesk
from api.workspace.wiring import open_demo_workspace
from audit.stop import stop
from cld.errors import CLDError, NotPermitted
from extracts.keying import key_id_for
from keys.derivation import PseudonymDomain
from keys.oblivious.groups import P256, Ristretto255
from policies import safeguards
from tests.functional.test_key_commands import pseudonymised
from tests.lib.commands import run_here

pytest.importorskip("rbcl")
NUMBERS = ["9434765919", "9434765870", "", "9434765919", "not a number"]
KIND = "person"


class Parties:
    """A council's folder and the house's workspace; nothing passes between them but request, reply and public key."""

    def __init__(self, demo_folder: Path, folder: Path) -> None:
        self.council, self.house = folder / "council", Path(shutil.copytree(demo_folder, folder / "house"))
        self.council.mkdir()
        space = open_demo_workspace(self.house)
        try:
            self.reference = pseudonymised(space)
            application, plan = House(space).application(self.reference)
            self.recipient, self.agreement = application.body_code, application.agreement.reference
            self.family, self.key_id = plan.family, key_id_for(application, plan)
        finally:
            space.journal.close()
        self.file = self.council / "clients.csv"
        with self.file.open("w", newline="") as stream:
            csv.writer(stream).writerows([["client", "note"], *[[number, f"n{i}"] for i, number in enumerate(NUMBERS)]])

    def blind(self, name: str = "one", suite: str = "ristretto255-SHA512", **changes: str) -> list[str]:
        names = {"recipient": self.recipient, "agreement": self.agreement, "family": self.family} | changes
        return ["oprf", "blind", str(self.file), "--column", f"client:{KIND}", "--suite", suite,
                *[part for key, value in names.items() for part in (f"--{key}", value)],
                "--request", str(self.council / f"{name}.request"), "--state", str(self.council / f"{name}.state")]  # fmt: skip

    def evaluate(self, name: str = "one") -> list[str]:
        return ["oprf", "evaluate", str(self.council / f"{name}.request"), "--application", self.reference, "--by", "a custodian",
                "--workspace", str(self.house), "--out", str(self.council / f"{name}.reply"), "--json"]  # fmt: skip

    def public_key(self, suite: str = "ristretto255-SHA512") -> str:
        found = run_here("oprf", "public-key", self.reference, "--kind", KIND, "--workspace", str(self.house),
                         "--suite", suite, "--json")  # fmt: skip
        return str(json.loads(found.stdout)["public_key"])

    def finalise(self, public: str, name: str = "one", state: str = "one") -> list[str]:
        return ["oprf", "finalise", str(self.file), "--column", f"client:{KIND}", "--state", str(self.council / f"{state}.state"),
                "--reply", str(self.council / f"{name}.reply"), "--public-key", public, "--out", str(self.council / f"{name}.csv")]  # fmt: skip

    def rows(self, name: str = "one") -> list[dict[str, str]]:
        with (self.council / f"{name}.csv").open(newline="") as stream:
            return list(csv.DictReader(stream))

    def last_leaf(self) -> dict[str, Any]:
        space = open_demo_workspace(self.house)
        try:
            return dict(json.loads(space.journal.leaves()[-1]))
        finally:
            space.journal.close()


@pytest.fixture
def parties(demo_folder: Path, tmp_path: Path) -> Iterator[Parties]:
    """Both parties; the council destroys its states at the end, as it should."""
    made = Parties(demo_folder, tmp_path)
    yield made
    for path in made.council.glob("*.state"):
        path.unlink()


def separately(arguments: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a process of its own."""
    command = [sys.executable, "-c", "from api.entry import main; main()", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_two_processes_key_a_column_and_neither_shows_the_other_identifier_or_key(parties: Parties) -> None:
    assert separately(parties.blind(), parties.council).returncode == 0
    request = (parties.council / "one.request").read_text()
    assert len(json.loads(request)["elements"]) == 3
    assert not [number for number in NUMBERS if number and number in request]
    assert (parties.council / "one.state").stat().st_mode & 0o077 == 0
    evaluated = separately(parties.evaluate(), parties.house)
    assert json.loads(evaluated.stdout)["n_elements"] == 3, evaluated.stderr
    public = parties.public_key()
    hidden = parties.house.rename(parties.house.with_name("elsewhere"))
    done = separately(parties.finalise(public), parties.council)
    assert done.returncode == 0, done.stderr
    parties.house = hidden
    rows = parties.rows()
    texts = [row["client"] for row in rows]
    assert [row["note"] for row in rows] == [f"n{i}" for i in range(len(NUMBERS))]
    assert (texts[2], rows[2]["client_reason"]) == ("", "blank")
    assert texts[0] == texts[3]
    assert len(set(texts)) == 4
    check = run_here("pseudonym", "check", str(parties.council / "one.csv"), "--column", "client", "--recipient",
                     parties.recipient, "--agreement", parties.agreement, "--family", parties.family, "--kind", KIND,
                     "--json")  # fmt: skip
    assert json.loads(check.stdout) | {"seconds": 0, "peak_bytes": 0} == {
        "n_rows": 5, "n_null": 1, "n_bad": 0, "n_other_domain": 0, "seconds": 0, "peak_bytes": 0
    }  # fmt: skip
    leaf = parties.last_leaf()
    assert leaf["action"] == "oblivious keying answered"
    assert set(leaf["details"]) == {"application", "agreement", "request", "n_elements", "key_id", "key_version"}


def test_the_same_identifier_has_one_pseudonym_in_every_request_and_another_than_extracts_give(
    parties: Parties,
) -> None:
    for name in ("one", "two"):
        assert run_here(*parties.blind(name)).returncode == 0
        assert run_here(*parties.evaluate(name)).returncode == 0
        assert run_here(*parties.finalise(parties.public_key(), name, name)).returncode == 0
    first, second = (
        json.loads((parties.council / f"{name}.request").read_text())["elements"] for name in ("one", "two")
    )
    assert not set(first) & set(second)
    assert parties.rows("one") == parties.rows("two")
    from keys.pseudonym import plain_pseudonym  # noqa: PLC0415

    space = open_demo_workspace(parties.house)
    try:
        domain = PseudonymDomain(parties.recipient, parties.agreement, parties.family, KIND)
        extracted = plain_pseudonym(space.keys.pseudonym_key(parties.key_id, domain), domain, NUMBERS[0])
    finally:
        space.journal.close()
    assert extracted not in {row["client"] for row in parties.rows("one")}


def test_p256_does_the_same(parties: Parties) -> None:
    assert run_here(*parties.blind(suite=P256.name)).returncode == 0
    assert run_here(*parties.evaluate()).returncode == 0
    assert run_here(*parties.finalise(parties.public_key(P256.name))).returncode == 0
    assert len({row["client"] for row in parties.rows()}) == 4
    assert run_here(*parties.finalise(parties.public_key(Ristretto255.name))).returncode == 3


def with_elements(change: Callable[[list[str]], object]) -> Callable[[dict[str, Any]], object]:
    return lambda held: held | {"elements": change(held["elements"])}


MALFORMED: dict[str, Callable[[dict[str, Any]], object]] = {
    "the identity": with_elements(lambda held: ["00" * 32, *held[1:]]),
    "no element": with_elements(lambda held: ["ff" * 32, *held[1:]]),
    "too short": with_elements(lambda held: [held[0][:-2], *held[1:]]),
    "no digits": with_elements(lambda held: ["zz", *held[1:]]),
    "a number": with_elements(lambda held: [7, *held[1:]]),
    "one twice": with_elements(lambda held: [held[0], *held]),
    "none": with_elements(lambda _: []),
    "no list": with_elements(lambda _: {"a": 1}),
    "another version": lambda held: held | {"version": 2},
    "no suite": lambda held: {key: value for key, value in held.items() if key != "suite"},
    "an unknown suite": lambda held: held | {"suite": "P384-SHA384"},
    "a list": lambda held: [held],
    "a number for a name": lambda held: held | {"recipient": 7},
}


def test_malformed_requests_and_the_identity_are_refused_logged_and_answered_nothing(parties: Parties) -> None:
    assert run_here(*parties.blind()).returncode == 0
    good = json.loads((parties.council / "one.request").read_text())
    space = open_demo_workspace(parties.house)
    try:
        desk, path, out = ObliviousDesk(space), parties.council / "bad.request", parties.council / "bad.reply"
        for case, change in MALFORMED.items():
            path.write_text(json.dumps(change(good)))
            with pytest.raises(CLDError) as refused:
                desk.evaluate(parties.reference, path, out, "a custodian")
            assert refused.value.exit_status == 3, case
            leaf = json.loads(space.journal.leaves()[-1])
            assert leaf["action"] == "oblivious keying refused"
            assert set(leaf["details"]) <= {
                "application",
                "agreement",
                "key_id",
                "request",
                "n_elements",
                "key_version",
                "reason",
            }
        for content in (b"", b"\xff\xfe", b"[" * 100_000):
            path.write_bytes(content)
            with pytest.raises(CLDError, match="The request is malformed"):
                desk.evaluate(parties.reference, path, out, "a custodian")
        assert not out.exists()
    finally:
        space.journal.close()


def test_anothers_request_an_ended_agreement_a_cap_and_the_stop_are_refused(
    parties: Parties, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_here(*parties.blind()).returncode == 0
    assert run_here(*parties.blind("other", recipient="999")).returncode == 0
    assert run_here(*parties.evaluate("other")).returncode == 4
    space = open_demo_workspace(parties.house)
    try:
        desk, path, out = ObliviousDesk(space), parties.council / "one.request", parties.council / "one.reply"
        real = safeguards.safeguards_on(space.clock.today())
        for cap, limits in (
            ("too many at once", replace(real, oblivious_at_once=2)),
            ("the agreement's cap", replace(real, oblivious_of_an_agreement=5)),
        ):
            monkeypatch.setattr("api.house.oblivious.safeguards_on", lambda _, held=limits: held)
            if "agreement" in cap:
                desk.evaluate(parties.reference, path, parties.council / "first.reply", "a custodian")
            with pytest.raises(NotPermitted, match=cap):
                desk.evaluate(parties.reference, path, out, "a custodian")
        monkeypatch.setattr("api.house.oblivious.safeguards_on", lambda _: real)
        application, _ = House(space).application(parties.reference)
        with monkeypatch.context() as patched:
            patched.setattr(type(space.clock), "today", lambda _: application.agreement.to_day.replace(year=2090))
            with pytest.raises(NotPermitted, match="agreement is not in force"):
                desk.evaluate(parties.reference, path, out, "a custodian")
        stop(space.journal, "approver one", "approver")
        with pytest.raises(CLDError, match="stop is on"):
            desk.evaluate(parties.reference, path, out, "a custodian")
        assert not out.exists()
    finally:
        space.journal.close()


def test_a_reply_under_another_key_altered_or_to_another_request_is_refused_and_writes_nothing(
    parties: Parties,
) -> None:
    for name in ("one", "two"):
        assert run_here(*parties.blind(name)).returncode == 0
        assert run_here(*parties.evaluate(name)).returncode == 0
    public, reply = parties.public_key(), parties.council / "one.reply"
    good = json.loads(reply.read_text())
    assert run_here(*parties.finalise(public, "two", "one")).returncode == 6
    assert run_here(*parties.finalise(Ristretto255().generator().hex())).returncode == 6
    assert run_here(*parties.finalise("00" * 32)).returncode == 3
    swapped = good["elements"][1:] + good["elements"][:1]
    for change, status in (
        ({"elements": swapped}, 6), ({"elements": good["elements"][:2]}, 6), ({"elements": ["00" * 32, *swapped[1:]]}, 3),
        ({"proof": good["proof"][::-1]}, 6), ({"proof": ["00" * 32] * 2}, 3), ({"key_version": "x"}, 3),
    ):  # fmt: skip
        reply.write_text(json.dumps(good | change))
        assert run_here(*parties.finalise(public)).returncode == status, change
    assert not (parties.council / "one.csv").exists()
    reply.write_text(json.dumps(good))
    with parties.file.open("a") as stream:
        stream.write("9434765889,later\n")
    assert run_here(*parties.finalise(public)).returncode == 3
    assert not (parties.council / "one.csv").exists()
