"""The daily job: what the calendar brings to every application, by the workspace's clock, in one transaction."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.life.agreements import last_day_of
from api.life.refusals import told
from api.life.renewals import settle_renewals
from api.life.suspensions import settle_suspensions
from api.store.database import ApplicationRow
from api.store.life_advance import require_day
from api.store.life_kept import DAY_BEGUN
from api.workspace.wiring import Workspace
from audit.journal import Event
from extracts.life.calendar import due
from extracts.life.states import State
from policies.life import life_rules_on

__all__ = ["begin_day"]

SYSTEM = "system"


def begin_day(space: Workspace) -> dict[str, str]:
    """Begin the day of the workspace's clock; return what moved: reference and new state. Asking twice moves nothing more.

    Raises: InvalidTransition if a later day was begun: clocks do not go backwards.
    """
    today = space.clock.today()
    rules, moved = life_rules_on(today), dict[str, str]()
    with told(space, DAY_BEGUN, SYSTEM, SYSTEM, today.isoformat()), Session(space.database) as session, session.begin():
        require_day(session, today)
        space.journal.record_within(session, Event(DAY_BEGUN, SYSTEM, SYSTEM, {"day": today.isoformat()}))
        rows = session.scalars(select(ApplicationRow).order_by(ApplicationRow.reference)).all()
        before = {row.reference: row.state for row in rows}
        settle_renewals(space, session)
        for row in rows:
            to_day = last_day_of(session, row)
            while (act := due(State(row.state), to_day, today, rules)) is not None:
                details = {"application": row.reference, "to": to_day.isoformat()}
                space.journal.record_within(session, Event(act.value, SYSTEM, SYSTEM, details))
        settle_suspensions(space, session, today, SYSTEM, SYSTEM)
        moved |= {row.reference: row.state for row in rows if row.state != before[row.reference]}
    return moved
