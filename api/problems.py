"""Errors as problem details whose bodies never echo a value.

Source: RFC 9457.
"""

from __future__ import annotations

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from cld.errors import CLDError, PolicyRefused

__all__ = ["problem_of", "problem_of_http", "problem_of_validation"]

STATUS_BY_EXIT = {1: 403, 3: 400, 4: 403, 5: 409, 6: 500, 70: 500}


def _problem(status: int, code: str, title: str, **more: object) -> JSONResponse:
    body = {"type": f"/problems/{code}", "title": title, "status": status, **more}
    return JSONResponse(body, status, media_type="application/problem+json")


def problem_of(request: Request, fault: Exception) -> JSONResponse:
    """Tell one of our own errors; a policy refusal lists its clauses."""
    del request
    if not isinstance(fault, CLDError):
        return _problem(500, "internal", "Something went wrong.")
    more = {"clauses": list(fault.clauses)} if isinstance(fault, PolicyRefused) else {}
    return _problem(STATUS_BY_EXIT[fault.exit_status], fault.code, str(fault), **more)


def problem_of_validation(request: Request, fault: Exception) -> JSONResponse:
    """Name the places that do not fit, never what stood there."""
    del request
    places = (
        [".".join(map(str, error["loc"])) for error in fault.errors()]
        if isinstance(fault, RequestValidationError)
        else []
    )
    return _problem(422, "invalid-request", "The request does not fit the interface.", places=places)


def problem_of_http(request: Request, fault: Exception) -> JSONResponse:
    """Tell a status of the framework in our form."""
    del request
    status = fault.status_code if isinstance(fault, HTTPException) else 500
    headers = fault.headers if isinstance(fault, HTTPException) else None
    answer = _problem(status, f"http-{status}", "Not found." if status == 404 else "The request cannot be answered.")  # noqa: PLR2004
    answer.headers.update(headers or {})
    return answer
