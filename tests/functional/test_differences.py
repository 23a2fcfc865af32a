"""caregate differences: histories and tables in, intervals out, and a clear refusal of what cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.entry import app
from cld.errors import CLDError, UnreadableFile
from disclosure.memory.history import read_history
from tests.lib.commands import run_here as run

EXAMPLE: dict[str, Any] = {
    "n_fine": 3,
    "upper_bound": 5000,
    "releases": [
        {"name": "r1", "recipient": "A", "rows": [{"cells": [0], "low": 40, "high": 40}]},
        {"name": "r2", "recipient": "B", "rows": [{"cells": [0, 1], "low": 43, "high": 44}]},
    ],
    "targets": [[1], [0, 1]],
}


def write(folder: Path, value: object) -> str:
    path = folder / "history.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return str(path)


def changed(**more: Any) -> dict[str, Any]:
    return {**json.loads(json.dumps(EXAMPLE)), **more}


def status(*arguments: str) -> int:
    """The exit status, in this process; what is not a foreseen error fails the test."""
    found = CliRunner().invoke(app, ["differences", *arguments])
    if found.exception is None or isinstance(found.exception, SystemExit):
        return found.exit_code
    assert isinstance(found.exception, CLDError), found.exception
    assert "18-66" not in str(found.exception), "an error shows a code of the table"
    return found.exception.exit_status


def answer(*arguments: str) -> dict[str, Any]:
    found = CliRunner().invoke(app, ["differences", *arguments, "--json"])
    assert found.exit_code == 0, found.output
    made: dict[str, Any] = json.loads(found.stdout)
    return made


def test_each_recipient_alone_and_each_coalition_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, EXAMPLE)
    alone = [
        {"recipients": ["A"], "bounds": [{"cells": [1], "low": 0, "high": 5000}, {"cells": [0, 1], "low": 40, "high": 5040}]},
        {"recipients": ["B"], "bounds": [{"cells": [1], "low": 0, "high": 44}, {"cells": [0, 1], "low": 43, "high": 44}]},
    ]  # fmt: skip
    assert answer(path, "--integer") == {"coalitions": alone}
    together = {"recipients": ["A", "B"], "bounds": [{"cells": [1], "low": 3, "high": 4}, {"cells": [0, 1], "low": 43, "high": 44}]}  # fmt: skip
    asked = answer(path, "--integer", "--coalition", "A,B", "--coalition", "A,B", "--coalition", "B")
    assert asked == {"coalitions": [*alone, together]}


def test_whole_numbers_are_written_whole_and_reals_as_they_are(tmp_path: Path) -> None:
    rows = [{"cells": cells, "low": 0, "high": 3} for cells in ([0, 1], [1, 2], [0, 2])]
    path = write(tmp_path, changed(releases=[{"name": "r", "recipient": "A", "rows": rows}], targets=[[0, 1, 2]]))
    assert answer(path)["coalitions"][0]["bounds"][0]["high"] == 4.5
    whole = answer(path, "--integer")["coalitions"][0]["bounds"][0]["high"]
    assert (whole, type(whole)) == (4, int)


def test_without_targets_every_fine_cell_is_asked_for(tmp_path: Path) -> None:
    value = changed()
    del value["targets"]
    assert [b["cells"] for b in answer(write(tmp_path, value))["coalitions"][0]["bounds"]] == [[0], [1], [2]]


def test_a_person_reads_which_groups_are_small(tmp_path: Path) -> None:
    found = run("differences", write(tmp_path, EXAMPLE), "--integer", "--coalition", "A,B")
    assert "A and B: 1 of 2 groups are certainly 1 to 7 persons\n  cells 1: 3 to 4" in found.stdout


ROW = {"cells": [0], "low": 1, "high": 2}
UNREADABLE = {
    "no JSON": "{",
    "a list": [],
    "a key twice": '{"n_fine": 3, "n_fine": 4, "upper_bound": 5, "releases": []}',
    "not a number": '{"n_fine": 3, "upper_bound": NaN, "releases": []}',
    "no cells at all": changed(n_fine=0),
    "a hundred million cells": changed(n_fine=100_000_000),
    "cells in text": changed(n_fine="3"),
    "no upper bound": {k: v for k, v in EXAMPLE.items() if k != "upper_bound"},
    "an upper bound below nothing": changed(upper_bound=-1),
    "no releases": {k: v for k, v in EXAMPLE.items() if k != "releases"},
    "a release without rows": changed(releases=[{"name": "r1", "recipient": "A"}]),
    "a release without a recipient": changed(releases=[{"name": "r1", "rows": [ROW]}]),
    "a release that is null": changed(releases=[*EXAMPLE["releases"], None]),
    "low above high": changed(releases=[{"name": "r1", "recipient": "A", "rows": [{**ROW, "low": 3}]}]),
    "a row without high": changed(releases=[{"name": "r1", "recipient": "A", "rows": [{"cells": [0], "low": 1}]}]),
    "a row whose high is open": changed(releases=[{"name": "r1", "recipient": "A", "rows": [{**ROW, "high": None}]}]),
    "a cell out of range": changed(releases=[{"name": "r1", "recipient": "A", "rows": [{**ROW, "cells": [3]}]}]),
    "a cell below nothing": changed(releases=[{"name": "r1", "recipient": "A", "rows": [{**ROW, "cells": [-1]}]}]),
    "a cell twice": changed(releases=[{"name": "r1", "recipient": "A", "rows": [{**ROW, "cells": [0, 0]}]}]),
    "a cell that is true": changed(releases=[{"name": "r1", "recipient": "A", "rows": [{**ROW, "cells": [True]}]}]),
    "a row of no cells": changed(releases=[{"name": "r1", "recipient": "A", "rows": [{**ROW, "cells": []}]}]),
    "an unknown target": changed(targets=[[7]]),
    "an empty target": changed(targets=[[]]),
    "a bound past all counts": changed(releases=[{"name": "r", "recipient": "A", "rows": [{**ROW, "high": 10**400}]}]),
}


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_history_that_cannot_be_read_whole_is_refused(tmp_path: Path, value: object) -> None:
    """Through the reader that the command uses; a few of them through the command itself below."""
    with pytest.raises(UnreadableFile, match=r"\S+ \S+") as refusal:
        read_history(Path(write(tmp_path, value)))
    assert refusal.value.remedy


def test_a_release_that_cannot_be_read_exits_3_and_names_it(tmp_path: Path) -> None:
    releases = [
        *EXAMPLE["releases"],
        {"name": "march", "recipient": "A", "rows": [{"cells": [9], "low": 1, "high": 1}]},
    ]
    found = run("differences", write(tmp_path, changed(releases=releases)), "--json")
    assert found.returncode == 3
    assert json.loads(found.stdout)["error"] == "unreadable-file"
    assert "Release 3 (march), row 1: a cell lies outside 0 to 2" in found.stderr
    assert "Traceback" not in found.stderr
    assert status(str(tmp_path / "no-such.json")) == 3


def test_a_history_that_contradicts_itself_exits_3_and_names_the_recipient(tmp_path: Path) -> None:
    rows = [{"cells": [0], "low": 3, "high": 3}, {"cells": [0, 1], "low": 1, "high": 2}]
    value = changed(releases=[*EXAMPLE["releases"], {"name": "r3", "recipient": "C", "rows": rows}])
    found = run("differences", write(tmp_path, value), "--integer")
    assert found.returncode == 3
    assert "The releases held by C contradict each other" in found.stderr


def test_a_coalition_of_strangers_is_wrong_usage(tmp_path: Path) -> None:
    assert status(write(tmp_path, EXAMPLE), "--coalition", "A,Z") == 2
    assert status() == 2
    assert status("a.json", "b.json") == 2


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """Two tables of one town and the county around it: 18 to 64, then 18 to 65; in all three people of the town are 65."""
    (tmp_path / "first.csv").write_text(
        "area,age,persons\ntown,18-64,40\ntown,65+,60\ntown,Total,100\ncounty,18-64,200\ncounty,65+,300\ncounty,Total,500\n"
    )
    (tmp_path / "second.csv").write_text("area,age,persons\ntown,18-65,43\ntown,66+,57\n")
    (tmp_path / "ages.csv").write_text("child,parent\n18-64,18-65\n65,18-65\n65,65+\n66+,65+\n")
    (tmp_path / "areas.csv").write_text("child,parent\ntown,county\nrest,county\n")
    return tmp_path


def of_tables(folder: Path, *more: str) -> tuple[str, ...]:
    files = str(folder / "first.csv"), str(folder / "second.csv")
    hierarchies = "--hierarchy", f"age={folder / 'ages.csv'}", "--hierarchy", f"area={folder / 'areas.csv'}"
    return ("--tables", *files, "--dimensions", "area,age", "--value", "persons", *hierarchies, *more)


def bound_of(made: dict[str, Any], **codes: str) -> tuple[float, float]:
    cell = next(n for n, label in enumerate(made["fine_cells"]) if label == {k: [v] for k, v in codes.items()})
    return next((b["low"], b["high"]) for b in made["coalitions"][0]["bounds"] if b["cells"] == [cell])


def test_tables_of_shifted_bands_and_a_nested_area_make_their_own_history(tables: Path) -> None:
    made = answer(*of_tables(tables, "--integer", "--history-out", str(tables / "made.json")))
    assert bound_of(made, area="town", age="65") == (3, 3)
    assert bound_of(made, area="rest", age="18-64") == (160, 160)
    assert bound_of(made, area="rest", age="65") == (0, 240)
    again = answer(str(tables / "made.json"), "--integer")
    assert again["coalitions"] == made["coalitions"]


def test_each_table_has_its_recipient_and_its_rule(tables: Path) -> None:
    held = "--recipient", "A", "--recipient", "B", "--rule", "exact", "--rule", "stars=1-7"
    made = answer(*of_tables(tables, *held, "--integer", "--coalition", "A,B"))
    assert [c["recipients"] for c in made["coalitions"]] == [["A"], ["B"], ["A", "B"]]
    assert bound_of(made, area="town", age="65") == (0, 60)
    (tables / "second.csv").write_text("area,age,persons\ntown,18-65,*\n")
    assert status(*of_tables(tables, *held, "--coalition", "A,B")) == 3, "a star against 40"


def test_a_profile_can_be_named_for_a_table(tables: Path) -> None:
    (tables / "first.csv").write_text("area,age,persons\ntown,18-64,40\ntown,65,*\n")
    (tables / "second.csv").write_text("area,age,persons\ntown,18-65,40\n")
    made = answer(*of_tables(tables, "--profile", "caregate", "--integer"))
    assert bound_of(made, area="town", age="65") == (1, 4)


def test_under_the_published_rule_the_whole_of_the_first_dimension_is_exact(tables: Path) -> None:
    (tables / "first.csv").write_text(
        "area,age,persons\ntown,18-64,40\ntown,65+,*\nrest,18-64,160\nrest,65+,*\nTotal,18-64,201\nTotal,65+,9\n"
    )
    (tables / "second.csv").write_text("area,age,persons\ntown,66+,*\n")
    made = answer(*of_tables(tables, "--profile", "nhs-published", "--integer"))
    assert bound_of(made, area="rest", age="18-64") == (159, 162)
    assert bound_of(made, area="town", age="66+") == (1, 7)


def test_a_total_covers_what_its_own_table_lists(tables: Path) -> None:
    """The second table leaves out who is 66 and over: its total is not of everybody, or it would contradict the first."""
    (tables / "second.csv").write_text("area,age,persons\nrest,18-64,160\nrest,65,20\nrest,Total,180\n")
    made = answer(*of_tables(tables, "--integer"))
    assert bound_of(made, area="rest", age="66+") == (220, 220)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("second.csv", "area,age,persons\ntown,18-66,43\n"),
        ("second.csv", "area,age,persons\ntown,18-65,43\ntown,18-65,44\n"),
        ("second.csv", "area,age,persons\ntown,,43\n"),
        ("second.csv", "area,age,persons\ntown,18-65,lots\n"),
        ("second.csv", "area,age,n\ntown,18-65,43\n"),
        ("ages.csv", "child,parent\na,b\nb,a\n"),
        ("ages.csv", "code,group\na,b\n"),
    ],
)
def test_a_table_or_hierarchy_that_cannot_be_read_exits_3(tables: Path, name: str, text: str) -> None:
    (tables / name).write_text(text)
    assert status(*of_tables(tables)) == 3


def test_wrong_usage_of_tables_exits_2(tables: Path) -> None:
    assert status("--tables", str(tables / "first.csv")) == 2
    assert status(*of_tables(tables, "--rule", "exact", "--rule", "exact", "--rule", "exact")) == 2
    assert status(*of_tables(tables, "--hierarchy", f"sex={tables / 'ages.csv'}")) == 2
