"""risk on anyone's files: the contract, what files may look like, and what goes wrong."""

from __future__ import annotations

import csv
import gzip
import json
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from api.entry import app
from cld.errors import CLDError
from tests.lib.commands import run_here as run
from tests.lib.rows import ADULT_SAMPLE

CONTRACT = [
    "n_records", "n_persons", "n_classes", "n_uniques", "k", "distinct_l", "entropy_l", "t", "alpha", "basic_beta",
    "enhanced_beta", "delta", "highest_prosecutor_risk", "average_prosecutor_risk", "population_uniqueness",
]  # fmt: skip
PEOPLE = """id,area,age,ill,weight
a,N,30,flu,10
b,N,30,cold,30
c,N,40,flu,
d,S,40,flu,5
"""
NO_WEIGHT_MISSING = PEOPLE.replace("flu,\n", "flu,20\n")


def risk(*words: object) -> Result:
    """Run the command in this process; a refusal is the result's exception."""
    return CliRunner().invoke(app, ["risk", *(str(word) for word in words)])


def ask(*words: object) -> dict[str, object]:
    found = risk(*words, "--json")
    assert found.exit_code == 0, found.exception
    return dict(json.loads(found.stdout))


def refused(found: Result) -> tuple[int, str]:
    """Return the exit status that the command line gives a refusal, and its words."""
    assert isinstance(found.exception, CLDError), found.exception
    return found.exception.exit_status, str(found.exception)


