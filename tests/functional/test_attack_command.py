"""caregate attack, round and perturb on anyone's files: contracts, and what goes wrong."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.lib.commands import run_here as run
from tests.lib.published_tables import answer, run_here

TABLE = """a,b,shown
Total,Total,60
Total,x,25
Total,y,35
p,Total,30
p,x,*
p,y,x
q,Total,30
q,x,..
q,y,
"""
WORDS = ("--dimensions", "a,b", "--value", "shown")


def table(folder: Path, text: str = TABLE, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_json_alone_is_printed_and_every_hidden_cell_has_its_interval(tmp_path: Path) -> None:
    found = run("attack", str(table(tmp_path)), *WORDS, "--json")
    assert found.returncode == 0, found.stderr
    told = json.loads(found.stdout)
    assert (told["n_cells"], told["n_hidden"], told["n_exact"]) == (9, 4, 0)
    assert {"total", "reading", "attacking"} <= told["seconds"].keys()
    assert told["peak_bytes"] > 0
    ends = {(one["a"], one["b"]): (one["attack_lower"], one["attack_upper"]) for one in told["intervals"]}
    assert ends == {("p", "x"): (0, 25), ("p", "y"): (5, 30), ("q", "x"): (0, 25), ("q", "y"): (5, 30)}


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_out_has_the_same_rows_in_their_order_with_intervals(tmp_path: Path, ending: str) -> None:
    lines = list(csv.reader(TABLE.splitlines()))
    lines[1:] = lines[:0:-1]
    source = tmp_path / f"table.{ending}"
    if ending == "parquet":
        columns = list(zip(*lines[1:], strict=True))
        pq.write_table(
            pa.table({name: [v or None for v in column] for name, column in zip(lines[0], columns, strict=True)}),
            source,
        )
    elif ending == "csv":
        source.write_text("\n".join(",".join(line) for line in lines) + "\n")
    else:
        source.write_bytes(gzip.compress(("\n".join(",".join(line) for line in lines) + "\n").encode()))
    out = tmp_path / f"out.{ending}"
    answer("attack", source, *WORDS, "--out", out)
    if ending == "parquet":
        rows = [
            {name: "" if v is None else str(v) for name, v in row.items()} for row in pq.read_table(out).to_pylist()
        ]
    else:
        opener = gzip.open if ending == "csv.gz" else open
        with opener(out, "rt") as stream:
            rows = list(csv.DictReader(stream))
    assert [[row["a"], row["b"], row["shown"]] for row in rows] == lines[1:]
    by_cell = {(row["a"], row["b"]): (row["attack_lower"], row["attack_upper"]) for row in rows}
    assert tuple(map(float, by_cell["p", "y"])) == (5, 30)
    assert by_cell["p", "Total"] == ("", "")


def test_our_own_output_is_attacked_and_its_columns_replaced(tmp_path: Path) -> None:
    cells = table(tmp_path, "a,b,n\np,x,3\np,y,40\np,z,9\nq,x,22\nq,y,17\nq,z,30\n")
    protected = tmp_path / "protected.csv"
    answer("protect", cells, "--dimensions", "a,b", "--value", "n", "--rule", "threshold=1-4", "--out", protected)
    again = tmp_path / "again.csv"
    found = answer("attack", protected, "--dimensions", "a,b", "--value", "shown", "--out", again)
    assert found["n_exact"] == 0
    with again.open() as stream, protected.open() as before:
        assert sorted(next(csv.reader(stream))) == sorted(next(csv.reader(before)))
    assert all(one["attack_upper"] >= 5 or one["attack_lower"] >= 5 for one in found["intervals"])


def test_a_cell_that_nothing_bounds_has_no_upper_end(tmp_path: Path) -> None:
    out = tmp_path / "o.csv"
    found = answer(
        "attack", table(tmp_path, "a,shown\np,*\nq,4\n"), "--dimensions", "a", "--value", "shown", "--out", out
    )
    assert found["intervals"] == [{"a": "p", "attack_lower": 0, "attack_upper": None}]
    assert found["n_added_totals"] == 1
    assert "inf" in out.read_text()


def test_linked_tables_are_one_system(tmp_path: Path) -> None:
    """Each table alone leaves p / x open; the column of the second table gives the row's hidden total away."""
    first = table(
        tmp_path, "a,b,shown\nTotal,Total,60\np,Total,x\nq,Total,x\np,x,*\np,y,8\nq,x,20\nq,y,10\n", "one.csv"
    )
    second = table(
        tmp_path, "a,c,shown\nTotal,Total,60\np,Total,x\nq,Total,x\np,u,11\np,v,19\nq,u,5\nq,v,25\n", "two.csv"
    )
    alone = answer("attack", first, *WORDS)
    assert alone["n_exact"] > 0, "20 and 10 already give q away"
    open_first = table(
        tmp_path, "a,b,shown\nTotal,Total,60\np,Total,x\nq,Total,x\np,x,*\np,y,8\nq,x,x\nq,y,x\n", "open.csv"
    )
    assert answer("attack", open_first, *WORDS)["n_exact"] == 0
    both = answer(
        "attack", open_first, second, "--dimensions", "a,b,c", "--value", "shown", "--out", tmp_path / "o.csv"
    )
    ends = {(one["a"], one["b"]): (one["attack_lower"], one["attack_upper"]) for one in both["intervals"]}
    assert ends["p", "Total"] == (30, 30)
    assert ends["p", "x"] == (22, 22)
    with (tmp_path / "o.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == 14


def test_whole_numbers_are_asked_for_by_name(tmp_path: Path) -> None:
    """Four cells of at most 3.9 can be 15 in all over the reals; whole numbers stop at 12."""
    half = table(
        tmp_path, "a,b,shown\nTotal,Total,15\nTotal,x,*\nTotal,y,*\np,Total,*\nq,Total,*\np,x,*\np,y,*\nq,x,*\nq,y,*\n"
    )
    known = half.read_text().replace("shown", "shown,known_lower,known_upper").splitlines()
    lines = [
        known[0],
        *(line + (",0,3.5" if line.endswith("*") and "Total" not in line else ",,") for line in known[1:]),
    ]
    path = table(tmp_path, "\n".join(lines) + "\n", "half.csv")
    assert run_here("attack", path, *WORDS, "--json")[0] == 1, "four cells of at most 3.5 are 14"
    path.write_text(path.read_text().replace("3.5", "3.9"))
    assert answer("attack", path, *WORDS)["n_hidden"] == 8
    status, words = run_here("attack", path, *WORDS, "--integer")
    assert status == 1
    assert "whole numbers" in words


@pytest.mark.parametrize(
    ("text", "more", "status", "words"),
    [
        (TABLE.replace("q,Total,30", "q,Total,31"), (), 1, "No table fits what is shown; see the total Total / Total along a"),
        (TABLE.replace("p,Total,30", "p,Total,-3"), (), 3, "negative"),
        (TABLE.replace("p,Total,30", "p,Total,many"), (), 3, "no numbers"),
        (TABLE.replace("q,y,\n", "q,y,\nq,y,4\n"), (), 3, "given before"),
        (TABLE.replace("q,y,", ",y,"), (), 3, "no code"),
        (TABLE, ("--rounding", 7), 3, "rounding to 7"),
        (TABLE, ("--profile", "no-such"), 3, "No disclosure profile"),
        (TABLE, ("--value", "seen"), 3, "no column seen"),
        (TABLE, ("--dimensions", "a,c"), 3, "no column c"),
        (TABLE, ("--dimensions", "a,a"), 3, "twice"),
        ("a,b,shown\n", (), 3, "rows"),
        (TABLE.replace("60", "60.5").replace("35", "35.5").replace("q,Total,30", "q,Total,30.5"), ("--integer",), 3, "not whole"),
        (TABLE, ("--hierarchy", "c=x.csv"), 3, "no dimension"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_or_cannot_be_is_said_plainly(
    tmp_path: Path, text: str, more: tuple[object, ...], status: int, words: str
) -> None:
    out = tmp_path / "out.csv"
    found, told = run_here("attack", table(tmp_path, text), *WORDS, *more, "--out", out)
    assert found == status, told
    assert words in told
    assert not out.exists()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("p,Total\nq,Total\nq,p", "two parents to q"),
        ("p,q\nq,p", "circle"),
        ("p,Total\nq,Other", "one root"),
        ("p,Total\n,Total", "without a child"),
        ("p,Total", "lacks 1 codes of the table: q"),
        ("Total,\np,Total\nq,Total\nr,r", "circle from r"),
    ],
)
def test_hierarchies_that_are_no_tree_are_refused(tmp_path: Path, lines: str, words: str) -> None:
    (tmp_path / "h.csv").write_text(f"child,parent\n{lines}\n")
    status, told = run_here("attack", table(tmp_path), *WORDS, "--hierarchy", f"a={tmp_path / 'h.csv'}")
    assert status == 3
    assert words in told


def test_wrong_usage_and_missing_files(tmp_path: Path) -> None:
    path = table(tmp_path)
    assert run_here("attack", path, *WORDS, "--hierarchy", "nothing")[0] == 2
    assert run_here("attack", path, *WORDS, "--rounding", 5, "--profile", "caregate")[0] == 2
    assert run_here("attack", tmp_path / "none.csv", *WORDS)[0] == 3
    (tmp_path / "h.csv").write_text("code,above\np,Total\n")
    assert run_here("attack", path, *WORDS, "--hierarchy", f"a={tmp_path / 'h.csv'}")[0] == 3


def test_a_table_too_large_to_build_is_refused_before_it_is_built(tmp_path: Path) -> None:
    """Five million rows are the most; twelve dimensions of many codes make more combinations than can be numbered."""
    path = tmp_path / "large.parquet"
    block = pa.table({"a": pa.array(["p"] * 1_000_000).dictionary_encode(), "shown": [1] * 1_000_000})
    with pq.ParquetWriter(path, block.schema) as out:
        for _ in range(101):
            out.write_table(block)
    status, told = run_here("attack", path, "--dimensions", "a", "--value", "shown")
    assert status == 3
    assert "101,000,000 rows" in told
    names = [f"d{place}" for place in range(12)]
    wide = [",".join([*names, "shown"]), *(",".join([*(f"v{row}" for _ in names), "1"]) for row in range(60))]
    status, told = run_here(
        "attack", table(tmp_path, "\n".join(wide) + "\n"), "--dimensions", ",".join(names), "--value", "shown"
    )
    assert status == 3
    assert "combinations" in told


CELLS = "a,b,n\np,x,3\np,y,40\nq,x,22\nq,y,17\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b,n\nTotal,Total,90\np,x,3\np,y,40\nq,x,22\nq,y,17\n", "Total / Total along b (parts -8)"),
        (CELLS.replace("3", "-3"), "negative"),
        (CELLS.replace("40", "40.5"), "not whole"),
        (CELLS.replace("40", ""), "missing"),
        (CELLS + "q,y,17\n", "given before"),
        (CELLS.replace("a,b,n", "a,b,n,status").replace("3\n", "3,perhaps\n").replace("40\n", "40,\n").replace("22\n", "22,\n").replace("17\n", "17,\n"), "no status"),
    ],
)  # fmt: skip
def test_true_cells_that_make_no_table_are_refused(tmp_path: Path, text: str, words: str) -> None:
    out = tmp_path / "o.csv"
    status, told = run_here(
        "round", table(tmp_path, text), "--dimensions", "a,b", "--value", "n", "--base", 5, "--out", out
    )
    assert status == 3
    assert words in told
    assert not out.exists()


