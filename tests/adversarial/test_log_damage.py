"""Every single damage to a workspace's database or log folder, through the command: its first words name that damage."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.commands.log import log_app
from api.workspace.wiring import open_demo_log
from audit.export import export_log
from audit.journal import Event
from audit.tiles import TileStore

EVENT = Event("tested", "operator", "operator", {"n": 1})
PARTS = ("log", "witness", "workspace.json", "trust-policy.txt", "caregate.sqlite")


@dataclass(frozen=True, slots=True)
class Space:
    """What the check reads of a workspace."""

    folder: Path

    @classmethod
    def copied(cls, source: Path, folder: Path) -> Space:
        """Copy those parts."""
        folder.mkdir()
        for name in PARTS:
            copy = shutil.copytree if (source / name).is_dir() else shutil.copy
            copy(source / name, folder / name)  # type: ignore[operator]
        return cls(folder)

    def sql(self, *statements: str) -> None:
        """Change the database as somebody with the file could."""
        with closing(sqlite3.connect(self.folder / "caregate.sqlite")) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def make_room(self, place: int, by: int = 1) -> None:
        """Give every row from a place on another place, ``by`` further."""
        self.sql(
            f"update leaves set seq = -1000 - seq where seq >= {place}",
            f"update leaves set seq = -1000 - seq + {by} where seq <= -1000",
        )

    @property
    def log(self) -> Path:
        """The log's folder."""
        return self.folder / "log"

    @property
    def size(self) -> int:
        """How many entries the log holds."""
        return TileStore(self.log).size

    def last(self, level: str) -> Path:
        """Return the last tile of a level, or bundle."""
        (found,) = (self.log / "tile" / level).rglob(str(self.size % 256))
        return found

    def head(self, number: int, part: str = "checkpoints") -> Path:
        """Return a kept head, counted from the oldest."""
        return sorted((self.log / part).iterdir(), key=lambda path: int(path.name))[number]

    def sign(self, n_events: int) -> str:
        """Log events and have a head signed."""
        with open_demo_log(self.folder) as (journal, log, _):
            log.clock.start = log.clock.start.replace(year=2032)  # type: ignore[attr-defined]
            journal.record_many([EVENT] * n_events)
            return log.head(journal).content

    def first_words(self, *more: str, status: int = 6) -> str:
        """Return the first fault that the command names."""
        found = CliRunner().invoke(log_app, ["fsck", "--workspace", str(self.folder), "--json", *more])
        assert found.exit_code == status, (found.exit_code, found.output, found.exception)
        return str((json.loads(found.stdout)["faults"] or ["none"])[0])


@pytest.fixture
def space(demo_folder: Path, tmp_path: Path) -> Space:
    """The checked parts of a finished demo."""
    return Space.copied(demo_folder, tmp_path / "space")


def test_an_untouched_workspace_has_no_fault_and_all_of_it_is_under_a_head(space: Space) -> None:
    assert space.first_words(status=0) == "none"
    with closing(sqlite3.connect(space.folder / "caregate.sqlite")) as connection:
        assert connection.execute("select count(*), max(seq) + 1 from leaves").fetchone() == (space.size,) * 2


ROWS: dict[str, tuple[str, str]] = {
    "a leaf": ("delete from leaves where seq = 44", "removed leaf: leaf 44 is not in the database"),
    "the first leaf": ("delete from leaves where seq = 0", "removed leaf: leaf 0 is not in the database"),
    "a leaf that names a document": (
        'delete from leaves where seq = (select min(seq) from leaves where instr(content, \'"action":"release"\'))',
        "removed leaf: leaf {release} is not in the database",
    ),
    "the last leaf": ("delete from leaves where seq = {last}", "removed leaf: leaf {last} is not in the database"),
    "the last three": (
        "delete from leaves where seq > {last} - 3",
        "removed leaf: leaves {third} to {last} are not in the database",
    ),
    "a run": ("delete from leaves where seq between 5 and 9", "removed leaf: leaves 5 to 9 are not in the database"),
    "every leaf": ("delete from leaves", "removed leaf: leaves 0 to {last} are not in the database"),
    "a word": (
        "update leaves set content = cast(replace(content, 'officer', 'officers') as blob) where seq = 2",
        "edited row: leaf 2 is not the one in the log",
    ),
    "the last row": (
        "update leaves set content = cast(replace(content, '\"action\":', '\"action\": ') as blob) where seq = {last}",
        "edited row: leaf {last} is not the one in the log",
    ),
    "bytes that are no leaf": (
        "update leaves set content = x'ff00' where seq = 50",
        "edited row: leaf 50 is not the one in the log",
    ),
    "a number in a leaf's place": (
        "update leaves set content = 7 where seq = 51",
        "edited row: leaf 51 is not the one in the log",
    ),
    "a value of another kind": (
        "update leaves set content = cast('[1]' as blob) where seq = 52",
        "edited row: leaf 52 is not the one in the log",
    ),
    "a row at another place": (
        "update leaves set seq = 100000 where seq = 40",
        "removed leaf: leaf 40 is not in the database",
    ),
    "a row behind the last": (
        "insert into leaves select {last} + 1, content from leaves where seq = 3",
        "inserted row: a row stands at place {next}, where nothing was ever logged",
    ),
    "a row far behind": (
        "insert into leaves select 4611686018427387904, content from leaves where seq = 3",
        "inserted row: a row stands at place 4611686018427387904, where nothing was ever logged",
    ),
    "a row before the first": (
        "insert into leaves select -1, content from leaves where seq = 3",
        "inserted row: a row stands at place -1, where nothing was ever logged",
    ),
    "a document": (
        "update documents set content = cast(replace(content, '\"', '''') as blob) where digest = (select min(digest) from documents)",
        "the document of leaf ",
    ),
    "a document's row": (
        "delete from documents where digest = (select max(digest) from documents)",
        "the document of leaf ",
    ),
}


