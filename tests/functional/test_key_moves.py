"""A house's root moved by command, and a house under custodians opened by every command that needs its root, serve too."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from api.house.house import House
from api.workspace.wiring import DEMO_PASSPHRASE, KEYSTORE, open_workspace_with
from extracts.keying import PERSON_KIND, key_id_for
from keys.derivation import PseudonymDomain
from tests.functional.test_key_commands import passphrase_options, pseudonymised, share_options, typed
from tests.lib.in_process import run_here


@pytest.fixture
def folder(demo_folder: Path, tmp_path: Path) -> Path:
    """A finished demo of this test's own."""
    return Path(shutil.copytree(demo_folder, tmp_path / "workspace"))


def demo_words(tmp_path: Path) -> list[str]:
    path = tmp_path / "demo-words"
    path.write_bytes(DEMO_PASSPHRASE)
    return ["--passphrase-file", str(path)]


def person_key(folder: Path, shares: list[Path], words: list[Path]) -> bytes:
    """Return the key that makes an extract's person keys."""
    space = open_workspace_with(folder, shares, words)
    try:
        application, plan = House(space).application(pseudonymised(space))
        names = (application.body_code, application.agreement.reference, plan.family, PERSON_KIND)
        return space.keys.pseudonym_key(key_id_for(application, plan), PseudonymDomain(*names)).reveal()
    finally:
        space.journal.close()


def paths_in(options: list[str]) -> list[Path]:
    return [Path(part) for part in options[1::2]]


def test_a_house_moves_to_custodians_by_command_and_its_pseudonyms_stay(folder: Path, tmp_path: Path) -> None:
    before = person_key(folder, [], [])
    to = [part for index in (1, 2, 3) for part in ("--to", str(tmp_path / f"m{index}"))]
    move = ["keys", "move", "--keystore", str(folder / KEYSTORE), "--provider", "shares", *to, "--threshold", "2"]
    words = [*demo_words(tmp_path), *passphrase_options(tmp_path, 1, 2, 3)]
    wrong = run_here(*move, *passphrase_options(tmp_path, 1, 1, 2, 3))
    assert (wrong.returncode, "The root does not open" in wrong.stderr) == (6, True)
    dry = run_here(*move, *words, "--dry-run", "--json")
    assert (dry.returncode, json.loads(dry.stdout)["root_id"]) == (0, "")
    assert (folder / KEYSTORE / "root.json").exists()
    done = run_here(*move, *words, "--json")
    assert done.returncode == 0, done.stderr
    assert not (folder / KEYSTORE / "root.json").exists()
    given = share_options(tmp_path, 3, 1) + passphrase_options(tmp_path, 3, 1)
    shares, files = paths_in(given[:4]), paths_in(given[4:])
    assert person_key(folder, shares, files) == before
    for answered in (wrong, dry, done):
        assert "the long words" not in answered.stdout + answered.stderr
    for command in (
        ["keys", "list", "--workspace", str(folder)],
        ["serve", "--workspace", str(folder)],
    ):
        alone = run_here(*command)
        assert (alone.returncode, "This root is shared among custodians. Give --share" in alone.stderr) == (6, True)
    assert run_here("keys", "list", "--workspace", str(folder), *given).returncode == 0
    space = open_workspace_with(folder, shares, files)
    try:
        held = [json.loads(leaf) for leaf in space.journal.leaves()]
    finally:
        space.journal.close()
    told = [(leaf["action"], leaf["details"].get("act", leaf["details"].get("provider"))) for leaf in held]
    assert [one for one in told if one[0].startswith("root") or one[1] == "root moved"] == [
        ("root moved: begun", None), ("key act refused", "root moved"), ("root moved", "shares"),
        ("root moved: begun", None), ("root moved", "shares"),
    ]  # fmt: skip
    assert ("key act refused", "open the root") in told


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def answers(port: int, serving: subprocess.Popen[str]) -> bool:
    for _ in range(400):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            if serving.poll() is not None:
                return False
            time.sleep(0.05)
    return False


def test_serve_opens_a_house_under_custodians_with_what_files_answer(folder: Path, tmp_path: Path) -> None:
    to = [part for index in (1, 2) for part in ("--to", str(tmp_path / f"m{index}"))]
    move = ["keys", "move", "--keystore", str(folder / KEYSTORE), "--provider", "shares", *to, "--threshold", "2"]
    assert run_here(*move, *demo_words(tmp_path), *passphrase_options(tmp_path, 1, 2)).returncode == 0
    port = free_port()
    given = share_options(tmp_path, 2, 1) + passphrase_options(tmp_path, 2, 1)
    serve = ["serve", "--workspace", str(folder), "--port", str(port), *given]
    command = [sys.executable, "-c", "from api.entry import main; main()", *serve]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as serving:
        try:
            assert answers(port, serving)
        finally:
            serving.terminate()
            said = "".join(serving.communicate(timeout=30))
    assert "the long words" not in said


def test_at_a_terminal_share_files_and_passphrases_are_asked_for_and_the_passphrases_are_not_shown(
    folder: Path, tmp_path: Path
) -> None:
    to = [part for index in (1, 2) for part in ("--to", str(tmp_path / f"m{index}"))]
    move = ["keys", "move", "--keystore", str(folder / KEYSTORE), "--provider", "shares", *to, "--threshold", "2"]
    assert run_here(*move, *demo_words(tmp_path), *passphrase_options(tmp_path, 1, 2)).returncode == 0
    first, second = paths_in(share_options(tmp_path, 1, 2))
    shown = typed(
        ["keys", "list", "--workspace", str(folder)],
        {"Share file 1 of 2: ": str(first), "Share file 2 of 2: ": str(second),
         "Passphrase of custodian 1: ": "the long words of 1", "Passphrase of custodian 2: ": "the long words of 2"},
    )  # fmt: skip
    assert "linkage v1 active" in shown
    assert "the long words" not in shown


def test_a_house_moved_to_a_file_of_its_own_words_asks_for_them_and_refuses_where_nobody_is(
    folder: Path, tmp_path: Path
) -> None:
    keystore = ["--keystore", str(folder / KEYSTORE)]
    to = [part for index in (1, 2) for part in ("--to", str(tmp_path / f"m{index}"))]
    there = run_here("keys", "move", *keystore, "--provider", "shares", *to, "--threshold", "2", *demo_words(tmp_path),
                *passphrase_options(tmp_path, 1, 2))  # fmt: skip
    back = run_here("keys", "move", *keystore, "--provider", "file", *share_options(tmp_path, 1, 2),
               *passphrase_options(tmp_path, 1, 2, 9))  # fmt: skip
    assert (there.returncode, back.returncode) == (0, 0), back.stderr
    alone = run_here("serve", "--workspace", str(folder))
    assert (alone.returncode, "nobody at a terminal to ask. Give --passphrase-file" in alone.stderr) == (3, True)
    assert run_here("keys", "list", "--workspace", str(folder), *passphrase_options(tmp_path, 9)).returncode == 0
    space = open_workspace_with(folder, [], [tmp_path / "passphrase-9"])
    try:
        assert json.loads(space.journal.leaves()[-1])["action"] == "key act refused"
    finally:
        space.journal.close()
