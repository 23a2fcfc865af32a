"""What people and programs meet, byte for byte: help texts and the interface description.

Regenerate with: python -m tests.golden.test_surfaces, and review the difference.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from api.pages.app import create_app
from api.workspace.wiring import demo_workspace
from tests.functional.test_command_line import run

FOLDER = Path(__file__).parent / "files"
COMMANDS = (
    "",
    "demo",
    "serve",
    "verify",
    "recipient-key",
    "recipient-key new",
    "recipient-key show",
    "recipient-key answer",
    "check",
    "pseudonymise",
    "pseudonym check",
    "pseudonym migrate",
    "whose-file",
    "reidentify",
    "reidentify basis",
    "reidentify withdraw",
    "reidentify ask",
    "reidentify sign",
    "reidentify answer",
    "emergency",
    "emergency stop",
    "emergency lift",
    "emergency status",
    "link",
    "dedupe",
    "risk",
    "explain",
    "index build",
    "index update",
    "review queue",
    "review settle",
    "encode",
    "link-encoded",
    "anonymise",
    "differences",
    "attack",
    "round",
    "perturb",
    "protect",
    "oprf",
    "oprf blind",
    "oprf public-key",
    "oprf evaluate",
    "oprf finalise",
    "keys",
    "keys ceremony",
    "keys move",
    "keys replace-custodian",
    "keys try",
    "keys list",
    "keys rotate",
    "keys state",
    "keys destroy",
    "keys begin-period",
    "keys check-certificate",
    "policy",
    "policy decide",
    "policy sign-version",
    "policy prove",
    "policy mutate",
    "policy diff",
    "policy ask",
    "register",
    "replay",
    "journey",
    "journey accept",
    "journey release",
    "journey statement",
    "journey reissue",
    "journey recipient",
    "journey recipient offer",
    "journey recipient enrol",
    "journey recipient lose",
    "journey recipient show",
    "journey review",
    "journey review draw",
    "journey review show",
    "journey review decide",
    "journey review settle",
    "log",
    "log checkpoint",
    "log fsck",
    "log export",
    "log consistency",
    "log compromised",
    "log trust",
    "log trust show",
    "log trust draft",
    "log trust sign",
    "log trust adopt",
    "log trust follow",
    "log trust new-update-key",
    "log witness",
    "log witness offer",
    "log witness enrol",
    "log witness retire",
    "log witness list",
    "log witness create",
    "log witness answer",
    "log witness serve",
)


def help_of(command: str) -> str:
    return run(*command.split(), "--help").stdout


def name_of(command: str) -> str:
    return f"help-{command.replace(' ', '-') or 'caregate'}.txt"


def interface(folder: Path) -> str:
    space = demo_workspace(folder / "workspace", seed=1, n_threads=1)
    described = create_app(space).openapi()
    space.journal.close()
    return json.dumps(described, indent=1, sort_keys=True) + "\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_reads_as_reviewed(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert help_of(command) == (FOLDER / name_of(command)).read_text("utf-8")


def test_the_interface_is_as_reviewed(tmp_path: Path) -> None:
    assert interface(tmp_path) == (FOLDER / "openapi.json").read_text("utf-8")


if __name__ == "__main__":
    import os

    os.environ["COLUMNS"] = "100"
    FOLDER.mkdir(exist_ok=True)
    for name in COMMANDS:
        (FOLDER / name_of(name)).write_text(help_of(name), "utf-8")
    with tempfile.TemporaryDirectory() as made:
        (FOLDER / "openapi.json").write_text(interface(Path(made)), "utf-8")
