"""Answers of the opt-out service, kept for hours, encrypted, and destroyed with their key.

An answer serves again only where the same people are asked about. It is never added to anybody's record: it lies apart on
the shelf, under a data key of its own, and the key's destruction ends it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from audit.journal import Event, Journal
from cld.canonical import canonical_bytes
from cld.clock import Clock
from cld.datasets import Dataset, Identified
from cld.engine import Query, Session
from cld.shelf import Shelf, atomic_write
from keys.store import KeyStore
from policies.opt_outs import opt_out_limits_on

__all__ = ["FORGOTTEN", "AnswerCache"]

FORGOTTEN = "opt-out answer forgotten"


@dataclass(frozen=True, slots=True)
class AnswerCache:
    """Answers by the digest of their question; ``index`` is a file that holds no identifier."""

    index: Path
    shelf: Shelf
    keys: KeyStore
    journal: Journal
    clock: Clock

    def find(self, session: Session, question: str, into: str) -> datetime | None:
        """Make the table ``into`` of a kept answer and return when it was asked for; None where none is kept."""
        self.forget_old()
        held = self._held().get(question)
        if held is None:
            return None
        session.attach(into, _dataset(held))
        return datetime.fromisoformat(held["asked_at"])

    def keep(self, session: Session, question: str, willing: str, asked_at: datetime) -> None:
        """Keep an answer for as long as it may serve."""
        rows = session.store(Query(f"select nhs_number from {willing} order by nhs_number", (willing,)), Identified)  # noqa: S608
        self._write({**self._held(), question: {"dataset": rows.as_json(), "asked_at": asked_at.isoformat()}})

    def forget_old(self) -> int:
        """Destroy every answer that is older than it may be; return how many."""
        now = self.clock.now_utc()
        oldest = now - timedelta(hours=opt_out_limits_on(now.date()).most_hours_kept)
        held = self._held()
        old = [question for question, one in held.items() if datetime.fromisoformat(one["asked_at"]) < oldest]
        for question in old:
            dataset = _dataset(held.pop(question))
            ended = self.keys.destroy(dataset.key_id, self.clock.today())
            self.shelf.place(dataset).unlink(missing_ok=True)
            self.journal.record(Event(FORGOTTEN, "system", "operator", {"question": question, "key": ended}))
            self._write(held)
        return len(old)

    def _held(self) -> dict[str, dict[str, Any]]:
        held: dict[str, dict[str, Any]] = json.loads(self.index.read_text("utf-8")) if self.index.is_file() else {}
        return held

    def _write(self, held: dict[str, dict[str, Any]]) -> None:
        atomic_write(self.index, canonical_bytes(held))


def _dataset(held: dict[str, Any]) -> Dataset[Identified]:
    return Dataset.from_json(Identified, held["dataset"])
