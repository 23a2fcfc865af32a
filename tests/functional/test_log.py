"""The log in the service's own database, its commands, and a witness that somebody else runs."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from fastapi.testclient import TestClient

from api.store.database import open_database
from api.store.journal import SqlJournal
from api.workspace.witness_client import HttpWitness, witnesses_of
from api.workspace.witness_http import create_witness_app
from api.workspace.witness_store import create_witness_keys, open_witness
from audit.commitment import COMMITTED, opens
from audit.export import export_log
from audit.fsck import fsck, fsck_export
from audit.journal import Event
from audit.log import Log, LogFolder
from audit.note import read_checkpoint, read_note
from audit.policy import read_policy
from audit.proof import read_consistency, read_proof, verify_proof
from audit.tiles import TileStore
from audit.witness import add_checkpoint_request
from cld.errors import Conflict, InputError, LogInconsistent, NotSealed, NotWitnessed
from cld.free_text import FreeText
from cld.journey import Document, DocumentKind
from tests.functional.test_command_line import run
from tests.lib.small_log import ORIGIN, START, HandClock, SmallLog, signer, small_log

EVENT = Event("tested", "operator", "operator", {"n": 1})


def kept_at(place: Path | str, folder: Path) -> tuple[SqlJournal, SmallLog, HandClock]:
    """A journal with its log."""
    made = small_log(folder / "kept")
    journal = SqlJournal(open_database(place), made.clock, log=made.log)  # type: ignore[arg-type]
    return journal, made, made.clock


@pytest.fixture
def kept(tmp_path: Path) -> tuple[SqlJournal, SmallLog, HandClock]:
    """A journal on SQLite with its log."""
    return kept_at(tmp_path / "kept.sqlite", tmp_path)


@pytest.fixture
def on_both(database_place: Path | str, tmp_path: Path) -> Iterator[tuple[SqlJournal, SmallLog, HandClock]]:
    """The same on either database."""
    made = kept_at(database_place, tmp_path)
    yield made
    made[0].close()


def document(n: int) -> Document:
    return Document(DocumentKind.LINKED_DATASET, (), {"n": n})


def test_a_document_is_proved_under_a_witnessed_head_and_later_heads_continue_earlier_ones(
    on_both: tuple[SqlJournal, SmallLog, HandClock],
) -> None:
    journal, made, _ = on_both
    sizes = []
    for n in range(4):
        digest = journal.seal(document(n), replace(EVENT, details={"n": n}))
        journal.record_many([EVENT] * 300)
        proof, continuing = journal.prove(digest)
        found = read_proof(proof)
        head = verify_proof(found, found.extra, made.log.policy)
        assert json.loads(found.extra)["document"] == digest
        assert sorted(read_consistency(continuing)) == sizes
        sizes.append(head.size)
    assert fsck(journal, made.log.folder)["faults"] == []


def test_an_older_copy_of_the_database_takes_no_document(
    kept: tuple[SqlJournal, SmallLog, HandClock], tmp_path: Path
) -> None:
    journal, made, clock = kept
    journal.record_many([EVENT] * 10)
    journal.close()
    shutil.copy(tmp_path / "kept.sqlite", tmp_path / "older.sqlite")
    journal.record_many([EVENT] * 10)
    made.log.head(journal)
    older = SqlJournal(open_database(tmp_path / "older.sqlite"), clock, log=made.log)  # type: ignore[arg-type]
    with pytest.raises(LogInconsistent, match="older backup"):
        older.seal(document(1), EVENT)
    older.record_many([replace(EVENT, details={"n": 2})] * 30)
    with pytest.raises(LogInconsistent, match="another history"):
        older.seal(document(1), EVENT)
    assert older.load(document(1).digest) is None
    older.close()
    journal.close()


def test_a_clock_set_back_is_marked_in_the_leaf_and_stops_the_next_head(
    on_both: tuple[SqlJournal, SmallLog, HandClock],
) -> None:
    journal, made, clock = on_both
    clock.now = START + timedelta(hours=2)
    journal.record(EVENT)
    made.log.head(journal)
    clock.now = START
    journal.record(EVENT)
    journal.record_many([EVENT, EVENT])
    assert ["clock" in json.loads(leaf) for leaf in journal.leaves()] == [False, True, False, False]
    with pytest.raises(LogInconsistent, match="set back"):
        made.log.head(journal)
    clock.now = START + timedelta(hours=3)
    made.log.head(journal)
    report = fsck(journal, made.log.folder)
    assert (report["faults"], report["clock_set_back"]) == ([], [1])


def test_words_stand_beside_the_log_until_they_are_erased(
    kept: tuple[SqlJournal, SmallLog, HandClock], tmp_path: Path
) -> None:
    journal, made, _ = kept
    words = "Mrs Hildegard Example asked us to look into her case"
    journal.record(replace(EVENT, details={"justification": FreeText(words)}))
    before = made.log.head(journal).text
    leaf = json.loads(journal.leaves()[0])
    digest = leaf["details"]["justification"][COMMITTED]
    opening = journal.opening(digest)
    assert opening is not None
    assert (opening.text, opens(opening)) == (words, True)
    journal.erase(digest, Event("words erased", "operator", "operator", {"commitment": digest}))
    assert journal.opening(digest) is None
    with pytest.raises(NotSealed):
        journal.erase(digest, EVENT)
    assert made.log.tiles.root(1) == read_checkpoint(before).root
    assert fsck(journal, made.log.folder)["faults"] == []
    journal.close()
    with sqlite3.connect(tmp_path / "kept.sqlite") as connection:
        left = "".join(connection.iterdump())
    connection.close()
    assert "Hildegard" not in left
    assert words.encode().hex() not in left.lower()
    assert not [path for path in (tmp_path / "kept").rglob("*") if path.is_file() and b"Hildegard" in path.read_bytes()]


def test_an_exported_log_is_checked_without_the_database_and_an_altered_entry_is_found(tmp_path: Path) -> None:
    made = small_log(tmp_path / "made", 600)
    made.signed()
    out = tmp_path / "export"
    assert export_log(made.log.folder, "", out) == 600
    with pytest.raises(Conflict):
        export_log(made.log.folder, "", out)
    folder = LogFolder(TileStore(out), ORIGIN, made.log.policy)
    assert fsck_export(folder)["faults"] == []
    bundle = out / "tile" / "entries" / "001"
    bundle.write_bytes(bundle.read_bytes().replace(b'"n":300', b'"n":301'))
    assert fsck_export(folder)["kinds"] == ["edited row"]


def test_a_witness_over_http_answers_as_its_page_says(tmp_path: Path) -> None:
    made = small_log(tmp_path / "log", 20)
    keys = create_witness_keys(tmp_path / "witness", "dhsc.example/w1")
    trust = "".join(f"log {key.text()}\n" for key in signer(ORIGIN).log_keys()) + "quorum none\n"
    origin = hashlib.sha256(ORIGIN.encode()).hexdigest()
    client = TestClient(create_witness_app(open_witness(tmp_path / "witness", trust, made.clock)))  # type: ignore[arg-type]

    def ask(old: int, proof: tuple[bytes, ...], note: str) -> tuple[int, str]:
        answer = client.post("/add-checkpoint", content=add_checkpoint_request(old, proof, note))
        return answer.status_code, answer.text

    first = made.signed()
    assert client.get(f"/{origin}/checkpoint").status_code == 404
    status, lines = ask(0, (), first)
    assert status == 200
    assert {name for name, _ in read_note(read_note(first).text + "\n" + lines).signatures} == {keys.name}
    assert ask(0, (), first) == (409, "20\n")
    assert client.post("/add-checkpoint", content=add_checkpoint_request(0, (), first)).headers["content-type"].startswith("text/x.tlog.size")  # fmt: skip
    made.rows.add(5)
    second = made.signed()
    proof = made.log.consistency(20, 25)
    assert ask(20, (), second)[0] == 422
    assert ask(26, proof, second)[0] == 400
    assert ask(20, proof, second.replace(ORIGIN, "another.example"))[0] in (400, 404)
    assert ask(20, proof, second.replace("\n25\n", "\n24\n"))[0] == 403
    assert client.post("/add-checkpoint", content=b"old 20\n").status_code == 400
    assert client.post("/add-checkpoint", content=b"\xff").status_code == 400
    assert ask(20, proof, second)[0] == 200
    held = client.get(f"/{origin}/checkpoint").text
    assert read_checkpoint(read_note(held).text).size == 25
    assert {name for name, _ in read_note(held).signatures} == {ORIGIN, keys.name}
    with pytest.raises(Conflict):
        create_witness_keys(tmp_path / "witness", "again")
    assert (tmp_path / "witness" / "keys.json").stat().st_mode & 0o077 == 0


def test_the_commands_sign_check_export_and_answer(demo_folder: Path, tmp_path: Path) -> None:
    space, trust = str(tmp_path / "space"), str(demo_folder / "trust-policy.txt")
    shutil.copytree(demo_folder, space)
    signed = json.loads(run("log", "checkpoint", "--workspace", space, "--json").stdout)
    seen = tmp_path / "seen"
    seen.write_text(signed["head"])
    report = json.loads(run("log", "fsck", "--workspace", space, "--seen", str(seen), "--json").stdout)
    assert (report["faults"], report["root"]) == ([], signed["root"])
    export = str(tmp_path / "export")
    assert (
        json.loads(run("log", "export", "--workspace", space, "--out", export, "--json").stdout)["size"]
        == signed["size"]
    )
    assert run("log", "fsck", "--export", export, "--trust", trust).stdout.endswith("ok\n")
    witness = str(tmp_path / "witness")
    lines = run("log", "witness", "create", "--folder", witness, "--name", "la.example/w").stdout.splitlines()
    assert [line.split("+")[0] for line in lines] == ["la.example/w"] * 2
    request = tmp_path / "request"
    request.write_bytes(add_checkpoint_request(0, (), signed["head"]))
    answered = run("log", "witness", "answer", str(request), "--folder", witness, "--trust", trust)
    assert (answered.returncode, answered.stdout.count("la.example/w")) == (0, 2)
    again = run("log", "witness", "answer", str(request), "--folder", witness, "--trust", trust)
    assert (again.returncode, again.stdout) == (6, f"{signed['size']}\n")
    with sqlite3.connect(tmp_path / "space" / "caregate.sqlite") as connection:
        connection.execute("update leaves set content = replace(content, 'officer', 'officers') where seq = 2")
    connection.close()
    faulty = run("log", "fsck", "--workspace", space)
    assert faulty.returncode == 6
    assert "leaf 2 is" in faulty.stdout


def test_a_policy_of_two_witnesses_of_three_is_met_by_two(tmp_path: Path) -> None:
    made = small_log(tmp_path / "log", 5)
    names = ("one", "two", "three")
    lines = [f"log {key.text()}" for key in signer(ORIGIN).log_keys()]
    lines += [f"witness {name} {signer(name).ml_dsa_key().text()}" for name in names]
    policy = read_policy("\n".join([*lines, "group most 2 one two three", "quorum most"]))
    keys = [signer(name).ml_dsa_key() for name in names]
    assert [policy.is_met(keys[:n], 5) for n in range(4)] == [False, False, True, True]
    assert not policy.is_met([keys[0], keys[0]], 5), "one witness twice is one witness"
    assert made.rows.n_leaves() == 5


def test_a_log_asks_witnesses_of_its_policy_over_http(tmp_path: Path) -> None:
    """A real server on the loopback address; a second witness that is not there is done without."""
    made = small_log(tmp_path / "log", 20)
    keys = create_witness_keys(tmp_path / "witness", "dhsc.example/w1")
    trust = "".join(f"log {key.text()}\n" for key in signer(ORIGIN).log_keys()) + "quorum none\n"
    service = create_witness_app(open_witness(tmp_path / "witness", trust, made.clock))  # type: ignore[arg-type]
    server = uvicorn.Server(uvicorn.Config(service, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        lines = [f"log {key.text()}" for key in signer(ORIGIN).log_keys()]
        lines += [f"witness W{key.kind} {key.text()} http://127.0.0.1:{port}/" for key in keys.witness_keys()]
        lines += [
            f"witness gone {signer('gone').ml_dsa_key().text()} http://127.0.0.1:9/",
            "group g all W4 W6",
            "quorum g",
        ]
        policy = read_policy("\n".join(lines))
        log = Log(made.log.tiles, made.log.signer, witnesses_of(policy), policy, made.clock)  # type: ignore[arg-type]
        made.clock.now = START + timedelta(hours=1)
        for n_leaves in (20, 30):
            made.rows.add(n_leaves - made.rows.n_leaves())
            assert read_checkpoint(log.head(made.rows).text).size == n_leaves
        server.should_exit = True
        thread.join()
        made.rows.add(1)
        with pytest.raises(NotWitnessed):
            log.head(made.rows)
    finally:
        server.should_exit = True
        thread.join()
    with pytest.raises(InputError):
        HttpWitness("w", "ftp://x").add_checkpoint(b"")
