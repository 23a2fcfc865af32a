"""Two recipients put their extracts together: no shared pseudonym, prefix or order."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd

from audit.verify import open_package

PREFIX = 4


def keys_of(demo: Path, recipient: str, opened: Path) -> list[str]:
    rows = json.loads((demo / "summary.json").read_text())["rows"]
    row = next(row for row in rows if row["recipient"] == recipient)
    assert row["decision"] == "released"
    open_package(demo / row["package"], demo / row["identity"], opened)
    with (opened / "data" / "cld.csv").open(newline="") as stream:
        return [line["person_key"] for line in csv.DictReader(stream)]


KEYS = ("person_key", "nhs_number_key", "la_person_unique_identifier_key", "event_reference_key")


def table_of(demo: Path, recipient: str, opened: Path) -> pd.DataFrame:
    keys_of(demo, recipient, opened)
    return pd.read_csv(opened / "data" / "cld.csv", dtype=str, keep_default_na=False)


def shared_people(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Pair the people of two extracts by the events that both tell alike, as two colluding recipients would."""
    common = [name for name in first.columns if name not in KEYS and not name.endswith("_key")]
    first, second = (table.assign(place=range(len(table))) for table in (first, second))
    joined = first.merge(second, on=common, suffixes=("_l", "_r"))
    pairs = joined.groupby(["person_key_l", "person_key_r"])[["place_l", "place_r"]].min().reset_index()
    once = ~pairs["person_key_l"].duplicated(keep=False) & ~pairs["person_key_r"].duplicated(keep=False)
    return pairs[once]


def attack_wins(first: pd.DataFrame, second: pd.DataFrame) -> list[str]:
    """Say by which signs two extracts can be joined: a shared key, shared prefixes, or a shared order."""
    won = [name for name in KEYS if (set(first[name]) - {""}) & (set(second[name]) - {""})]
    left, right = set(first["person_key"]), set(second["person_key"])
    alike = len({key[:PREFIX] for key in left} & {key[:PREFIX] for key in right})
    by_chance = len(left) * len(right) / 32 ** (PREFIX - 1)  # the first letter is the version's
    if alike > by_chance + 5 * by_chance**0.5 + 3:
        won.append("prefix")
    pairs = shared_people(first, second)
    if len(pairs) > 10 and abs(pairs["place_l"].corr(pairs["place_r"], method="spearman")) > 4 / len(pairs) ** 0.5:
        won.append("order")
    return won


def test_two_ccgs_that_share_people_share_no_pseudonym_prefix_or_order(demo_folder: Path, tmp_path: Path) -> None:
    first = table_of(demo_folder, "NHS Oxfordshire CCG", tmp_path / "a")
    second = table_of(demo_folder, "NHS Buckinghamshire CCG", tmp_path / "b")
    assert len(shared_people(first, second)) > 10, "they share nobody: the attack would say nothing"
    assert attack_wins(first, second) == []


def test_the_same_attack_wins_where_two_recipients_have_one_key(demo_folder: Path, tmp_path: Path) -> None:
    """A weakened house: the second extract's keys are those of the first for everyone they share, and rows are ordered by them."""
    first = table_of(demo_folder, "NHS Oxfordshire CCG", tmp_path / "a")
    second = table_of(demo_folder, "NHS Buckinghamshire CCG", tmp_path / "b")
    same = shared_people(first, second).set_index("person_key_r")["person_key_l"]
    second["person_key"] = second["person_key"].map(lambda key: same.get(key, key))
    weak = second.sort_values("person_key", kind="stable").reset_index(drop=True)
    assert "person_key" in attack_wins(first, weak)
    assert "order" in attack_wins(first, weak)


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
