"""A package opens in the tools that people have, without damage, and validates by those that others wrote."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from audit.verify import open_package
from cld.datasets import Pseudonymised
from cld.engine import Query, scratch_engine
from cld.journey import CheckedExtract, Document, DocumentKind
from extracts.tables import MOST_EXCEL_ROWS, Keyed, write_tables

RECIPIENTS = ("NHS Oxfordshire CCG", "DHSC", "Derbyshire council, benchmarking")
CONTEXT = Path(__file__).parents[1] / "data" / "ro-crate" / "context-1.3.jsonld.gz"


@pytest.fixture(scope="module")
def packages(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three opened packages: rows under pseudonyms, anonymised rows, counts."""
    rows = {row["recipient"]: row for row in json.loads((demo_folder / "summary.json").read_text())["rows"]}
    found = {}
    for place, recipient in enumerate(RECIPIENTS):
        found[recipient] = tmp_path_factory.mktemp("package") / str(place)
        open_package(
            demo_folder / rows[recipient]["package"], demo_folder / rows[recipient]["identity"], found[recipient]
        )
    return found


def tables_of(package: Path) -> Iterator[tuple[dict[str, Any], Path, Path]]:
    described = json.loads((package / "datapackage.json").read_text())
    for resource in described["resources"]:
        if resource["format"] == "csv":
            yield resource, package / resource["path"], package / "data" / f"{resource['caregate']['table']}.parquet"


