"""Nothing of a person leaves a review but what a reviewer asked to see, on the page itself, and that is logged."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.house.review_desk import ReviewDesk
from cld.engine import Query
from cld.journey import ReviewQueue
from tests.functional.test_command_line import run
from tests.lib.reviews import a_desk, a_service, answer_all, form_token, sign_in, values_of


@pytest.fixture
def desk(demo_folder: Path, tmp_path: Path) -> Iterator[ReviewDesk]:
    with a_desk(demo_folder, tmp_path / "workspace") as made:
        yield made


def everything_kept(desk: ReviewDesk) -> str:
    """Return the whole log and every document of the review, as text."""
    journal = desk.house.space.journal
    leaves = [leaf.decode() for leaf in journal.leaves()]
    digests = [json.loads(leaf)["document"] for leaf in leaves if '"review ' in leaf]
    documents = [document.canonical().decode() for digest in digests if (document := journal.load(digest)) is not None]
    return "\n".join([*leaves, *documents])


def found_in(text: str, values: dict[int, set[str]]) -> set[str]:
    return {value for held in values.values() for value in held if value in text}


def test_no_log_document_url_error_or_answer_of_a_program_holds_a_value(
    desk: ReviewDesk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    queue = desk.draw(24)
    digest, values = queue.document.digest, values_of(desk, queue)
    assert sum(map(len, values.values())) > 100
    heard, urls = [], []
    with a_service(desk) as client:
        sign_in(client, "reviewer", "reviewer one")
        token = form_token(client.get(f"/reviews/{digest}/items/1").text)
        for item in range(1, 25):
            client.post(f"/reviews/{digest}/items/{item}/whole", data={"form_token": token})
            heard.append(client.get(f"/api/reviews/{digest}/items/{item}"))
            value = max(values[item], key=len)
            here = f"/api/reviews/{digest}/items/{item}/decisions"
            heard.append(client.post(here, json={"answer": "link", "reason": value}))
            heard.append(client.post(here, json={"answer": value, "reason": "moved"}))
            heard.append(client.post(here, json=[value]))
            heard.append(client.post(here, content=value, headers={"content-type": "application/json"}))
            form = {"form_token": token, "reason": value}
            heard.append(client.post(f"/reviews/{digest}/items/{item}/decisions", data=form))
            heard.append(client.post(f"/reviews/{digest}/items/{item}/decisions", data={"form_token": value}))
            heard.append(client.post("/sign-in", data={"role": "reviewer", "reviewer": value}))
        heard.append(client.get(f"/api/reviews/{digest}"))
        urls = [str(answer.url) for answer in heard] + [answer.headers.get("location", "") for answer in heard]
    answer_all(desk, queue)
    desk.settle(digest)
    text = "\n".join([*(answer.text for answer in heard), *urls, caplog.text, everything_kept(desk)])
    assert found_in(text, values) == set()
    assert desk.standing(digest).settled is not None


def test_the_masked_page_shows_no_value_that_both_have_and_the_whole_one_is_logged(desk: ReviewDesk) -> None:
    queue = desk.draw(24)
    digest = queue.document.digest
    with desk.house.space.engine.session() as session:
        session.attach("items", queue.items)
        names = ("given", "family", "birth", "number", "postcode")
        columns = ", ".join(f"l_{name}, r_{name}" for name in names)
        rows = {int(item): row for item, *row in session.rows(Query(f"select item, {columns} from items", ("items",)))}  # noqa: S608
    n_equal = 0
    with a_service(desk) as client:
        sign_in(client, "reviewer", "reviewer two")
        for item, row in rows.items():
            page = client.get(f"/reviews/{digest}/items/{item}").text
            pairs = list(zip(row[::2], row[1::2], strict=True))
            for left, right in pairs:
                assert not (left and len(left) > 3 and left in page), "no whole value stands on a masked page"
                assert not (right and len(right) > 3 and right in page)
                n_equal += left is not None and left == right
        token = form_token(client.get(f"/reviews/{digest}/items/1").text)
        whole = client.post(f"/reviews/{digest}/items/1/whole", data={"form_token": token})
    assert n_equal > 20
    assert all(value in whole.text for value in rows[1] if value)
    assert whole.headers["cache-control"] == "no-store"
    assert "content-disposition" not in whole.headers
    views = [json.loads(leaf) for leaf in desk.house.space.journal.leaves() if b'"review pair viewed"' in leaf]
    assert len(views) == 24 + 2
    assert views[-1]["actor"] == "reviewer two"
    assert views[-1]["details"] == {"queue": digest, "item": 1, "shown": "whole"}


def test_pairs_lie_encrypted_and_nowhere_else(desk: ReviewDesk) -> None:
    queue = desk.draw(24)
    numbers = {value for held in values_of(desk, queue).values() for value in held if value.isdigit()}
    folder, place = desk.house.space.folder, desk.house.space.engine.shelf.place(queue.items)
    assert place.suffix == ".sealed"
    for path in [place, *folder.glob("caregate.sqlite*"), *(folder / "spill").rglob("*")]:
        content = path.read_bytes() if path.is_file() else b""
        assert not [number for number in numbers if number.encode() in content], path.name


def test_commands_print_no_value(desk: ReviewDesk) -> None:
    queue: ReviewQueue = desk.draw(24)
    values, folder = values_of(desk, queue), str(desk.house.space.folder)
    said = run("journey", "review", "show", queue.document.digest, "3", "--as", "reviewer one", "--workspace", folder)
    value = max(values[3], key=len)
    wrong = run(
        "journey", "review", "decide", queue.document.digest, "3", "--answer", "link", "--reason", value, "--as",
        "reviewer one", "--workspace", folder,
    )  # fmt: skip
    assert said.returncode == 0
    assert wrong.returncode == 3
    assert found_in(said.stdout + said.stderr + wrong.stdout + wrong.stderr, values) == set()
