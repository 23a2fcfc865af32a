"""Pages for whoever must act next: the inbox of a role, and what policy says of an application today."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.house.house import House
from api.house.inbox import Waiting
from api.pages.app import create_app
from api.workspace.wiring import open_demo_workspace
from extracts.life.rows import RowFacts
from extracts.life.states import OWNERS, State
from tests.lib.life import ASKED, Life

NAME = "CG-0900"


@contextmanager
def browser(life: Life) -> Iterator[tuple[TestClient, House]]:
    """Open the service over a workspace, and the house behind it."""
    space = open_demo_workspace(life.folder)
    with TestClient(create_app(space), follow_redirects=False) as client:
        yield client, House(space)
    space.journal.close()


def inbox(client: TestClient, role: str) -> list[list[str]]:
    """Sign in and read the rows of the inbox, as words."""
    assert client.post("/sign-in", data={"role": role}).status_code == 303
    assert 'href="/inbox"' in client.get("/").text, "reached from the navigation of every page"
    page = client.get("/inbox")
    assert page.status_code == 200
    assert ASKED.application.recipient not in page.text, "reference, state and what to do, and nothing else"
    assert ("Nothing waits for you" in page.text) is ("<td" not in page.text)
    cells = [" ".join(re.sub("<[^>]*>", " ", cell).split()) for cell in re.findall(r"(?s)<td.*?</td>", page.text)]
    return [cells[place : place + 3] for place in range(0, len(cells), 3)]


def test_the_inbox_asks_for_sign_in_and_shows_each_role_its_own_alone(life: Life) -> None:
    life.do("apply", life.application(NAME))
    with browser(life) as (client, house):
        assert client.get("/inbox").headers["location"] == "/sign-in"
        roles = ("approver", "operator", "releaser", "officer", "auditor", "reviewer")
        found = {role: inbox(client, role) for role in roles}
        assert [row[:2] for row in found.pop("approver")] == [[NAME, "in review"]]
        assert set(map(len, found.values())) == {0}
        for person in ("approver one", "approver two"):
            house.sign(NAME, "approve", person, house.space.staff[person])
        house.approve(NAME)
        ((reference, state, acts),) = inbox(client, "operator")
        assert (reference, state, acts) == (NAME, "approved", "build")
        assert inbox(client, "approver") == []


def test_whoever_owns_a_state_is_told_what_to_do_in_it() -> None:
    by_others = {State.EXPIRED, State.DESTRUCTION_DUE, State.REVOKED}
    for state, owner in OWNERS.items():
        assert bool(Waiting("r", "b", state, owner).acts) is (bool(owner) and state not in by_others), state


def test_an_application_s_page_says_what_policy_says_today_beside_what_it_said_then(life: Life) -> None:
    life.do("apply", life.application(NAME))
    with browser(life) as (client, house):
        client.post("/sign-in", data={"role": "approver"})
        page = client.get(f"/applications/{NAME}").text
        assert "On 2022-03-01: allowed" in page
        assert "Asked of the plan, before rows were checked" in page
        house.space.clock.go_on_to(date(2023, 1, 2))
        page = client.get(f"/applications/{NAME}").text
        assert "On 2023-01-02: refused, by Direction 6, closing words: data sharing agreement" in page
        today, then = page.split("What policy said when it was taken in")
        assert ("nhsuk-tag--red" in today, "nhsuk-tag--red" in then) == (True, False)
        assert "What would change it" in today


def test_a_released_extract_s_page_asks_policy_of_its_rows(demo_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with browser(Life(demo_folder)) as (client, _):
        client.post("/sign-in", data={"role": "approver"})
        page = client.get("/applications/CG-0001").text
        assert "allowed, by" in page
        assert "what build and check found on the rows" in page
        monkeypatch.setattr("extracts.lineage.found_in", lambda *_: RowFacts())
        page = client.get("/applications/CG-0001").text
        assert "refused, by Direction 6(b) bullet 3: own population, tested" in page
