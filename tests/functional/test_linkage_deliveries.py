"""The house from delivery to delivery: answers are kept, and a new index weighs again only whom it touches."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from api.house.house import House
from api.workspace.wiring import open_demo_workspace
from cld.engine import Query
from cld.journey import LinkedDataset


@pytest.fixture
def house(demo_folder: Path, tmp_path: Path) -> Iterator[House]:
    """A finished demo that may go on."""
    folder = tmp_path / "workspace"
    shutil.copytree(demo_folder, folder)
    made = House(open_demo_workspace(folder))
    yield made
    made.space.journal.close()


def _people(house: House, linked: LinkedDataset) -> dict[tuple[str, str], str]:
    with house.space.engine.session() as session:
        session.attach("cld", linked.data_set("cld"))
        rows = session.rows(Query("select distinct la_code, person_ref, person_id from cld", ("cld",)))
    return {(str(council), str(person)): str(found) for council, person, found in rows}


def test_the_same_deliveries_again_are_answered_without_weighing_anybody(house: House) -> None:
    first = house.linked()
    again = house.link()
    assert first.document.body["n_kept"] == 0
    assert again.document.body["weighed"] == {}
    assert again.document.body["n_kept"] == sum(first.document.body["weighed"].values())
    for same in ("model", "steps", "index", "second_estimate"):
        assert again.document.body[same] == first.document.body[same]
    assert again.document.body["expected"] == first.document.body["expected"]
    assert _people(house, again) == _people(house, first)


def test_a_new_delivery_weighs_only_the_people_that_it_brings(house: House, tmp_path: Path) -> None:
    first = house.linked()
    rows = pd.read_csv(house.space.folder / "received" / "503.csv", dtype=str, keep_default_na=False)
    name = next(column for column in rows.columns if column.lower().replace("_", " ") == "last name")
    persons = sorted(person for council, person in _people(house, first) if council == "503")[:3]
    assert rows["LA Person Unique Identifier"].isin(persons).sum() >= len(persons)
    rows.loc[rows["LA Person Unique Identifier"].isin(persons), name] = "Zzyzxson"
    rows.to_csv(tmp_path / "503.csv", index=False)
    house.accept(tmp_path / "503.csv", "503")
    second = house.link()
    assert second.document.body["weighed"] == {"new record": 3}
    assert second.document.body["n_kept"] == sum(first.document.body["weighed"].values()) - 3
    before, after = _people(house, first), _people(house, second)
    touched = {("503", person) for person in persons}
    assert {key: found for key, found in before.items() if key not in touched} == {
        key: found for key, found in after.items() if key not in touched
    }


def test_a_new_version_of_the_index_weighs_again_whom_it_touches_and_says_why(house: House) -> None:
    first = house.linked()
    before = _people(house, first)
    gone = sorted(found for found in before.values() if found.startswith("9"))[0]
    path = house.nhs / "person_index.parquet"
    index = pd.read_parquet(path)
    index[index["nhs_number"] != gone].to_parquet(path, index=False)
    second = house.link()
    body = second.document.body
    assert body["index"]["mark"] != first.document.body["index"]["mark"]
    assert body["weighed"].get("candidate gone", 0) >= 1
    assert set(body["weighed"]) == {"candidate gone"}
    assert body["n_kept"] > 10 * sum(body["weighed"].values())
    after = _people(house, second)
    assert gone not in after.values()
    lost = {key for key, found in before.items() if found == gone}
    assert {key for key in before if before[key] != after[key]} == lost


def test_everybody_is_weighed_anew_when_asked(house: House) -> None:
    first = house.linked()
    anew = house.link(anew=True)
    assert anew.document.body["n_kept"] == 0
    assert anew.document.body["weighed"] == first.document.body["weighed"]
    assert _people(house, anew) == _people(house, first)


def test_a_delivery_says_what_changed_since_the_one_before(house: House, tmp_path: Path) -> None:
    """Three people become nobody anyone knows, one is no longer sent; the changes are counted by council."""
    first = house.linked()
    assert first.document.body["changes"] == {"compared": False, "reason": "this is the first delivery"}
    rows = pd.read_csv(house.space.folder / "received" / "503.csv", dtype=str, keep_default_na=False)
    linked = sorted(
        person
        for (council, person), found in _people(house, first).items()
        if council == "503" and found.startswith("9")
    )
    lost, gone = linked[:3], linked[3]
    column = "LA Person Unique Identifier"
    for place, person in enumerate(lost):
        theirs = rows[column] == person
        rows.loc[theirs, ["NHS Number", "First Name", "Last Name"]] = ["", f"Zzyzx{place}", f"Qwrt{place}"]
        rows.loc[theirs, "Date of Birth"] = f"1931-07-1{place}"
    rows[rows[column] != gone].to_csv(tmp_path / "503.csv", index=False)
    house.accept(tmp_path / "503.csv", "503")
    changes = house.link().document.body["changes"]
    assert changes["earlier"] == first.document.digest
    assert changes["n_new_submissions"] == 1
    assert not changes["index_changed"]
    council = changes["by_council"]["503"]
    assert council["no longer linked"] == 3
    assert council["no longer sent"] == 1
    n_before = sum(key[0] == "503" for key in _people(house, first))
    assert sum(council.values()) == n_before
    for other, counts in changes["by_council"].items():
        if other != "503":
            assert {name for name, n in counts.items() if n} <= {"kept", "still not linked"}
    told = {one["council"]: one for one in house.statement()["changes"]["by_council"]}
    assert told["503"]["no longer linked"] == "*"
    assert told["901"]["no longer linked"] == "0"


def test_changes_are_not_told_where_the_earlier_rows_can_no_longer_be_opened(house: House) -> None:
    links = house.linked().links
    house.space.keys.destroy(links.key_id, house.space.clock.today())
    changes = house.link().document.body["changes"]
    assert changes == {"compared": False, "reason": "the rows of the earlier delivery can no longer be opened"}