def test_a_rounded_table_is_written_and_its_attack_leaves_every_count_open(tmp_path: Path) -> None:
    out = tmp_path / "rounded.csv"
    found = answer("round", table(tmp_path, CELLS), "--dimensions", "a,b", "--value", "n", "--base", 5, "--out", out)
    assert found["zero_restricted"] is True
    assert found["is_nearest"] is True
    words = ("--dimensions", "a,b", "--value", "rounded", "--rounding", 5, "--adjacent", "--rounded", "--integer")
    ends = answer("attack", out, *words)["intervals"]
    assert len(ends) == 4
    with out.open() as stream:
        truth = {(row["a"], row["b"]): int(row["n"]) for row in csv.DictReader(stream)}
    for one in ends:
        assert one["attack_lower"] <= truth[one["a"], one["b"]] <= one["attack_upper"]


def persons(folder: Path, n: int = 400) -> Path:
    lines = [f"p{i},{'abc'[i % 3]},{'xy'[i % 7 % 2]},{(i * 37 + 11) % 256}" for i in range(n)]
    return table(folder, "id,a,b,key\n" + "\n".join(lines) + "\n", "persons.csv")


def test_the_same_persons_get_the_same_noise_in_every_table(tmp_path: Path) -> None:
    both, one = tmp_path / "both.csv", tmp_path / "one.csv"
    words = ("perturb", persons(tmp_path), "--record-key", "key")
    found = answer(*words, "--dimensions", "a,b", "--out", both)
    answer(*words, "--dimensions", "a", "--out", one)
    with both.open() as stream:
        rows = {(row["a"], row["b"]): row["shown"] for row in csv.DictReader(stream)}
    with one.open() as stream:
        margin = {row["a"]: row["shown"] for row in csv.DictReader(stream)}
    assert (found["n_persons"], found["n_cells"]) == (400, 12)
    assert margin == {a: shown for (a, b), shown in rows.items() if b == "Total"}
    assert found["largest_noise"] <= 5


