"""Errors as problem details whose bodies never echo a value.

Source: RFC 9457.
"""

from __future__ import annotations

import html

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from cld.errors import CLDError, PolicyRefused

__all__ = ["problem_of", "problem_of_http", "problem_of_validation"]

STATUS_BY_EXIT = {1: 403, 3: 400, 4: 403, 5: 409, 6: 500, 70: 500}


PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} - Caregate</title>'
    '<link rel="stylesheet" href="/assets/nhsuk-frontend.min.css"><link rel="stylesheet" href="/assets/caregate.css"></head>'
    '<body><main class="nhsuk-width-container nhsuk-main-wrapper"><h1 class="nhsuk-heading-l">{title}</h1>{detail}'
    '<p><a href="/">Back to the start</a></p></main></body></html>'
)


def _problem(request: Request, status: int, code: str, title: str, **more: object) -> Response:
    """Tell a browser in a page and everything else in problem details."""
    if "text/html" in request.headers.get("accept", ""):
        listed = more.get("clauses")
        clauses = (
            "".join(f"<li>{html.escape(str(clause))}</li>" for clause in listed) if isinstance(listed, list) else ""
        )
        return HTMLResponse(
            PAGE.format(title=html.escape(title), detail=f"<ul>{clauses}</ul>" if clauses else ""), status
        )
    body = {"type": f"/problems/{code}", "title": title, "status": status, **more}
    return JSONResponse(body, status, media_type="application/problem+json")


def problem_of(request: Request, fault: Exception) -> Response:
    """Tell one of our own errors; a policy refusal lists its clauses."""
    if not isinstance(fault, CLDError):
        return _problem(request, 500, "internal", "Something went wrong.")
    more = {"clauses": list(fault.clauses)} if isinstance(fault, PolicyRefused) else {}
    return _problem(request, STATUS_BY_EXIT[fault.exit_status], fault.code, str(fault), **more)


def problem_of_validation(request: Request, fault: Exception) -> Response:
    """Name the places that do not fit, never what stood there."""
    errors = fault.errors() if isinstance(fault, RequestValidationError) else []
    places = [".".join(map(str, error["loc"])) for error in errors]
    return _problem(request, 422, "invalid-request", "The request does not fit the interface.", places=places)


def problem_of_http(request: Request, fault: Exception) -> Response:
    """Tell a status of the framework in our form."""
    status = fault.status_code if isinstance(fault, HTTPException) else 500
    headers = fault.headers if isinstance(fault, HTTPException) else None
    title = "Not found." if status == 404 else "The request cannot be answered."  # noqa: PLR2004
    answer = _problem(request, status, f"http-{status}", title)
    answer.headers.update(headers or {})
    return answer
