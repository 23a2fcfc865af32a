"""Packages with one fault each: every one refused, by the right check and for the right reason; the whole one passes.

Faults of content are signed and logged anew by the house's own keys, so that nothing but the fault can be what refuses.
"""

from __future__ import annotations

import ast
import base64
import csv
import hashlib
import json
import os
import re
import stat
import sys
import tempfile
import types
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.workspace.wiring import DemoKeys, demo_workspace, open_demo_workspace
from audit.archive import pack_folder
from audit.note import ED25519_NOTE, Checkpoint, NoteKey
from audit.onefile import one_file
from audit.sealing import new_identity, seal_file
from audit.tree import leaf_hash, root_of
from audit.verify import open_package, verify_package
from audit.verifying.manifest import CRATE, DATA_MANIFEST, MANIFEST, PROOF, REISSUE, STATEMENT
from audit.verifying.statement import pre_authentication
from cld.canonical import canonical_bytes
from tests.lib.damage import ON, Taken, base64_of, failed_of, flipped, signed_head

Fault = tuple[str, Callable[[Taken], object], int, str]
OUTSIDER = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
CSV, PARQUET = "data/cld.csv", "data/cld.parquet"


@dataclass(frozen=True, slots=True)
class House:
    """Opened packages by recipient, where their sealed files and keys lie, and the keys that signed them."""

    opened: dict[str, Path]
    rows: dict[str, dict[str, Any]]
    folder: Path
    keys: DemoKeys
    others: DemoKeys


def house_of(folder: Path, scratch: Path) -> House:
    """Open every package of a demo."""
    rows = {
        r["recipient"]: r
        for r in json.loads((folder / "summary.json").read_text())["rows"]
        if r["decision"] == "released"
    }
    opened = {}
    for place, (recipient, row) in enumerate(rows.items()):
        opened[recipient] = scratch / str(place)
        open_package(folder / row["package"], folder / row["identity"], opened[recipient])
    space, other = open_demo_workspace(folder), demo_workspace(scratch / "other", seed=99, n_threads=1)
    for one in (space, other):
        one.journal.close()
    return House(opened, rows, folder, space.release_keys, other.release_keys)


