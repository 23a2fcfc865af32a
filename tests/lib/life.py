"""A workspace with one council's linked data, and an application's life in it by commands alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyrage
import pytest
from typer.testing import CliRunner

from api.demo.demo import demo_participations
from api.demo.requests import column_reasons, demo_requests
from api.entry import app
from api.house.house import House
from api.workspace.register import write_register
from api.workspace.wiring import demo_workspace
from cld.errors import CLDError
from synthetic.england import make_england

COUNCIL = "503"
ASKED = demo_requests()[0]
APPLICANT = ASKED.application.applicant


def let_passphrases_cost_little(patch: pytest.MonkeyPatch) -> None:
    """Open and seal roots with a weak Argon2id from now on."""
    patch.setattr("keys.wrapping.ARGON2_MEMORY_KIB", 64)
    patch.setattr("keys.wrapping.ARGON2_PASSES", 1)


def linked_workspace(folder: Path, database: str = "") -> Path:
    """Make a workspace with one council's file accepted and linked; nothing was applied for yet."""
    with pytest.MonkeyPatch.context() as patch:
        let_passphrases_cost_little(patch)
        return _linked_workspace(folder, database)


def _linked_workspace(folder: Path, database: str) -> Path:
    england = make_england(folder, folder / "scratch", n_people=600, seed=3)
    house = House(demo_workspace(folder, seed=3, n_threads=2, database=database))
    write_register(folder, demo_participations())
    sent = next(file for file in england.received if file.la_code == COUNCIL)
    house.accept(sent.path, COUNCIL)
    house.link()
    house.space.journal.close()
    return folder


@dataclass(slots=True)
class Life:
    """One workspace and the commands on it; each opens the workspace anew, as a process does."""

    folder: Path
    n_files: int = 0
    files: Path = field(init=False)

    def __post_init__(self) -> None:
        """Keep files beside the workspace."""
        self.files = self.folder.parent / f"{self.folder.name}-files"
        self.files.mkdir(exist_ok=True)

    def do(self, *arguments: str, fails: int = 0) -> dict[str, Any]:
        """Run a command of ``caregate journey`` and return its answer; or hold that it fails with an exit status."""
        found = CliRunner().invoke(app, ["journey", *arguments, "--workspace", str(self.folder)])
        status = found.exception.exit_status if isinstance(found.exception, CLDError) else found.exit_code
        assert status == fails, (arguments, found.exception, found.output)
        told: dict[str, Any] = json.loads(found.stdout) if not fails else {"refused": str(found.exception)}
        return told

    def replayed(self) -> list[tuple[str, str]]:
        """Run ``caregate replay``; return, for each stored decision and extract, what it is and whether it is the same."""
        found = CliRunner().invoke(app, ["replay", "--workspace", str(self.folder), "--json"])
        assert found.exception is None, found.output
        return [(row["what"], row["result"]) for row in json.loads(found.stdout)["rows"]]

    def state(self, reference: str) -> str:
        """Return the state of an application."""
        return str(self.do("status", reference)["state"])

    def file(self, content: object) -> str:
        """Write a JSON file and return its name."""
        self.n_files += 1
        path = self.files / f"{self.n_files}.json"
        path.write_text(json.dumps(content))
        return str(path)

    def application(
        self, reference: str, *, agreement: Mapping[str, object] | None = None, plan: Any = ASKED.plan, **changes: object
    ) -> str:  # fmt: skip
        """Write the file of an application; every one has an agreement of its own unless another is given."""
        key = str(pyrage.x25519.Identity.generate().to_public())
        asked = replace(ASKED.application, reference=reference, recipient_key=key, dars=replace(ASKED.application.dars, columns=column_reasons(plan)))  # fmt: skip
        held = {**json.loads(json.dumps(asked.as_json())), **changes}
        held["agreement"] = {**held["agreement"], "reference": f"DARS-{reference}", **(agreement or {})}
        return self.file({"application": held, "plan": plan.as_json()})

    def both(self, stage: str, reference: str, *more: str) -> None:
        """Let both people of a stage vote."""
        role = "approver" if stage == "approve" else "releaser"
        for person in (f"{role} one", f"{role} two"):
            self.do("sign", reference, "--stage", stage, "--as", person, *more)

    def approved(self, reference: str, **given: Any) -> None:
        """Apply and be approved."""
        self.do("apply", self.application(reference, **given))
        self.both("approve", reference)
        self.do("approve", reference)

    def released(self, reference: str, **given: Any) -> str:
        """Go on to the release; return the package."""
        self.approved(reference, **given)
        self.finish(reference)
        return str(self.folder / "released" / f"{reference}.zip.age")

    def finish(self, reference: str) -> None:
        """Build, check, sign and release what was approved."""
        self.do("build", reference)
        self.do("check", reference)
        self.both("release", reference)
        self.do("release", reference)

    def certificate(self, reference: str, **changes: object) -> str:
        """Write a recipient's certificate for an application's agreement."""
        told = {
            "agreement": f"DARS-{reference}", "body_code": COUNCIL, "destroyed_on": "2022-03-01", "method": "overwritten",
            "signatory": "data protection officer", "copies_destroyed": True, "backups_destroyed": True,
        }  # fmt: skip
        return self.file({**told, **changes})
