"""The journal on a SQL database: document and leaf in one transaction, or neither."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import Integer, LargeBinary, String, create_engine, event, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from audit.journal import Event, leaf_bytes
from cld.clock import Clock
from cld.journey import Document

__all__ = ["SqlJournal"]


class _Base(DeclarativeBase):
    pass


class _DocumentRow(_Base):
    __tablename__ = "documents"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class _LeafRow(_Base):
    __tablename__ = "leaves"
    seq: Mapped[int] = mapped_column(Integer, primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


def _set_pragmas(connection: object, record: object) -> None:
    del record
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "foreign_keys=ON"):
        cursor.execute(f"pragma {pragma}")
    cursor.close()


class SqlJournal:
    """An audit.journal.Journal on SQLite."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Open or make the database."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = create_engine(f"sqlite:///{path}")
        event.listen(self._engine, "connect", _set_pragmas)
        _Base.metadata.create_all(self._engine)
        self._clock = clock

    def seal(self, document: Document, event: Event) -> str:
        """Keep a document with its leaf."""
        digest = document.digest
        with Session(self._engine) as session, session.begin():
            if session.get(_DocumentRow, digest) is None:
                session.add(_DocumentRow(digest=digest, content=document.canonical()))
            self._append(session, event, digest)
        return digest

    def record(self, event: Event) -> None:
        """Keep a leaf."""
        with Session(self._engine) as session, session.begin():
            self._append(session, event, "")

    def _append(self, session: Session, event: Event, document: str) -> None:
        seq = session.scalar(select(func.count()).select_from(_LeafRow)) or 0
        at_utc = self._clock.now_utc().strftime("%Y-%m-%dT%H:%M:%SZ")
        session.add(_LeafRow(seq=seq, content=leaf_bytes(seq, at_utc, event, document)))

    def load(self, digest: str) -> Document | None:
        """Return a kept document."""
        with Session(self._engine) as session:
            row = session.get(_DocumentRow, digest)
            return Document.from_json(json.loads(row.content)) if row else None

    def leaves(self) -> tuple[bytes, ...]:
        """Return every leaf in order."""
        with Session(self._engine) as session:
            return tuple(session.scalars(select(_LeafRow.content).order_by(_LeafRow.seq)))

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()
