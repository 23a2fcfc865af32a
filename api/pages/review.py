"""The quality of linkage and its clerical review, on screen and over the interface: pairs side by side, one decision at a time, no script needed.

A pair is shown masked; its values are shown on request, and both are logged with who looked. The interface gives levels
of agreement and weights, never a value, so that nothing of a person can be fetched by a program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Protocol

from fastapi import BackgroundTasks, Depends, FastAPI, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from api.house.jobs import JobKinds, enqueue, run_queued
from api.house.review_desk import ReviewDesk
from api.pages.identity import SignedIn, require_role
from api.store.database import JobRow, reading
from cld.errors import InputError
from cld.vocabulary import StaffRole
from linkage.tell.pictures import waterfall
from linkage.tell.standing import Standing, review_reasons
from linkage.tell.statement_page import statement_parts

__all__ = ["Decision", "Pages", "add_review_interface", "add_review_pages"]

MAY_LOOK = (StaffRole.REVIEWER, StaffRole.OPERATOR, StaffRole.AUDITOR)
FormToken = Annotated[str, Form()]


class Pages(Protocol):
    """What draws a page, and says who asks for it."""

    def draw(
        self, request: Request, name: str, person: SignedIn | None, status: int = 200, **values: object
    ) -> HTMLResponse:
        """Draw a page."""
        ...

    @property
    def person(self) -> Callable[..., SignedIn]:
        """What says who is signed in, or sends them to sign in."""
        ...


class Decision(BaseModel):
    """An answer as a program gives it."""

    answer: str
    reason: str


def _standing(desk: ReviewDesk, queue: str, item: int | None = None) -> Standing:
    """Return a queue, or say that there is none, or no such item in it."""
    try:
        found = desk.standing(queue)
    except InputError:
        raise HTTPException(404) from None
    if item is not None and not 1 <= item <= found.queue.n_items:
        raise HTTPException(404)
    return found


def _summary(standing: Standing, person: SignedIn) -> dict[str, Any]:
    """Say where a queue stands without a single answer; a reviewer is told what is still theirs to decide."""
    body = standing.queue.document.body
    mine = standing.open_to(person.name) if person.role is StaffRole.REVIEWER else ()
    return {
        "queue": standing.queue.document.digest,
        "linked": standing.queue.document.parents[0],
        "state": "open" if standing.settled is None else "settled",
        "n_items": standing.queue.n_items,
        "n_asked_twice": len(standing.queue.asked_twice),
        "n_to_decide": standing.n_to_decide if standing.settled is None else 0,
        "n_sensitive_left_out": body["n_sensitive_left_out"],
        "strata": body["strata"],
        "open_to_me": list(mine),
        "settled": None if standing.settled is None else dict(standing.settled.document.body),
    }


def _enqueue_draw(desk: ReviewDesk, tasks: BackgroundTasks, person: SignedIn, kinds: JobKinds) -> str:
    require_role(person, StaffRole.OPERATOR)
    space = desk.house.space
    job_id = enqueue(space.database, space.journal, "review", person.name, person.role.value)
    tasks.add_task(run_queued, space.database, space.journal, kinds)
    return job_id


def add_review_pages(app: FastAPI, desk: ReviewDesk, pages: Pages, kinds: JobKinds) -> None:
    """Add the pages."""
    person_of = Depends(pages.person)
    _add_lists(app, desk, pages, kinds)

    @app.get("/reviews/{queue}/items/{item}", response_class=HTMLResponse)
    def pair(request: Request, queue: str, item: int, person: SignedIn = person_of) -> HTMLResponse:
        return _draw_pair(request, desk, pages, person, queue, item, whole=False)

    @app.post("/reviews/{queue}/items/{item}/whole", response_class=HTMLResponse)
    def whole_pair(
        request: Request, queue: str, item: int, form_token: FormToken, person: SignedIn = person_of
    ) -> HTMLResponse:
        person.check_form(form_token)
        return _draw_pair(request, desk, pages, person, queue, item, whole=True)

    @app.post("/reviews/{queue}/items/{item}/decisions")
    def decide(
        queue: str, item: int, form_token: FormToken, reason: Annotated[str, Form()] = "", person: SignedIn = person_of
    ) -> RedirectResponse:
        require_role(person, StaffRole.REVIEWER)
        person.check_form(form_token)
        _standing(desk, queue, item)
        fits = review_reasons().get(reason, ("", ("",)))[1]
        desk.decide(queue, item, fits[0], reason, person.name)
        waiting = desk.standing(queue).open_to(person.name)
        return RedirectResponse(f"/reviews/{queue}/items/{waiting[0]}" if waiting else f"/reviews/{queue}", 303)


def _add_lists(app: FastAPI, desk: ReviewDesk, pages: Pages, kinds: JobKinds) -> None:
    person_of = Depends(pages.person)

    @app.get("/linkage", response_class=HTMLResponse)
    def linkage(request: Request, person: SignedIn = person_of) -> HTMLResponse:
        return pages.draw(request, "linkage", person, parts=statement_parts(desk.house.statement()))

    @app.get("/reviews", response_class=HTMLResponse)
    def reviews(request: Request, person: SignedIn = person_of) -> HTMLResponse:
        require_role(person, *MAY_LOOK)
        rows = [_summary(desk.standing(queue.document.digest), person) for queue in desk.queues()]
        return pages.draw(request, "reviews", person, rows=rows)

    @app.post("/reviews")
    def draw(tasks: BackgroundTasks, form_token: FormToken, person: SignedIn = person_of) -> RedirectResponse:
        person.check_form(form_token)
        return RedirectResponse(f"/jobs/{_enqueue_draw(desk, tasks, person, kinds)}", 303)

    @app.get("/reviews/{queue}", response_class=HTMLResponse)
    def review(request: Request, queue: str, person: SignedIn = person_of) -> HTMLResponse:
        require_role(person, *MAY_LOOK)
        return pages.draw(request, "review", person, row=_summary(_standing(desk, queue), person))

    @app.post("/reviews/{queue}/settle")
    def settle(queue: str, form_token: FormToken, person: SignedIn = person_of) -> RedirectResponse:
        require_role(person, StaffRole.OPERATOR)
        person.check_form(form_token)
        _standing(desk, queue)
        desk.settle(queue, person.name)
        return RedirectResponse(f"/reviews/{queue}", 303)


def _draw_pair(
    request: Request, desk: ReviewDesk, pages: Pages, person: SignedIn, queue: str, item: int, *, whole: bool
) -> HTMLResponse:
    require_role(person, StaffRole.REVIEWER)
    standing = _standing(desk, queue, item)
    shown = desk.show(queue, item, person.name, whole=whole)
    reasons: dict[str, list[tuple[str, str]]] = {}
    for code, (title, answers) in review_reasons().items():
        reasons.setdefault(answers[0], []).append((code, title))
    own = desk.own_answer(standing, item, person.name)
    return pages.draw(
        request, "pair", person, queue=queue, pair=shown, picture=waterfall(shown.explanation), reasons=reasons, whole=whole,
        own=own, n_items=standing.queue.n_items, n_open=len(standing.open_to(person.name)),
    )  # fmt: skip


def add_review_interface(app: FastAPI, desk: ReviewDesk, who: Callable[..., SignedIn], kinds: JobKinds) -> None:
    """Add the same actions for programs."""
    caller = Depends(who)

    @app.get("/api/linkage")
    def linkage_statement(person: SignedIn = caller) -> JSONResponse:
        del person
        return JSONResponse(desk.house.statement())

    @app.get("/api/reviews")
    def list_reviews(person: SignedIn = caller) -> JSONResponse:
        require_role(person, *MAY_LOOK)
        return JSONResponse(
            {"reviews": [_summary(desk.standing(queue.document.digest), person) for queue in desk.queues()]}
        )

    @app.post("/api/reviews", status_code=202)
    def draw_review(tasks: BackgroundTasks, person: SignedIn = caller) -> dict[str, str]:
        return {"job": _enqueue_draw(desk, tasks, person, kinds)}

    @app.get("/api/jobs/{job_id}")
    def one_job(job_id: str, person: SignedIn = caller) -> JSONResponse:
        del person
        with reading(desk.house.space.database) as session:
            row = session.get(JobRow, job_id)
        if row is None:
            raise HTTPException(404)
        return JSONResponse({"job": row.job_id, "kind": row.kind, "state": row.state, "result": row.result})

    @app.get("/api/reviews/{queue}")
    def one_review(queue: str, person: SignedIn = caller) -> JSONResponse:
        require_role(person, *MAY_LOOK)
        return JSONResponse(_summary(_standing(desk, queue), person))

    _add_decisions(app, desk, who)


def _add_decisions(app: FastAPI, desk: ReviewDesk, who: Callable[..., SignedIn]) -> None:
    caller = Depends(who)

    @app.get("/api/reviews/{queue}/items/{item}")
    def one_item(queue: str, item: int, person: SignedIn = caller) -> JSONResponse:
        require_role(person, StaffRole.REVIEWER)
        _standing(desk, queue, item)
        told = desk.show(queue, item, person.name, whole=False).explanation.as_json()
        return JSONResponse(
            {"item": item, **{name: value for name, value in told.items() if name not in ("id_l", "id_r")}}
        )

    @app.post("/api/reviews/{queue}/items/{item}/decisions", status_code=201)
    def decide_item(queue: str, item: int, decision: Decision, person: SignedIn = caller) -> dict[str, str]:
        require_role(person, StaffRole.REVIEWER)
        _standing(desk, queue, item)
        made = desk.decide(queue, item, decision.answer, decision.reason, person.name)
        return {"kind": made.document.kind.value, "digest": made.document.digest}

    @app.post("/api/reviews/{queue}/settle", status_code=201)
    def settle_review(queue: str, person: SignedIn = caller) -> dict[str, str]:
        require_role(person, StaffRole.OPERATOR)
        _standing(desk, queue)
        made = desk.settle(queue, person.name)
        return {"kind": made.document.kind.value, "digest": made.document.digest}
