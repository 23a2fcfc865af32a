"""The journal on a SQL database: document, leaf and the rows that pages read in one transaction, or none of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.database import Base, CommitmentRow, DocumentRow, LeafRow, reading
from api.projections import project_document, project_event, project_stop
from audit.commitment import Opening, without_free_text
from audit.journal import Event, leaf_bytes
from audit.log import Log
from cld.clock import Clock, Entropy, SystemEntropy
from cld.errors import InvariantBroken, NotSealed, StaleVersion
from cld.journey import Document

__all__ = ["SqlJournal"]

SALT_BYTES = 32
LEAVES_AT_ONCE = 1_000
LEAVES = Base.metadata.tables[LeafRow.__tablename__]
MOMENT = "%Y-%m-%dT%H:%M:%SZ"


class SqlJournal:
    """An audit.journal.Journal on SQLAlchemy, and the rows that its log is grown from."""

    def __init__(
        self, database: Engine, clock: Clock, *, entropy: Entropy | None = None, log: Log | None = None
    ) -> None:
        """Write to an open database; with a log, every sealed document first asks whether the two still agree."""
        self._database = database
        self._clock = clock
        self._entropy = entropy or SystemEntropy()
        self._log = log

    def seal(self, document: Document, event: Event) -> str:
        """Keep a document with its leaf.

        Raises: StaleVersion if what it changes was changed by somebody else at the same time; LogInconsistent if the
        database is not the one that the log was grown from.
        """
        if self._log is not None:
            self._log.require_whole(self)
        try:
            with Session(self._database) as session, session.begin():
                return self.seal_within(session, document, event)
        except IntegrityError:
            message = "Somebody else changed this first."
            raise StaleVersion(message, "Look at it again.") from None  # the fault's own words hold what was written

    def seal_within(self, session: Session, document: Document, event: Event) -> str:
        """Keep a document with its leaf in a transaction that someone else began."""
        digest = document.digest
        if session.get(DocumentRow, digest) is None:
            session.add(DocumentRow(digest=digest, content=document.canonical()))
        project_document(session, document, event, self._clock.today())
        self.append(session, event, digest)
        return digest

    def record(self, event: Event) -> None:
        """Keep a leaf."""
        with Session(self._database) as session, session.begin():
            self.record_within(session, event)

    def record_within(self, session: Session, event: Event) -> None:
        """Keep a leaf, and all that follows from it, in a transaction that someone else began."""
        project_event(session, event, self._clock.today())
        self.append(session, event, "")

    def record_many(self, events: Sequence[Event]) -> None:
        """Keep many leaves in one transaction: all of them, or none."""
        if not events:
            return
        with Session(self._database) as session, session.begin():
            for event in events:
                project_event(session, event, self._clock.today())
            self._append_all(session, events, "")

    def append(self, session: Session, event: Event, document: str) -> None:
        """Add a leaf to a transaction that someone else began."""
        self._append_all(session, [event], document)

    def _append_all(self, session: Session, events: Sequence[Event], document: str) -> None:
        """Add leaves behind the last; the words of people go beside the log, their commitments into it."""
        seq, last_at = _end_of(session)
        at_utc = self._clock.now_utc().strftime(MOMENT)
        salts = (self._entropy.secret_bytes(SALT_BYTES, f"free text {seq} {place}") for place in count())
        rows, openings = list[tuple[int, bytes]](), list[Opening]()
        for place, event in enumerate(events, start=seq):
            details, opened = without_free_text(dict(event.details), salts.__next__)
            if opened:
                openings += opened
                event = replace(event, details=details)
            leaf = leaf_bytes(place, at_utc, event, document, set_back=place == seq and at_utc < last_at)
            rows.append((place, leaf))
            project_stop(session, event, place)
        _insert(session, rows)
        session.add_all(
            CommitmentRow(digest=made.digest, salt=made.salt, content=made.text.encode()) for made in openings
        )

    def opening(self, digest: str) -> Opening | None:
        """Return what opens a commitment, or None once it was erased."""
        with reading(self._database) as session:
            row = session.get(CommitmentRow, digest)
            return Opening(row.digest, row.salt, row.content.decode()) if row else None

    def erase(self, digest: str, event: Event) -> None:
        """Forget the words behind a commitment and log that it was done; the log's tree does not change.

        Raises: NotSealed if there is nothing to forget.
        """
        with Session(self._database) as session, session.begin():
            if session.get(CommitmentRow, digest) is None:
                message = "There are no words behind this commitment, or they were erased."
                raise NotSealed(message, (digest,))
            session.execute(delete(CommitmentRow).where(CommitmentRow.digest == digest))
            self.append(session, event, "")

    def load(self, digest: str) -> Document | None:
        """Return a kept document."""
        with reading(self._database) as session:
            row = session.get(DocumentRow, digest)
            return Document.from_json(json.loads(row.content)) if row else None

    def leaves(self) -> tuple[bytes, ...]:
        """Return every leaf in order."""
        with reading(self._database) as session:
            return tuple(session.scalars(select(LeafRow.content).order_by(LeafRow.seq)))

    def n_leaves(self) -> int:
        """Return one more than the place of the last leaf."""
        with reading(self._database) as session:
            return _end_of(session)[0]

    def rows(self, start: int, stop: int) -> list[tuple[int, bytes]]:
        """Return place and bytes of a range of leaves, in order; what is gone is left out."""
        wanted = (
            select(LeafRow.seq, LeafRow.content).where(LeafRow.seq >= start, LeafRow.seq < stop).order_by(LeafRow.seq)
        )
        with reading(self._database) as session:
            return [(seq, _as_bytes(content)) for seq, content in session.execute(wanted)]

    def place_of(self, digest: str) -> int:
        """Return the last place at which a document stands in the log, looking from the end.

        Raises: NotSealed if it is not in the log.
        """
        needle = f'"document":"{digest}"'.encode()
        stop = self.n_leaves()
        while stop > 0:
            start = max(0, stop - LEAVES_AT_ONCE)
            for place, leaf in reversed(self.rows(start, stop)):
                if needle in leaf and json.loads(leaf)["document"] == digest:
                    return place
            stop = start
        message = f"A document is not in the log: {digest[:16]}."
        raise NotSealed(message, (digest,))

    def prove(self, digest: str) -> tuple[str, str]:
        """Return the proof that a document is in the log, under a head that its witnesses signed, and the proofs that
        this head continues those handed out before.

        Raises: NotSealed, LogInconsistent, NotWitnessed.
        """
        if self._log is None:
            message = "This journal has no log to prove from."
            raise InvariantBroken(message)
        return self._log.prove(self, self.place_of(digest))

    def close(self) -> None:
        """Let go of the database."""
        self._database.dispose()


def _as_bytes(content: bytes | str) -> bytes:
    """Return a leaf's bytes, also where somebody's hand in SQLite made a text of them."""
    return content.encode() if isinstance(content, str) else content


def _insert(session: Session, rows: list[tuple[int, bytes]]) -> None:
    """Insert leaves; SQLite takes tuples as they are, three times faster than by name."""
    connection = session.connection()
    if connection.dialect.paramstyle == "qmark":
        connection.exec_driver_sql("insert into leaves (seq, content) values (?, ?)", rows)
    else:
        connection.execute(LEAVES.insert(), [{"seq": seq, "content": content} for seq, content in rows])


def _end_of(session: Session) -> tuple[int, str]:
    """Return the next leaf's place and the time of the last."""
    last = session.scalar(select(func.max(LeafRow.seq)))
    if last is None:
        return 0, ""
    content = session.scalar(select(LeafRow.content).where(LeafRow.seq == last))
    try:
        return last + 1, str(json.loads(content or b"")["at_utc"])
    except (ValueError, KeyError, TypeError):
        return last + 1, ""
