"""The page on which a possible applicant finds out what it could receive, without an account."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from cld.vocabulary import BodyClass
from policies.versions import latest_version

if TYPE_CHECKING:
    from api.pages.identity import SignedIn
    from policies.proving.asking import Answer

__all__ = ["add_ask_page"]

ASKING = Lock()
"""The solver is asked by one request at a time: its formulas are not made for threads."""


class Draws(Protocol):
    """What draws a page from a template."""

    def draw(
        self, request: Request, name: str, person: SignedIn | None, status: int = 200, **values: object
    ) -> HTMLResponse:
        """Draw a page for a person, or for nobody."""
        ...


def add_ask_page(app: FastAPI, pages: Draws) -> None:
    """Add the page; it reads the policies alone, and keeps nothing of who asked."""

    @app.get("/ask", response_class=HTMLResponse)
    def ask(request: Request, body: str = "") -> HTMLResponse:
        known = body in set(BodyClass)
        with ASKING:
            found, value = _answer(latest_version().digest, body) if known else (None, _words())
        bodies = [(one.value, value("body", one.value)) for one in BodyClass]
        status = 200 if known or not body else 404
        return pages.draw(request, "ask", None, status, bodies=bodies, chosen=body, found=found, value=value)


@cache
def _answer(digest: str, body: str) -> tuple[Answer, Callable[[str, str], str]]:
    """Answer for a class of body, once for each version of the policies."""
    from policies.proving.asking import what_could_be_received  # noqa: PLC0415
    from policies.proving.material import open_material  # noqa: PLC0415

    material = open_material(digest)
    return what_could_be_received(material.policies, material.words, body, {}), material.words.value


def _words() -> Callable[[str, str], str]:
    from policies.proving.material import open_material  # noqa: PLC0415

    return open_material(None).words.value