@pytest.mark.parametrize("what", ROWS)
def test_a_change_of_the_database_is_named_first_and_with_its_place(space: Space, what: str) -> None:
    statement, words = ROWS[what]
    last = space.size - 1
    with closing(sqlite3.connect(space.folder / "caregate.sqlite")) as connection:
        (release,) = connection.execute(
            'select min(seq) from leaves where instr(content, \'"action":"release"\')'
        ).fetchone()
    places = {"last": last, "third": last - 2, "next": last + 1, "release": release}
    space.sql(statement.format(**places))
    assert space.first_words().startswith(words.format(**places))


def test_rows_put_between_or_taken_out_from_between_are_named_though_no_gap_is_left(space: Space) -> None:
    space.make_room(60)
    space.sql("insert into leaves select 60, content from leaves where seq = 3")
    assert space.first_words().startswith("inserted row: leaf 60 of the database is not in the log")
    space.sql("delete from leaves where seq in (60, 61)")
    space.make_room(60, -2)
    assert space.first_words().startswith(
        "removed leaf: leaf 60 is not in the database, and those behind it were moved"
    )


def test_the_same_is_named_where_no_head_was_signed_yet(space: Space) -> None:
    size = space.size
    with open_demo_log(space.folder) as (journal, _, _):
        journal.record_many([EVENT] * 9)
    assert space.first_words(status=0) == "none"
    space.sql(f"delete from leaves where seq = {size + 8}")
    assert space.first_words() == f"removed leaf: leaf {size + 8} is not in the database"
    with open_demo_log(space.folder) as (journal, _, _):
        journal.record(EVENT)
    assert space.first_words() == f"removed leaf: leaf {size + 8} is not in the database", (
        "its place is not given again"
    )
    space.sql(f"delete from leaves where seq > {size + 8}", f"update leaf_count set n_leaves = {size + 8}")
    assert space.first_words(status=0) == "none"
    space.make_room(size + 4)
    space.sql(f"insert into leaves select {size + 4}, content from leaves where seq = 3")
    assert space.first_words().startswith(f"inserted row: leaf {size + 4} of the database is one too many")
    space.sql(f"delete from leaves where seq in ({size + 4}, {size + 5})")
    space.make_room(size + 4, -2)
    assert space.first_words().startswith(f"removed leaf: leaf {size + 4} is not in the database, and those behind")


def test_swapped_rows_are_named(space: Space) -> None:
    space.sql(
        "update leaves set seq = -7 where seq = 12",
        "update leaves set seq = 12 where seq = 70",
        "update leaves set seq = 70 where seq = -7",
    )
    assert space.first_words() == "swapped leaves: 12 and 70 stand in each other's place"


def test_an_older_backup_of_the_database_is_named_also_when_it_was_written_to_again(
    space: Space, tmp_path: Path
) -> None:
    size, database = space.size, space.folder / "caregate.sqlite"
    shutil.copy(database, tmp_path / "backup.sqlite")
    space.sign(1)
    shutil.copy(tmp_path / "backup.sqlite", database)
    assert space.first_words() == f"older backup: the database holds {size} leaves, the log {size + 1}"
    with open_demo_log(space.folder) as (journal, _, _):
        journal.record_many([Event("told otherwise", "operator", "operator", {})] * 3)
    assert space.first_words() == f"edited row: leaf {size} is not the one in the log"
    shutil.copy(tmp_path / "backup.sqlite", database)
    shutil.rmtree(space.log)
    words = f"older backup: the database holds {size} leaves, the log {size + 1}"
    assert space.first_words() == words, "with no log at all its witness still knows"


