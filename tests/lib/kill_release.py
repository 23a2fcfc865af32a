"""Kill a release at a chosen step, open the workspace again as if the machine had come back, and say what was found.

Run as ``python -m tests.lib.kill_release FOLDER N SEED``: a journey is made once in FOLDER, then for each of N runs a
copy of its workspace is released in a forked process that kills itself at a random step (a file opened, renamed, removed
or flushed, a database statement). One JSON line is printed for each run.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from api.store.journal import SqlJournal
from api.workspace.wiring import open_demo_workspace
from audit.fsck import fsck
from audit.verify import verify_package
from cld.journey import CheckedExtract, Document, SignedRelease
from cld.signing import sign_off
from extracts.release import deliver, release
from tests.lib.journey import open_journey

STEPS = ("open", "os.rename", "os.remove", "os.mkdir", "shutil.rmtree", "sqlite3.connect")


def release_in(folder: Path, checked: str) -> Path:
    """Open a workspace and release the checked extract in it."""
    space = open_demo_workspace(folder)
    found = space.journal.load(checked)
    assert found is not None
    signs = tuple(sign_off(name, space.staff[name], checked) for name in ("releaser one", "releaser two"))
    return release(
        CheckedExtract(found), signs, people=space.people(), today=space.clock.today(), engine=space.engine, journal=space.journal,
        keys=space.keys, release_keys=space.release_keys, folder=folder / "released",
    )[1]  # fmt: skip


def count_steps(work: Callable[[], object], kill_at: int) -> int:
    """Do something, counting its steps, and die at one of them."""
    n_steps = 0

    def step() -> None:
        nonlocal n_steps
        n_steps += 1
        if n_steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    flush = os.fsync

    def counted(handle: Any) -> None:
        step()
        flush(handle)

    os.fsync = counted
    sys.addaudithook(lambda event, _: step() if event in STEPS else None)
    work()
    return n_steps


def judge(folder: Path, checked: str, key: str) -> dict[str, object]:
    """Open a workspace after a kill: what was logged, what lies there, and whether both go on to agree."""
    space = open_demo_workspace(folder)
    released = _released(space.journal)
    packages = list((folder / "released").glob("*.age")) if (folder / "released").exists() else []
    found: dict[str, object] = {"leaf": bool(released), "package": bool(packages), "parts": _parts(folder)}
    found["faults"] = fsck(space.journal, space.log.folder)["faults"]
    path = deliver(
        SignedRelease(released[0]), people=space.people(), today=space.clock.today(), engine=space.engine, journal=space.journal,
        keys=space.keys, release_keys=space.release_keys, folder=folder / "released",
    ) if released else release_in(folder, checked)  # fmt: skip
    found["verifies"] = _verifies(path, folder, key, space.release_keys.trust, space.clock.today())
    found["faults_after"] = fsck(space.journal, space.log.folder)["faults"]
    return found


def _released(journal: SqlJournal) -> list[Document]:
    leaves = [json.loads(leaf) for leaf in journal.leaves()]
    held = [journal.load(leaf["document"]) for leaf in leaves if leaf["action"] == "release"]
    return [document for document in held if document is not None]


def _parts(folder: Path) -> list[str]:
    """Return half-written files under a final name's folder; a hidden part beside a final name is no such thing."""
    return [
        str(path) for path in (folder / "released").glob("*") if path.suffix != ".age" and not path.name.startswith(".")
    ]


def _verifies(path: Path, folder: Path, key: str, trust: str, on: date) -> bool:
    (folder / "identity").write_text(key)
    (folder / "trust").write_text(trust)
    return bool(verify_package(path, folder / "trust", folder / "identity", on)["ok"])


def forked(work: Callable[[], object]) -> tuple[int, Any]:
    """Do something in a process of its own; return how it ended and what it answered."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        status = 70
        try:
            answer = json.dumps(work(), default=str).encode()
            os.write(writing, answer)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        told = stream.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), json.loads(told) if told else None


def main(folder: Path, n_runs: int, seed: int) -> None:
    """Make the journey in a process of its own, then kill and judge."""

    def made() -> dict[str, str]:
        journey = open_journey(folder)
        journey.space.journal.close()
        return {"checked": journey.checked.document.digest, "key": str(journey.identity)}

    _, told = forked(made)
    dice, copy = random.Random(seed), folder / "copy"

    def one(kill_at: int) -> tuple[int, Any]:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder / "workspace", copy)
        return forked(lambda: count_steps(lambda: release_in(copy, told["checked"]), kill_at))

    _, n_steps = one(0)
    for _ in range(n_runs):
        kill_at = dice.randrange(1, n_steps + 1)
        status, _ = one(kill_at)
        _, found = forked(lambda: judge(copy, told["checked"], told["key"]))
        sys.stdout.write(json.dumps({"kill_at": kill_at, "n_steps": n_steps, "status": status, **(found or {})}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
