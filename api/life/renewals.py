"""Renewals that go on with the pseudonyms of the agreement before: what was delivered under that one passes to the new."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.store.database import ApplicationRow
from api.workspace.wiring import Workspace
from audit.journal import Event
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
        agreement: Any = row.application["agreement"]
        renewed = agreement.get("renews") if agreement.get("keyed_by") and "ApprovedPlan" in row.documents else None
        if renewed is None or date.fromisoformat(agreement["from"]) > today:
            continue
        for earlier in rows:
            if earlier.agreement == renewed and _may(earlier):
                about = {"application": earlier.reference, "by": row.agreement}
                space.journal.record_within(session, Event(Act.RENEW.value, SYSTEM, SYSTEM, about))
                n_moved += 1
    return n_moved


def _may(row: ApplicationRow) -> bool:
    return Act.RENEW in {one.act for one in possible(State(row.state))}
