"""anonymise on anyone's files: contract, safety of what is written, repeatability, and what goes wrong."""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cld.errors import CLDError, DisclosureRefused, InputError
from disclosure.rows.anonymise import Anonymising, anonymise_file
from disclosure.rows.lattice import FIGURES
from disclosure.rows.measures import measure_table
from disclosure.rows.safety import Limits
from tests.lib.commands import run_here as run
from tests.lib.lattices import ADULT
from tests.lib.linking import a_session
from tests.lib.rows import plain_classes, plain_measures

KEYS = {"levels", "n_suppressed", "score", "utility", "n_nodes", "n_nodes_checked", "optimal", "seconds"}
AGES = [(str(age), f"{age // 5 * 5}-{age // 5 * 5 + 4}", f"{age // 20 * 20}+", "*") for age in range(20, 60)]
AREAS = [(f"{region}{place}", region, "*") for region in "ns" for place in range(4)]
SEXES = [("F", "*"), ("M", "*")]
Rows = Sequence[Sequence[object]]


def write(path: Path, rows: Rows, separator: str = ",") -> Path:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=separator, lineterminator="\n").writerows(rows)
    return path


def people(n: int = 400, seed: int = 1) -> list[list[object]]:
    draw = random.Random(seed)
    rows: list[list[object]] = [["id", "age", "area", "sex", "condition", "cost"]]
    for number in range(n):
        age, area, sex = draw.randint(20, 59), draw.choice(AREAS)[0], draw.choice("FM")
        rows.append([f"p{number}", age, area, sex, draw.choice("aaabbc"), draw.choice((10, 20, 50, 100))])
    return rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "people.csv", people(), ";")
    write(tmp_path / "age.csv", AGES, ";")
    write(tmp_path / "area.csv", AREAS)
    write(tmp_path / "sex.csv", SEXES)
    return tmp_path


def words(folder: Path, *further: object, file: str = "people.csv", out: str = "out.csv") -> list[str]:
    hierarchies = [f"--hierarchy={name}={folder / name}.csv" for name in ("age", "area", "sex")]
    given = ["anonymise", folder / file, "--quasi", "age,area,sex", *hierarchies, "--out", folder / out, *further]
    return [str(one) for one in given]


def ask(*given: str) -> dict[str, object]:
    found = run(*given, "--json")
    assert found.returncode == 0, found.stderr
    return dict(json.loads(found.stdout))


def asked(folder: Path, limits: Limits, **further: object) -> Anonymising:
    hierarchies = {name: folder / f"{name}.csv" for name in ("age", "area", "sex")}
    given: dict[str, object] = {"most_suppressed": Fraction(0), "utility": "loss", "out": folder / "out.csv", **further}
    return Anonymising(("age", "area", "sex"), hierarchies, limits, **given)  # type: ignore[arg-type]


def anonymise(folder: Path, wanted: Anonymising, file: str = "people.csv") -> dict[str, object]:
    with a_session(folder) as session:
        return anonymise_file(session, folder / file, wanted, lambda _: None)


def table_of(path: Path) -> dict[str, list[object]]:
    """Read a file; costs as numbers."""
    if path.suffix == ".parquet":
        return dict(pq.read_table(path).to_pydict())
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {name: [int(row[name]) if name == "cost" else row[name] for row in rows] for name in rows[0]}


