"""Renewals that go on with the pseudonyms of the agreement before: what was delivered under that one passes to the new."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.database import ApplicationRow
from api.wiring import Workspace
from audit.journal import Event
from extracts.approve import application_from_json
from extracts.life.states import Act, State, possible

__all__ = ["settle_renewals"]

SYSTEM = "system"


def settle_renewals(space: Workspace, session: Session) -> int:
    """Lead applications of renewed agreements to their end, from the first day of the renewal; return how many moved."""
    session.flush()
    rows, today, n_moved = (
        session.scalars(select(ApplicationRow).order_by(ApplicationRow.reference)).all(),
        space.clock.today(),
        0,
    )
    for row in rows:
        agreement = application_from_json(row.application).agreement
        if not agreement.keyed_by or "ApprovedPlan" not in row.documents or agreement.from_day > today:
            continue
        for earlier in rows:
            if earlier.agreement == agreement.renews and _may(earlier):
                about = {"application": earlier.reference, "by": agreement.reference}
                space.journal.record_within(session, Event(Act.RENEW.value, SYSTEM, SYSTEM, about))
                n_moved += 1
    return n_moved


def _may(row: ApplicationRow) -> bool:
    return Act.RENEW in {one.act for one in possible(State(row.state))}