def as_text(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a frame as text, missing cells empty, so that frames of any reader compare."""
    return rows.apply(lambda column: column.map(lambda cell: "" if cell is None or cell != cell else str(cell))).astype(
        str
    )  # noqa: PLR0124


def unguarded(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.apply(lambda column: column.str.replace("^'", "", regex=True))


@pytest.mark.parametrize("recipient", RECIPIENTS)
def test_csv_and_parquet_hold_the_same_values_in_pandas_polars_and_duckdb(
    recipient: str, packages: dict[str, Path]
) -> None:
    import polars

    for resource, path, parquet in tables_of(packages[recipient]):
        truth = duckdb.sql(f"select columns(*)::varchar from '{parquet}'").df().fillna("")  # noqa: S608 - a path of the test
        assert len(truth) == resource["n_rows"] > 0
        from_pandas = unguarded(pd.read_csv(path, dtype=str, keep_default_na=False))
        pd.testing.assert_frame_equal(as_text(from_pandas), as_text(truth), check_dtype=False)
        from_polars = polars.read_csv(path, infer_schema=False).to_dict(as_series=False)
        assert from_polars == {
            name: [cell or None for cell in from_pandas[name]] for name in from_pandas.columns
        } or unguarded(pd.DataFrame(from_polars).fillna("").astype(str)).equals(as_text(from_pandas))
        assert polars.read_parquet(parquet).height == len(truth)
        read = duckdb.sql(f"select count(*) from read_csv('{path}', all_varchar = true)").fetchall()  # noqa: S608
        assert read == [(len(truth),)]
        assert pd.read_parquet(parquet).shape == truth.shape


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("recipient", RECIPIENTS)
def test_frictionless_finds_the_whole_package_valid(recipient: str, packages: dict[str, Path]) -> None:
    from frictionless import validate

    report = validate(str(packages[recipient] / "datapackage.json"))
    assert report.valid, [
        (task.name, [error.message for error in task.errors][:2]) for task in report.tasks if not task.valid
    ]
    assert report.stats["tasks"] == len(list((packages[recipient] / "data").iterdir()))


@pytest.mark.filterwarnings("ignore")
def test_the_ro_crate_validator_finds_nothing_that_must_be_otherwise(
    packages: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Profile RO-Crate 1.3, all that is required; the one document that the validator would fetch is answered from a copy."""
    models = pytest.importorskip("rocrate_validator.models")
    from rocrate_validator import services
    from rocrate_validator.utils.http import HttpRequester

    text = gzip.decompress(CONTEXT.read_bytes())
    answer = SimpleNamespace(
        status_code=200, content=text, text=text.decode(), headers={"Content-Type": "application/ld+json"}, ok=True,
        from_cache=True, json=lambda: json.loads(text), raise_for_status=lambda: None,
    )  # fmt: skip
    asked: list[str] = []
    monkeypatch.setattr(HttpRequester, "get", lambda _, url, **__: asked.append(url) or answer, raising=False)
    settings = services.ValidationSettings(
        rocrate_uri=str(packages["NHS Oxfordshire CCG"]), profile_identifier="ro-crate-1.3",
        requirement_severity=models.Severity.REQUIRED,
    )  # fmt: skip
    result = services.validate(settings)
    assert [(issue.check.identifier, issue.message) for issue in result.get_issues()] == []
    assert result.passed()
    assert set(asked) == {"https://w3id.org/ro/crate/1.3/context"}


@pytest.mark.parametrize("recipient", RECIPIENTS)
def test_the_package_is_a_valid_bag(recipient: str, packages: dict[str, Path]) -> None:
    import bagit

    bag = bagit.Bag(str(packages[recipient]))
    assert bag.validate()
    assert set(bag.algorithms) == {"sha512"}


def test_sha512sum_alone_checks_every_file_of_the_payload(packages: dict[str, Path]) -> None:
    command = ["sha512sum", "--check", "--strict", "--quiet", "manifest-sha512.txt", "tagmanifest-sha512.txt"]
    assert subprocess.run(command, cwd=packages["DHSC"], check=False, capture_output=True).returncode == 0


def test_coded_columns_hold_values_of_their_lists_alone(packages: dict[str, Path]) -> None:
    n_lists = 0
    for resource, path, _ in tables_of(packages["NHS Oxfordshire CCG"]):
        rows = unguarded(pd.read_csv(path, dtype=str, keep_default_na=False))
        for field in resource["schema"]["fields"]:
            if "categories" in field:
                n_lists += 1
                assert set(rows[field["name"]]) - {""} <= set(field["categories"]), field["name"]
    assert n_lists > 5


def test_the_starters_in_python_and_sql_run(packages: dict[str, Path]) -> None:
    folder = packages["NHS Oxfordshire CCG"]
    ran = subprocess.run(
        [sys.executable, "starters/starter.py"], cwd=folder, capture_output=True, text=True, check=True
    )
    n_rows = {resource["caregate"]["table"]: resource["n_rows"] for resource, _, _ in tables_of(folder)}
    assert ran.stdout.splitlines() == [f"{name} {count} rows" for name, count in sorted(n_rows.items())]
    namespace: dict[str, Any] = {}
    exec((folder / "starters" / "starter.py").read_text().replace("data/", f"{folder}/data/"), namespace)  # noqa: S102
    assert len(namespace["read_guarded"](folder / "data" / "apc.csv")) == n_rows["apc"]
    with duckdb.connect() as connection:
        connection.execute(f"set file_search_path = '{folder}'")
        connection.execute((folder / "starters" / "starter.sql").read_text()).fetchall()
        assert connection.sql("select count(*) from cld").fetchall() == [(n_rows["cld"],)]


def test_r_opens_the_package(packages: dict[str, Path]) -> None:
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed")
    folder = packages["NHS Oxfordshire CCG"]
    ran = subprocess.run(["Rscript", "starters/starter.R"], cwd=folder, capture_output=True, text=True, check=True)
    assert f"cld {next(r['n_rows'] for r, p, _ in tables_of(folder) if p.stem == 'cld')} rows" in ran.stdout


DANGEROUS = (
    "=1+1", "+44 1234", "-5", "@SUM(A1)", "|calc", "%x", "\tx", "0012", "9434765919123", "12345678901234567890", "12E45",
    "1e5", "2-3", "10/12", "2021-03", "MAR1", "1 Jan", "Sept-2020", "12:30", "'quoted", "\uff1d1", "007.50",
)  # fmt: skip
HARMLESS = (
    "A1S2D3",
    "503",
    "18 to 24",
    "White: English",
    "A12E45678901234567890123456",
    "*",
    "85 and over",
    "F03",
    "N/A",
    "12345678901",
)


def made_of(tmp_path: Path, rows: pa.Table) -> list[dict[str, Any]]:
    """Write one table of rows as a package would."""
    engine = scratch_engine(tmp_path / "engine")
    with engine.session() as session:
        session.take("given", rows)
        order = ", ".join(f'"{name}"' for name in rows.column_names)
        dataset = session.store(Query(f"select * from given order by {order}", ("given",)), Pseudonymised)  # noqa: S608
    body = {"tables": {"rows": {"dataset": dataset.as_json(), "n_persons": 1}}}
    plan: Any = SimpleNamespace(tables=(), form="pseudonymised")
    return write_tables(
        tmp_path / "out",
        CheckedExtract(Document(DocumentKind.CHECKED_EXTRACT, (), body)),
        plan,
        engine,
        keyed=Keyed(None),
    )


def test_no_text_of_a_csv_file_is_run_or_damaged_by_a_spreadsheet(tmp_path: Path) -> None:
    texts = [*DANGEROUS, *HARMLESS]
    made_of(tmp_path, pa.table({"place": list(range(len(texts))), "text": texts}))
    with (tmp_path / "out/data/rows.csv").open(newline="") as stream:
        shown = [row["text"] for row in csv.DictReader(stream)]
    assert [one for one in shown if one.startswith("'")] == [f"'{one}" for one in DANGEROUS]
    assert [one.removeprefix("'") if one.startswith("'") else one for one in shown] == texts
    assert pd.read_parquet(tmp_path / "out/data/rows.parquet")["text"].tolist() == texts


def test_numbers_and_dates_are_left_alone(tmp_path: Path) -> None:
    made_of(tmp_path, pa.table({"number": [-5, 1_234_567_890_123], "share": [-0.5, 1e20]}))
    assert (tmp_path / "out/data/rows.csv").read_text() == "number,share\n-5,-0.5\n1234567890123,1e+20\n"


def test_a_table_longer_than_a_worksheet_is_cut_into_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_EXCEL_ROWS + 1 == 2**20, "with its header a part fills a worksheet"
    monkeypatch.setattr("extracts.tables.MOST_EXCEL_ROWS", 4)
    resources = made_of(tmp_path, pa.table({"n": list(range(10))}))
    assert [(one["path"], one["n_rows"]) for one in resources] == [
        ("data/rows-1.csv", 4), ("data/rows-2.csv", 4), ("data/rows-3.csv", 2), ("data/rows.parquet", 10),
    ]  # fmt: skip
    parts = [(tmp_path / "out" / one["path"]).read_text().splitlines() for one in resources[:3]]
    assert all(part[0] == "n" for part in parts)
    assert [int(cell) for part in parts for cell in part[1:]] == list(range(10))


def test_libreoffice_opens_a_csv_file_without_damage(tmp_path: Path) -> None:
    """What a spreadsheet would run or change comes out of LibreOffice as it went in, its apostrophe and all; read as UTF-8."""
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if office is None:
        pytest.skip("LibreOffice is not installed")
    texts = [*DANGEROUS, *HARMLESS]
    made_of(tmp_path, pa.table({"place": list(range(len(texts))), "text": texts}))
    command = [office, "--headless", f"-env:UserInstallation=file://{tmp_path}/profile", "--infilter=CSV:44,34,76,1", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76,1",
               "--outdir", str(tmp_path / "seen"), str(tmp_path / "out/data/rows.csv")]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=150)
    with (tmp_path / "seen" / "rows.csv").open(newline="", encoding="utf-8") as stream:
        shown = [row["text"] for row in csv.DictReader(stream)]
    with (tmp_path / "out/data/rows.csv").open(newline="", encoding="utf-8") as stream:
        written = [row["text"] for row in csv.DictReader(stream)]
    assert shown == written
