"""The database: documents, leaves, and the rows that pages read; made and changed by Alembic alone."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import (
    JSON,
    URL,
    Boolean,
    Connection,
    Engine,
    ExceptionContext,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from cld.errors import Conflict, InputError, UnreadableFile

__all__ = [
    "ApplicationRow",
    "Base",
    "CommitmentRow",
    "DocumentRow",
    "JobRow",
    "LeafCountRow",
    "LeafRow",
    "MemoryRow",
    "OptOutRuleRow",
    "ReviewDecisionRow",
    "ReviewRow",
    "SessionRow",
    "SignOffRow",
    "StopRow",
    "SubmissionRow",
    "database_url",
    "open_database",
    "reading",
]

WAIT_SECONDS = 5
LOCK_NOT_AVAILABLE = "55P03"
TURN = 0x6361_7265
"""Names the lock that a writer holds in PostgreSQL: the letters ``care``."""


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
    agreement: Mapped[str] = mapped_column(String(64), index=True)
    held_state: Mapped[str] = mapped_column(String(32))
    version: Mapped[int] = mapped_column(Integer)
    round: Mapped[int] = mapped_column(Integer)


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


class OptOutRuleRow(Base):
    """Whether opt-outs are applied for a recipient's data set: one answer for the life of an agreement."""

    __tablename__ = "opt_out_rules"
    body_code: Mapped[str] = mapped_column(String(64), primary_key=True)
    agreement: Mapped[str] = mapped_column(String(64), primary_key=True)
    data_set: Mapped[str] = mapped_column(String(64), primary_key=True)
    applied: Mapped[bool] = mapped_column(Boolean)


class MemoryRow(Base):
    """One release that someone holds, in the order in which they were given; its facts stand in the checked document."""

    __tablename__ = "memory"
    body_code: Mapped[str] = mapped_column(String(64), primary_key=True)
    place: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    checked: Mapped[str] = mapped_column(String(64))
    release: Mapped[str] = mapped_column(String(64))


def database_url(text: str) -> str:
    """Return the address of a PostgreSQL database, as a workspace's settings hold it.

    A password has no place in it: PostgreSQL's own means (a password file, a service, the account of the socket) give it.
    Raises: InputError if it is no such address.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        url = None
    if url is None or url.drivername != "postgresql" or url.password is not None or "password" in url.query:
        message = "The database is named as postgresql://host/name, without a password."
        raise InputError(message, "Put the password into PostgreSQL's password file.")
    return url.render_as_string()


def open_database(place: Path | str) -> Engine:
    """Open a database, bringing its tables up to date: SQLite in a file, or PostgreSQL at an address.

    On both a transaction has the only turn to write from its beginning; ``reading`` begins those that write nothing.
    Raises: InputError for an address that is none; UnreadableFile if the database does not answer.
    Source: design 4, api: WAL, immediate writes.
    """
    engine = _sqlite(place) if isinstance(place, Path) else _postgresql(make_url(database_url(place)))
    event.listen(engine, "handle_error", _say_busy)
    config = Config()
    config.set_main_option("script_location", str(files("api.store").joinpath("migrations")))
    config.set_main_option("path_separator", "os")
    try:
        engine.connect().close()
    except OperationalError:
        engine.dispose()
        message = "The database does not answer."  # the fault's own words may hold what must not be told
        raise UnreadableFile(message, "See that it runs and that this account may use it.") from None
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return engine


def reading(database: Engine) -> Session:
    """Begin a session that only reads: it sees one moment throughout, waits for no writer and keeps none waiting."""
    if database.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        return Session(database.execution_options(reads_only=True, **options))
    return Session(database.execution_options(reads_only=True))


def _sqlite(path: Path) -> Engine:
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}", hide_parameters=True)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _postgresql(url: URL) -> Engine:
    try:
        import psycopg  # noqa: F401, PLC0415
    except ImportError as fault:
        message = "PostgreSQL needs the extra part of Caregate that speaks to it."
        raise InputError(message, "Install it: pip install 'caregate[postgresql]'.") from fault
    settings = f"-c lock_timeout={WAIT_SECONDS}s -c synchronous_commit=on"
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"), hide_parameters=True, connect_args={"options": settings}
    )
    event.listen(engine, "begin", _take_the_turn)
    return engine


def _on_connect(connection: object, record: object) -> None:
    del record
    connection.isolation_level = None  # type: ignore[attr-defined]
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={WAIT_SECONDS}000", "foreign_keys=ON"):
        cursor.execute(f"pragma {pragma}")
    cursor.close()


def _say_busy(context: ExceptionContext) -> None:
    """Say plainly that others wrote for longer than anybody waits; nothing of this transaction was kept."""
    fault = context.original_exception
    if getattr(fault, "sqlite_errorname", "") == "SQLITE_BUSY" or getattr(fault, "sqlstate", "") == LOCK_NOT_AVAILABLE:
        message = "Somebody else has been writing to the database for too long."
        raise Conflict(message, "Try again.") from None


def _only_reads(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("reads_only"))


def _begin_immediate(connection: Connection) -> None:
    """Take the write lock at once: two writers queue instead of failing half way."""
    connection.exec_driver_sql("begin" if _only_reads(connection) else "begin immediate")


def _take_the_turn(connection: Connection) -> None:
    """Let one writer in at a time, as SQLite does: what a transaction reads still holds when it writes, and the places of
    the log follow one another without gaps.
    """
    if not _only_reads(connection):
        connection.exec_driver_sql(f"select pg_advisory_xact_lock({TURN})")