def test_the_summary_and_the_file_are_as_promised(folder: Path) -> None:
    limits = ("--distinct-l", "condition=2", "--t", "cost=0.3", "--entropy-l", "condition=1.8")
    summary = ask(
        *words(folder, "--k", 5, *limits, "--max-suppressed", "0.05", "--utility", "entropy", out="out.parquet")
    )
    assert set(summary) >= KEYS
    assert list(dict(summary["levels"])) == ["age", "area", "sex"]  # type: ignore[call-overload]
    assert (summary["n_nodes"], summary["optimal"], summary["utility"]) == (4 * 3 * 2, True, "entropy")
    table = table_of(folder / "out.parquet")
    assert list(table) == ["id", "age", "area", "sex", "condition", "cost"]
    assert len(table["id"]) == 400 - int(str(summary["n_suppressed"])) >= 380
    hierarchies = {"age": AGES, "area": AREAS, "sex": SEXES}
    for name, level in dict(summary["levels"]).items():  # type: ignore[call-overload]
        assert set(table[name]) <= {line[level] for line in hierarchies[name]}
    table["cost"] = [int(str(value)) for value in table["cost"]]
    quasi = ("age", "area", "sex")
    assert min(plain_classes(table, quasi).values()) >= 5
    assert plain_measures(table, quasi, "condition")["distinct_l"] >= 2
    assert plain_measures(table, quasi, "condition")["entropy_l"] >= 1.8 - 1e-9
    assert plain_measures(table, quasi, "cost")["t"] <= 0.3 + 1e-9


def test_adult_through_the_command_gives_arxs_optimum(tmp_path: Path) -> None:
    run_of = json.loads((ADULT / "arx_optima.json").read_text())["runs"][0]
    names = list(run_of["optimal_levels"])
    hierarchies = [f"--hierarchy={name}={ADULT / f'hierarchy_{name}.csv'}" for name in names]
    given = ("anonymise", str(ADULT / "adult.csv.gz"), "--quasi", ",".join(names), *hierarchies, "--k", "5")
    summary = ask(*given, "--out", str(tmp_path / "out.csv.gz"))
    assert summary["levels"] == run_of["optimal_levels"]
    assert (summary["score"], summary["n_suppressed"]) == (run_of["score"], 0)
    sizes = plain_classes(table_of(tmp_path / "out.csv.gz"), names).values()
    assert (len(sizes), sum(size**2 for size in sizes)) == (run_of["classes_after"], run_of["score"])


@pytest.mark.parametrize("limits", [Limits(5), Limits(4, {"condition": 2}, {}, {"cost": 0.25, "condition": 0.35})])
@pytest.mark.parametrize("utility", ["discernability", "loss", "entropy", "average-class"])
def test_what_local_recoding_writes_is_safe_and_never_dearer(folder: Path, limits: Limits, utility: str) -> None:
    wanted = asked(folder, limits, most_suppressed=Fraction("0.05"), utility=utility, is_local=True)
    summary = anonymise(folder, wanted)
    local = summary["local"]
    assert isinstance(local, Mapping)
    assert float(str(summary["score"])) == pytest.approx(local["lattice_score"] - local["saved"])
    assert local["saved"] >= 0
    table, quasi = table_of(folder / "out.csv"), ("age", "area", "sex")
    assert len(table["id"]) == 400 - int(str(summary["n_suppressed"]))
    sizes = plain_classes(table, quasi).values()
    assert min(sizes) >= limits.k
    for name, t in limits.t.items():
        assert plain_measures(table, quasi, name)["t"] <= t + 1e-9
    for name, l in limits.distinct_l.items():
        assert plain_measures(table, quasi, name)["distinct_l"] >= l
    if utility == "discernability":
        assert summary["score"] == sum(size**2 for size in sizes) + 400 * int(str(summary["n_suppressed"]))


def test_the_file_is_measured_as_safe_by_the_house_too(folder: Path) -> None:
    anonymise(folder, asked(folder, Limits(6, t={"condition": 0.3}), most_suppressed=Fraction("0.1"), is_local=True))
    with a_session(folder) as session:
        session.scan_file("written", folder / "out.csv")
        classes, measured = measure_table(session, "written", ("age", "area", "sex"), ("condition",))
    assert classes.k >= 6
    assert measured["condition"].t <= 0.3 + 1e-9


def test_the_same_file_is_written_whatever_the_form_the_order_and_the_threads(folder: Path) -> None:
    rows = people()
    write(folder / "other.csv.gz", [rows[0], *sorted(rows[1:], key=str, reverse=True)])
    first = ask(*words(folder, "--k", 4, "--local", "--threads", 1))
    second = ask(*words(folder, "--k", 4, "--local", "--threads", 2, file="other.csv.gz", out="other.csv"))
    assert (folder / "out.csv").read_bytes() == (folder / "other.csv").read_bytes()
    timed = ("seconds", "peak_bytes")
    assert {k: v for k, v in first.items() if k not in timed} == {k: v for k, v in second.items() if k not in timed}