def test_database_and_log_put_back_together_are_named_by_the_witness_s_head(space: Space, tmp_path: Path) -> None:
    Space.copied(space.folder, tmp_path / "backup")
    space.sign(20)
    for name in ("log", "caregate.sqlite"):
        (shutil.rmtree if name == "log" else Path.unlink)(space.folder / name)  # type: ignore[operator]
        (shutil.copytree if name == "log" else shutil.copy)(tmp_path / "backup" / name, space.folder / name)
    assert space.first_words().startswith("older backup: the head that the witness kept is of")


def test_two_histories_under_one_key_are_named_by_the_head_of_the_other(space: Space, tmp_path: Path) -> None:
    other = Space.copied(space.folder, tmp_path / "other")
    other.sql("update leaves set content = cast(replace(content, 'officer', 'officers') as blob) where seq = 2")
    shutil.rmtree(other.folder / "log")
    shutil.rmtree(other.folder / "witness")
    (tmp_path / "head").write_text(other.sign(0))
    assert other.first_words(status=0) == "none", "a fork with an obliging witness leaves no trace in its own house"
    named = "two histories signed with one key: the head"
    assert space.first_words("--seen", str(tmp_path / "head")).startswith(f"{named} in head, of {space.size} entries")
    shutil.copy(tmp_path / "head", space.log / "checkpoints" / "7")
    assert space.first_words().startswith("altered head: checkpoints/7")
    shutil.rmtree(other.folder / "witness")
    shutil.copytree(space.folder / "witness", other.folder / "witness")
    assert other.first_words().startswith(f"{named} that the witness kept")
    (other.log / "given").mkdir()
    given = max((space.log / "given").iterdir(), key=lambda path: int(path.name))
    shutil.copy(given, other.log / "given" / given.name)
    shutil.rmtree(other.folder / "witness")
    assert other.first_words().startswith(f"two histories signed with one key: given/{given.name}")


def test_database_and_tiles_rewritten_without_a_key_are_held_against_the_signed_heads(space: Space) -> None:
    space.sql("update leaves set content = cast(replace(content, 'officer', 'officers') as blob) where seq = 2")
    shutil.rmtree(space.log / "tile")
    (space.log / ".state" / "tree").unlink()
    with open_demo_log(space.folder) as (journal, log, _):
        log.grow(journal)
    assert space.first_words().startswith("rewritten end: from leaf 0 on database and tiles tell another history than")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def _flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])


def _restate(space: Space, **changes: object) -> None:
    path = space.log / ".state" / "tree"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


