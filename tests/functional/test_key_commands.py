"""Key commands: ceremonies from files, nothing secret printed, acts on a workspace's keys logged, done or refused."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.house.house import House
from api.store.database import ApplicationRow
from api.workspace.key_acts import change_state, in_the_log, rotate_key
from api.workspace.wiring import KEYSTORE, DemoUnlocking, Workspace, open_demo_workspace
from cld.clock import SystemEntropy
from cld.errors import CLDError, InvariantBroken, KeyDestroyed, KeyUnavailable
from extracts.keying import PERSON_KIND, key_id_for
from keys import judges
from keys.ceremonies.making import file_ceremony
from keys.certificate import require_certificate
from keys.derivation import PseudonymDomain, Secret
from keys.states import KeyState
from keys.watch import REFUSED
from tests.functional.test_command_line import run
from tests.lib.custodians import Interrupted, Played


@contextmanager
def opened(folder: Path, **how: DemoUnlocking) -> Iterator[Workspace]:
    space = open_demo_workspace(folder, **how)
    try:
        yield space
    finally:
        space.journal.close()


@pytest.fixture
def folder(demo_folder: Path, tmp_path: Path) -> Path:
    """A finished demo of this test's own."""
    return Path(shutil.copytree(demo_folder, tmp_path / "workspace"))


def actions(space: Workspace) -> list[str]:
    return [json.loads(leaf)["action"] for leaf in space.journal.leaves()]


def pseudonymised(space: Workspace) -> str:
    """Return the reference of an application whose extract carries person keys."""
    with Session(space.database) as session:
        references = list(session.scalars(select(ApplicationRow.reference).order_by(ApplicationRow.reference)))
    for reference in references:
        try:
            tables = House(space).candidate(reference).document.body["tables"]
        except CLDError:
            continue
        _, plan = House(space).application(reference)
        if plan.form.value == "pseudonymised" and any("person_key" in t["dataset"]["columns"] for t in tables.values()):
            return reference
    raise AssertionError


def passphrase_options(folder: Path, *whose: int) -> list[str]:
    options: list[str] = []
    for index in whose:
        path = folder / f"passphrase-{index}"
        path.write_text(f"the long words of {index}\n")
        options += ["--passphrase-file", str(path)]
    return options


def share_options(folder: Path, *whose: int) -> list[str]:
    files = [next((folder / f"m{index}").glob("caregate-share-*.json")) for index in whose]
    return [part for path in files for part in ("--share", str(path))]


def test_five_custodians_from_ceremony_to_replacement(tmp_path: Path) -> None:
    store = ["--keystore", str(tmp_path / "k")]
    to = [part for index in range(1, 6) for part in ("--to", str(tmp_path / f"m{index}"))]
    everybody = passphrase_options(tmp_path, 1, 2, 3, 4, 5)
    made = run("keys", "ceremony", *store, "--provider", "shares", *to, *everybody, "--json")
    root_id = json.loads(made.stdout)["root_id"]
    tried = run(
        "keys", "try", *store, *share_options(tmp_path, 5, 1, 3), *passphrase_options(tmp_path, 5, 1, 3), "--json"
    )
    assert json.loads(tried.stdout) == {"provider": "shares", "root_id": root_id}
    wrong = run("keys", "try", *store, *share_options(tmp_path, 1, 2, 3), *passphrase_options(tmp_path, 1, 4, 3))
    assert (wrong.returncode, "Share 2 does not open" in wrong.stderr) == (6, True)
    replaced = run(
        "keys", "replace-custodian", *store, "--replace", f"2={tmp_path / 'm6'}", *share_options(tmp_path, 1, 3, 4, 5),
        *passphrase_options(tmp_path, 1, 3, 4, 5, 6), "--json",
    )  # fmt: skip
    assert json.loads(replaced.stdout)["root_id"] == root_id
    for done in (made, tried, wrong, replaced):
        assert "the long words" not in done.stdout + done.stderr


def test_half_a_ceremony_at_the_command_line_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    to = [part for index in range(1, 6) for part in ("--to", str(tmp_path / f"m{index}"))]
    found = run(
        "keys", "ceremony", "--keystore", str(tmp_path / "k"), "--provider", "shares", *to,
        *passphrase_options(tmp_path, 1, 2, 3),
    )  # fmt: skip
    assert found.returncode == 3
    assert "The ceremony stopped. Nothing of it was kept. There is no root." in found.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["passphrase-1", "passphrase-2", "passphrase-3"]