@pytest.fixture(scope="module")
def house(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> House:
    """The demo's packages, opened once."""
    return house_of(demo_folder, tmp_path_factory.mktemp("opened"))


def replaced(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def linked_to(path: Path, target: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def lines_of(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    path.write_text("\n".join(change(path.read_text().split("\n"))))


def swap(one: Path, other: Path) -> None:
    held = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(held)


FILES: list[Fault] = [
    ("a bit of a CSV file", lambda t: flipped(t.path(CSV)), 2, "data/cld.csv was altered"),
    ("a bit of a Parquet file", lambda t: flipped(t.path(PARQUET), 9000), 2, "data/cld.parquet was altered"),
    ("a bit of the dictionary", lambda t: flipped(t.path("datapackage.json"), 900), 2, "datapackage.json was altered"),
    ("a bit of the first page", lambda t: flipped(t.path("README.html")), 2, "README.html was altered"),
    ("a term of the licence", lambda t: flipped(t.path("LICENCE.txt")), 2, "LICENCE.txt was altered"),
    ("a starter that does more", lambda t: t.path("starters/starter.py").write_text("import os\n"), 2, "starter.py was altered"),
    ("a data file missing", lambda t: t.path(CSV).unlink(), 2, "missing: data/cld.csv"),
    ("a statement missing", lambda t: t.path("linkage-statement.html").unlink(), 2, "missing: linkage-statement.html"),
    ("a file more in data", lambda t: t.path("data/more.csv").write_text("x"), 2, "not in the manifest: data/more.csv"),
    ("a file more beside", lambda t: t.path("read-me-first.exe").write_text("x"), 2, "not in the manifest: read-me-first.exe"),
    ("a hidden file more", lambda t: t.path(".hidden").write_text("x"), 2, "not in the manifest: .hidden"),
    ("a symbolic link more", lambda t: linked_to(t.path("data/link"), "/etc/hostname"), 2, "data/link is a symbolic link"),
    ("a symbolic link for a file", lambda t: linked_to(t.path("LICENCE.txt"), "README.html"), 2, "LICENCE.txt is a symbolic link"),
    ("a symbolic link for a folder", lambda t: linked_to(t.path("more"), "data"), 2, "more is a symbolic link"),
    ("a pipe", lambda t: os.mkfifo(t.path("data/pipe")), 2, "data/pipe is no plain file"),
    ("the manifest missing", lambda t: t.path(DATA_MANIFEST).unlink(), 2, f"{DATA_MANIFEST} is missing"),
    ("the tag manifest missing", lambda t: t.path(MANIFEST).unlink(), 2, f"{MANIFEST} is missing"),
    ("a name that leads out", lambda t: replaced(t.path(DATA_MANIFEST), b"  data/cld.csv", b"  data/../../c"), 2, "malformed"),
    ("an absolute name", lambda t: replaced(t.path(DATA_MANIFEST), b"  data/cld.csv", b"  /etc/passwd"), 2, "malformed"),
    ("a line twice", lambda t: lines_of(t.path(DATA_MANIFEST), lambda held: [held[0], *held]), 2, "malformed"),
    ("a manifest cut short", lambda t: t.path(DATA_MANIFEST).write_bytes(t.path(DATA_MANIFEST).read_bytes()[:-1]), 2, "malformed"),
    ("digests in capitals", lambda t: t.path(DATA_MANIFEST).write_text(t.path(DATA_MANIFEST).read_text().upper()), 2, "malformed"),
    ("other line ends", lambda t: t.path(DATA_MANIFEST).write_bytes(t.path(DATA_MANIFEST).read_bytes().replace(b"\n", b"\r\n")), 2, "malformed"),
    ("the manifest lists evidence", lambda t: lines_of(t.path(MANIFEST), lambda held: [*held[:-1], "0" * 128 + "  verify.py", ""]), 2, "what is not its own: verify.py"),
    ("two files changed for each other", lambda t: swap(t.path(CSV), t.path(PARQUET)), 2, "was altered"),
    ("a file cut short", lambda t: t.path(CSV).write_bytes(t.path(CSV).read_bytes()[:-200]), 2, "data/cld.csv was altered"),
    ("a file empty", lambda t: t.path(CSV).write_bytes(b""), 2, "data/cld.csv was altered"),
    ("a file under another name", lambda t: t.path(CSV).rename(t.path("data/CLD.csv")), 2, "data/CLD.csv"),
    ("the bag's declaration", lambda t: flipped(t.path("bagit.txt")), 2, "bagit.txt was altered"),
]  # fmt: skip


def signatures(taken: Taken, held: list[dict[str, str]]) -> None:
    taken.envelope(canonical_bytes(taken.statement()), held)


def signed_by(taken: Taken, name: str, key: Ed25519PrivateKey) -> None:
    body = canonical_bytes(taken.statement())
    signatures(
        taken, [{"keyid": name, "sig": base64_of(key.sign(pre_authentication("application/vnd.in-toto+json", body)))}]
    )


def duplicate_signer(taken: Taken) -> None:
    taken.trust = taken.trust.replace("threshold 1", f"release {second_key(taken)}\nthreshold 2")
    held = json.loads(taken.path(STATEMENT).read_bytes())
    held["signatures"] *= 2
    taken.path(STATEMENT).write_bytes(canonical_bytes(held))


def second_key(taken: Taken) -> str:
    return NoteKey(taken.keyid + "-2", ED25519_NOTE, OUTSIDER.public_key().public_bytes_raw()).text()


def spare_bits(taken: Taken) -> None:
    held = json.loads(taken.path(STATEMENT).read_bytes())
    sig = held["signatures"][0]["sig"]
    held["signatures"][0]["sig"] = sig[:-3] + chr(ord(sig[-3]) + 1) + sig[-2:]
    taken.path(STATEMENT).write_bytes(canonical_bytes(held))


def retired_key(taken: Taken) -> None:
    line = next(line for line in taken.trust.splitlines() if line.startswith("release "))
    taken.trust += f"retired {line.split()[1]} 3\n"


def without(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda statement: statement["predicate"].pop(name)


def changed_payload(taken: Taken) -> None:
    held = json.loads(taken.path(STATEMENT).read_bytes())
    statement = taken.statement()
    statement["predicate"]["agreement_to"] = "2031-01-01"
    held["payload"] = base64_of(canonical_bytes(statement))
    taken.path(STATEMENT).write_bytes(canonical_bytes(held))


NONE_SIGNED = "no trusted release key signed the statement"
SIGNED: list[Fault] = [
    ("the signature stripped", lambda t: signatures(t, []), 3, NONE_SIGNED),
    ("a stranger's signature under the trusted name", lambda t: signed_by(t, t.keyid, OUTSIDER), 3, NONE_SIGNED),
    ("a key of no name known", lambda t: signed_by(t, t.keyid + "-9", t.keys.release_key), 3, NONE_SIGNED),
    ("the agreement's end moved after signing", changed_payload, 3, NONE_SIGNED),
    ("signed without the encoding before", lambda t: signatures(t, [{"keyid": t.keyid, "sig": base64_of(t.keys.release_key.sign(canonical_bytes(t.statement())))}]), 3, NONE_SIGNED),
    ("another payload type", lambda t: t.envelope(canonical_bytes(t.statement()), kind="text/plain"), 3, "another payload type"),
    ("no JSON", lambda t: t.path(STATEMENT).write_bytes(b"signed, truly"), 3, "malformed"),
    ("a name twice in the envelope", lambda t: replaced(t.path(STATEMENT), b'{"payload"', b'{"payloadType":"x","payload"'), 3, "malformed"),
    ("the envelope missing", lambda t: t.path(STATEMENT).unlink(), 3, "is missing"),
    ("the envelope written otherwise", lambda t: t.path(STATEMENT).write_bytes(b" " + t.path(STATEMENT).read_bytes()), 3, "malformed"),
    ("spare bits in a signature", spare_bits, 3, "malformed"),
    ("one signer twice where two are asked for", duplicate_signer, 3, "1 trusted release keys signed the statement, the policy asks for 2"),
    ("a release key that was retired before", retired_key, 3, NONE_SIGNED),
    ("a statement of something else", lambda t: t.sign_anew(lambda s: s.update(predicateType="urn:other")), 3, "not a statement of a release"),
    ("a statement without a recipient", lambda t: t.sign_anew(without("recipient")), 3, "not a statement of a release"),
    ("a file named twice in the statement", lambda t: t.sign_anew(lambda s: s["subject"].append(s["subject"][0])), 3, "not a statement of a release"),
    ("the verifier inside changed", lambda t: flipped(t.path("verify.py")), 4, "not as the statement says: verify.py"),
    ("the trust policy inside changed", lambda t: flipped(t.path("trust-policy.txt")), 4, "not as the statement says: trust-policy.txt"),
    ("the crate changed", lambda t: flipped(t.path(CRATE)), 4, f"not as the statement says: {CRATE}"),
    ("the crate missing", lambda t: t.path(CRATE).unlink(), 4, f"{CRATE} is missing"),
    ("a file that the statement leaves out", lambda t: t.sign_anew(lambda s: s["subject"].pop(3)), 4, "not as the statement says"),
    ("data changed and listed anew, not signed", lambda t: (flipped(t.path(CSV)), t.list_anew(), t.list_anew()), 4, "another manifest"),
]  # fmt: skip


def proof_lines(change: Callable[[list[str]], list[str]]) -> Callable[[Taken], object]:
    return lambda t: t.in_proof(lambda head, note: (change(head), note))


def note_lines(change: Callable[[list[str]], list[str]]) -> Callable[[Taken], object]:
    return lambda t: t.in_proof(lambda head, note: (head, change(note)))


def at(lines: list[str], place: int, line: str) -> list[str]:
    return [*lines[:place], line, *lines[place + 1 :]]


def one_bit(line: str) -> str:
    return line[:8] + ("A" if line[8] != "A" else "B") + line[9:]


def signers(*kept: int) -> Callable[[Taken], object]:
    """Keep these of the four signature lines: of the log by Ed25519 and ML-DSA-44, then of the witness."""
    return note_lines(lambda note: [*note[:4], *(note[4 + place] for place in kept), ""])


def time_of_witness(taken: Taken) -> None:
    def change(note: list[str]) -> list[str]:
        dash, name, encoded = note[6].split(" ")
        raw = bytearray(base64.b64decode(encoded))
        raw[11] ^= 1
        return at(note, 6, f"{dash} {name} {base64_of(bytes(raw))}")

    taken.in_proof(lambda head, note: (head, change(note)))


def place_for_size(taken: Taken) -> None:
    def change(head: list[str], note: list[str]) -> tuple[list[str], list[str]]:
        return at(head, 2, f"index {note[1]}"), at(note, 1, head[2].removeprefix("index "))

    taken.in_proof(change)


def lookalike(taken: Taken) -> None:
    """Sign the very checkpoint with a stranger's key under the log's name, one letter of it Cyrillic."""
    name = taken.keys.log.name.replace("a", "\u0430", 1)
    key = NoteKey(name, ED25519_NOTE, OUTSIDER.public_key().public_bytes_raw())

    def change(note: list[str]) -> list[str]:
        line = key.line(OUTSIDER.sign("".join(f"{one}\n" for one in note[:3]).encode()))
        return [*note[:4], line[:-1], *note[5:]]

    note_lines(change)(taken)


def bad_line_first(taken: Taken) -> None:
    """Put a line of the trusted key's name and id, with another signature, before the good one."""
    line = taken.keys.log.note_key().line(bytes(64))[:-1]
    note_lines(lambda note: [*note[:4], line, *note[4:]])(taken)


def signed_by_others(taken: Taken, others: DemoKeys) -> None:
    head = taken.checkpoint().split("\n")
    note = signed_head(Checkpoint(head[0], int(head[1]), base64.b64decode(head[2])), others, taken.keys)
    taken.in_proof(lambda proof, _: (proof, note.split("\n")))


def raw_leaf(taken: Taken) -> None:
    body = canonical_bytes(taken.statement())
    taken.log(body, raw=b"no leaf at all")


def loose_leaf(taken: Taken) -> None:
    taken.log(canonical_bytes(taken.statement()))
    extra = base64.b64decode(taken.path(PROOF).read_text().split("\n")[1].removeprefix("extra "))
    taken.log(canonical_bytes(taken.statement()), raw=extra.replace(b'{"', b'{ "', 1))


LOGGED: list[Fault] = [
    ("a leaf of another statement", lambda t: t.log(canonical_bytes(t.statement()), details={"application": "CG-0001", "statement": "0" * 64}), 5, "speaks of another statement"),
    ("a leaf that is no release", lambda t: t.log(canonical_bytes(t.statement()), action="build"), 5, "not of a release"),
    ("a leaf of another place", lambda t: t.log(canonical_bytes(t.statement()), seq=3), 5, "speaks of another release"),
    ("a leaf that is no JSON", raw_leaf, 5, "leaf cannot be read"),
    ("a leaf written otherwise", loose_leaf, 5, "leaf is not canonical"),
    ("no proof", lambda t: t.path(PROOF).unlink(), 5, "the log proof is missing"),
    ("a proof of another version", proof_lines(lambda h: at(h, 0, "c2sp.org/tlog-proof@v9")), 5, "the log proof is malformed"),
    ("a place with a leading nought", proof_lines(lambda h: at(h, 2, h[2].replace("index ", "index 0"))), 5, "the log proof is malformed"),
    ("a hash too short", proof_lines(lambda h: [*h[:-1], "AAAA"]), 5, "the log proof is malformed"),
    ("a step changed", proof_lines(lambda h: at(h, 3, one_bit(h[3]))), 6, "not in the tree"),
    ("a step too many", proof_lines(lambda h: [*h, h[-1]]), 6, "too long"),
    ("a step too few", proof_lines(lambda h: h[:-1]), 6, "too short"),
    ("a place outside the tree", proof_lines(lambda h: at(h, 2, "index 99999")), 6, "outside the tree"),
    ("a larger tree claimed", note_lines(lambda n: at(n, 1, "99999")), 7, "not signed by every trusted key of the log"),
    ("another root", note_lines(lambda n: at(n, 2, one_bit(n[2]))), 7, "not signed by every trusted key of the log"),
    ("a log that nobody named", note_lines(lambda n: at(n, 0, "somebody.else")), 7, "does not name"),
    ("the log's signatures stripped", signers(2, 3), 7, "not signed by every trusted key of the log"),
    ("the log's ML-DSA-44 signature stripped", signers(0, 2, 3), 7, "not signed by every trusted key of the log"),
    ("the witness stripped", signers(0, 1), 8, "0 of 2 trusted witness keys"),
    ("one key of the witness stripped", signers(0, 1, 2), 8, "1 of 2 trusted witness keys"),
    ("one witness key twice", signers(0, 1, 2, 2), 8, "1 of 2 trusted witness keys"),
    ("the witness's time changed", time_of_witness, 8, "1 of 2 trusted witness keys"),
    ("place and size changed for each other", place_for_size, 6, "outside the tree"),
    ("the log under a name that looks alike", lookalike, 7, "not signed by every trusted key of the log"),
    ("a bad signature before the good one", bad_line_first, 7, "not signed by every trusted key of the log"),
    ("a leaf of a time to come", lambda t: t.log(canonical_bytes(t.statement()), at_utc="2031-01-01T00:00:00Z"), 7, "a later time than the signature"),
]  # fmt: skip


def seen(size: int, *, fork: bool = False, theirs: bool = False) -> Callable[[Taken], object]:
    """Give a checkpoint as the one seen before, of a log that is ours or a fork of it."""

    def change(taken: Taken) -> None:
        taken.sign_anew()
        hashes = [leaf_hash(b"other %d" % number) for number in range(12)]
        if not fork:
            extra = taken.path(PROOF).read_text().split("\n")[1].removeprefix("extra ")
            hashes[6] = leaf_hash(base64.b64decode(extra))
        keys = demo_keys_of_others() if theirs else taken.keys
        head = Checkpoint(taken.keys.log.name, size, root_of(hashes[:size]))
        taken.asked["last_seen"] = signed_head(head, keys, keys)
        if fork and size < 12:
            taken.asked["consistency"] = f"old {size}\n" + "".join(f"{base64_of(one)}\n" for one in hashes[:3]) + "\n"

    return change


def older_than_seen(taken: Taken) -> None:
    taken.sign_anew()
    head = Checkpoint(taken.keys.log.name, 20, root_of([leaf_hash(b"%d" % number) for number in range(20)]))
    taken.asked["last_seen"] = signed_head(head, taken.keys, taken.keys)


def demo_keys_of_others() -> DemoKeys:
    with tempfile.TemporaryDirectory() as made:
        space = demo_workspace(Path(made), seed=77, n_threads=1)
        space.journal.close()
        return space.release_keys


def with_asked(**asked: Any) -> Callable[[Taken], object]:
    return lambda t: t.asked.update(asked)


def for_another(taken: Taken) -> None:
    taken.asked["recipient_keys"] = (new_identity("age")[1],)


def forged_reissue(taken: Taken) -> None:
    key = new_identity("age")[1]
    note = canonical_bytes(
        {"predicateType": "urn:caregate:reissue:1", "predicate": {"statement": "0" * 64, "recipient_key": key}}
    )
    held = taken.path(STATEMENT).read_bytes()
    taken.envelope(note)
    taken.path(STATEMENT).rename(taken.path(REISSUE))
    taken.path(STATEMENT).write_bytes(held)
    taken.asked["recipient_keys"] = (key,)


def withdrawn(taken: Taken, *, in_policy: bool) -> None:
    line = f"withdrawn {hashlib.sha256(canonical_bytes(taken.statement())).hexdigest()} a column was wrong\n"
    if in_policy:
        taken.trust += line
    else:
        taken.asked["revocations"] = line


SEEN: list[Fault] = [
    ("two histories of one size", seen(12, fork=True), 9, "two histories"),
    ("a history that does not go on", seen(5, fork=True), 9, "does not continue"),
    ("nothing that joins", seen(5), 9, "nothing joins"),
    ("a checkpoint older than the one seen", older_than_seen, 9, "nothing joins the checkpoint of 12 leaves to that of 20"),
    ("a checkpoint seen that is none", with_asked(last_seen="yesterday"), 9, "cannot be read"),
    ("a checkpoint seen that the log did not sign", seen(5, theirs=True), 9, "not signed by every trusted key"),
    ("a consistency proof that is none", lambda t: (seen(5)(t), t.asked.update(consistency="old five\n\n")), 9, "malformed"),
    ("two packages with one release number", with_asked(releases_seen={"CG-0001": "0" * 64}), 9, "another package of release CG-0001"),
    ("somebody else's key", for_another, 10, "for another key than yours"),
    ("a note of re-issue for another statement", forged_reissue, 10, "does not stand"),
    ("withdrawn by the policy", lambda t: withdrawn(t, in_policy=True), 14, "it was withdrawn: a column was wrong"),
    ("withdrawn by a list", lambda t: withdrawn(t, in_policy=False), 14, "it was withdrawn: a column was wrong"),
    ("a list that is none", with_asked(revocations="everything is fine"), 14, "cannot be read"),
]  # fmt: skip


def resource_of(described: dict[str, Any], path: str) -> dict[str, Any]:
    return next(one for one in described["resources"] if one["path"] == path)


def dictionary(change: Callable[[dict[str, Any]], object]) -> Callable[[Taken], object]:
    return lambda t: (t.in_json("datapackage.json", change), t.sign_anew())


def cells(taken: Taken, change: Callable[[list[list[str]]], object], name: str = CSV) -> None:
    with taken.path(name).open(newline="") as stream:
        rows = list(csv.reader(stream))
    change(rows)
    with taken.path(name).open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
    taken.sign_anew()


def both(taken: Taken, change: Callable[[list[list[str]]], object], name: str = CSV) -> None:
    """Change the cells of a CSV file and write its Parquet file again from it, so that the two stay alike."""
    cells(taken, change, name)
    with taken.path(name).open(newline="") as stream:
        heads, *rows = csv.reader(stream)
    exact = taken.path(name).with_suffix(".parquet")
    columns = zip(*([cell.removeprefix("'") or None for cell in row] for row in rows), strict=True)
    held = {head: pa.array(column, pa.string()) for head, column in zip(heads, columns, strict=True)}
    schema = pa.schema([one.with_nullable(nullable=True) for one in pq.read_schema(exact)])
    pq.write_table(pa.table(held).cast(schema), exact)
    taken.sign_anew()


def person_key(value: Callable[[str], str]) -> Callable[[Taken], object]:
    return lambda t: both(t, lambda rows: rows[1].__setitem__(0, value(rows[1][0])))


def in_parquet(column: str, change: Callable[[list[Any]], object]) -> Callable[[Taken], object]:
    """Change the values of one column in the Parquet file alone."""

    def spoil(taken: Taken) -> None:
        rows = pq.read_table(taken.path(PARQUET))
        place = rows.column_names.index(column)
        values = rows[column].to_pylist()
        change(values)
        pq.write_table(
            rows.set_column(place, rows.schema.field(place), pa.array(values, rows.schema.field(place).type)),
            taken.path(PARQUET),
        )
        taken.sign_anew()

    return spoil


def exchanged(rows: list[list[str]]) -> None:
    """Exchange one column's cells of two rows: each column by itself stays what it was."""
    place = rows[0].index("event_start_date")
    other = next(n for n in range(2, len(rows)) if rows[n][place] != rows[1][place])
    rows[1][place], rows[other][place] = rows[other][place], rows[1][place]


def parquet_key(taken: Taken, value: Callable[[str], str]) -> None:
    rows = pq.read_table(taken.path(PARQUET))
    keys = rows["person_key"].to_pylist()
    keys[0] = value(keys[0])
    pq.write_table(rows.set_column(0, "person_key", pa.array(keys)), taken.path(PARQUET))
    taken.sign_anew()


def twice_each_column(taken: Taken) -> None:
    rows = pq.read_table(taken.path(PARQUET))
    pq.write_table(pa.Table.from_arrays(rows.columns * 2, names=rows.column_names * 2), taken.path(PARQUET))
    taken.sign_anew()


def checked_anew(letters: str) -> str:
    """Return a pseudonym with the right check character for its first 25 letters."""
    from audit.verifying.pseudonyms import CROCKFORD, WEIGHED

    check = 0
    for place, letter in enumerate(letters[:25]):
        check ^= WEIGHED[place][letter]
    return letters[:25] + CROCKFORD[check] + letters[26:]


def neighbours_swapped(value: str) -> str:
    place = next(place for place in range(1, 24) if value[place] != value[place + 1])
    return value[:place] + value[place + 1] + value[place] + value[place + 2 :]


def other_domain(value: str) -> str:
    return value[:26] + ("0" if value[26] != "0" else "1")


IN_ONE_FORM, UNLIKE = "a pseudonym mistyped in Parquet", "hold different cells"
TABLES: list[Fault] = [
    ("a row more than the dictionary says", dictionary(lambda d: resource_of(d, CSV).update(n_rows=1)), 11, "the dictionary says 1"),
    ("a column of another name", lambda t: cells(t, lambda rows: rows[0].__setitem__(3, "renamed")), 11, "other columns"),
    ("a row gone from the CSV file", lambda t: cells(t, lambda rows: rows.pop()), 11, "rows, the dictionary says"),
    ("a row with a cell too many", lambda t: cells(t, lambda rows: rows[5].append("x")), 11, "no table"),
    ("Parquet that is none", lambda t: (t.path(PARQUET).write_bytes(b"PAR1 no PAR1"), t.sign_anew()), 11, "no table"),
    ("a table that the dictionary leaves out", dictionary(lambda d: d["resources"].pop()), 11, "does not name the tables"),
    ("a table outside the package", dictionary(lambda d: resource_of(d, CSV).update(path="../cld.csv")), 11, "does not name the tables"),
    ("a dictionary of another shape", dictionary(lambda d: resource_of(d, CSV)["schema"].update(fields=["x"])), 11, "cannot be read"),
    ("a Parquet column twice", twice_each_column, 11, "no table"),
    ("a dictionary that is none", lambda t: (t.path("datapackage.json").write_text("[]"), t.sign_anew()), 11, "cannot be read"),
    ("a pseudonym mistyped", person_key(lambda v: v[:9] + ("A" if v[9] != "A" else "B") + v[10:]), 12, "check character"),
    ("two letters swapped", person_key(neighbours_swapped), 12, "check character"),
    ("a pseudonym of another domain", person_key(other_domain), 12, "another agreement, kind or key version"),
    ("a pseudonym of an unknown key version", person_key(lambda v: checked_anew("Q" + v[1:])), 12, "another key version"),
    ("an NHS number for a pseudonym", person_key(lambda _: "9434765919"), 12, "no pseudonym"),
    ("a pseudonym in small letters", person_key(str.lower), 12, "no pseudonym"),
    (IN_ONE_FORM, lambda t: parquet_key(t, neighbours_swapped), 12, "check character"),
    ("a cell of the CSV file alone", lambda t: cells(t, lambda rows: rows[7].__setitem__(rows[0].index("gender"), "Other")), 11, UNLIKE),
    ("a cell of the CSV file emptied", lambda t: cells(t, lambda rows: rows[7].__setitem__(rows[0].index("gender"), "")), 11, UNLIKE),
    ("two rows of the CSV file exchange a cell", lambda t: cells(t, exchanged), 11, UNLIKE),
    ("one row of the CSV file twice, another not at all", lambda t: cells(t, lambda rows: rows.__setitem__(9, next(row for row in rows[1:] if row != rows[9]))), 11, UNLIKE),
    ("a cell of the Parquet file alone", in_parquet("gender", lambda values: values.__setitem__(3, "Other")), 11, UNLIKE),
    ("a date of the Parquet file moved by a day", in_parquet("event_start_date", lambda values: values.__setitem__(3, values[3] + timedelta(days=1))), 11, UNLIKE),
    ("a statement of another key version", lambda t: t.sign_anew(lambda s: s["predicate"].update(key_version=2)), 12, "not the one that the statement names"),
    ("a statement without pseudonyms", lambda t: t.sign_anew(lambda s: s["predicate"].update(key_version=None)), 12, "not the one that the statement names"),
    ("a key version that the dictionary does not know", dictionary(lambda d: [f["caregate"]["pseudonym"].update(version=2) for f in resource_of(d, CSV)["schema"]["fields"] if "pseudonym" in f.get("caregate", {})]), 12, "another key version than the dictionary's, 2"),
]  # fmt: skip


def count(value: str) -> Callable[[Taken], object]:
    return lambda t: both(t, lambda rows: rows[1].__setitem__(-1, value), "data/persons_by_council_age.csv")


SMALL: list[Fault] = [
    ("a count of three", count("3"), 13, "not every number keeps the rule"),
    ("a count that is not rounded", count("12"), 13, "not every number keeps the rule"),
    ("a count below nought", count("-5"), 13, "not every number keeps the rule"),
    ("a count that was to be a star", count("5"), 13, "not every number keeps the rule"),
]
UNTRUSTED: list[Fault] = [
    ("no trust policy", with_asked(policy=None), 3, "no trust policy was given"),
    ("a policy without a quorum", lambda t: setattr(t, "trust", "\n".join(t.trust.split("\n")[:-2])), 3, "no line quorum"),
    ("a policy with a key that does not hold together", lambda t: setattr(t, "trust", re.sub("(?m)^(release .*[+])A", r"\\1B", t.trust)), 3, "cannot be read"),
    ("the policy of another house", lambda t: setattr(t, "trust", demo_keys_of_others().trust), 3, NONE_SIGNED),
]  # fmt: skip
OF_COUNCIL = [*FILES, *SIGNED, *LOGGED, *SEEN, *TABLES]


def held_against(taken: Taken, fault: Fault) -> None:
    name, change, number, reason = fault
    change(taken)
    report = taken.report()
    assert not report["ok"], name
    assert [one["number"] for one in report["checks"]] == list(range(1, 15))
    told = {one["number"]: one["reason"] for one in report["checks"] if one["result"] != "passed"}
    assert reason in told.get(number, ""), (name, told)


@pytest.mark.parametrize("fault", OF_COUNCIL, ids=lambda fault: fault[0])
def test_each_fault_of_a_package_is_refused_for_its_own_reason(fault: Fault, house: House, tmp_path: Path) -> None:
    taken = Taken.copy_of(house.opened["Lincolnshire council"], tmp_path / "package", house.keys)
    held_against(taken, fault)
    if fault in (*SEEN, *TABLES, *SMALL):  # everything else about it is right
        also = [11] if fault[0] == IN_ONE_FORM else []
        assert list(failed_of(taken.report())) == [*also, fault[2]]


@pytest.mark.parametrize("fault", SMALL, ids=lambda fault: fault[0])
def test_a_small_number_in_a_table_is_found_though_its_sender_signed_it(
    fault: Fault, house: House, tmp_path: Path
) -> None:
    taken = Taken.copy_of(house.opened["Derbyshire council, benchmarking"], tmp_path / "package", house.keys)
    held_against(taken, fault)
    assert list(failed_of(taken.report())) == [13]


def test_a_class_below_k_is_found_though_its_sender_signed_it(house: House, tmp_path: Path) -> None:
    taken = Taken.copy_of(house.opened["DHSC"], tmp_path / "package", house.keys)
    name = "data/people.csv"
    cells(taken, lambda rows: rows[1].__setitem__(rows[0].index("gender"), "Other"), name)
    assert "every class holds at least 10" in failed_of(taken.report())[13]


@pytest.mark.parametrize("fault", UNTRUSTED, ids=lambda fault: fault[0])
def test_without_a_trust_policy_from_outside_nothing_is_authentic(fault: Fault, house: House, tmp_path: Path) -> None:
    taken = Taken.copy_of(house.opened["Lincolnshire council"], tmp_path / "package", house.keys)
    assert (taken.path("trust-policy.txt")).read_text() == taken.trust, "the one inside is right, and is not used"
    held_against(taken, fault)


def test_the_log_of_another_house_signs_nothing(house: House, tmp_path: Path) -> None:
    taken = Taken.copy_of(house.opened["Lincolnshire council"], tmp_path / "package", house.keys)
    signed_by_others(taken, house.others)
    assert 7 in failed_of(taken.report())


PARTS: list[tuple[tuple[str, ...], str]] = [
    ((STATEMENT,), "another manifest"),
    ((PROOF,), "another statement"),
    ((MANIFEST,), "was altered"),
    (("datapackage.json",), "datapackage.json was altered"),
    ((STATEMENT, PROOF), "another manifest"),
    ((STATEMENT, PROOF, MANIFEST, DATA_MANIFEST, CRATE), "not in the manifest: data/cld.csv"),
]


@pytest.mark.parametrize("parts", PARTS, ids=lambda parts: " ".join(parts[0]))
def test_parts_of_two_packages_do_not_make_one(
    parts: tuple[tuple[str, ...], str], house: House, tmp_path: Path
) -> None:
    taken = Taken.copy_of(house.opened["Lincolnshire council"], tmp_path / "package", house.keys)
    for name in parts[0]:
        taken.path(name).write_bytes((house.opened["DHSC"] / name).read_bytes())
    report = taken.report()
    assert not report["ok"]
    assert parts[1] in " ".join(failed_of(report).values())


def test_lines_of_keys_that_nobody_named_neither_help_nor_harm(house: House, tmp_path: Path) -> None:
    """Source: C2SP signed-note: signatures of unknown keys are passed over."""
    taken = Taken.copy_of(house.opened["Lincolnshire council"], tmp_path / "package", house.keys)
    line = NoteKey("somebody.example", ED25519_NOTE, OUTSIDER.public_key().public_bytes_raw()).line(bytes(64))[:-1]
    note_lines(lambda note: [*note[:-1], line, line, ""])(taken)
    assert taken.report()["ok"]


def test_a_policy_that_lies_in_the_package_is_no_policy(house: House, tmp_path: Path) -> None:
    """By whatever path it is named; a copy put elsewhere is whoever copied it's own doing."""
    taken = Taken.copy_of(house.opened["Lincolnshire council"], tmp_path / "package", house.keys)
    (tmp_path / "road").symlink_to(taken.path("trust-policy.txt"))
    for given in (taken.path("trust-policy.txt"), taken.folder / "data" / ".." / "trust-policy.txt", tmp_path / "road"):
        report = verify_package(taken.folder, given, None, ON)
        assert not report["ok"]
        assert "lies inside this package" in report["checks"][2]["reason"]


def test_an_old_package_passes_again_after_a_newer_one(house: House, tmp_path: Path) -> None:
    """What was remembered of it stands for it; another package of its number is still another."""
    row, newer = house.rows["Lincolnshire council"], house.rows["DHSC"]
    remember, trust = tmp_path / "seen.json", house.folder / row["trust"]
    for one in (row, newer, row):
        report = verify_package(
            house.folder / one["package"], trust, house.folder / one["identity"], ON, remember=remember
        )
        assert report["ok"], failed_of(report)
    assert json.loads(remember.read_text())["checkpoints"][house.keys.log.name].split("\n")[1] == str(
        max(int(one.split("\n")[1]) for one in json.loads(remember.read_text())["passed"].values())
    )


def test_what_was_signed_anew_without_a_fault_passes(house: House, tmp_path: Path) -> None:
    """The makers of faults make nothing else wrong."""
    for place, recipient in enumerate(("Lincolnshire council", "Derbyshire council, benchmarking", "DHSC")):
        taken = Taken.copy_of(house.opened[recipient], tmp_path / str(place), house.keys)
        assert taken.report()["ok"]
        taken.sign_anew()
        assert taken.report()["ok"], failed_of(taken.report())


def entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    made.external_attr, made.create_system, made.compress_type = mode << 16, 3, zipfile.ZIP_DEFLATED
    return made


def added(name: str, content: bytes = b"x", mode: int = stat.S_IFREG | 0o644) -> Callable[[Path, Path], object]:
    def change(archive: Path, _: Path) -> None:
        with zipfile.ZipFile(archive, "a") as target:
            target.writestr(entry(name, mode), content)

    return change


def within_a_folder(archive: Path, opened: Path) -> None:
    with zipfile.ZipFile(archive, "w") as target:
        for path in sorted(opened.rglob("*")):
            target.write(path, f"package/{path.relative_to(opened)}")


def packed_again(archive: Path, opened: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for path in sorted(opened.rglob("*")):
            if path.is_file():
                target.write(path, path.relative_to(opened).as_posix())


def cut(n_bytes: int) -> Callable[[Path, Path], object]:
    return lambda archive, _: archive.write_bytes(archive.read_bytes()[:-n_bytes])


def overlapping(archive: Path, _: Path) -> None:
    """Point a second entry of the list at the first one's bytes, as bombs without nesting do."""
    content = archive.read_bytes()
    start = int.from_bytes(content[-6:-2], "little")
    second = content.index(b"PK\x01\x02", start + 4)
    archive.write_bytes(content[: second + 42] + content[start + 42 : start + 46] + content[second + 46 :])


def something_between(archive: Path, _: Path) -> None:
    """Put bytes that no entry names behind the last file, before a new last one."""
    content = archive.read_bytes()
    start = int.from_bytes(content[-6:-2], "little")
    last = content.rindex(b"PK\x01\x02")
    place = int.from_bytes(content[last + 42 : last + 46], "little")
    hidden = b"hidden from every list"
    moved = (place + len(hidden)).to_bytes(4, "little")
    listed = content[start : last + 42] + moved + content[last + 46 : -6]
    end = (start + len(hidden)).to_bytes(4, "little") + content[-2:]
    archive.write_bytes(content[:place] + hidden + content[place:start] + listed + end)


def packed_otherwise(archive: Path, opened: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_LZMA) as target:
        for path in sorted(opened.rglob("*")):
            if path.is_file():
                target.write(path, path.relative_to(opened).as_posix())


ARCHIVES: list[tuple[str, Callable[[Path, Path], object], str]] = [
    ("cut short", cut(5000), "damaged or was cut short"),
    ("cut short by one byte", cut(1), "damaged or was cut short"),
    ("packed again", packed_again, "packed again"),
    ("packed within a folder", within_a_folder, "packed again within a folder"),
    ("a name that leads out", added("../escaped.txt"), "leads out of its folder"),
    ("an absolute name", added("/escaped.txt"), "leads out of its folder"),
    ("a name with a backslash", added("..\\escaped.txt"), "leads out of its folder"),
    ("a name with a drive", added("C:/escaped.txt"), "leads out of its folder"),
    ("a symbolic link", added("data/link", b"/etc/passwd", stat.S_IFLNK | 0o777), "symbolic link"),
    ("a bomb", added("data/bomb.csv", b"\0" * (32 << 20)), "swell beyond reason"),
    ("a name twice, in other capitals", added("data/CLD.csv"), "a name twice"),
    ("files that overlap", overlapping, "overlap"),
    ("something before it", lambda archive, _: archive.write_bytes(b"#!/bin/sh\n" + archive.read_bytes()), "before, within or after"),
    ("something after it", lambda archive, _: archive.write_bytes(archive.read_bytes() + b"and more"), "before, within or after"),
    ("something between its files", something_between, "before, within or after"),
    ("a file that is a folder too", added("README.html/more"), "a name twice"),
    ("a folder that is a file too", added("data"), "a name twice"),
    ("a name too long for a disk", added("a" * 300), "that no package has"),
    ("folders too deep for a disk", added("a/" * 2_000 + "a"), "that no package has"),
    ("a method that no package uses", packed_otherwise, "in a way that no package is"),
    ("one file of it twice", added("README.html"), "a name twice"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("fault", ARCHIVES, ids=lambda fault: fault[0])
def test_an_archive_that_is_not_as_it_was_sent_is_refused_and_writes_nowhere_else(
    fault: tuple[str, Callable[[Path, Path], object], str], house: House, tmp_path: Path
) -> None:
    name, change, reason = fault
    row, opened = house.rows["Lincolnshire council"], house.opened["Lincolnshire council"]
    archive, sealed, trust = tmp_path / "package.zip", tmp_path / "package.zip.age", house.folder / row["trust"]
    pack_folder(opened, archive)
    assert verify_package(archive, trust, None, ON)["ok"]
    change(archive, opened)
    secret, public = new_identity("age")
    (tmp_path / "key").write_text(secret)
    seal_file(archive, public, sealed)
    for given, key in ((archive, None), (sealed, tmp_path / "key")):
        report = verify_package(given, trust, key, ON)
        assert not report["ok"]
        assert reason in failed_of(report)[1], name
        assert len(report["checks"]) == 14
    assert not list(tmp_path.parent.glob("**/escaped.txt"))


def spoilt(sealed: bytes) -> Iterator[bytes]:
    """Yield a sealed package spoilt in ways that must all look alike."""
    for length in (len(sealed) - 1, len(sealed) // 2, 100, 40):
        yield sealed[:length]
    for place in (30, 150, len(sealed) // 2, len(sealed) - 1):
        yield sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]


@pytest.mark.parametrize("kind", ["age", "xwing", "crypt4gh"])
def test_before_a_seal_is_open_every_failure_looks_alike(
    kind: str, house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened, trust = house.opened["Lincolnshire council"], tmp_path / "trust"
    trust.write_text(house.keys.trust)
    archive, sealed, key = tmp_path / "package.zip", tmp_path / "sealed", tmp_path / "key"
    pack_folder(opened, archive)
    secret, public = new_identity(kind)
    key.write_text(secret)
    seal_file(archive, public, sealed)
    assert {one["number"]: one["result"] for one in verify_package(sealed, trust, key, ON)["checks"]}[1] == "passed"
    reasons = set()
    whole = sealed.read_bytes()
    for content in spoilt(whole):
        sealed.write_bytes(content)
        reasons.add(failed_of(verify_package(sealed, trust, key, ON))[1])
    sealed.write_bytes(whole)
    key.write_text(new_identity(kind)[0])
    reasons.add(failed_of(verify_package(sealed, trust, key, ON))[1])
    key.write_text("no key at all")
    reasons.add(failed_of(verify_package(sealed, trust, key, ON))[1])
    assert len(reasons) == 1
    assert capsys.readouterr() == ("", "")


def test_a_sealed_package_without_a_key_says_so(house: House) -> None:
    row = house.rows["Lincolnshire council"]
    report = verify_package(house.folder / row["package"], house.folder / row["trust"], None, ON)
    assert "give its recipient's key" in failed_of(report)[1]


def test_there_are_more_than_sixty_faults() -> None:
    assert len({fault[0] for fault in (*OF_COUNCIL, *SMALL, *UNTRUSTED, *ARCHIVES)}) >= 60


def one_file_module() -> dict[str, Any]:
    """Return the names of the program that travels in packages, run as it is."""
    module = types.ModuleType("verify")
    sys.modules["verify"] = module  # dataclasses look their module up
    exec(compile(one_file(), "verify.py", "exec"), module.__dict__)  # noqa: S102
    return module.__dict__


def test_no_name_stands_twice_in_the_one_file() -> None:
    body = ast.parse(one_file()).body
    names = [node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    names += [t.id for node in body if isinstance(node, ast.Assign) for t in node.targets if isinstance(t, ast.Name)]
    assert len(names) == len(set(names)) > 80
    modules = {node.module for node in body if isinstance(node, ast.ImportFrom)}
    assert not [name for name in modules if str(name).split(".")[0] in ("audit", "cld", "pyarrow", "numpy")]


@pytest.mark.parametrize("fault", OF_COUNCIL[::4], ids=lambda fault: fault[0])
def test_the_one_file_and_the_command_give_the_same_answers(fault: Fault, house: House, tmp_path: Path) -> None:
    taken = Taken.copy_of(house.opened["Lincolnshire council"], tmp_path / "package", house.keys)
    fault[1](taken)
    alone = one_file_module()
    asked = alone["Asked"](**{"policy": taken.trust, "on": ON, **taken.asked})
    ours, theirs = taken.report(), alone["verify_folder"](taken.folder, asked)
    if "Parquet" not in fault[0] and fault[3] != UNLIKE:  # what only Parquet shows
        assert list(failed_of(theirs)) == list(failed_of(ours))
        assert theirs["ok"] == ours["ok"]
