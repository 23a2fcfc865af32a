"""Pages of an application's life: what waits for whom, and one application with what policy says of it, then and today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from api.house.desk import LifeDesk
from api.house.inbox import inbox_in
from api.house.today import today_of
from api.pages.identity import SignedIn
from api.pages.review import Pages
from api.store.database import ApplicationRow
from cld.errors import InvalidTransition
from extracts.life.standards import checklist
from extracts.life.states import OWNERS, State

__all__ = ["add_application_pages"]


def _trace_words(decision: Mapping[str, object]) -> list[dict[str, str]]:
    trace: Any = decision["trace"]
    names = ("policy", "clause", "words", "outcome", "interpretation", "who")
    lines = [dict(zip(names, line, strict=True)) for line in trace]
    return sorted(lines, key=lambda line: ("blocks", "grants", "met", "not relevant").index(line["outcome"]))


def _policy_words(desk: LifeDesk, row: ApplicationRow) -> dict[str, Any]:
    """Return what policy says of an application today, and what it said when the application was taken in."""
    today = today_of(desk.house, row)
    traces = {"trace": _trace_words(row.decision), "trace_today": _trace_words(today.decision.as_json())}
    return {"today": today, **traces}


def _life_words(desk: LifeDesk, row: ApplicationRow) -> dict[str, Any]:
    """Return what a page tells of an application's life: who acts next, its form, its checklist, what changed."""
    form: Any = row.application["dars"]
    return {
        "owner": OWNERS[State(row.state)],
        "form": form,
        "standards": checklist(form["standards"]),
        "changes": desk.changes(row.reference),
    }


def _row(desk: LifeDesk, reference: str) -> ApplicationRow:
    try:
        return desk.row(reference)
    except InvalidTransition:
        raise HTTPException(404) from None


def add_application_pages(app: FastAPI, desk: LifeDesk, pages: Pages) -> None:
    """Add the inbox of whoever must act next, and the page of an application."""
    person_of = Depends(pages.person)

    @app.get("/applications/{reference}", response_class=HTMLResponse)
    def application(request: Request, reference: str, person: SignedIn = person_of) -> HTMLResponse:
        row = _row(desk, reference)
        return pages.draw(request, "application", person, row=row, **_policy_words(desk, row), **_life_words(desk, row))

    @app.get("/inbox", response_class=HTMLResponse)
    def inbox(request: Request, person: SignedIn = person_of) -> HTMLResponse:
        return pages.draw(request, "inbox", person, waiting=inbox_in(desk.house, person.name, (person.role.value,)))