def read_screen(screen: int) -> str:
    """Return what a terminal shows next; nothing once the command has gone."""
    try:
        return os.read(screen, 4096).decode()
    except OSError:
        return ""


def typed(arguments: list[str], answers: dict[str, str]) -> str:
    """Run a command at a terminal of its own, answer its questions, and return everything that the screen showed."""
    screen, terminal = pty.openpty()
    command = [sys.executable, "-c", "from api.entry import main; main()", *arguments]
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True) as running:
        os.close(terminal)
        shown, waiting = "", dict(answers)
        while piece := read_screen(screen):
            shown += piece
            for question in [asked for asked in waiting if asked in shown]:
                os.write(screen, f"{waiting.pop(question)}\n".encode())
        running.wait()
    os.close(screen)
    assert not waiting
    return shown


def test_what_custodians_type_is_never_on_the_screen(tmp_path: Path) -> None:
    words = "the long words that nobody sees"
    asked = {"New passphrase of the root: ": words, "The same again, the root: ": words}
    shown = typed(["keys", "ceremony", "--keystore", str(tmp_path / "k")], asked)
    assert "The ceremony is complete." in shown
    assert words not in shown
    assert (tmp_path / "k" / "root.json").exists()
    again = typed(["keys", "try", "--keystore", str(tmp_path / "k")], {"Passphrase of the root: ": "words of nobody"})
    assert "The root does not open" in again
    assert "words of nobody" not in again


def test_two_passphrases_that_differ_make_no_root(tmp_path: Path) -> None:
    asked = {"New passphrase of the root: ": "the long words one", "The same again, the root: ": "the long words two"}
    shown = typed(["keys", "ceremony", "--keystore", str(tmp_path / "k")], asked)
    assert "The two passphrases differ." in shown
    assert "Nothing of it was kept." in shown
    assert not (tmp_path / "k").exists()


def test_with_nobody_at_a_terminal_nothing_is_asked(tmp_path: Path) -> None:
    found = run("keys", "ceremony", "--keystore", str(tmp_path / "k"))
    assert (found.returncode, "nobody at a terminal" in found.stderr) == (3, True)


def test_the_second_library_is_held_to_its_answers_by_verify(tmp_path: Path) -> None:
    found = run("verify", str(tmp_path), "--second-library", "--trust", str(tmp_path / "none"))
    assert "17 published answers agree in both libraries, 4 in the one that can give them" in found.stderr


def test_keys_are_listed_without_anything_secret(folder: Path) -> None:
    found = run("keys", "list", "--workspace", str(folder), "--json")
    rows = json.loads(found.stdout)["keys"]
    assert {"linkage"} < {row["key_id"] for row in rows}
    assert {row["state"] for row in rows} == {"active", "destroyed"}
    with opened(folder) as space:
        wrapped = [version.wrapped.hex() for row in rows for version in space.keys.versions(row["key_id"])]
    assert not [text for text in wrapped if text and text in found.stdout]


def test_a_destroyed_key_has_a_certificate_that_the_houses_release_key_signed(folder: Path, tmp_path: Path) -> None:
    with opened(folder) as space:
        reference = pseudonymised(space)
        key_id = key_id_for(*House(space).application(reference))
        public = space.release_keys.release_key.public_key().public_bytes_raw().hex()
    certificate = tmp_path / "certificate.json"
    done = run(
        "keys", "destroy", key_id, "--workspace", str(folder), "--by", "a custodian", "--certificate", str(certificate)
    )
    assert done.returncode == 0
    facts = require_certificate(certificate.read_bytes(), public)
    assert (facts["key_id"], facts["by"], facts["state"]) == (key_id, "a custodian", "destroyed")
    assert run("keys", "check-certificate", str(certificate), "--public-key", public).returncode == 0
    certificate.write_bytes(certificate.read_bytes().replace(b"a custodian", b"nobody here"))
    assert run("keys", "check-certificate", str(certificate), "--public-key", public).returncode == 6
    with opened(folder) as space:
        assert json.loads(space.journal.leaves()[-1])["details"]["versions"] == facts["versions"]
        with pytest.raises(KeyDestroyed):
            House(space).build(reference)