def test_every_node_is_written_where_it_is_asked_for(folder: Path) -> None:
    ask(*words(folder, "--k", 4, "--lattice", folder / "nodes.csv"))
    with (folder / "nodes.csv").open() as stream:
        nodes = list(csv.DictReader(stream))
    assert len(nodes) == 24
    assert list(nodes[0]) == ["level_age", "level_area", "level_sex", *FIGURES]


def test_k_counts_persons_where_one_has_several_records(folder: Path) -> None:
    """Ten people in s0 with ten records each would do as records, but not as persons, for k = 20."""
    rows: list[list[object]] = [["who", "area", "age"]]
    rows += [[f"p{number}", "s0", 20] for number in range(10) for _ in range(10)]
    rows += [[f"q{number}", "n0", 20] for number in range(30)]
    write(folder / "events.csv", rows)
    write(folder / "age.csv", [("20",)])
    base = {"hierarchies": {"area": folder / "area.csv"}, "limits": Limits(20), "most_suppressed": Fraction(0)}
    wanted = Anonymising(quasi=("area", "age"), utility="loss", out=folder / "out.csv", **base)  # type: ignore[arg-type]
    assert anonymise(folder, wanted, "events.csv")["levels"] == {"area": 0, "age": 0}
    persons = Anonymising(quasi=("area", "age"), utility="loss", out=folder / "out.csv", person="who", **base)  # type: ignore[arg-type]
    assert anonymise(folder, persons, "events.csv")["levels"] == {"area": 2, "age": 0}
    assert list(table_of(folder / "out.csv")) == ["area", "age"], "the person is left out of what is written"
    write(folder / "events.csv", [*rows, [None, "n0", 20]])
    with pytest.raises(InputError, match="1 records have no who"):
        anonymise(folder, persons, "events.csv")


def test_a_missing_value_is_a_group_of_its_own_below_the_top(folder: Path) -> None:
    rows = people(60)
    for row in rows[1:7]:
        row[2] = None
    write(folder / "people.csv", rows)
    summary = anonymise(folder, asked(folder, Limits(3), most_suppressed=Fraction("0.2")))
    table = table_of(folder / "out.csv")
    if dict(summary["levels"])["area"] < 2:  # type: ignore[call-overload]
        assert min(plain_classes(table, ("age", "area", "sex")).values()) >= 3
    top = anonymise(folder, asked(folder, Limits(60)))
    assert dict(top["levels"])["area"] == 2  # type: ignore[call-overload]
    assert set(table_of(folder / "out.csv")["area"]) == {"*"}


def test_a_share_is_exact(folder: Path) -> None:
    """0.29 of 100 records are 29, not the 28 that binary fractions give."""
    rows: list[list[object]] = [["q"], *[["a"]] * 71, *[[f"b{number}"] for number in range(29)]]
    write(folder / "q.csv", rows)
    found = run("anonymise", str(folder / "q.csv"), "--quasi", "q", "--k", "2", "--out", str(folder / "o.csv"),
                "--max-suppressed", "0.29", "--json")  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["n_suppressed"] == 29


def outside(folder: Path) -> Anonymising:
    write(folder / "area.csv", AREAS[:-2])
    return asked(folder, Limits(2))


def larger_than_the_file(folder: Path) -> Anonymising:
    return asked(folder, Limits(401), most_suppressed=Fraction(1))


def nothing_passes(folder: Path) -> Anonymising:
    return asked(folder, Limits(2, {"condition": 4}))


def no_such_column(folder: Path) -> Anonymising:
    return asked(folder, Limits(2, {"illness": 2}))


def two_roles(folder: Path) -> Anonymising:
    return asked(folder, Limits(2, {"sex": 2}))


