"""The command line: help, exit statuses, JSON alone on standard output."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

DEMO_REFUSALS = 10


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from api.entry import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_reads_and_loads_nothing_heavy() -> None:
    code = "import sys, api.entry; print(sorted({'duckdb', 'pandas', 'pyarrow', 'cedarpy', 'sqlalchemy'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
    assert "demo" in run("--help").stdout
    assert "--people" in run("demo", "--help").stdout


def test_wrong_usage_is_2_and_unreadable_input_is_3() -> None:
    assert run("demo").returncode == 2
    assert run("policy", "decide", "no-such-file").returncode == 3


def test_decisions_come_in_order_one_a_line(tmp_path: Path) -> None:
    requests = tmp_path / "requests.jsonl"
    requests.write_text(
        '{"id": "q1", "action": "publish", "body": "DHSC", "on": "2021-06-01"}\nnonsense\n{"id": "q3"}\n'
    )
    found = run("policy", "decide", str(requests), "--json")
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert found.returncode == 0
    assert [line["id"] for line in lines] == ["q1", None, "q3"]
    assert {line["decision"] for line in lines} == {"refuse"}
    assert (
        lines[1]["clauses"][0] == "the request cannot be read: it is no JSON object that can be read in one way alone"
    )
    assert "Direction 6, closing words: DARS" in lines[2]["clauses"], (
        "a missing key is not shown to hold, and is no fault"
    )


def test_a_demo_package_verifies_and_a_changed_one_exits_6(demo_folder: Path, tmp_path: Path) -> None:
    row = next(
        row for row in json.loads((demo_folder / "summary.json").read_text())["rows"] if row["decision"] == "released"
    )
    trust, identity = str(demo_folder / row["trust"]), str(demo_folder / row["identity"])
    fine = run("verify", str(demo_folder / row["package"]), "--trust", trust, "--identity", identity, "--json")
    assert fine.returncode == 0
    assert json.loads(fine.stdout)["ok"] is True
    changed = tmp_path / "changed.age"
    content = bytearray((demo_folder / row["package"]).read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(bytes(content))
    assert run("verify", str(changed), "--trust", trust, "--identity", identity).returncode == 6


def test_the_demo_shows_what_the_direction_allows_and_refuses(demo_folder: Path) -> None:
    summary = json.loads((demo_folder / "summary.json").read_text())
    released = [row for row in summary["rows"] if row["decision"] == "released"]
    refused = [row for row in summary["rows"] if row["decision"] == "refused"]
    assert {row["form"] for row in released} == {"pseudonymised", "anonymised", "aggregate"}
    assert all(row["verified"] for row in released)
    assert len(refused) >= DEMO_REFUSALS
    assert all(row["clauses"] for row in summary["rows"])
    assert all(row["smallest_class"] >= 10 for row in released if row["form"] == "anonymised")
    assert float(summary["linkage"]["precision"]) > 0.995
    assert float(summary["linkage"]["recall"]) > 0.995


def test_one_thread_and_two_give_the_same_payloads_and_files(demo_folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    found = run("demo", "--out", str(again), "--people", "6000", "--seed", "7", "--threads", "1", "--json")
    first = json.loads((demo_folder / "summary.json").read_text())
    assert [row["digest"] for row in json.loads(found.stdout)["rows"]] == [row["digest"] for row in first["rows"]]
    for path in [*(demo_folder / "received").iterdir(), *(demo_folder / "truth").iterdir()]:
        assert path.read_bytes() == (again / path.relative_to(demo_folder)).read_bytes()
