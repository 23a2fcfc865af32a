"""Files that are not what they should be, and a machine that stops at any moment."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from api.workspace.wiring import demo_workspace
from audit.verify import verify_package
from cld.errors import CLDError, SubmissionRejected, UnreadableFile
from cld.places import Council, Participation
from collection.accept import accept

HEADER = "LA Code,LA Person Unique Identifier,NHS Number,First Name,Event Type,Event Start Date,Date of Birth"
ROW = "503,P1,9434765919,Hildegard,Request,2021-01-01,1950-01-01"
BAD_FILES = {
    "empty": b"",
    "binary": b"PK\x00\x01\x02\x00" * 50,
    "utf-16": (HEADER + "\n" + ROW).encode("utf-16"),
    "latin-1": (HEADER + "\n" + ROW.replace("Hildegard", "Zoé")).encode("latin-1"),
    "cut inside a character": (HEADER + "\n" + ROW.replace("Hildegard", "Zoé")).encode()[
        : len(HEADER) + 1 + len("503,P1,9434765919,Zo") + 1
    ],
    "no header": (ROW + "\n" + ROW).encode(),
    "missing columns": b"LA Code,NHS Number\n503,9434765919\n",
    "a field of 100 MB": (HEADER + "\n503,P1,").encode() + b"x" * 100_000_000,
    "a row too long": (HEADER + "\n" + ROW + "\n" + ROW + ",more\n").encode(),
    "a row too short, late": (HEADER + "\n" + (ROW + "\n") * 30_000 + "503,P1\n").encode(),
    "an open quotation mark": (HEADER + '\n503,P1,"9434765919,Hildegard\n' + ROW + "\n").encode(),
    "two columns of one name": (HEADER + ",First Name\n" + ROW + ",Hildegard\n").encode(),
    "semicolons": (HEADER + "\n" + ROW).replace(",", ";").encode(),
    "another council's rows": (HEADER + "\n" + ROW.replace("503", "901")).encode(),
}


def try_to_accept(path: Path, folder: Path) -> None:
    space = demo_workspace(folder, seed=1, n_threads=1)
    council = Participation(Council("503", "E10000019", "Lincolnshire", ""), date(2020, 12, 7), None)
    try:
        accept(
            path, council, engine=space.engine, journal=space.journal, tracer=lambda session: session,
            today=space.clock.today(), synthetic_allowed=True, actor="officer",
        )  # fmt: skip
    finally:
        space.journal.close()


@pytest.mark.parametrize("fault", BAD_FILES)
def test_a_faulty_file_is_refused_in_words_without_a_value_and_leaves_nothing(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "sent.csv"
    path.write_bytes(BAD_FILES[fault])
    with pytest.raises((UnreadableFile, SubmissionRejected)) as refusal:
        try_to_accept(path, tmp_path / "workspace")
    told = str(refusal.value)
    assert refusal.value.remedy
    assert not any(value in told for value in ("9434765919", "Hildegard", "Zo", "1950", "P1"))
    assert not list((tmp_path / "workspace" / "shelf").rglob("*.sealed"))


def test_a_workbook_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sent.xlsx"
    path.write_bytes(b"not a workbook")
    with pytest.raises(CLDError):
        try_to_accept(path, tmp_path / "workspace")


def run_killed(out: Path, after_seconds: float) -> None:
    command = [
        sys.executable,
        "-c",
        "from api.entry import main; main()",
        "demo",
        "--out",
        str(out),
        "--people",
        "3000",
        "--seed",
        "5",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(after_seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_kill_at_any_moment_leaves_no_half_written_package(tmp_path: Path, is_long: bool) -> None:
    """What stands under its final name after a kill is whole and verifies; the next run starts cleanly."""
    moments, out = random.Random(11), tmp_path / "workspace"
    for _ in range(100 if is_long else 4):
        run_killed(out, moments.uniform(2.0, 12.0))
        for package in (out / "released").glob("*.age") if (out / "released").exists() else ():
            identity = out / "recipients" / package.name.replace(".zip.age", ".age-key")
            assert verify_package(package, out / "trust-policy.txt", identity, date(2022, 3, 1))["ok"]
    command = [
        sys.executable,
        "-c",
        "from api.entry import main; main()",
        "demo",
        "--out",
        str(out),
        "--people",
        "3000",
        "--json",
    ]
    finished = subprocess.run(command, capture_output=True, check=True)
    assert {row["decision"] for row in json.loads(finished.stdout)["rows"]} == {"released", "refused"}


def test_a_release_killed_at_any_step_has_its_leaf_and_a_leaf_its_release(tmp_path: Path, is_long: bool) -> None:
    """Ten kills at random steps, 200 in the long form; then the machine comes back and the release is finished or made.

    A package that lies there was logged; a release that was logged is delivered and verifies; what was not logged left
    nothing and can be released anew; the log's leaves, tiles and heads agree before and after.
    """
    n_kills = 200 if is_long else 10
    command = [sys.executable, "-m", "tests.lib.kill_release", str(tmp_path), str(n_kills), "23"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]).stdout
    runs = [json.loads(line) for line in told.splitlines()]
    assert len(runs) == n_kills
    for run in runs:
        assert run["status"] == -signal.SIGKILL, run
        assert run["leaf"] or not run["package"], run
        assert run["verifies"], run
        assert (run["faults"], run["faults_after"], run["parts"]) == ([], [], []), run
    assert {run["leaf"] for run in runs} == {False, True}, "the kills fell on both sides of the log"


SMALL_DISK = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
sys.argv = ["caregate", "demo", "--out", {out!r}, "--people", "3000"]
from api.entry import main
main()
"""


@pytest.mark.parametrize("limit", [20_000, 150_000, 400_000])
def test_a_full_disk_is_said_in_words_and_leaves_nothing_half_written(tmp_path: Path, limit: int) -> None:
    """Files may not grow past a limit, which fails writes as a full disk does, at different points of the journey."""
    out = tmp_path / "workspace"
    code = SMALL_DISK.format(limit=limit, out=str(out))
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 5, found.stderr
    assert found.stderr.startswith("storage-full: The disk is full.")
    assert not [path for path in out.rglob("*.part")]
    assert not (out / "summary.json").exists()


def test_what_nobody_foresaw_is_told_without_its_words(tmp_path: Path) -> None:
    code = "import api.entry as e\n@e.app.command()\ndef boom():\n    raise ValueError('9434765919 Hildegard')\nimport sys; sys.argv=['caregate','boom']\ne.main()"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 70
    assert "Hildegard" not in found.stderr + found.stdout
    assert "ValueError" in found.stderr


def test_a_disk_that_is_really_full_is_said_in_words(tmp_path: Path) -> None:
    """A file system of 12 MB, where this machine lets one be mounted; elsewhere the limit on file sizes above stands for it."""
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(small)], capture_output=True, check=False
    ).returncode:
        small = Path("/dev/full")
        found = subprocess.run(
            [sys.executable, "-c", "from cld.shelf import *; open('/dev/full','wb', buffering=0).write(b'x')"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "No space left" in found.stderr
        return
    try:
        command = [
            sys.executable,
            "-c",
            "from api.entry import main; main()",
            "demo",
            "--out",
            str(small / "w"),
            "--people",
            "6000",
            "--json",
        ]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        assert found.returncode == 5, found.stderr
        assert json.loads(found.stdout)["error"] == "storage-full"
    finally:
        subprocess.run(["umount", str(small)], check=True)
