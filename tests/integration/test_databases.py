"""What the house promises of its database, held on SQLite and on PostgreSQL: whole transactions, one order, one turn."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, select, text
from sqlalchemy.orm import Session

from api.store.database import Base, DocumentRow, LeafRow, MemoryRow, SignOffRow, database_url, open_database, reading
from api.store.journal import SqlJournal
from api.store.memory import SqlMemory
from api.workspace.sign_offs import cast, signs_of
from api.workspace.wiring import demo_workspace, open_demo_workspace
from audit.journal import Event
from audit.stop import lift, stop, stop_in_force
from cld.errors import (
    CLDError,
    Conflict,
    InputError,
    InvariantBroken,
    NotPermitted,
    StaleVersion,
    Stopped,
    UnreadableFile,
)
from cld.free_text import FreeText
from cld.journey import Document, DocumentKind
from tests.lib.postgres import Server
from tests.lib.small_log import HandClock

EVENT = Event("tested", "operator", "operator", {"n": 1})
N_WRITERS, N_EACH = 4, 25


@pytest.fixture
def database(database_place: Path | str) -> Iterator[Engine]:
    """An empty database of either kind."""
    engine = open_database(database_place)
    yield engine
    engine.dispose()


@pytest.fixture
def journal(database: Engine) -> SqlJournal:
    """A journal on it."""
    return SqlJournal(database, HandClock())  # type: ignore[arg-type]


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Let every act begin at the same instant; return what each answered, or its error."""
    start, answers = threading.Barrier(len(acts)), list[object]([None] * len(acts))

    def run(place: int) -> None:
        start.wait()
        try:
            answers[place] = acts[place]()
        except CLDError as fault:
            answers[place] = fault

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def config_on(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("api.store").joinpath("migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def test_the_migrations_make_what_the_models_say_and_can_be_taken_back(database: Engine) -> None:
    with database.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        assert set(inspect(connection).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
        command.downgrade(config_on(connection), "base")
    assert inspect(database).get_table_names() == ["alembic_version"]


def test_a_second_opening_finds_the_tables_and_what_they_hold(database: Engine, database_place: Path | str) -> None:
    SqlJournal(database, HandClock()).record(EVENT)  # type: ignore[arg-type]
    again = open_database(database_place)
    assert SqlJournal(again, HandClock()).n_leaves() == 1  # type: ignore[arg-type]
    again.dispose()


def test_writers_at_once_number_leaves_without_gaps_or_doubles(database: Engine, database_place: Path | str) -> None:
    engines = [open_database(database_place) for _ in range(N_WRITERS)]

    def writer(number: int) -> Callable[[], object]:
        held = SqlJournal(engines[number], HandClock())  # type: ignore[arg-type]
        return lambda: [held.record(Event("tested", f"writer {number}", "operator", {"n": n})) for n in range(N_EACH)]

    answers = at_once(*[writer(number) for number in range(N_WRITERS)])
    assert not [answer for answer in answers if isinstance(answer, CLDError)]
    leaves = [json.loads(leaf) for leaf in SqlJournal(database, HandClock()).leaves()]  # type: ignore[arg-type]
    assert [leaf["seq"] for leaf in leaves] == list(range(N_WRITERS * N_EACH))
    for number in range(N_WRITERS):
        own = [leaf["details"]["n"] for leaf in leaves if leaf["actor"] == f"writer {number}"]
        assert own == list(range(N_EACH))
    for engine in engines:
        engine.dispose()


def test_document_leaf_and_rows_are_kept_together_or_not_at_all(database: Engine, journal: SqlJournal) -> None:
    document = Document(DocumentKind.ACCEPTED_SUBMISSION, (), {"la_code": "503"})
    with pytest.raises(InvariantBroken):
        journal.seal(document, Event("accept", "officer", "officer", {"number": "9434765919"}))
    with reading(database) as session:
        full = {name for name, table in Base.metadata.tables.items() if session.execute(select(table)).first()}
    assert full == {"leaf_count"}
    assert journal.n_leaves() == 0
    journal.seal(document, Event("accept", "officer", "officer", {"why": FreeText("words")}))
    with reading(database) as session:
        full = {name for name, table in Base.metadata.tables.items() if session.execute(select(table)).first()}
    assert full == {"documents", "leaf_count", "leaves", "submissions", "commitments"}
    assert journal.load(document.digest) == document


def test_whoever_reads_waits_for_no_writer_and_sees_one_moment(database: Engine, journal: SqlJournal) -> None:
    journal.record(EVENT)
    with Session(database) as writer, writer.begin():
        journal.append(writer, EVENT, "")
        writer.flush()
        assert journal.n_leaves() == 1
        with reading(database) as reader:
            assert len(reader.scalars(select(LeafRow.seq)).all()) == 1
            writer.commit()
            assert len(reader.scalars(select(LeafRow.seq)).all()) == 1
    assert journal.n_leaves() == 2


def test_a_writer_who_waits_too_long_is_told_so_plainly(
    database_place: Path | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.store.database.WAIT_SECONDS", 1)
    database = open_database(database_place)
    journal = SqlJournal(database, HandClock())  # type: ignore[arg-type]
    with Session(database) as writer, writer.begin():
        journal.append(writer, EVENT, "")
        with pytest.raises(Conflict, match="writing to the database for too long"):
            journal.record(EVENT)
    assert journal.n_leaves() == 1
    database.dispose()


def test_a_stop_that_came_between_keeps_an_extract_from_being_kept(journal: SqlJournal) -> None:
    candidate = Document(DocumentKind.CANDIDATE_EXTRACT, (), {"n": 1})
    on = stop(journal, "operator one", "operator")
    assert stop_in_force(journal) == on
    with pytest.raises(Stopped):
        journal.seal(candidate, Event("build", "operator", "operator", {}))
    assert journal.load(candidate.digest) is None
    assert journal.n_leaves() == 1
    with pytest.raises(CLDError):
        lift(journal, (), {}, 1)


def review(journal: SqlJournal) -> Document:
    queue = Document(DocumentKind.REVIEW_QUEUE, (), {"n": 1})
    journal.seal(queue, EVENT)
    return queue


def a_decision(queue: Document, reviewer: str, turn: int) -> Document:
    body = {"item": 3, "turn": turn, "reviewer": reviewer, "answer": "same"}
    return Document(DocumentKind.REVIEW_DECISION, (queue.digest,), body)


def test_of_two_votes_for_one_turn_at_the_same_instant_one_stands(database: Engine, journal: SqlJournal) -> None:
    queue = review(journal)
    first, second = (a_decision(queue, name, 1) for name in ("reviewer one", "reviewer two"))
    answers = at_once(lambda: journal.seal(first, EVENT), lambda: journal.seal(second, EVENT))
    assert [isinstance(answer, StaleVersion) for answer in answers].count(True) == 1
    kept = [journal.load(document.digest) for document in (first, second)]
    assert kept.count(None) == 1
    settled = Document(DocumentKind.SETTLED_REVIEW, (queue.digest,), {})
    with pytest.raises(StaleVersion):
        journal.seal(settled, EVENT)
    assert journal.n_leaves() == 2


def a_release(journal: SqlJournal, number: int) -> Document:
    checked = Document(DocumentKind.CHECKED_EXTRACT, (), {"judged_against": {"907": 0}, "n": number})
    journal.seal(checked, EVENT)
    return Document(DocumentKind.SIGNED_RELEASE, (checked.digest,), {"body_code": "907", "n": number})


def test_of_two_releases_at_the_same_instant_the_second_was_not_weighed_against_the_first(
    database: Engine, journal: SqlJournal
) -> None:
    made = [a_release(journal, number) for number in range(2)]
    acts = [
        lambda n=n, d=d: journal.seal(d, Event("release", "releaser", "releaser", {"application": f"CG-{n}"}))  # type: ignore[misc]
        for n, d in enumerate(made)
    ]
    answers = at_once(*acts)
    assert [isinstance(answer, StaleVersion) for answer in answers].count(True) == 1
    with reading(database) as session:
        assert len(session.scalars(select(MemoryRow)).all()) == 1
        assert len(session.scalars(select(DocumentRow)).all()) == 3
    assert len(SqlMemory(database, journal).held_by("907")) == 1


def test_of_two_sign_offs_at_the_same_instant_one_person_casts_one_and_two_people_two(
    database_place: Path | str, tmp_path: Path
) -> None:
    folder = tmp_path / "workspace"
    folder.mkdir()
    space = demo_workspace(folder, seed=3, n_threads=1, database="" if isinstance(database_place, Path) else database_place)  # fmt: skip

    def signing(person: str) -> Callable[[], object]:
        return lambda: cast(space, "CG-1", "approve", person, space.staff[person], digest="d" * 64, role="approver")

    same = at_once(signing("approver one"), signing("approver one"))
    assert [isinstance(answer, NotPermitted) for answer in same].count(True) == 1
    other = at_once(signing("approver two"), signing("releaser one"))
    assert not [answer for answer in other if isinstance(answer, CLDError)]
    assert [sign.person for sign in signs_of(space, "CG-1", "approve")] == ["approver one", "approver two", "releaser one"]  # fmt: skip
    signed = [json.loads(leaf) for leaf in space.journal.leaves() if b'"action":"signed"' in leaf]
    with reading(space.database) as session:
        assert len(signed) == len(session.scalars(select(SignOffRow)).all()) == 3
    space.journal.close()
    again = open_demo_workspace(folder)
    assert again.database.dialect.name == ("sqlite" if isinstance(database_place, Path) else "postgresql")
    assert again.journal.n_leaves() == len(space.journal.leaves())
    again.journal.close()
    space.journal.close()


def test_no_fault_of_the_database_tells_what_was_written(database: Engine) -> None:
    with pytest.raises(Exception, match="no_such_table") as fault, database.begin() as connection:
        connection.execute(text("insert into no_such_table values (:word)"), {"word": "Hildegard"})
    assert "Hildegard" not in str(fault.value)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://care:secret@host/name",
        "postgresql://host/name?password=secret",
        "postgresql+psycopg://host/name",
        "mysql://host/name",
        "name",
        "",
    ],
)
def test_an_address_that_is_none_or_holds_a_password_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(InputError) as refusal:
        database_url(address)
    assert "secret" not in str(refusal.value)


def test_a_database_that_does_not_answer_is_told_of(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(UnreadableFile, match="does not answer"):
        open_database(f"postgresql://caregate@/none?host={tmp_path}")


def test_what_an_accident_leaves_open_takes_nobodys_turn(postgres: Server) -> None:
    """A writer whose connection is lost lets the next one in; its leaf is not there."""
    place = postgres.new_database()
    first, second = open_database(place), open_database(place)
    lost = first.connect()
    lost.exec_driver_sql("insert into leaves (seq, content) values (0, 'x')")
    pid = lost.exec_driver_sql("select pg_backend_pid()").scalar_one()
    with reading(second) as session:
        session.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
    journal = SqlJournal(second, HandClock())  # type: ignore[arg-type]
    journal.record(EVENT)
    assert [json.loads(leaf)["seq"] for leaf in journal.leaves()] == [0]
    lost.invalidate()
    lost.close()
    first.dispose()
    second.dispose()
