"""The service, first form: sign-in as a demo role, applications with their clause trace, releases, findings, jobs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from importlib.metadata import version
from importlib.resources import files
from typing import Annotated, Any, Literal

from fastapi import BackgroundTasks, Cookie, Depends, FastAPI, Form, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import ChainableUndefined, Environment, PackageLoader, PrefixLoader, select_autoescape
from markupsafe import Markup
from sqlalchemy import select, text
from starlette.exceptions import HTTPException

from api.house.desk import LifeDesk
from api.house.disclosure_reports import parts_of_last
from api.house.house import House
from api.house.jobs import JobKinds, enqueue, requeue_interrupted, run_queued
from api.house.review_desk import ReviewDesk
from api.life.days import begin_day
from api.pages.applications import add_application_pages
from api.pages.ask import add_ask_page
from api.pages.identity import COOKIE, SignedIn, person_of, require_role, sign_in, sign_out, signed_in
from api.pages.problems import problem_of, problem_of_http, problem_of_validation
from api.pages.review import add_review_interface, add_review_pages
from api.store.database import ApplicationRow, JobRow, SubmissionRow, reading
from api.workspace.wiring import Workspace
from audit.ancestry import require_ancestry
from audit.fsck import fsck
from audit.journal import Event
from cld.engine import Query
from cld.errors import CLDError
from cld.journey import AcceptedSubmission
from cld.vocabulary import StaffRole
from collection.rules import rules
from policies.decide import policy_digest
from policies.versioned.versions import all_versions

__all__ = ["create_app"]

Token = Annotated[str | None, Cookie(alias=COOKIE)]
ROLES = (
    StaffRole.APPROVER,
    StaffRole.RELEASER,
    StaffRole.OFFICER,
    StaffRole.AUDITOR,
    StaffRole.OPERATOR,
    StaffRole.REVIEWER,
)
FINDINGS_SHOWN = 200


def _templates() -> Environment:
    loader = PrefixLoader(
        {"nhsuk": PackageLoader("nhsuk_frontend_jinja", "templates/nhsuk"), "caregate": PackageLoader("api.pages")}
    )
    return Environment(loader=loader, undefined=ChainableUndefined, autoescape=select_autoescape(["jinja", "html"]))


def create_app(space: Workspace) -> FastAPI:
    """Build the service over an open workspace.

    Raises: UntrustedPolicy if a version of the policies does not check: nothing starts on such policies.
    """
    all_versions()
    app = FastAPI(title="Caregate", version=version("caregate"), docs_url=None, redoc_url=None)
    app.add_exception_handler(CLDError, problem_of)
    app.add_exception_handler(RequestValidationError, problem_of_validation)
    app.add_exception_handler(HTTPException, problem_of_http)
    app.mount("/assets", StaticFiles(directory=str(files("api.pages").joinpath("static"))), name="assets")
    app.middleware("http")(_guard)
    pages = _Pages(space, _templates())
    requeue_interrupted(space.database)
    desk = ReviewDesk(House(space))
    kinds: JobKinds = {
        "fsck": lambda: fsck(space.journal, space.log.folder),
        "review": lambda: {"queue": desk.draw().document.digest},
        "daily": lambda: {"n_moved": len(begin_day(space))},
    }
    _add_open_routes(app, space)
    add_ask_page(app, pages)
    _add_session_routes(app, space, pages)
    _add_pages(app, space, pages, kinds)
    add_application_pages(app, LifeDesk(House(space)), pages)
    add_review_pages(app, desk, pages, kinds)
    caller = _caller(space)
    _add_interface(app, space, caller)
    add_review_interface(app, desk, caller, kinds)
    return app


async def _guard(request: Request, call_next: Callable[[Request], Any]) -> Response:
    """Allow nothing from outside, cache nothing, and give the one inline script of the template its nonce."""
    request.state.nonce = secrets.token_urlsafe(16)
    response: Response = await call_next(request)
    policy = f"default-src 'self'; script-src 'nonce-{request.state.nonce}'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    if not request.url.path.startswith("/assets/"):
        response.headers["Cache-Control"] = "no-store"
    return response


class _Pages:
    """Pages drawn on the server."""

    def __init__(self, space: Workspace, templates: Environment) -> None:
        self.space = space
        self._templates = templates

    def draw(
        self, request: Request, name: str, person: SignedIn | None, status: int = 200, **values: object
    ) -> HTMLResponse:
        page = self._templates.get_template(f"caregate/{name}.jinja")
        return HTMLResponse(page.render(cspNonce=request.state.nonce, person=person, **values), status)

    def person(self, token: Token = None) -> SignedIn:
        """Return who is signed in, or send them to the sign-in page."""
        found = signed_in(self.space.database, token)
        if found is None:
            raise HTTPException(303, headers={"Location": "/sign-in"})
        return found


def _add_open_routes(app: FastAPI, space: Workspace) -> None:
    @app.get("/livez")
    def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz")
    def readyz() -> dict[str, str]:
        with reading(space.database) as session:
            session.execute(text("select 1 from documents limit 1"))
        return {"status": "ready", "policy_digest": policy_digest()}

    @app.get("/version")
    def version_of() -> dict[str, str]:
        return {"version": version("caregate"), "policy_digest": policy_digest()}


def _add_session_routes(app: FastAPI, space: Workspace, pages: _Pages) -> None:
    @app.get("/sign-in", response_class=HTMLResponse)
    def sign_in_page(request: Request) -> HTMLResponse:
        roles = [role.value for role in ROLES]
        return pages.draw(request, "sign-in", None, roles=roles, reviewers=space.reviewers)

    @app.post("/sign-in")
    def sign_in_as(role: Annotated[StaffRole, Form()], reviewer: Annotated[str, Form()] = "") -> RedirectResponse:
        name = person_of(role, reviewer, space.reviewers)
        token = sign_in(space.database, role, name)
        space.journal.record(Event("signed in", name, role.value, {}))
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, token, httponly=True, samesite="lax")
        return answer

    @app.post("/sign-out")
    def sign_out_now(token: Token = None) -> RedirectResponse:
        sign_out(space.database, token)
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(COOKIE)
        return answer


def _applications(space: Workspace) -> list[ApplicationRow]:
    with reading(space.database) as session:
        return list(session.scalars(select(ApplicationRow).order_by(ApplicationRow.reference)))


def _application(space: Workspace, reference: str) -> ApplicationRow:
    with reading(space.database) as session:
        row = session.get(ApplicationRow, reference)
    if row is None:
        raise HTTPException(404)
    return row


def _add_pages(app: FastAPI, space: Workspace, pages: _Pages, kinds: JobKinds) -> None:
    person_of = Depends(pages.person)

    @app.get("/", response_class=HTMLResponse)
    def home(request: Request, person: SignedIn = person_of) -> HTMLResponse:
        with reading(space.database) as session:
            councils = list(session.scalars(select(SubmissionRow.la_code).order_by(SubmissionRow.la_code)))
        return pages.draw(request, "home", person, applications=_applications(space), councils=councils)

    @app.get("/releases/{reference}", response_class=HTMLResponse)
    def release_page(request: Request, reference: str, person: SignedIn = person_of) -> HTMLResponse:
        row = _application(space, reference)
        signed = space.journal.load(row.documents.get("SignedRelease", ""))
        checked = space.journal.load(row.documents.get("CheckedExtract", ""))
        if signed is None or checked is None:
            raise HTTPException(404)
        measures = checked.body["measures"] if person.role in (StaffRole.APPROVER, StaffRole.AUDITOR) else {}
        rests_on = [(held, space.journal.load(held)) for held in require_ancestry(signed.digest, space.journal)]
        documents = [(document.kind.value, held) for held, document in rests_on if document is not None]
        return pages.draw(
            request, "release", person, row=row, facts=signed.body, documents=documents, measures=measures
        )

    @app.get("/applications/{reference}/disclosure", response_class=HTMLResponse)
    def disclosure_page(request: Request, reference: str, person: SignedIn = person_of) -> HTMLResponse:
        require_role(person, StaffRole.APPROVER, StaffRole.AUDITOR)
        row = _application(space, reference)
        checked = space.journal.load(row.documents.get("CheckedExtract", ""))
        parts = parts_of_last(space.folder, reference, None if checked is None else checked.body)
        if not parts:
            raise HTTPException(404)
        space.journal.record(
            Event("disclosure report viewed", person.name, person.role.value, {"reference": reference})
        )
        return pages.draw(request, "disclosure", person, row=row, parts=[Markup(one) for one in parts])  # noqa: S704 - drawn and escaped by ourselves

    @app.get("/councils/{la_code}", response_class=HTMLResponse)
    def findings(request: Request, la_code: str, person: SignedIn = person_of) -> HTMLResponse:
        require_role(person, StaffRole.OFFICER)
        with reading(space.database) as session:
            digest = session.scalars(select(SubmissionRow.digest).where(SubmissionRow.la_code == la_code)).first()
        document = space.journal.load(digest) if digest else None
        if document is None:
            raise HTTPException(404)
        space.journal.record(Event("findings viewed", person.name, person.role.value, {"la_code": la_code}))
        rows = _finding_rows(space, AcceptedSubmission(document))
        titles = {rule["code"]: rule for rule in rules()}
        return pages.draw(
            request, "findings", person, body=document.body, rules=titles, rows=rows, shown=FINDINGS_SHOWN
        )

    @app.post("/jobs")
    def ask_for_job(
        tasks: BackgroundTasks,
        form_token: Annotated[str, Form()],
        kind: Annotated[Literal["fsck", "daily"], Form()] = "fsck",
        person: SignedIn = person_of,
    ) -> RedirectResponse:
        require_role(person, StaffRole.AUDITOR, StaffRole.OPERATOR)
        person.check_form(form_token)
        job_id = enqueue(space.database, space.journal, kind, person.name, person.role.value)
        tasks.add_task(run_queued, space.database, space.journal, kinds)
        return RedirectResponse(f"/jobs/{job_id}", 303)

    @app.get("/jobs/{job_id}", response_class=HTMLResponse)
    def job(request: Request, job_id: str, person: SignedIn = person_of) -> HTMLResponse:
        with reading(space.database) as session:
            row = session.get(JobRow, job_id)
        if row is None:
            raise HTTPException(404)
        return pages.draw(request, "job", person, row=row)


def _finding_rows(space: Workspace, submission: AcceptedSubmission) -> list[tuple[object, ...]]:
    with space.engine.session() as session:
        session.attach("faults", submission.findings)
        wanted = "select row_number, column_name, rule from faults order by rule, row_number, column_name limit $most"
        return session.rows(Query(wanted, ("faults",), {"most": FINDINGS_SHOWN}))


def _caller(space: Workspace) -> Callable[[str | None], SignedIn]:
    """Return what says who calls the interface, or refuses them."""

    def caller(token: Token = None) -> SignedIn:
        found = signed_in(space.database, token)
        if found is None:
            raise HTTPException(401)
        return found

    return caller


def _add_interface(app: FastAPI, space: Workspace, who: Callable[[str | None], SignedIn]) -> None:
    caller = Depends(who)

    @app.get("/api/applications")
    def list_applications(person: SignedIn = caller) -> JSONResponse:
        del person
        rows = [
            {"reference": row.reference, "recipient": row.recipient, "state": row.state, "reasons": row.reasons}
            for row in _applications(space)
        ]
        return JSONResponse({"applications": rows})

    @app.get("/api/applications/{reference}")
    def one_application(reference: str, person: SignedIn = caller) -> JSONResponse:
        del person
        row = _application(space, reference)
        return JSONResponse(
            {"reference": row.reference, "recipient": row.recipient, "state": row.state, "plan": row.plan,
             "decision": row.decision, "reasons": row.reasons, "documents": row.documents}
        )  # fmt: skip
