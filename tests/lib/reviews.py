"""A demo workspace under review: its desk, its service, and every value of a person that its pairs hold."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi.testclient import TestClient

from api.house.house import House
from api.house.review_desk import ReviewDesk
from api.pages.app import create_app
from api.workspace.wiring import open_demo_workspace
from cld.engine import Query
from cld.journey import ReviewQueue


@contextmanager
def a_desk(demo_folder: Path, folder: Path) -> Iterator[ReviewDesk]:
    """Open a copy of a finished demo for review."""
    shutil.copytree(demo_folder, folder)
    desk = ReviewDesk(House(open_demo_workspace(folder)))
    yield desk
    desk.house.space.journal.close()


@contextmanager
def a_service(desk: ReviewDesk) -> Iterator[TestClient]:
    """Serve the workspace of a desk."""
    with TestClient(create_app(desk.house.space), follow_redirects=False) as made:
        yield made


def sign_in(client: TestClient, role: str, reviewer: str = "") -> str:
    """Sign in and return the token that this person's forms carry."""
    assert client.post("/sign-in", data={"role": role, "reviewer": reviewer}).status_code == 303
    found = [token for path in ("/reviews", "/") if (token := form_token(client.get(path).text))]
    return found[0] if found else ""


def form_token(page: str) -> str:
    """Return the form token of a page, if it has a form."""
    found = re.search(r'name="form_token" value="(\w+)"', page)
    return found[1] if found else ""


def values_of(desk: ReviewDesk, queue: ReviewQueue) -> dict[int, set[str]]:
    """Return, item by item, every value of either person that tells somebody apart."""
    with desk.house.space.engine.session() as session:
        session.attach("items", queue.items)
        names = [name for name in session.columns("items") if name[:2] in ("l_", "r_") and not name.endswith("_sex")]
        rows = session.rows(Query(f"select item, {', '.join(names)} from items order by item", ("items",)))  # noqa: S608
    return {int(item): {str(value) for value in values if value and len(value) > 3} for item, *values in rows}


def answer_all(
    desk: ReviewDesk, queue: ReviewQueue, reviewers: tuple[str, ...] = ("reviewer one", "reviewer two")
) -> None:
    """Have every item decided as the linkage decided it."""
    digest = queue.document.digest
    for reviewer in reviewers:
        for item in desk.standing(digest).open_to(reviewer):
            linked = desk.show(digest, item, reviewer, whole=False).explanation.is_linked
            desk.decide(digest, item, *(("link", "all-agree") if linked else ("not", "little-agrees")), reviewer)
