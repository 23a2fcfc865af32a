"""A witness over HTTP: two routes, no state of its own, nothing but hashes and signatures in either direction.

Source: C2SP tlog-witness, HTTP interface.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, FastAPI, HTTPException, Response

from audit.witness import Witness

__all__ = ["create_witness_app"]


def create_witness_app(witness: Witness) -> FastAPI:
    """Build the service of one witness."""
    app = FastAPI(title="Caregate witness", docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/add-checkpoint")
    def add_checkpoint(request: Annotated[bytes, Body(media_type="text/plain")]) -> Response:
        found = witness.add_checkpoint(request)
        return Response(found.body, found.status, media_type=found.content_type)

    @app.get("/{origin_hash}/checkpoint")
    def checkpoint(origin_hash: str) -> Response:
        held = witness.latest(origin_hash)
        if held is None:
            raise HTTPException(404)
        return Response(held, media_type="text/plain; charset=utf-8")

    return app
