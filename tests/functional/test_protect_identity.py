"""caregate protect gives the same bytes on every run, on one process or two: work limits decide, no clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.disclosure.identity import protect_words, write_shape
from disclosure.tables.suppress import protect
from tests.lib.published_tables import run_here

SEED = 1


def bytes_of(table: list[str], folder: Path, n_processes: int, run: int) -> bytes:
    out = folder / f"out-{run}.csv"
    status, text = run_here(*protect_words(table, out, n_processes))
    assert status == 0, text
    return out.read_bytes()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let small tables be shared among processes too, and note what is started."""
    found: list[int] = []
    begin = protect.Workers

    def noted(n_processes: int) -> protect.Workers:
        found.append(n_processes)
        return begin(n_processes)

    monkeypatch.setattr("disclosure.tables.suppress.protect.MANY_CELLS", 0)
    monkeypatch.setattr("disclosure.tables.suppress.protect.Workers", noted)
    return found


def test_a_table_of_1760_cells_is_the_same_on_every_run_and_any_number_of_processes(
    tmp_path: Path, started: list[int]
) -> None:
    table = write_shape("1760", SEED, tmp_path)
    made = {bytes_of(table, tmp_path, n_processes, run) for run, n_processes in enumerate((1, 2, 1, 2))}
    assert len(made) == 1
    assert started == [1, 2, 1, 2]
    assert b"secondary" in made.pop()


def test_other_counts_give_other_bytes(tmp_path: Path) -> None:
    """The comparison above can fail."""
    made = set()
    for seed in (1, 2):
        folder = tmp_path / str(seed)
        folder.mkdir()
        made.add(bytes_of(write_shape("1760", seed, folder), folder, 1, 0))
    assert len(made) == 2


def test_ten_runs_of_3840_cells_are_the_same(tmp_path: Path, started: list[int], *, is_long: bool) -> None:
    if not is_long:
        pytest.skip("only in the long form")
    table = write_shape("3840", SEED, tmp_path)
    assert len({bytes_of(table, tmp_path, 1 + run % 2, run) for run in range(10)}) == 1
    assert started == [1, 2] * 5