def nothing_in_it(folder: Path) -> Anonymising:
    write(folder / "people.csv", people(0))
    return asked(folder, Limits(2))


def breaks_off(folder: Path) -> Anonymising:
    (folder / "people.csv").write_text('id;age;area;sex;condition;cost\np1;20;"n0')
    return asked(folder, Limits(2))


def a_person_missing(folder: Path) -> Anonymising:
    rows = people()
    rows[7][0] = ""
    write(folder / "people.csv", rows, ";")
    return asked(folder, Limits(2), person="id")


def a_level_missing(folder: Path) -> Anonymising:
    write(folder / "area.csv", [*AREAS[:-1], AREAS[-1][:2]])
    return asked(folder, Limits(2))


def a_value_twice(folder: Path) -> Anonymising:
    write(folder / "area.csv", [*AREAS, (AREAS[0][0], "s", "*")])
    return asked(folder, Limits(2))


def a_group_that_is_its_own_parent(folder: Path) -> Anonymising:
    """Region n stands under itself in one line and under * in the others."""
    write(folder / "area.csv", [(*AREAS[0][:2], "n", "*"), *((*line[:2], "*", "*") for line in AREAS[1:])])
    return asked(folder, Limits(2))


@pytest.mark.parametrize(
    ("spoil", "status", "says"),
    [
        (a_person_missing, 3, "1 records have no id"),
        (a_level_missing, 3, "2 in line 8"),
        (a_value_twice, 3, "the same value in line 1 and in line 9"),
        (a_group_that_is_its_own_parent, 3, "splits again: lines 1 and 2"),
        (outside, 3, "2 values of area, in"),
        (larger_than_the_file, 1, "k is 401 and the file holds 400 records"),
        (nothing_passes, 1, "None of 24 generalisations passes with at most 0 of 400"),
        (no_such_column, 3, "no column illness"),
        (two_roles, 3, "named twice"),
        (nothing_in_it, 3, "no records"),
        (breaks_off, 3, "people.csv"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_nothing_behind(
    folder: Path, spoil: object, status: int, says: str
) -> None:
    assert callable(spoil)
    wanted = spoil(folder)
    with pytest.raises(CLDError) as fault:
        anonymise(folder, wanted)
    assert fault.value.exit_status == status
    assert says in fault.value.message
    assert fault.value.remedy
    assert not (folder / "out.csv").exists()
    assert not any(value[0] in str(fault.value) for value in AREAS), "no value is told"


def test_a_refusal_exits_1_with_one_object(folder: Path) -> None:
    found = run(*words(folder, "--k", 401), "--json")
    assert found.returncode == 1
    assert json.loads(found.stdout)["error"] == "disclosure-refused"


@pytest.mark.parametrize(
    "wrong",
    [
        ("--k", "0"),
        ("--k", "2", "--max-suppressed", "1.5"),
        ("--k", "2", "--max-suppressed", "few"),
        ("--k", "2", "--utility", "beauty"),
        ("--k", "2", "--t", "cost"),
        ("--k", "2", "--t", "cost=-1"),
        ("--k", "2", "--distinct-l", "cost=two"),
        ("--k", "2", "--distinct-l", "cost=2", "--distinct-l", "cost=3"),
        ("--k", "2", "--quasi", "age,,sex"),
    ],
)
def test_wrong_usage_exits_2(folder: Path, wrong: tuple[str, ...]) -> None:
    assert run(*words(folder, *wrong)).returncode == 2


def test_a_search_cut_short_writes_a_safe_file_and_says_that_it_is_not_proven(folder: Path) -> None:
    summary = anonymise(folder, asked(folder, Limits(5), utility="discernability", most_work=12_000))
    assert summary["optimal"] is False
    assert min(plain_classes(table_of(folder / "out.csv"), ("age", "area", "sex")).values()) >= 5
    with pytest.raises(DisclosureRefused, match="in the work allowed"):
        anonymise(folder, asked(folder, Limits(5), most_work=10))
