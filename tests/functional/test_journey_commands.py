"""The verbs as commands: a second delivery of a council, an application taken all the way, steps out of order refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyrage

from api.demo.requests import demo_requests
from tests.functional.test_command_line import run


def test_an_application_goes_all_the_way_by_commands_alone(demo_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    shutil.copytree(demo_folder, folder)
    request, identity = demo_requests()[0], pyrage.x25519.Identity.generate()
    application = {**request.application.as_json(), "reference": "CG-0100", "recipient_key": str(identity.to_public())}
    file = tmp_path / "application.json"
    file.write_text(json.dumps({"application": application, "plan": request.plan.as_json()}))

    def journey(*arguments: str) -> dict[str, object]:
        found = run("journey", *arguments, "--workspace", str(folder))
        assert found.returncode == 0, found.stderr
        answer: dict[str, object] = json.loads(found.stdout)
        return answer

    assert journey("accept", str(folder / "received" / "503.csv"), "--council", "503")["kind"] == "AcceptedSubmission"
    assert journey("give-back", "--council", "503")["outcomes"]
    assert journey("link")["kind"] == "LinkedDataset"
    assert journey("apply", str(file))["decision"] == "allow"
    early = run("journey", "build", "CG-0100", "--workspace", str(folder))
    assert early.returncode == 5
    one_only = run("journey", "approve", "CG-0100", "--workspace", str(folder))
    assert one_only.returncode == 4
    for person in ("approver one", "approver two"):
        journey("sign", "CG-0100", "--stage", "approve", "--as", person)
    twice = run("journey", "sign", "CG-0100", "--stage", "approve", "--as", "approver one", "--workspace", str(folder))
    assert twice.returncode == 4
    assert journey("approve", "CG-0100")["kind"] == "ApprovedPlan"
    assert journey("build", "CG-0100")["kind"] == "CandidateExtract"
    assert journey("check", "CG-0100")["kind"] == "CheckedExtract"
    for person in ("releaser one", "releaser two"):
        journey("sign", "CG-0100", "--stage", "release", "--as", person)
    package = journey("release", "CG-0100")["package"]
    key = tmp_path / "key"
    key.write_text(str(identity))
    assert (
        run("verify", str(package), "--trust", str(folder / "trust-policy.txt"), "--identity", str(key)).returncode == 0
    )


def test_a_council_outside_the_register_is_refused(demo_folder: Path) -> None:
    found = run(
        "journey",
        "accept",
        str(demo_folder / "received" / "503.csv"),
        "--council",
        "777",
        "--workspace",
        str(demo_folder),
    )
    assert found.returncode == 1
    assert "register" in found.stderr
