"""The reviewers' story: two people decide drawn pairs without seeing each other's answers, and what they say is sealed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.house.review_desk import ReviewDesk
from audit.ancestry import require_ancestry
from audit.fsck import fsck
from cld.journey import DocumentKind
from tests.lib.reviews import a_desk, a_service, answer_all, sign_in

LINK = {"answer": "link", "reason": "typing"}
NOT = {"answer": "not", "reason": "twin"}


@pytest.fixture(scope="module")
def desk(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewDesk]:
    with a_desk(demo_folder, tmp_path_factory.mktemp("review") / "workspace") as made:
        yield made


def test_two_reviewers_decide_a_queue_and_the_house_learns_how_right_its_links_are(desk: ReviewDesk) -> None:
    house, journal = desk.house, desk.house.space.journal
    linked = house.linked()
    queue = desk.draw(24)
    digest = queue.document.digest
    assert queue.document.parents == (linked.document.digest,)
    assert queue.n_items == 24
    twice = sorted(queue.asked_twice)
    assert twice, "a share is decided by two people"
    with a_service(desk) as client:
        sign_in(client, "reviewer", "reviewer one")
        here = f"/api/reviews/{digest}"
        assert client.get(here).json()["open_to_me"] == list(range(1, 25))
        for item in range(1, 25):  # the first reviewer decides everything as the linkage did, save one pair
            found = client.get(f"{here}/items/{item}").json()
            says_link = found["linked"] != (item == twice[0])
            assert client.post(f"{here}/items/{item}/decisions", json=LINK if says_link else NOT).status_code == 201
        assert client.get(here).json()["open_to_me"] == []
        sign_in(client, "reviewer", "reviewer two")
        assert client.get(here).json()["open_to_me"] == twice
        for item in twice:
            found = client.get(f"{here}/items/{item}").json()
            assert (
                client.post(f"{here}/items/{item}/decisions", json=LINK if found["linked"] else NOT).status_code == 201
            )
        sign_in(client, "reviewer", "reviewer three")  # where the two differ a third may say
        assert client.get(here).json()["open_to_me"] == [twice[0]]
        found = client.get(f"{here}/items/{twice[0]}").json()
        client.post(f"{here}/items/{twice[0]}/decisions", json=LINK if found["linked"] else NOT)
        sign_in(client, "operator")
        settled = client.post(f"{here}/settle")
        assert settled.status_code == 201
        page = client.get(f"/reviews/{digest}").text
    document = journal.load(settled.json()["digest"])
    assert document is not None
    assert document.kind is DocumentKind.SETTLED_REVIEW
    assert len(document.parents) == 1 + 24 + len(twice) + 1
    require_ancestry(document.digest, journal)
    assert fsck(journal)["faults"] == []
    outcome = document.body["outcome"]
    n = len(twice)
    assert outcome["n_labelled"] == 24
    assert float(outcome["kappa"]) < 1
    agreed = (n - 1) / n
    assert float(outcome["kappa"]) <= agreed
    assert outcome["precision"]["estimate"] == "1"
    assert float(outcome["precision"]["low"]) < 1
    assert "Cohen" in page
    assert document.body["decisions_by_reviewer"] == {"reviewer one": 24, "reviewer three": 1, "reviewer two": n}


def test_a_review_changes_no_weight_no_link_and_no_threshold(desk: ReviewDesk) -> None:
    house = desk.house
    before = house.linked().document
    settled = [json.loads(leaf)["document"] for leaf in house.space.journal.leaves() if b'"review settled"' in leaf]
    assert settled, "the story above settled one"
    after = house.link().document
    for same in ("model", "steps", "expected", "answers"):
        told = [one.body[same]["digest"] if same == "answers" else one.body[same] for one in (before, after)]
        if same != "answers":  # kept answers say that they were kept
            assert told[0] == told[1]
    assert after.body["changes"]["by_council"]["503"]["kept"] > 0
    assert sum(n for counts in after.body["changes"]["by_council"].values() for what, n in counts.items()
               if what not in ("kept", "still not linked")) == 0  # fmt: skip
    assert after.body["last_review"]["linked"] == before.digest


def test_the_statement_says_what_people_found(desk: ReviewDesk) -> None:
    """Of the delivery before in what was just linked; of these very links once they are reviewed themselves."""
    assert desk.house.statement()["error"]["clerical_review"]["of"] == "an earlier delivery"
    queue = desk.draw(6)
    answer_all(desk, queue)
    desk.settle(queue.document.digest)
    assert desk.house.statement()["error"]["clerical_review"]["of"] == "these links"
