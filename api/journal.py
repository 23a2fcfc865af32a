"""The journal on a SQL database: document, leaf and the rows that pages read in one transaction, or none of them."""

from __future__ import annotations

import json

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.database import DocumentRow, LeafRow
from api.projections import project_document, project_event
from audit.journal import Event, leaf_bytes
from cld.clock import Clock
from cld.errors import StaleVersion
from cld.journey import Document

__all__ = ["SqlJournal"]


class SqlJournal:
    """An audit.journal.Journal on SQLAlchemy."""

    def __init__(self, database: Engine, clock: Clock) -> None:
        """Write to an open database."""
        self._database = database
        self._clock = clock

    def seal(self, document: Document, event: Event) -> str:
        """Keep a document with its leaf.

        Raises: StaleVersion if what it changes was changed by somebody else at the same time.
        """
        digest = document.digest
        try:
            with Session(self._database) as session, session.begin():
                if session.get(DocumentRow, digest) is None:
                    session.add(DocumentRow(digest=digest, content=document.canonical()))
                project_document(session, document, event)
                self.append(session, event, digest)
        except IntegrityError:
            message = "Somebody else changed this first."
            raise StaleVersion(message, "Look at it again.") from None  # the fault's own words hold what was written
        return digest

    def record(self, event: Event) -> None:
        """Keep a leaf."""
        with Session(self._database) as session, session.begin():
            project_event(session, event)
            self.append(session, event, "")

    def append(self, session: Session, event: Event, document: str) -> None:
        """Add a leaf to a transaction that someone else began."""
        seq = session.scalar(select(func.count()).select_from(LeafRow)) or 0
        at_utc = self._clock.now_utc().strftime("%Y-%m-%dT%H:%M:%SZ")
        session.add(LeafRow(seq=seq, content=leaf_bytes(seq, at_utc, event, document)))

    def load(self, digest: str) -> Document | None:
        """Return a kept document."""
        with Session(self._database) as session:
            row = session.get(DocumentRow, digest)
            return Document.from_json(json.loads(row.content)) if row else None

    def leaves(self) -> tuple[bytes, ...]:
        """Return every leaf in order."""
        with Session(self._database) as session:
            return tuple(session.scalars(select(LeafRow.content).order_by(LeafRow.seq)))

    def close(self) -> None:
        """Let go of the database."""
        self._database.dispose()
