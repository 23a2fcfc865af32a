"""Tracing: resolve the people of one delivery, as sent, to the person index."""

from __future__ import annotations

from pathlib import Path

from cld.engine import Query, Session
from linkage.estimate import Model
from linkage.index import attach_index, standard_name, standard_postcode
from linkage.resolve import resolve

__all__ = ["trace_persons"]


def trace_persons(session: Session, index: Path, *, attached: bool = False) -> Model:
    """Make the table ``traced`` from ``persons``.

    Shape:  in persons x (rid, number, given_name, family_name, date_of_birth, sex, postcode), number valid or null;
            out one row a person, linkage.resolve.RESOLVED_COLUMNS.
    Source: Direction 3, bullet 3 (check NHS numbers and trace any missing ones).
    """
    if not attached:
        attach_index(session, index)
    text = f"""
        select rid, number, {standard_name("given_name")} as given, {standard_name("family_name")} as family,
            date_of_birth as birth, sex, {standard_postcode("postcode")} as postcode
        from persons order by rid
    """  # noqa: S608 - constant columns
    session.table("records", Query(text, ("persons",)))
    return resolve(session, "traced")
