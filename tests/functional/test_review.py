"""Clerical review in the house: who may do what, what is refused, and that nobody sees another's answer first."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from api.entry import app
from api.house.review_desk import ReviewDesk
from audit.journal import Event
from cld.engine import Query
from cld.errors import CLDError, Conflict, InvalidTransition, NotSealed, SamePerson, StaleVersion, WrongRole
from cld.journey import Document, DocumentKind, ReviewQueue
from tests.functional.test_command_line import run
from tests.lib.reviews import a_desk, a_service, answer_all, form_token, sign_in

ONE, TWO, THREE = "reviewer one", "reviewer two", "reviewer three"


@pytest.fixture
def desk(demo_folder: Path, tmp_path: Path) -> Iterator[ReviewDesk]:
    with a_desk(demo_folder, tmp_path / "workspace") as made:
        yield made


@pytest.fixture
def queue(desk: ReviewDesk) -> ReviewQueue:
    return desk.draw(18)


@pytest.fixture
def client(desk: ReviewDesk, queue: ReviewQueue) -> Iterator[TestClient]:
    with a_service(desk) as made:
        yield made


def for_two(queue: ReviewQueue) -> int:
    return min(queue.asked_twice)


def for_one(queue: ReviewQueue) -> int:
    return next(item for item in range(1, queue.n_items + 1) if item not in queue.asked_twice)


def test_nobody_decides_a_pair_twice_and_no_third_where_two_agree(desk: ReviewDesk, queue: ReviewQueue) -> None:
    digest, item = queue.document.digest, for_two(queue)
    desk.decide(digest, item, "link", "moved", ONE)
    with pytest.raises(SamePerson):
        desk.decide(digest, item, "not", "twin", ONE)
    desk.decide(digest, item, "link", "typing", TWO)
    with pytest.raises(InvalidTransition):
        desk.decide(digest, item, "link", "typing", THREE)
    with pytest.raises(InvalidTransition):
        desk.show(digest, item, THREE, whole=False)


def test_a_third_is_asked_where_two_differ_and_decides(desk: ReviewDesk, queue: ReviewQueue) -> None:
    digest, item = queue.document.digest, for_two(queue)
    desk.decide(digest, item, "link", "moved", ONE)
    assert item not in desk.standing(digest).open_to(ONE)
    desk.decide(digest, item, "unsure", "too-little-given", TWO)
    assert item in desk.standing(digest).open_to(THREE)
    for reviewer in (ONE, TWO):
        with pytest.raises(SamePerson):
            desk.decide(digest, item, "link", "moved", reviewer)
    desk.decide(digest, item, "link", "moved", THREE)
    assert item not in desk.standing(digest).open_to(THREE)


def test_a_pair_for_one_is_taken_once(desk: ReviewDesk, queue: ReviewQueue) -> None:
    digest, item = queue.document.digest, for_one(queue)
    desk.decide(digest, item, "link", "moved", ONE)
    with pytest.raises(InvalidTransition):
        desk.decide(digest, item, "link", "moved", TWO)


def test_two_at_the_same_moment_are_held_by_the_database(desk: ReviewDesk, queue: ReviewQueue) -> None:
    """Both read the queue before either wrote: the second finds the turn, or the queue, taken."""
    journal, parents = desk.house.space.journal, (queue.document.digest,)
    body = {"item": 1, "turn": 1, "reviewer": ONE, "answer": "link", "reason": "moved"}
    event = Event("review decided", ONE, "reviewer", {"queue": parents[0], "item": 1, "differs": False})
    journal.seal(Document(DocumentKind.REVIEW_DECISION, parents, body), event)
    n_leaves = len(journal.leaves())
    for other in ({**body, "reviewer": TWO}, {**body, "turn": 2, "answer": "not"}):
        with pytest.raises(StaleVersion) as fault:
            journal.seal(Document(DocumentKind.REVIEW_DECISION, parents, other), event)
        assert fault.value.__cause__ is None
    late = Document(DocumentKind.SETTLED_REVIEW, parents, {"outcome": {}})
    with pytest.raises(StaleVersion):
        journal.seal(late, Event("review settled", "operator", "operator", {"queue": parents[0], "n_decisions": 0}))
    assert len(journal.leaves()) == n_leaves


def test_settling_waits_for_every_decision_and_ends_the_queue(desk: ReviewDesk, queue: ReviewQueue) -> None:
    digest = queue.document.digest
    with pytest.raises(InvalidTransition):
        desk.settle(digest)
    with pytest.raises(InvalidTransition):
        desk.draw(6)
    answer_all(desk, queue)
    desk.settle(digest)
    with pytest.raises(InvalidTransition):
        desk.settle(digest)
    with pytest.raises(InvalidTransition):
        desk.decide(digest, for_two(queue), "link", "moved", THREE)
    again = desk.draw(18)
    assert again.document.body["drawn"]["seed"] != queue.document.body["drawn"]["seed"]


def test_an_altered_decision_stops_the_settling(desk: ReviewDesk, queue: ReviewQueue) -> None:
    digest = queue.document.digest
    answer_all(desk, queue)
    made = desk.standing(digest).decisions[0].digest
    with sqlite3.connect(desk.house.space.folder / "caregate.sqlite") as connection:
        text = "update documents set content = cast(replace(cast(content as text), ?, ?) as blob) where digest = ?"
        connection.execute(text, (f'"reviewer":"{ONE}"', '"reviewer":"nobody"', made))
    connection.close()
    with pytest.raises(NotSealed):
        desk.settle(digest)


def test_a_queue_is_not_drawn_with_another_index(desk: ReviewDesk) -> None:
    path = desk.house.nhs / "person_index.parquet"
    index = pd.read_parquet(path)
    index.iloc[:-1].to_parquet(path, index=False)
    with pytest.raises(Conflict):
        desk.draw(6)


def test_the_same_data_draw_the_same_pairs(demo_folder: Path, tmp_path: Path) -> None:
    drawn = []
    for name in ("a", "b"):
        with a_desk(demo_folder, tmp_path / name) as desk:
            drawn.append(desk.draw(18).items.digest)
    assert drawn[0] == drawn[1]


def test_sensitive_records_are_not_drawn(desk: ReviewDesk) -> None:
    queue = desk.draw(10_000)  # all there are
    body = queue.document.body
    index = pd.read_parquet(desk.house.nhs / "person_index.parquet")
    sensitive = set(index.loc[index["sensitive"], "nhs_number"])
    with desk.house.space.engine.session() as session:
        session.attach("items", queue.items)
        shown = {row[0] for row in session.rows(Query("select r_number from items", ("items",)))}
    assert body["n_sensitive_left_out"] > 0
    assert not shown & sensitive
    assert body["n_weighed_otherwise"] == 0
    assert sum(one["n_pairs"] for one in body["strata"]) == queue.n_items


@pytest.mark.parametrize("role", ["approver", "releaser", "officer", "auditor", "operator"])
def test_only_a_reviewer_is_shown_a_pair_or_decides_one(client: TestClient, queue: ReviewQueue, role: str) -> None:
    digest = queue.document.digest
    token = sign_in(client, role)
    pages = [client.get(f"/reviews/{digest}/items/1"), client.get(f"/api/reviews/{digest}/items/1")]
    pages.append(client.post(f"/api/reviews/{digest}/items/1/decisions", json={"answer": "link", "reason": "moved"}))
    if token:
        form = {"form_token": token, "reason": "moved"}
        pages.append(client.post(f"/reviews/{digest}/items/1/decisions", data=form))
        pages.append(client.post(f"/reviews/{digest}/items/1/whole", data=form))
    assert {page.status_code for page in pages} == {403}
    assert {page.headers["content-type"] for page in pages} == {"application/problem+json"}


def test_only_the_operator_draws_and_settles(client: TestClient, queue: ReviewQueue) -> None:
    for role in ("reviewer", "auditor"):
        token = sign_in(client, role)
        form = {"form_token": token}
        assert client.post("/api/reviews").status_code == 403
        assert client.post(f"/api/reviews/{queue.document.digest}/settle").status_code == 403
        if token:
            assert client.post("/reviews", data=form).status_code == 403
            assert client.post(f"/reviews/{queue.document.digest}/settle", data=form).status_code == 403
    sign_in(client, "approver")
    assert client.get("/reviews").status_code == 403
    assert client.get("/api/reviews").status_code == 403


def test_what_is_not_there_and_what_does_not_fit_is_refused(client: TestClient, queue: ReviewQueue) -> None:
    digest = queue.document.digest
    sign_in(client, "reviewer", ONE)
    token = form_token(client.get(f"/reviews/{digest}/items/1").text)
    for path in (f"/reviews/{digest}/items/0", f"/reviews/{digest}/items/19", "/reviews/none", "/reviews/none/items/1"):
        assert client.get(path).status_code == 404
        assert client.get(f"/api{path}").status_code == 404
    here = f"/api/reviews/{digest}/items/1/decisions"
    assert client.post(here, json={"answer": "perhaps", "reason": "moved"}).status_code == 400
    assert client.post(here, json={"answer": "link", "reason": "twin"}).status_code == 400
    assert client.post(here, json={"answer": "link"}).status_code == 422
    assert (
        client.post(here.replace("/items/1/", "/items/99/"), json={"answer": "link", "reason": "moved"}).status_code
        == 404
    )
    assert client.post(f"/reviews/{digest}/items/1/decisions", data={"form_token": token}).status_code == 400
    assert (
        client.post(f"/reviews/{digest}/items/1/decisions", data={"form_token": "x", "reason": "moved"}).status_code
        == 403
    )
    assert client.post(f"/reviews/{digest}/items/1/whole", data={"form_token": "x"}).status_code == 403
    assert client.post("/sign-in", data={"role": "reviewer", "reviewer": "reviewer nine"}).status_code == 400


def test_a_queue_is_drawn_decided_and_read_by_forms_alone(desk: ReviewDesk) -> None:
    with a_service(desk) as client:
        token = sign_in(client, "operator")
        job = client.post("/reviews", data={"form_token": token}).headers["location"]
        found = re.search(r"/reviews/(\w{64})", client.get(job).text)
        assert found is not None
        assert client.get(f"/api{job}").json()["state"] == "done"
        again = client.post("/reviews", data={"form_token": token}).headers["location"]
        assert "invalid-transition" in client.get(again).text
        sign_in(client, "reviewer", TWO)
        assert found[1] in client.get("/reviews").text
        page = client.get(f"/reviews/{found[1]}/items/1")
        assert "with what agrees masked" in page.text
        form = {"form_token": form_token(page.text), "reason": "typing"}
        onward = client.post(f"/reviews/{found[1]}/items/1/decisions", data=form)
        assert onward.headers["location"] == f"/reviews/{found[1]}/items/2"
        assert "You answered: The same person" in client.get(f"/reviews/{found[1]}/items/1").text
        assert client.get(f"/reviews/{found[1]}").status_code == 200


def test_a_reviewer_sees_nothing_of_anothers_answer(demo_folder: Path, tmp_path: Path) -> None:
    """Whatever the first reviewer answers, every page and answer that the second gets is the same."""
    seen = []
    for answer, reason in (("link", "moved"), ("not", "twin"), ("unsure", "both-possible")):
        with a_desk(demo_folder, tmp_path / answer) as desk:
            queue = desk.draw(18)
            item, digest = for_two(queue), queue.document.digest
            desk.decide(digest, item, answer, reason, ONE)
            with a_service(desk) as client:
                sign_in(client, "reviewer", TWO)
                paths = (f"/reviews/{digest}", f"/reviews/{digest}/items/{item}", "/reviews")
                told = [client.get(path).text for path in paths]
                told += [client.get(f"/api{path}").text for path in paths]
        plain = [re.sub(r'[0-9a-f]{12,64}|nonce="[^"]*"', "", text) for text in told]
        seen.append([text.replace(digest[:12], "") for text in plain])
    assert seen[0] == seen[1] == seen[2]


def test_the_log_says_who_decided_and_not_what(desk: ReviewDesk, queue: ReviewQueue) -> None:
    """Only whether two answers differ, which the third who is asked must know anyhow."""
    digest, item = queue.document.digest, for_two(queue)
    desk.decide(digest, item, "link", "moved", ONE)
    desk.decide(digest, item, "not", "twin", TWO)
    leaves = [json.loads(leaf) for leaf in desk.house.space.journal.leaves() if b'"review decided"' in leaf]
    assert [(leaf["actor"], leaf["role"], leaf["details"]) for leaf in leaves] == [
        (ONE, "reviewer", {"queue": digest, "item": item, "differs": False}),
        (TWO, "reviewer", {"queue": digest, "item": item, "differs": True}),
    ]


def test_a_desk_without_reviewers_shows_and_decides_nothing(desk: ReviewDesk, queue: ReviewQueue) -> None:
    closed = ReviewDesk(replace(desk.house, space=replace(desk.house.space, reviewers=())))
    with pytest.raises(WrongRole):
        closed.show(queue.document.digest, 1, ONE, whole=False)
    with pytest.raises(WrongRole):
        closed.decide(queue.document.digest, 1, "link", "moved", ONE)


def test_review_by_commands_with_their_exit_statuses(demo_folder: Path, tmp_path: Path) -> None:
    with a_desk(demo_folder, tmp_path / "workspace") as desk:
        folder = str(desk.house.space.folder)

    def review(*arguments: str, status: int = 0) -> list[dict[str, object]]:
        found = CliRunner().invoke(app, ["journey", "review", *arguments, "--workspace", folder])
        fault = found.exception
        assert (fault.exit_status if isinstance(fault, CLDError) else found.exit_code) == status, found.output
        return [json.loads(line) for line in found.stdout.splitlines() if not fault]

    drawn = review("draw", "--items", "6")[0]
    digest = str(drawn["digest"])
    assert review("list")[0]["n_to_decide"] == 6 + int(str(drawn["n_asked_twice"]))
    shown = review("show", digest[:10], "1", "--as", ONE)[0]
    assert {"item", "step", "weight_bits", "parts", "sentence"} <= set(shown)
    decide = ("decide", digest[:10], "1", "--answer", "link", "--reason", "moved", "--as")
    assert review(*decide, ONE)[0]["kind"] == "ReviewDecision"
    review(*decide, ONE, status=4)
    review(*decide, "approver one", status=4)
    review("decide", digest, "77", "--answer", "link", "--reason", "moved", "--as", TWO, status=3)
    review("show", "zz", "1", "--as", ONE, status=3)
    found = run("journey", "review", "settle", digest, "--workspace", folder)
    assert found.returncode == 5
    assert "still to be made" in found.stderr
