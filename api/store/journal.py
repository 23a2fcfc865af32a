"""The journal on a SQL database: document, leaf and the rows that pages read in one transaction, or none of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from typing import Any

from sqlalchemy import URL, Engine, create_engine, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.store.database import Base, CommitmentRow, DocumentRow, LeafCountRow, LeafRow, reading
from api.store.projections import project_document, project_event, project_stop
from audit.commitment import Opening, without_free_text
from audit.journal import Event, leaf_bytes
from audit.log import Extent, Log
from cld.clock import Clock, Entropy, SystemEntropy
from cld.errors import InvariantBroken, NotSealed, StaleVersion
from cld.journey import Document

__all__ = ["SqlJournal", "SqlLeaves"]

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
        session.execute(update(LeafCountRow).values(n_leaves=seq + len(rows)))
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
            last = session.scalar(select(func.max(LeafRow.seq)))
        return 0 if last is None else last + 1

    def extent(self) -> Extent:
        """Return where the leaves begin and end, and how many there are and were, as of one moment."""
        counted = select(LeafCountRow.n_leaves).scalar_subquery()
        ends = select(func.min(LeafRow.seq), func.max(LeafRow.seq), func.count(), counted)
        with reading(self._database) as session:
            first, last, n_rows, n_counted = session.execute(ends).one()
        end = 0 if last is None else last + 1
        return Extent(first or 0, end, n_rows, end if n_counted is None else n_counted)

    def rows(self, start: int, stop: int) -> list[tuple[int, bytes]]:
        """Return place and bytes of a range of leaves, in order; what is gone is left out."""
        return _rows(self._database, start, stop)

    def apart(self) -> SqlLeaves:
        """Return what another process can read the same leaves with."""
        return SqlLeaves(self._database.url)

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


@dataclass(frozen=True, slots=True)
class SqlLeaves:
    """Leaves read by range over a connection of its own."""

    url: URL = field(repr=False)

    def rows(self, start: int, stop: int) -> list[tuple[int, bytes]]:
        """Return place and bytes of a range of leaves, in order; what is gone is left out."""
        return _rows(_reading(self.url), start, stop)


@cache
def _reading(url: URL) -> Engine:
    return create_engine(url, hide_parameters=True)


def _rows(database: Engine, start: int, stop: int) -> list[tuple[int, bytes]]:
    """Read a range as the driver gives it, which is twice as fast as rows of SQLAlchemy's.

    A leaf that somebody's hand in SQLite made a text or a number of is read as its letters.
    """
    wanted = f"select seq, content from leaves where seq >= {start:d} and seq < {stop:d} order by seq"  # noqa: S608 - numbers
    with closing(database.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute(wanted)
        found: list[tuple[int, Any]] = list(cursor.fetchall())
    if all([type(content) is bytes for _, content in found]):
        return found
    return [(seq, c if type(c) is bytes else str("" if c is None else c).encode()) for seq, c in found]


def _insert(session: Session, rows: list[tuple[int, bytes]]) -> None:
    """Insert leaves; SQLite takes tuples as they are, three times faster than by name."""
    connection = session.connection()
    if connection.dialect.paramstyle == "qmark":
        connection.exec_driver_sql("insert into leaves (seq, content) values (?, ?)", rows)
    else:
        connection.execute(LEAVES.insert(), [{"seq": seq, "content": content} for seq, content in rows])


def _end_of(session: Session) -> tuple[int, str]:
    """Return the next leaf's place, behind every leaf that ever was, and the time of the last."""
    ends = select(func.max(LeafRow.seq), select(LeafCountRow.n_leaves).scalar_subquery())
    last, n_counted = session.execute(ends).one()
    if last is None:
        return n_counted or 0, ""
    content, place = session.scalar(select(LeafRow.content).where(LeafRow.seq == last)), max(last + 1, n_counted or 0)
    try:
        return place, str(json.loads(content or b"")["at_utc"])
    except (ValueError, KeyError, TypeError):
        return place, ""
