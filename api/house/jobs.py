"""Jobs: their state lives in our tables and changes in the transaction that logs it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from api.store.database import JobRow
from api.store.journal import SqlJournal
from audit.journal import Event
from cld.errors import CLDError

__all__ = ["JobKinds", "enqueue", "requeue_interrupted", "run_queued"]

JobKinds = Mapping[str, Callable[[], dict[str, object]]]


def enqueue(database: Engine, journal: SqlJournal, kind: str, actor: str, role: str) -> str:
    """Queue a job and log who asked for it; return its id."""
    job_id = secrets.token_hex(8)
    with Session(database) as session, session.begin():
        session.add(JobRow(job_id=job_id, kind=kind, state="queued", result={}))
        journal.append(session, Event("job queued", actor, role, {"job": job_id, "kind": kind}), "")
    return job_id


def requeue_interrupted(database: Engine) -> int:
    """Put jobs that a stopped process left running back into the queue; return how many."""
    with Session(database) as session, session.begin():
        rows = session.scalars(select(JobRow).where(JobRow.state == "running")).all()
        for row in rows:
            row.state = "queued"
        return len(rows)


def run_queued(database: Engine, journal: SqlJournal, kinds: JobKinds) -> int:
    """Run every queued job, one at a time; return how many ran. A failed job keeps its error's code, no value."""
    n_run = 0
    while (claimed := _claim(database)) is not None:
        job_id, kind = claimed
        try:
            state, result = "done", kinds[kind]()
        except CLDError as fault:
            state, result = "failed", {"code": fault.code}
        with Session(database) as session, session.begin():
            row = session.get_one(JobRow, job_id)
            row.state, row.result = state, result
            journal.append(session, Event("job finished", "system", "operator", {"job": job_id, "state": state}), "")
        n_run += 1
    return n_run


def _claim(database: Engine) -> tuple[str, str] | None:
    with Session(database) as session, session.begin():
        row = session.scalars(select(JobRow).where(JobRow.state == "queued").order_by(JobRow.job_id).limit(1)).first()
        if row is None:
            return None
        row.state = "running"
        return row.job_id, row.kind
