"""The house remembers: a candidate is weighed against what its recipient holds at the moment it leaves."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyrage
import pytest

from api.demo.requests import DemoRequest, demo_requests
from api.house.house import House, Stage
from api.store.memory import SqlMemory
from api.workspace.wiring import open_demo_workspace
from cld.errors import DisclosureRefused, NotPermitted, NotSealed, StaleVersion
from cld.journey import DocumentKind
from tests.lib.migrating import back_to

A_YEAR_LATER = (18, 25, 45, 66, 75, 85, 95)


@pytest.fixture
def house(demo_folder: Path, tmp_path: Path) -> Iterator[House]:
    """A finished demo, to go on from: Derbyshire holds a table of persons by council and age."""
    folder = tmp_path / "workspace"
    shutil.copytree(demo_folder, folder)
    made = House(open_demo_workspace(folder))
    yield made
    made.space.journal.close()


def table_request(
    reference: str, age_limits: tuple[int, ...] = (), withheld: tuple[tuple[str, str], ...] = ()
) -> DemoRequest:
    """Derbyshire's table again, in other bands."""
    asked = next(one for one in demo_requests() if one.application.reference == "CG-0007")
    counts = replace(asked.plan.counts[0], age_limits=age_limits, withheld=withheld)
    key = str(pyrage.x25519.Identity.generate().to_public())
    application = replace(asked.application, reference=reference, recipient_key=key)
    return DemoRequest(application, replace(asked.plan, counts=(counts,)))


def build(house: House, request: DemoRequest) -> str:
    reference = request.application.reference
    house.receive(request.application, request.plan)
    for name in ("approver one", "approver two"):
        house.sign(reference, Stage.APPROVE, name, house.space.staff[name])
    house.approve(reference)
    house.build(reference)
    return reference


def release(house: House, reference: str) -> None:
    for name in ("releaser one", "releaser two"):
        house.sign(reference, Stage.RELEASE, name, house.space.staff[name])
    house.release(reference)


def in_database(house: House, text: str) -> None:
    house.space.journal.close()
    with sqlite3.connect(house.space.folder / "caregate.sqlite") as connection:
        connection.execute(text)
    connection.close()


def test_a_shifted_band_is_refused_with_the_release_and_the_cells_and_passes_without_them(house: House) -> None:
    reference = build(house, table_request("CG-0101", A_YEAR_LATER))
    with pytest.raises(DisclosureRefused, match="setting this against CG-0007") as refusal:
        house.check(reference)
    assert refusal.value.measures == ("differencing against CG-0007",)
    cells = refusal.value.remedy.partition(": ")[2].rstrip(".").split("; ")
    withheld = tuple((area, age) for area, _, age in (cell.partition(" / ") for cell in cells))
    again = build(house, table_request("CG-0102", A_YEAR_LATER, withheld))
    body = house.check(again).document.body
    assert body["judged_against"] == {"907": 1}
    assert body["measures"]["persons_by_council_age"]["n_withheld"] == len(cells)


def test_what_is_left_out_of_memory_would_have_passed(house: House) -> None:
    """The same candidate in a house whose memory was emptied with its log: nothing but memory refused it."""
    reference = build(house, table_request("CG-0101", A_YEAR_LATER))
    in_database(house, "delete from memory")
    in_database(house, 'update leaves set content = replace(content, \'"action":"release"\', \'"action":"nothing"\')')
    shutil.rmtree(house.space.folder / "log")
    assert house.check(reference).document.body["judged_against"] == {"907": 0}


def test_two_candidates_at_the_same_instant_the_second_is_weighed_after_the_first_is_remembered(house: House) -> None:
    first, second = build(house, table_request("CG-0101")), build(house, table_request("CG-0102"))
    house.check(first)
    house.check(second)
    release(house, first)
    with pytest.raises(StaleVersion, match="907 was given something since"):
        release(house, second)
    assert len(SqlMemory(house.space.database, house.space.journal).held_by("907")) == 2
    with pytest.raises(NotPermitted):
        house.sign(second, Stage.RELEASE, "releaser one", house.space.staff["releaser one"])
    assert house.check(second).document.body["judged_against"] == {"907": 2}
    release(house, second)
    names = [held.name for held in SqlMemory(house.space.database, house.space.journal).held_by("907")]
    assert names == ["CG-0007", "CG-0101", "CG-0102"]


def test_a_release_that_was_forgotten_stops_every_check_until_it_is_restored(house: House) -> None:
    reference = build(house, table_request("CG-0101"))
    in_database(house, "delete from memory where body_code = '10Q'")
    with pytest.raises(NotSealed, match="The log has 7 releases and memory 6"):
        house.check(reference)


def test_a_release_whose_facts_were_altered_is_not_assumed_harmless(house: House) -> None:
    reference = build(house, table_request("CG-0101"))
    held = house._document("CG-0007", DocumentKind.CHECKED_EXTRACT).digest
    in_database(house, f"update documents set content = replace(content, 'opt_out', 'opt_in') where digest = '{held}'")  # noqa: S608
    with pytest.raises(NotSealed, match="CG-0007 told its recipient is missing or altered"):
        house.check(reference)


def test_memory_of_an_older_workspace_is_read_from_its_log(house: House) -> None:
    memory = SqlMemory(house.space.database, house.space.journal)
    before = {code: memory.held_by(code) for code in ("907", "DHSC", "10Q", "503")}
    back_to(house.space.database, "0003")
    house.space.journal.close()
    again = House(open_demo_workspace(house.space.folder))
    memory = SqlMemory(again.space.database, again.space.journal)
    assert {code: memory.held_by(code) for code in before} == before
    assert all(before.values())
    again.space.journal.close()
