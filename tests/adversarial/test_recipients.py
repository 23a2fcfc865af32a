"""Two recipients put their extracts together: no shared pseudonym, prefix or order."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from audit.verify import open_package

PREFIX = 4


def keys_of(demo: Path, recipient: str, opened: Path) -> list[str]:
    rows = json.loads((demo / "summary.json").read_text())["rows"]
    row = next(row for row in rows if row["recipient"] == recipient)
    assert row["decision"] == "released"
    open_package(demo / row["package"], demo / row["identity"], opened)
    with (opened / "data" / "cld.csv").open(newline="") as stream:
        return [line["person_key"] for line in csv.DictReader(stream)]


def test_two_ccgs_that_share_people_share_no_pseudonym_prefix_or_order(demo_folder: Path, tmp_path: Path) -> None:
    first = set(keys_of(demo_folder, "NHS Oxfordshire CCG", tmp_path / "a"))
    second = set(keys_of(demo_folder, "NHS Buckinghamshire CCG", tmp_path / "b"))
    assert len(first) > 50
    assert len(second) > 50
    assert not first & second
    shared = {key[:PREFIX] for key in first} & {key[:PREFIX] for key in second}
    expected = len(first) * len(second) / 32 ** (PREFIX - 1)  # the first letter is the version's
    assert len(shared) <= expected + 5 * expected**0.5 + 3


def test_rows_leave_in_the_order_of_their_keys(demo_folder: Path, tmp_path: Path) -> None:
    keys = keys_of(demo_folder, "Lincolnshire council", tmp_path / "c")
    assert keys == sorted(keys)


def test_no_identifier_as_sent_stands_in_any_package(demo_folder: Path, tmp_path: Path) -> None:
    with (demo_folder / "truth" / "clients.csv").open(newline="") as stream:
        clients = list(csv.DictReader(stream))
    secret = {row["true_nhs_number"] for row in clients if row["true_nhs_number"]} | {
        row["la_person_unique_identifier"] for row in clients
    }
    for place, row in enumerate(json.loads((demo_folder / "summary.json").read_text())["rows"]):
        if row["decision"] != "released":
            continue
        opened = tmp_path / str(place)
        open_package(demo_folder / row["package"], demo_folder / row["identity"], opened)
        for path in opened.rglob("*.csv"):
            with path.open(newline="") as stream:
                assert not secret & {cell for line in csv.reader(stream) for cell in line}, path.name
        for path in opened.rglob("*.json"):
            text = path.read_text()
            assert not any(value in text for value in list(secret)[:500])