def test_a_new_period_ends_older_backups_and_changes_no_pseudonym(folder: Path, tmp_path: Path) -> None:
    with opened(folder) as space:
        reference = pseudonymised(space)
        application, plan = House(space).application(reference)
        key_id = key_id_for(application, plan)
        domain = PseudonymDomain(application.body_code, application.agreement.reference, plan.family, PERSON_KIND)
        before = space.keys.pseudonym_key(key_id, domain).reveal()
    backup = Path(shutil.copytree(folder / KEYSTORE / "wrapped", tmp_path / "backup"))
    done = run("keys", "begin-period", "2023", "--workspace", str(folder), "--by", "a custodian", "--json")
    assert (done.returncode, json.loads(done.stdout)["n_moved"] > 0) == (0, True)
    with opened(folder) as space:
        assert space.keys.pseudonym_key(key_id, domain).reveal() == before
        assert actions(space)[-1] == "period begun"
    assert run("keys", "begin-period", "own1-x", "--workspace", str(folder), "--by", "a custodian").returncode == 3
    shutil.rmtree(folder / KEYSTORE / "wrapped")
    shutil.copytree(backup, folder / KEYSTORE / "wrapped")
    with opened(folder) as space, pytest.raises(KeyUnavailable, match="period key is gone"):
        space.keys.pseudonym_key(key_id, domain)


def test_ceremonies_in_a_house_are_logged_done_refused_or_broken_off(folder: Path, tmp_path: Path) -> None:
    keystore = folder / KEYSTORE
    with pytest.raises(CLDError), in_the_log(keystore, "root made"):
        file_ceremony(keystore, Played(), SystemEntropy(), dry_run=False)
    with pytest.raises(Interrupted), in_the_log(keystore, "root made"):
        raise Interrupted
    with in_the_log(keystore, "root tried") as told:
        told |= {"provider": "file"}
    with in_the_log(tmp_path / "elsewhere", "root tried"):
        pass
    with opened(folder) as space:
        last = [json.loads(leaf) for leaf in space.journal.leaves()[-3:]]
    assert [(leaf["action"], leaf["details"]) for leaf in last] == [
        (REFUSED, {"act": "root made", "refusal": "conflict"}),
        (REFUSED, {"act": "root made", "refusal": "interrupted"}),
        ("root tried", {"provider": "file"}),
    ]


def test_refused_acts_are_logged_without_a_hint_of_the_secret(folder: Path) -> None:
    with opened(folder) as space:
        key_id = key_id_for(*House(space).application(pseudonymised(space)))
        for act in (
            lambda: change_state(space, key_id, 9, KeyState.ACTIVE, "a custodian"),
            lambda: change_state(space, key_id, 1, KeyState.PRE_ACTIVE, "a custodian"),
            lambda: rotate_key(space, "no-such-key", "a custodian"),
        ):
            with pytest.raises(CLDError):
                act()
            leaf = json.loads(space.journal.leaves()[-1])
            assert leaf["action"] == REFUSED
            assert set(leaf["details"]) == {"act", "refusal"}


class WrongWords(DemoUnlocking):
    """Somebody who does not know the words."""

    def passphrase(self) -> Secret:
        return Secret(b"not the words")


def test_a_wrong_passphrase_and_a_missing_token_are_refused_and_logged(folder: Path) -> None:
    with pytest.raises(KeyUnavailable, match="The root does not open"), opened(folder, unlocking=WrongWords()):
        pass
    settings = folder / KEYSTORE / "provider.json"
    settings.write_text(json.dumps({"kind": "pkcs11", "module": "/no/such.so", "token": "t", "key": "k"}))
    with pytest.raises(KeyUnavailable), opened(folder):
        pass
    settings.unlink()
    with opened(folder) as space:
        last = [json.loads(leaf) for leaf in space.journal.leaves()[-2:]]
    assert [leaf["action"] for leaf in last] == [REFUSED, REFUSED]
    assert [leaf["details"] for leaf in last] == [{"act": "open the root", "refusal": "key-unavailable"}] * 2


def test_unknown_settings_open_nothing(folder: Path) -> None:
    for content in ("", "{}", '{"kind": "cloud"}', "[]"):
        (folder / KEYSTORE / "provider.json").write_text(content)
        with pytest.raises(KeyUnavailable, match="settings cannot be read"), opened(folder):
            pass


@pytest.mark.parametrize("primitive", list(judges.JUDGES))
def test_a_disagreement_of_any_library_on_any_primitive_stops_the_service(
    demo_folder: Path, primitive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    library, right = list(judges.JUDGES[primitive].items())[-1]
    wrong = {**judges.JUDGES[primitive], library: lambda case: right(case)[:-1] + bytes([right(case)[-1] ^ 1])}
    monkeypatch.setitem(judges.JUDGES, primitive, wrong)
    with pytest.raises(InvariantBroken, match=primitive), opened(demo_folder):
        pass
