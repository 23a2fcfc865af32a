"""Successors by commands: an integrated care board receives only by a signed entry, and by an agreement that it signed anew."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest

from api.demo.requests import demo_requests
from api.house.house import House
from api.workspace.wiring import open_demo_workspace
from cld.journey import DocumentKind
from cld.plan import ExtractPlan, Resident
from extracts.life.successions import Successions, successions_in
from tests.lib.life import Life

CCG, BOARD, DAY = "71E", "QJM", "2022-07-01"
PLAN = replace(demo_requests()[1].plan, population=Resident(CCG))
NAME, AGREEMENT = "CG-0940", "DARS-CG-0940"
SIGNED_ENTRY, SIGNED_ANEW = "Annex 3: successors", "Annex 3: successors' agreements"
SHOWN = ("--evidence", "an order that names both", "--source", "the order")


def application(life: Life, reference: str, code: str, plan: ExtractPlan = PLAN) -> str:
    return life.application(
        reference, plan=plan, agreement={"reference": AGREEMENT}, body="CCG", body_code=code, applicant=f"applicant of {code}",
        recipient=f"body {code}",
    )  # fmt: skip


def succeed(life: Life, *, before: str = CCG, after: str = BOARD, on: str = DAY, person: str = "officer one", fails: int = 0) -> dict[str, object]:  # fmt: skip
    return life.do("succeed", before, after, "--on", on, "--as", person, *SHOWN, fails=fails)


def resign(life: Life, file: str, body: str = BOARD, *, person: str = "officer one", fails: int = 0) -> None:
    life.do("agreement", "resign", AGREEMENT, "--body", body, "--file", file, "--as", person, fails=fails)


def test_a_successor_receives_by_a_signed_entry_and_an_agreement_signed_anew_and_not_before(life: Life) -> None:
    life.do("apply", application(life, NAME, CCG))
    life.both("approve", NAME)
    life.do("approve", NAME)
    file = application(life, "CG-0941", BOARD)
    life.do("daily", "--on", "2022-06-30")
    resign(life, file, fails=5)
    succeed(life)
    assert "no other" in life.do("apply", file, fails=1)["refused"], "an agreement of another, before the entry's day"
    life.do("daily", "--on", DAY)
    assert life.do("apply", file)["clauses"] == [SIGNED_ANEW]
    resign(life, file)
    life.both("approve", "CG-0941")
    life.do("approve", "CG-0941")
    life.finish("CG-0941")
    life.do("collect", "CG-0941", "--as", f"applicant of {BOARD}")
    assert "Annex 3" in life.do("build", NAME, fails=1)["refused"], "the body before it receives nothing any more"
    assert {result for what, result in life.replayed()} == {"same"}


def test_an_integrated_care_board_without_an_entry_receives_nothing_and_with_one_signs_its_own_agreement_too(life: Life) -> None:  # fmt: skip
    life.do("daily", "--on", DAY)
    own = life.application("CG-0950", plan=PLAN, body="CCG", body_code=BOARD, applicant=f"applicant of {BOARD}")
    told = life.do("apply", own)["clauses"]
    assert {"Direction 1: integrated care systems", SIGNED_ENTRY, SIGNED_ANEW} <= {*told}
    succeed(life)
    assert life.do("changes", "CG-0950")["changes"] == []
    life.both("approve", "CG-0950")
    assert SIGNED_ANEW in life.do("approve", "CG-0950", fails=1)["refused"]
    life.do("agreement", "resign", "DARS-CG-0950", "--body", BOARD, "--file", own, "--as", "officer one")
    assert life.do("votes", "CG-0950", "--stage", "approve", "--as", "approver one")["votes"][0]["stale"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"person": "approver one"}, 4), ({"before": "nobody"}, 3), ({"on": "2020-12-01"}, 3), ({"after": "10Q", "on": "2022-01-01"}, 3),
        ({"on": "1 July"}, 2), ({"person": "a stranger"}, 3),
    ],
)  # fmt: skip
def test_an_entry_of_somebody_else_of_no_listed_body_or_of_no_day_is_not_recorded(
    life: Life, changes: dict[str, str], status: int
) -> None:
    succeed(life, fails=status, **changes)  # type: ignore[arg-type]
    house = House(open_demo_workspace(life.folder))
    assert successions_in(house.space.journal).entries == ()
    house.space.journal.close()


def test_an_entry_is_a_sealed_document_whose_words_are_not_in_the_log_and_counts_by_its_signer_alone(
    life: Life,
) -> None:
    digest = str(succeed(life)["succession"])
    succeed(life, person="officer two", fails=5)
    space = open_demo_workspace(life.folder)
    document = space.journal.load(digest)
    assert document is not None and document.kind is DocumentKind.SUCCESSION_ENTRY
    assert not any(b"an order that names both" in leaf for leaf in space.journal.leaves())
    (leaf,) = (json.loads(leaf) for leaf in space.journal.leaves() if digest.encode() in leaf)
    assert (leaf["action"], leaf["actor"]) == ("succession recorded", "officer one")
    held, day = successions_in(space.journal, space.people()), date.fromisoformat(DAY)
    assert held.codes_of(BOARD, day) == {BOARD, CCG}
    assert held.codes_of(BOARD, day - timedelta(days=1)) == {BOARD}
    assert Successions(held.entries).codes_of(BOARD, day) == {BOARD}, "without the register of people nothing stands"
    others = {name: key for name, key in space.people().items() if name != "officer one"}
    assert Successions(held.entries, others).codes_of(BOARD, day) == {BOARD}
    space.journal.close()
