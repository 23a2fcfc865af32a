"""Commands on anyone's files."""

from __future__ import annotations

import csv
import gzip
import json
from decimal import Decimal
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cld.engine import scratch_engine
from cld.errors import UnreadableFile
from keys.canonical import plain_texts
from tests.lib.commands import run_here as run
from tests.lib.second_pseudonym import second_pseudonym

SECRET = "5f" * 32
DOMAIN = ("--recipient", "R", "--agreement", "A")


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A file of numbers good and bad, and a key."""
    (tmp_path / "key").write_text(SECRET)
    path = tmp_path / "given.csv"
    path.write_text('nhs,id,"a, b"\n943 476 5919, ab1 ,x\n9434765918,AB1,y\n9999999999,,z\n,é,=1\n9434765919,ab1,\n')
    return path


def pseudonymise(path: Path, out: Path, *more: str) -> list[dict[str, str]]:
    key = str(path.parent / "key")
    found = run(
        "pseudonymise",
        str(path),
        "--column",
        "nhs:nhs",
        "--column",
        "id:client",
        "--key-file",
        key,
        *DOMAIN,
        "--out",
        str(out),
        "--json",
        *more,
    )
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["n_rows"] == 5
    opener = gzip.open if out.suffix == ".gz" else open
    with opener(out, "rt", newline="") as stream:
        return list(csv.DictReader(stream))


def second(identifier: str, kind: str) -> str:
    return second_pseudonym(bytes.fromhex(SECRET), b"", ("R", "A", "cld", kind, 1), identifier)


def test_a_column_is_keyed_in_place_with_reasons_and_a_second_implementation_agrees(
    given: Path, tmp_path: Path
) -> None:
    rows = pseudonymise(given, tmp_path / "out.csv")
    assert [row["nhs_reason"] for row in rows] == ["", "invalid", "placeholder", "blank", ""]
    assert [row["id_reason"] for row in rows] == ["", "", "blank", "", ""]
    assert [row["a, b"] for row in rows] == ["x", "y", "z", "=1", ""]
    assert rows[0]["nhs"] == rows[4]["nhs"]
    assert rows[0]["id"] == rows[1]["id"] == rows[4]["id"]
    assert rows[0]["nhs"] == second("943 476 5919", "nhs")
    assert rows[3]["id"] == second("é", "client")


def test_gzip_and_threads_change_nothing_and_production_refuses_the_synthetic_range(
    given: Path, tmp_path: Path
) -> None:
    assert pseudonymise(given, tmp_path / "out.csv.gz", "--threads", "1") == pseudonymise(given, tmp_path / "out.csv")
    assert {row["nhs_reason"] for row in pseudonymise(given, tmp_path / "p.csv", "--production")} == {
        "invalid",
        "placeholder",
        "blank",
    }


def test_a_checked_column_says_what_is_bad_and_what_is_another_domains(given: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    rows = pseudonymise(given, out)
    base = ("pseudonym", "check", str(out), "--column", "id", "--json")
    fine = run(*base, *DOMAIN, "--kind", "client")
    assert json.loads(fine.stdout) == {"n_rows": 5, "n_null": 1, "n_bad": 0, "n_other_domain": 0}
    assert fine.returncode == 0
    assert json.loads(run(*base).stdout)["n_other_domain"] is None
    column = tmp_path / "many.csv"
    column.write_text("id\n" + "\n".join(second(str(n), "client")[:25] + "00" for n in range(1000)) + "\n")
    bad = run("pseudonym", "check", str(column), "--column", "id", "--json")
    assert bad.returncode == 1
    assert json.loads(bad.stdout)["n_bad"] > 900
    assert len(rows) == 5


def keyed(path: Path, out: Path, *more: str) -> dict[str, object]:
    """Key the column id of a file beside a key file, and return the summary."""
    (path.parent / "key").write_text(SECRET)
    key = str(path.parent / "key")
    found = run("pseudonymise", str(path), "--key-file", key, *DOMAIN, "--out", str(out), "--json", *more)
    return {"status": found.returncode, "errors": found.stderr} | (json.loads(found.stdout) if found.stdout else {})


def test_parquet_keeps_the_other_columns_as_they_are_and_rows_in_order(tmp_path: Path) -> None:
    path, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    n = 200_000
    ids = pa.array([None if i % 1000 == 0 else i % 777 for i in range(n)], pa.int64())
    held = pa.table({"n": pa.array(range(n), pa.int32()), "id": ids, "l": pa.array([[i] for i in range(n)])})
    pq.write_table(held, path)
    summary = keyed(path, out, "--column", "id:client", "--memory", "500MB")
    made = pq.read_table(out)
    assert summary["n_rows"] == n
    assert summary["reasons"] == {"id": {"blank": 200}}
    assert made.column_names == ["n", "id", "id_reason", "l"]
    assert made["n"].equals(held["n"])
    assert made["l"].to_pylist()[:5] == [[0], [1], [2], [3], [4]]
    assert made["id"][1].as_py() == second("1", "client")
    assert made["id"].null_count == 200


def test_whole_numbers_of_64_bits_come_with_their_expected_collisions(tmp_path: Path) -> None:
    path, out = tmp_path / "in.csv", tmp_path / "out.parquet"
    path.write_text("id\na\nb\na\n")
    summary = keyed(path, out, "--column", "id:client", "--form", "bigint")
    assert summary["expected_collisions"] == pytest.approx(9 / 2**65, rel=0.01)
    made = pq.read_table(out)["id"]
    assert pa.types.is_int64(made.type)
    assert made[0] == made[2] != made[1]


def test_values_that_cannot_be_keyed_have_one_time_values_where_asked(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text('id\nx\n""\n""\n')
    seen = set()
    for name in ("a.csv", "b.csv"):
        keyed(path, tmp_path / name, "--column", "id:client", "--one-time")
        with (tmp_path / name).open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert [row["id_reason"] for row in rows] == ["", "blank", "blank"]
        seen |= {row["id"] for row in rows}
    assert len(seen) == 5  # one keyed, four that are never seen again


@pytest.mark.parametrize(
    ("text", "column", "status"),
    [
        ("id,id_reason\n1,x\n", "id:client", 3),
        ("id,ID_Reason\n1,x\n", "id:client", 3),
        ("id\n1\n", "id", 2),
        ("id\n1\n", "id:", 2),
        ("other\n1\n", "id:client", 3),
    ],
)
def test_what_cannot_be_keyed_is_told_and_nothing_is_written(
    tmp_path: Path, text: str, column: str, status: int
) -> None:
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    path.write_text(text)
    assert keyed(path, out, "--column", column)["status"] == status
    assert not out.exists()


def test_half_a_domain_is_a_wrong_use(given: Path) -> None:
    assert run("pseudonym", "check", str(given), "--column", "id", "--recipient", "R").returncode == 2


@pytest.mark.parametrize("key", ["", "5f" * 31, "zz" * 32])
def test_a_bad_key_file_is_a_key_error_that_shows_nothing(given: Path, tmp_path: Path, key: str) -> None:
    (given.parent / "key").write_text(key)
    out = tmp_path / "out.csv"
    found = run(
        "pseudonymise",
        str(given),
        "--column",
        "nhs:nhs",
        "--key-file",
        str(given.parent / "key"),
        *DOMAIN,
        "--out",
        str(out),
    )
    assert found.returncode == 6
    assert not out.exists()
    assert not key or key not in found.stderr


def test_an_unknown_column_is_unreadable_input(given: Path, tmp_path: Path) -> None:
    key = str(given.parent / "key")
    found = run(
        "pseudonymise", str(given), "--column", "no:nhs", "--key-file", key, *DOMAIN, "--out", str(tmp_path / "o.csv")
    )
    assert found.returncode == 3


def test_check_gives_findings_for_people_and_programs(demo_folder: Path, tmp_path: Path) -> None:
    found = run(
        "check", str(demo_folder / "received" / "902.csv"), "--council", "902", "--out", str(tmp_path / "r"), "--json"
    )
    summary = json.loads(found.stdout)
    assert found.returncode == 1
    assert summary["release"] == "R1"
    assert summary["n_findings"] == sum(summary["by_rule"].values()) == sum(summary["by_severity"].values())
    assert {path.name for path in (tmp_path / "r").iterdir()} == {
        "findings.csv",
        "findings.xlsx",
        "findings.html",
        "findings.json",
    }
    assert openpyxl.load_workbook(tmp_path / "r" / "findings.xlsx").sheetnames == [
        "Summary",
        "Error Summary",
        "Error Data",
    ]
    assert "http" not in (tmp_path / "r" / "findings.html").read_text()
    assert run("check", str(demo_folder / "received" / "902.csv"), "--council", "503").returncode == 1
    assert run("check", str(tmp_path / "none.csv")).returncode == 3


def test_a_councils_own_headers_are_mapped_once(tmp_path: Path) -> None:
    path, header_map = tmp_path / "own.csv", tmp_path / "map.toml"
    path.write_text("Council,Client,Kind,From,Born\n503,P1,Request,2021-01-01,1950-01-01\n")
    header_map.write_text(
        'la_code = "Council"\nla_person_unique_identifier = "Client"\nevent_type = "Kind"\nevent_start_date = "From"\ndate_of_birth = "Born"\n'
    )
    assert run("check", str(path)).returncode == 3
    assert json.loads(run("check", str(path), "--header-map", str(header_map), "--json").stdout)["n_rows"] == 1


NUMBER = 9_434_765_919
WHOLE_NUMBERS = {
    "int64": pa.array([NUMBER, None], pa.int64()),
    "uint64": pa.array([NUMBER, None], pa.uint64()),
    "decimal": pa.array([Decimal(NUMBER), None], pa.decimal128(10, 0)),
    "decimal of two places": pa.array([Decimal(f"{NUMBER}.00"), None], pa.decimal128(18, 2)),
    "fraction": pa.array([float(NUMBER), float("nan")], pa.float64()),
    "bytes of text": pa.array([str(NUMBER).encode(), None], pa.binary()),
    "dictionary": pa.array([str(NUMBER), None]).dictionary_encode(),
}


@pytest.mark.parametrize("held", WHOLE_NUMBERS.values(), ids=WHOLE_NUMBERS)
@pytest.mark.parametrize("kind", ["nhs", "client"])
def test_a_number_has_the_pseudonym_of_its_text_whatever_type_holds_it(
    tmp_path: Path, held: pa.Array, kind: str
) -> None:
    path, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"id": held}), path)
    assert keyed(path, out, "--column", f"id:{kind}")["reasons"] == {"id": {"blank": 1}}
    assert pq.read_table(out)["id"].to_pylist() == [second(str(NUMBER), kind), None]


def test_fractions_keep_what_makes_them_differ() -> None:
    large = pa.array([1e15, 12345678901234567.0, 12.5, float("inf"), float("nan"), 1e300])
    assert plain_texts(large).to_pylist() == ["1000000000000000", "12345678901234568", "12.5", "inf", None, "1e+300"]
    places = [Decimal(text) for text in ("12.500", "100.000", "0.010", "-3.000")]
    assert plain_texts(pa.array(places, pa.decimal128(9, 3))).to_pylist() == ["12.5", "100", "0.01", "-3"]


UNPLAIN = {
    "bytes": pa.array([b"\xffSECRET-VALUE", None], pa.binary()),
    "lists": pa.array([["SECRET-VALUE"], None]),
    "lists of one length": pa.array([["SECRET-VALUE"], None], pa.list_(pa.string(), 1)),
}


@pytest.mark.parametrize("held", UNPLAIN.values(), ids=UNPLAIN)
def test_what_is_no_plain_value_is_refused_without_being_shown(tmp_path: Path, held: pa.Array) -> None:
    path, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"id": held}), path)
    found = keyed(path, out, "--column", "id:client")
    checked = run("pseudonym", "check", str(path), "--column", "id", "--json")
    assert (found["status"], checked.returncode, list(tmp_path.glob("*out*"))) == (3, 3, [])
    assert "SECRET-VALUE" not in str(found["errors"]) + checked.stdout + checked.stderr


def test_a_file_that_breaks_off_half_way_is_unreadable_and_leaves_nothing(tmp_path: Path) -> None:
    path, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    ids = [str(NUMBER + place) for place in range(50_000)]
    pq.write_table(pa.table({"id": ids}), path, use_dictionary=False)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 500] = bytes(500)
    path.write_bytes(content)
    found = keyed(path, out, "--column", "id:client")
    assert found["status"] == 3
    assert "in.parquet" in str(found["errors"])
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize("place", ["header", "first rows", "far down"])
@pytest.mark.parametrize(("encoding", "named"), [("latin-1", "Latin-1"), ("utf-16", "UTF-16"), ("utf-16-le", "UTF-16")])
def test_a_file_in_another_encoding_is_refused_by_naming_the_one_expected(
    tmp_path: Path, encoding: str, named: str, place: str
) -> None:
    path = tmp_path / "in.csv"
    rows = [f"{number},plain" for number in range(200_000 if place == "far down" else 3)]
    rows[-1] = "é,x" if place != "header" else rows[-1]
    path.write_bytes("\n".join(["id,naïve" if place == "header" else "id,name", *rows, ""]).encode(encoding))
    with scratch_engine(tmp_path / "engine").session() as session:
        with pytest.raises(UnreadableFile, match=f"in.csv is not in UTF-8, which is expected; .*{named}"):
            session.scan_file("rows", path)
        with pytest.raises(UnreadableFile, match="not in UTF-8"):
            session.read_file("same", path)


def test_a_command_on_a_file_in_another_encoding_ends_as_on_any_that_cannot_be_read(tmp_path: Path) -> None:
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    path.write_bytes("id,name\n1,é\n".encode("latin-1"))
    found = keyed(path, out, "--column", "id:client")
    assert (found["status"], "not in UTF-8" in str(found["errors"]), out.exists()) == (3, True, False)


def test_parquet_columns_that_differ_in_capitals_alone_are_refused(tmp_path: Path) -> None:
    path, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"id": ["1"], "ID": ["2"]}), path)
    found = keyed(path, out, "--column", "id:client")
    assert found["status"] == 3
    assert "one name, but for capitals" in str(found["errors"])
    assert not out.exists()


@pytest.mark.parametrize("domain", [(), (*DOMAIN, "--kind", "client")])
def test_a_column_of_nulls_alone_holds_nothing_bad(tmp_path: Path, domain: tuple[str, ...]) -> None:
    path = tmp_path / "in.csv"
    for text, n_rows in (("id,x\n,1\n,2\n", 2), ("id,x\n", 0)):
        path.write_text(text)
        found = run("pseudonym", "check", str(path), "--column", "id", "--json", *domain)
        other = 0 if domain else None
        assert json.loads(found.stdout) == {"n_rows": n_rows, "n_null": n_rows, "n_bad": 0, "n_other_domain": other}
        assert found.returncode == 0