FILES: dict[str, tuple[Callable[[Space], object], str]] = {
    "the state is gone": (lambda s: (s.log / ".state" / "tree").unlink(), "missing: .state/tree"),
    "the state's folder is gone": (lambda s: shutil.rmtree(s.log / ".state"), "missing: .state/tree"),
    "the state is cut": (lambda s: _cut(s.log / ".state" / "tree"), "altered state: .state/tree cannot be read"),
    "the state counts less": (lambda s: _restate(s, size=1), "altered state: .state/tree counts 1 entries"),
    "the state counts nothing": (lambda s: _restate(s, size=0), "altered state: .state/tree counts 0 entries"),
    "the state counts more": (lambda s: _restate(s, size=10**12), "altered state: .state/tree counts 10000000000"),
    "the state has another root": (lambda s: _restate(s, root="00" * 32), "altered state: its root of"),
    "all tiles are gone": (lambda s: shutil.rmtree(s.log / "tile"), "missing: tile"),
    "a level is gone": (lambda s: shutil.rmtree(s.log / "tile" / "0"), "missing: tile/0"),
    "the bundles are gone": (lambda s: shutil.rmtree(s.log / "tile" / "entries"), "missing: tile/entries"),
    "the last tile is gone": (lambda s: s.last("0").unlink(), "missing: tile/0/"),
    "the last bundle is gone": (lambda s: s.last("entries").unlink(), "missing: tile/entries/"),
    "a tile is cut": (lambda s: _cut(s.last("0")), "altered tile: tile/0/"),
    "a bundle is cut": (lambda s: _cut(s.last("entries")), "altered tile: tile/entries/"),
    "a tile is altered": (lambda s: _flip(s.last("0")), "altered tile: tile/0/"),
    "a bundle is altered": (lambda s: _flip(s.last("entries")), "altered tile: tile/entries/"),
    "the last head is gone": (lambda s: (s.log / "checkpoint").unlink(), "missing: checkpoint"),
    "the last head is cut": (lambda s: _cut(s.log / "checkpoint"), "altered head: checkpoint is not signed"),
    "the last head is empty": (lambda s: (s.log / "checkpoint").write_text(""), "altered head: checkpoint is not"),
    "the last head is no note": (lambda s: (s.log / "checkpoint").write_text("x\n"), "altered head: checkpoint is not"),
    "the last head is no text": (
        lambda s: (s.log / "checkpoint").write_bytes(b"\xff\x00"),
        "altered head: checkpoint is not signed",
    ),
    "the last head is altered": (lambda s: _flip(s.log / "checkpoint"), "altered head: checkpoint is not signed"),
    "an older head is the last": (
        lambda s: shutil.copy(s.head(0), s.log / "checkpoint"),
        "altered head: checkpoint is of {first} entries, and a later one",
    ),
    "a kept head is cut": (lambda s: _cut(s.head(1)), "altered head: checkpoints/{second} is not"),
    "a kept head is another's": (
        lambda s: shutil.copy(s.head(0), s.head(1)),
        "altered head: checkpoints/{second} is of {first} entries",
    ),
    "the kept heads are gone": (lambda s: shutil.rmtree(s.log / "checkpoints"), "missing: checkpoints"),
    "the heads given are gone": (lambda s: shutil.rmtree(s.log / "given"), "missing: given"),
    "a head given is altered": (lambda s: _flip(s.head(1, "given")), "altered head: given/{second} is not signed"),
    "the whole log is gone": (lambda s: shutil.rmtree(s.log), "missing: tile"),
    "the witness's head is cut": (
        lambda s: _cut(next((s.folder / "witness").rglob("checkpoint"))),
        "altered head: the head that the witness kept is not signed",
    ),
}


@pytest.mark.parametrize("what", FILES)
def test_a_change_of_the_log_s_folder_is_named_first_and_with_its_file(space: Space, what: str) -> None:
    damage, words = FILES[what]
    first, second = (space.head(number).name for number in (0, 1))
    damage(space)
    assert space.first_words().startswith(words.format(first=first, second=second))


def test_the_rest_is_still_recomputed_when_a_head_cannot_be_read(space: Space) -> None:
    (space.log / "checkpoint").write_text("no note")
    space.sql("delete from leaves where seq = 44")
    found = CliRunner().invoke(log_app, ["fsck", "--workspace", str(space.folder), "--json"])
    report = json.loads(found.stdout)
    assert report["n_leaves"] == space.size
    assert report["faults"][0] == "removed leaf: leaf 44 is not in the database"
    assert "altered head: checkpoint is not signed as it must be" in report["faults"]


COPIES: dict[str, tuple[Callable[[Path, int], object], str]] = {
    "nothing": (lambda out, n: None, "none"),
    "the state": (lambda out, n: (out / ".state" / "tree").unlink(), "missing: .state/tree"),
    "the last bundle": (lambda out, n: (out / f"tile/entries/000.p/{n}").unlink(), "missing: tile/entries/000.p/{n}"),
    "half a bundle": (lambda out, n: _cut(out / f"tile/entries/000.p/{n}"), "altered tile: tile/entries/000.p/{n}"),
    "the last head": (lambda out, n: _cut(out / "checkpoint"), "altered head: checkpoint"),
    "the kept heads": (lambda out, n: shutil.rmtree(out / "checkpoints"), "missing: checkpoints"),
    "the tiles": (lambda out, n: shutil.rmtree(out / "tile"), "missing: tile"),
    "the first level": (lambda out, n: shutil.rmtree(out / "tile" / "0"), "missing: tile/0"),
}


@pytest.mark.parametrize("what", COPIES)
def test_a_copy_of_the_log_is_checked_the_same_way(space: Space, demo_folder: Path, tmp_path: Path, what: str) -> None:
    damage, words = COPIES[what]
    out, trust = tmp_path / "copy", str(demo_folder / "trust-policy.txt")
    with open_demo_log(space.folder) as (_, log, _):
        damage(out, export_log(log.folder, "", out))
    found = CliRunner().invoke(log_app, ["fsck", "--export", str(out), "--trust", trust, "--json"])
    assert found.exit_code == (0 if what == "nothing" else 6), found.output
    first = (json.loads(found.stdout)["faults"] or ["none"])[0]
    assert first.startswith(words.format(n=space.size)), json.loads(found.stdout)["faults"]