def test_a_noise_table_of_the_published_form_is_read(tmp_path: Path) -> None:
    """Under 10 to nothing, others to the nearest 5, as in the sample table of the ONS; then what is under 10 is left empty."""
    lines = [f"{n},{k},{-n if n < 10 else (n + 2) // 5 * 5 - n}" for n in range(1, 751) for k in range(256)]
    noise = table(tmp_path, "pcv,ckey,pvalue\n" + "\n".join(lines) + "\n", "noise.csv")
    out = tmp_path / "o.csv"
    words = ("perturb", persons(tmp_path, 25), "--dimensions", "a", "--record-key", "key", "--out", out)
    answer(*words, "--noise", noise, "--least-shown", 10)
    assert out.read_text() == "a,shown\nTotal,25\na,\nb,\nc,\n"
    answer(*words[:1], persons(tmp_path, 36), *words[2:], "--noise", noise, "--least-shown", 10)
    assert out.read_text() == "a,shown\nTotal,35\na,10\nb,10\nc,10\n"
    noise.write_text("\n".join(noise.read_text().splitlines()[:-1]) + "\n")
    assert "lacks or repeats" in run_here(*words, "--noise", noise)[1]
    noise.write_text("pcv,ckey,pvalue\n1,0,-2\n")
    assert "negative" in run_here(*words, "--noise", noise)[1]


def test_record_keys_that_are_missing_or_out_of_range_are_refused(tmp_path: Path) -> None:
    path = persons(tmp_path)
    path.write_text(path.read_text() + "p,a,x,\nq,a,x,256\nr,a,x,k\n")
    status, told = run_here("perturb", path, "--dimensions", "a", "--record-key", "key", "--out", tmp_path / "o.csv")
    assert status == 3
    assert "3 rows have no record key" in told
    assert run_here("perturb", path, "--dimensions", "a", "--record-key", "no", "--out", tmp_path / "o.csv")[0] == 3