def write(folder: Path, text: str, name: str = "people.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def without_times(summary: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in summary.items() if name not in ("seconds", "peak_bytes")}


def test_the_summary_keeps_its_contract(tmp_path: Path) -> None:
    summary = ask(write(tmp_path, PEOPLE), "--quasi", "area,age", "--sensitive", "ill", "--sampling-fraction", 0.5)
    assert [name for name in summary if name in CONTRACT] == CONTRACT
    assert {name: summary[name] for name in CONTRACT[:5]} == {
        "n_records": 4, "n_persons": 4, "n_classes": 3, "n_uniques": 2, "k": 1,
    }  # fmt: skip
    assert summary["distinct_l"] == {"ill": 1}
    assert summary["average_prosecutor_risk"] == 0.75
    assert list(dict(summary["population_uniqueness"])) == ["zayatz", "pitman", "snb", "dankar"]  # type: ignore[call-overload]
    assert dict(summary["seconds"])["total"] >= 0  # type: ignore[call-overload]
    assert int(str(summary["peak_bytes"])) > 0


def test_every_form_of_a_file_gives_the_same_answer(tmp_path: Path) -> None:
    """Semicolons and packed; commas; Parquet of text; one thread or two."""
    words = ("--quasi", "sex,age,race,education", "--sensitive", "occupation", "--suda", 3, "--sampling-fraction", 0.04)
    with gzip.open(ADULT_SAMPLE, "rt") as stream:
        rows = list(csv.reader(stream, delimiter=";"))
    commas, parquet = tmp_path / "adult.csv", tmp_path / "adult.parquet"
    with commas.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    columns = {name: pa.array([row[place] for row in rows[1:]]) for place, name in enumerate(rows[0])}
    pq.write_table(pa.table(columns), parquet)
    answers = [without_times(ask(path, *words, "--threads", 1)) for path in (ADULT_SAMPLE, commas, parquet)]
    answers.append(without_times(ask(parquet, *words, "--threads", 2)))
    assert answers[1:] == answers[:1] * 3
    assert answers[0]["n_records"] == len(rows) - 1


def test_records_keep_the_files_order(tmp_path: Path) -> None:
    """By hand: c is alone by area and age together, d by its area; b and a share a class. (2 - 2)! = 1, (2 - 1)! = 1."""
    file, records = write(tmp_path, PEOPLE), tmp_path / "records.parquet"
    ask(file, "--quasi", "area,age", "--suda", 2, "--records", records)
    assert pq.read_table(records).to_pydict() == {
        "class_size": [2, 2, 1, 1], "risk": [0.5, 0.5, 1.0, 1.0], "n_msu": [0, 0, 1, 1], "suda_score": [0, 0, 1, 1],
    }  # fmt: skip
    ask(file, "--quasi", "area,age", "--records", tmp_path / "records.csv")
    assert (tmp_path / "records.csv").read_text().splitlines()[:2] == ["class_size,risk,n_msu,suda_score", "2,0.5,,"]


def test_persons_are_counted_and_said_to_be_in_several_classes(tmp_path: Path) -> None:
    file = write(tmp_path, "who,area\nann,N\nann,N\nbob,N\nbob,S\n")
    summary = ask(file, "--quasi", "area", "--person", "who")
    assert (summary["n_records"], summary["n_persons"], summary["k"]) == (4, 2, 1)
    assert summary["average_prosecutor_risk"] == pytest.approx(2 / 3)
    assert "several classes" in str(summary["notes"])


def test_a_population_file_gives_exact_answers(tmp_path: Path) -> None:
    """Sample: N 30, S 40. Population: N 30 twice, S 40 once, S 50 once: two of four alone; the sample's S 40 too."""
    sample = write(tmp_path, "area,age\nN,30\nS,40\n")
    population = tmp_path / "all.parquet"
    pq.write_table(pa.table({"area": ["N", "N", "S", "S"], "age": [30, 30, 40, 50]}), population)
    summary = ask(sample, "--quasi", "area,age", "--population", population, "--records", tmp_path / "r.csv")
    assert (summary["n_population"], summary["n_population_uniques"]) == (4, 2)
    assert (summary["population_uniqueness_exact"], summary["n_sample_uniques_alone_in_population"]) == (0.5, 1)
    assert (summary["highest_journalist_risk"], summary["marketer_risk"]) == (1.0, 0.75)
    assert dict(summary["population_uniqueness"])["zayatz"] is not None  # type: ignore[call-overload]
    assert (tmp_path / "r.csv").read_text().splitlines()[0].endswith("population_class_size")


def test_a_population_without_persons_or_short_of_people_is_told(tmp_path: Path) -> None:
    sample = write(tmp_path, "who,area\nann,N\nann,N\nbob,S\n")
    population = write(tmp_path, "area\nN\nN\nN\n", "all.csv")
    summary = ask(sample, "--quasi", "area", "--person", "who", "--population", population)
    assert (summary["n_population"], summary["highest_journalist_risk"]) == (3, 1.0)
    assert "each of its rows is counted" in str(summary["notes"])
    assert "lacks people of 1 classes" in str(summary["notes"])
    for text, words in (("area\nN\n", "fewer persons"), ("area\n", "no rows")):
        status, said = refused(risk(sample, "--quasi", "area", "--population", write(tmp_path, text, "few.csv")))
        assert (status, words in said) == (3, True)


def test_weights_give_individual_risk(tmp_path: Path) -> None:
    """By hand: the class of a and b has 2 for 40 people, p = 1/20; c stands for 20, d for 5."""
    records = tmp_path / "r.parquet"
    file = write(tmp_path, NO_WEIGHT_MISSING)
    summary = ask(file, "--quasi", "area,age", "--weight", "weight", "--records", records)
    risks = pq.read_table(records)["risk"].to_pylist()
    odds = 1 / 19
    assert risks[0] == risks[1] == pytest.approx(odds - odds**2 * 2.995732273553991)
    assert risks[3] == pytest.approx(0.25 * 1.6094379124341003)
    assert summary["individual_risk"] == pytest.approx(sum(risks) / 4)
    assert summary["highest_individual_risk"] == max(risks)


def test_hierarchies_tell_the_risk_at_each_level(tmp_path: Path) -> None:
    levels = write(tmp_path, "30;30 to 39;*\n40;40 to 49;*\n", "age.csv")
    summary = ask(write(tmp_path, PEOPLE), "--quasi", "area,age", "--hierarchy", f"age={levels}")
    by_level = dict(summary["by_level"])["age"]  # type: ignore[call-overload]
    assert [(one["level"], one["n_uniques"], one["k"]) for one in by_level] == [(0, 2, 1), (1, 2, 1), (2, 1, 1)]
    holes = write(tmp_path, PEOPLE.replace("d,S,40", "d,S,"), "holes.csv")
    at_top = dict(ask(holes, "--quasi", "age", "--hierarchy", f"age={levels}")["by_level"])["age"][2]  # type: ignore[call-overload]
    assert at_top["n_classes"] == 1


class Outside(HTMLParser):
    """Collect what a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [f"{tag} {name}" for name, value in attrs if name in ("src", "href", "xlink:href") and value]
        self.fetched += [tag] * (tag in ("script", "link", "img", "iframe", "object"))


def test_the_report_has_pictures_with_tables_and_fetches_nothing(tmp_path: Path) -> None:
    file, page = write(tmp_path, NO_WEIGHT_MISSING), tmp_path / "report.html"
    levels = write(tmp_path, "30;*\n40;*\n", "age.csv")
    words = ("--sensitive", "ill", "--suda", 2, "--weight", "weight", "--sampling-fraction", 0.2)
    ask(file, "--quasi", "area,age", *words, "--hierarchy", f"age={levels}", "--report", page)
    text = page.read_text()
    for heading in (
        "Class sizes", "Risk by column", "Risk by level", "What a class tells", "Population uniqueness",
        "Special uniques", "What was not checked",
    ):  # fmt: skip
        assert heading in text
    assert text.count("<svg") == 5
    assert text.count("<svg") <= text.count("<table")
    reader = Outside()
    reader.feed(text)
    assert not reader.fetched
    assert "http" not in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--quasi", "area,height"), "no column height"),
        (("--quasi", "area", "--sensitive", "illness"), "no column illness"),
        (("--quasi", "area", "--person", "nhs"), "no column nhs"),
        (("--quasi", "area", "--weight", "weight"), "1 weights in weight are missing"),
        (("--quasi", "area", "--weight", "ill"), "4 weights in ill"),
        (("--quasi", "area", "--hierarchy", "area=nowhere.csv"), "cannot be read"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_its_reason(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    status, message = refused(risk(write(tmp_path, PEOPLE), *words))
    assert (status, said in message) == (3, True), message


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--quasi", "area,area"), "each once"),
        (("--quasi", "area,"), "each once"),
        (("--quasi", "area", "--sensitive", "area"), "none of --sensitive"),
        (("--quasi", "area", "--hierarchy", "age=x.csv"), "once for a column of --quasi"),
        (("--quasi", "area", "--sampling-fraction", "0"), "above 0"),
        (("--quasi", "area", "--sampling-fraction", "0.5", "--population", "x"), "not both"),
        (("--quasi", "area", "--suda", "0"), "--suda"),
        (("--quasi", "area", "--report", "."), "folder"),
        ((), "--quasi"),
    ],
)
def test_wrong_usage_is_2(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    found = risk(write(tmp_path, PEOPLE), *words)
    assert (found.exit_code, said in found.stderr) == (2, True), found.stderr


def test_files_that_hold_nothing_or_nobody_are_refused_or_bounded(tmp_path: Path) -> None:
    empty, header = write(tmp_path, "", "empty.csv"), write(tmp_path, "area,age\n", "header.csv")
    for path, said in ((empty, "header"), (header, "no rows"), (tmp_path / "absent.csv", "no file")):
        status, message = refused(risk(path, "--quasi", "area"))
        assert (status, said in message) == (3, True), message
    void = ask(write(tmp_path, "area,age,ill\n,30,\n,40,\n", "void.csv"), "--quasi", "area", "--sensitive", "ill")
    assert (void["k"], void["distinct_l"], void["t"]) == (2, {"ill": 1}, {"ill": 0.0})
    assert str(void["notes"]).count("has no values") == 2


def test_persons_that_are_missing_are_refused_on_the_command_line_too(tmp_path: Path) -> None:
    nobody = write(tmp_path, "who,area\nann,N\n,N\n", "nobody.csv")
    found = run("risk", str(nobody), "--quasi", "area", "--person", "who", "--json")
    assert (found.returncode, json.loads(found.stdout)["error"]) == (3, "input")
    assert "1 rows of the file have no person" in found.stderr


def test_weights_of_repeated_persons_and_values_without_a_line_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path, "who,area,w\nann,N,2\nann,N,2\n")
    status, message = refused(risk(file, "--quasi", "area", "--person", "who", "--weight", "w"))
    assert (status, "some persons have several" in message) == (3, True)
    for text, said in (
        ("S;*\n", "1 values of area stand in no line"), ("N;*\nS\n", "1 in line 2"), ("", "is empty"),
        ("N;*\nN;x\n", "the same value in line 1"),
    ):  # fmt: skip
        levels = write(tmp_path, text, "levels.csv")
        status, message = refused(risk(file, "--quasi", "area", "--hierarchy", f"area={levels}"))
        assert (status, said in message, "ann" in message) == (3, True, False), message
