"""The page of what a body could receive: open to everybody, and the same as the command."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.pages.app import create_app
from api.workspace.wiring import open_demo_workspace


@pytest.fixture
def client(demo_folder: Path) -> Iterator[TestClient]:
    """A browser before sign-in."""
    space = open_demo_workspace(demo_folder)
    with TestClient(create_app(space), follow_redirects=False) as made:
        yield made
    space.journal.close()


def test_anybody_may_ask_and_nothing_comes_from_outside(client: TestClient) -> None:
    answer = client.get("/ask", params={"body": "RESEARCH-UNIT"})
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    assert "1. Anonymised rows, of the whole combined set or of a part of the combined set" in answer.text
    assert "It must be so that the NIHR funds it." in answer.text
    assert "The application to DARS was approved." in answer.text
    assert 'href="/ask"' in client.get("/sign-in").text


def test_what_is_closed_says_by_what(client: TestClient) -> None:
    page = client.get("/ask", params={"body": "ADASS"}).text
    assert "Nothing could be received" in page
    assert "ADASS itself receives nothing directly; a processor acting for it does." in page


def test_an_unknown_body_is_not_found_and_is_not_echoed(client: TestClient) -> None:
    assert client.get("/ask").status_code == 200
    answer = client.get("/ask", params={"body": "<b>SHOP</b>"})
    assert answer.status_code == 404
    assert "There is no such class of body." in answer.text
    assert "SHOP" not in answer.text


def test_many_may_ask_at_once(client: TestClient) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda body: client.get("/ask", params={"body": body}), ["CCG", "DHSC", "OTHER", "LGA"])
        )
    assert [answer.status_code for answer in answers] == [200] * 4
