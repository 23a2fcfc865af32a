"""The database: documents, leaves, and the rows that pages read; made and changed by Alembic alone."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import JSON, Boolean, Engine, Integer, LargeBinary, String, UniqueConstraint, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "ApplicationRow",
    "Base",
    "CommitmentRow",
    "DocumentRow",
    "JobRow",
    "LeafCountRow",
    "LeafRow",
    "MemoryRow",
    "ReviewDecisionRow",
    "ReviewRow",
    "SessionRow",
    "SignOffRow",
    "StopRow",
    "SubmissionRow",
    "open_database",
]


class Base(DeclarativeBase):
    """All tables of the service."""


class DocumentRow(Base):
    """A sealed document's canonical bytes, by digest."""

    __tablename__ = "documents"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class LeafRow(Base):
    """A leaf of the log, in order."""

    __tablename__ = "leaves"
    seq: Mapped[int] = mapped_column(Integer, primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class LeafCountRow(Base):
    """The one row that says how many leaves were ever kept; a leaf that is gone is still counted."""

    __tablename__ = "leaf_count"
    place: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    n_leaves: Mapped[int] = mapped_column(Integer)


class StopRow(Base):
    """A leaf that stops everything or lifts the stop, kept in its transaction; the last one says which of the two holds."""

    __tablename__ = "stops"
    seq: Mapped[int] = mapped_column(Integer, primary_key=True)
    is_on: Mapped[bool] = mapped_column(Boolean)


class CommitmentRow(Base):
    """Salt and words of a commitment in the log; deleting the row is how words are forgotten."""

    __tablename__ = "commitments"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class ApplicationRow(Base):
    """Where an application stands: drawn from the documents and events in the transaction that keeps them."""

    __tablename__ = "applications"
    reference: Mapped[str] = mapped_column(String(64), primary_key=True)
    recipient: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(32))
    application: Mapped[dict[str, object]] = mapped_column(JSON)
    plan: Mapped[dict[str, object]] = mapped_column(JSON)
    decision: Mapped[dict[str, object]] = mapped_column(JSON)
    reasons: Mapped[list[str]] = mapped_column(JSON)
    documents: Mapped[dict[str, str]] = mapped_column(JSON)


class SubmissionRow(Base):
    """A council's accepted submission."""

    __tablename__ = "submissions"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    la_code: Mapped[str] = mapped_column(String(8), index=True)


class SessionRow(Base):
    """A signed-in person: the hash of the cookie, never the cookie."""

    __tablename__ = "sessions"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    role: Mapped[str] = mapped_column(String(32))
    form_token: Mapped[str] = mapped_column(String(64))
    person: Mapped[str] = mapped_column(String(64))


class JobRow(Base):
    """Work that outlasts a request."""

    __tablename__ = "jobs"
    job_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16), index=True)
    result: Mapped[dict[str, object]] = mapped_column(JSON)


class SignOffRow(Base):
    """One person's signature over what a stage decides."""

    __tablename__ = "sign_offs"
    reference: Mapped[str] = mapped_column(String(64), primary_key=True)
    stage: Mapped[str] = mapped_column(String(16), primary_key=True)
    person: Mapped[str] = mapped_column(String(64), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    signature: Mapped[str] = mapped_column(String(256))
    public_key: Mapped[str] = mapped_column(String(128))


class ReviewRow(Base):
    """A review queue: whether it is open, and how many decisions it holds."""

    __tablename__ = "reviews"
    queue: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    n_decisions: Mapped[int] = mapped_column(Integer)


class ReviewDecisionRow(Base):
    """That a person decided an item, without the answer: one a turn, and one a person, whoever comes at the same time."""

    __tablename__ = "review_decisions"
    __table_args__ = (UniqueConstraint("queue", "item", "reviewer"),)
    queue: Mapped[str] = mapped_column(String(64), primary_key=True)
    item: Mapped[int] = mapped_column(Integer, primary_key=True)
    turn: Mapped[int] = mapped_column(Integer, primary_key=True)
    reviewer: Mapped[str] = mapped_column(String(64))


class MemoryRow(Base):
    """One release that someone holds, in the order in which they were given; its facts stand in the checked document."""

    __tablename__ = "memory"
    body_code: Mapped[str] = mapped_column(String(64), primary_key=True)
    place: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    checked: Mapped[str] = mapped_column(String(64))
    release: Mapped[str] = mapped_column(String(64))


def open_database(path: Path) -> Engine:
    """Open a SQLite database, bringing its tables up to date.

    Source: design 4, api: WAL, immediate writes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _begin_immediate)
    config = Config()
    config.set_main_option("script_location", str(files("api").joinpath("migrations")))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return engine


def _on_connect(connection: object, record: object) -> None:
    del record
    connection.isolation_level = None  # type: ignore[attr-defined]
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "foreign_keys=ON"):
        cursor.execute(f"pragma {pragma}")
    cursor.close()


def _begin_immediate(connection: object) -> None:
    """Take the write lock at once: two writers queue instead of failing half way."""
    connection.exec_driver_sql("begin immediate")  # type: ignore[attr-defined]
