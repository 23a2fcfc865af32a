"""The log's formats against published answers.

Provenance:
- tests/data/log/merkle_probes.json: github.com/transparency-dev/merkle, testdata/inclusion and testdata/consistency, commit
  417fb0c3 (Apache-2.0): 98 and 98 probes of RFC 6962 proofs, each with whether it must be refused.
- tests/data/log/tessera_log.json: github.com/transparency-dev/tessera, testdata/log, commit 1811ae1a (Apache-2.0): a log of 15
  entries with 16 signed checkpoints, one bundle and one tile.
- PeterNeumann and EnochRoot: golang.org/x/mod, sumdb/note/note_test.go, commit fe2ec04f (BSD-3-Clause).
- example.com/foo: C2SP signed-note, verifier keys, example (commit 5ba5ee83).
- names of tiles and the tiles of 70,000 entries: C2SP tlog-tiles; proofs: github.com/transparency-dev/formats,
  proof/tlog_proof_test.go, commit 0b850f1a (Apache-2.0); policies: C2SP tlog-policy and that repository's
  witness/witness_policy_test.go.
Not found in any reachable repository: an ML-DSA-44 cosignature with its key (the Go code makes a key for each test), and keys for
the checkpoints printed in C2SP tlog-checkpoint, tlog-cosignature and tlog-witness. Their layout is checked byte by byte
in test_published.py; signing and verifying are held against a second library in this file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from Crypto.PublicKey import MLDSA
from Crypto.Signature import eddsa, mldsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.note import (
    ED25519_NOTE,
    Checkpoint,
    NoteKey,
    cosign,
    read_checkpoint,
    read_note,
    sign_note,
    subtree_message,
    verified_at,
)
from audit.policy import read_policy
from audit.proof import read_proof, write_proof
from audit.tiles import TileStore, bundle_of, entries_of, tile_files, tile_name
from audit.tree import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_from_inclusion,
    root_of,
    verify_consistency,
)
from audit.verifying.trust import read_policy as read_policy_in_one_file
from cld.errors import BadSignature, InputError, LogInconsistent
from tests.lib.small_log import signer

FOLDER = Path(__file__).parents[1] / "data" / "log"
PROBES = json.loads((FOLDER / "merkle_probes.json").read_text("utf-8"))
TESSERA = json.loads((FOLDER / "tessera_log.json").read_text("utf-8"))

TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SECRET = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
FOO = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
FOO_NOTE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def raw(text: str) -> bytes:
    return base64.b64decode(text)


@pytest.mark.parametrize("probe", PROBES["inclusion"], ids=lambda probe: probe[0])
def test_an_inclusion_probe_is_accepted_or_refused_as_its_source_says(probe: list[Any]) -> None:
    _, index, size, root, leaf, path, is_refused = probe
    try:
        accepted = root_from_inclusion(raw(leaf), index, size, [raw(step) for step in path]) == raw(root)
    except LogInconsistent:
        accepted = False
    assert accepted is not is_refused


@pytest.mark.parametrize("probe", PROBES["consistency"], ids=lambda probe: probe[0])
def test_a_consistency_probe_is_accepted_or_refused_as_its_source_says(probe: list[Any]) -> None:
    _, older, newer, older_root, newer_root, path, is_refused = probe
    try:
        verify_consistency(older, raw(older_root), newer, raw(newer_root), [raw(step) for step in path])
        accepted = True
    except LogInconsistent:
        accepted = False
    assert accepted is not is_refused


def test_the_log_of_tessera_is_read_signed_checkpoint_by_signed_checkpoint() -> None:
    entries, key = entries_of(raw(TESSERA["bundle"])), NoteKey.parse(TESSERA["verifier_key"])
    hashes = [leaf_hash(entry) for entry in entries]
    assert b"".join(hashes) == raw(TESSERA["tile"])
    for size, text in enumerate(TESSERA["checkpoints"]):
        note = read_note(text)
        assert set(verified_at(note, [key])) == {key}
        assert read_checkpoint(note.text) == Checkpoint("example.com/log/testdata", size, root_of(hashes[:size]))
        for older in range(1, size):
            root = root_of(hashes[:size])
            verify_consistency(older, root_of(hashes[:older]), size, root, consistency_proof(hashes[:size], older))


def test_our_tiles_of_its_entries_are_its_tiles(tmp_path: Path) -> None:
    entries, store = entries_of(raw(TESSERA["bundle"])), TileStore(tmp_path)
    for place, entry in enumerate(entries):
        store.append([entry], place)
    assert (tmp_path / "tile/entries/000.p/15").read_bytes() == raw(TESSERA["bundle"])
    assert (tmp_path / "tile/0/000.p/15").read_bytes() == raw(TESSERA["tile"])
    assert store.root() == read_checkpoint(read_note(TESSERA["checkpoints"][15]).text).root


def test_published_notes_verify_and_ours_are_byte_for_byte_the_same() -> None:
    assert set(verified_at(read_note(FOO_NOTE), [NoteKey.parse(FOO)])) == {NoteKey.parse(FOO)}
    peter, enoch = NoteKey.parse(PETER), NoteKey.parse(ENOCH)
    note = read_note(TEXT + "\n" + PETER_LINE + ENOCH_LINE)
    assert set(verified_at(note, [peter])) == {peter}
    assert set(verified_at(note, [peter, enoch])) == {peter, enoch}
    assert verified_at(note, []) == {}
    secret = Ed25519PrivateKey.from_private_bytes(raw(PETER_SECRET)[1:])
    assert sign_note(TEXT, [("PeterNeumann", secret)]) == TEXT + "\n" + PETER_LINE
    assert NoteKey("PeterNeumann", ED25519_NOTE, secret.public_key().public_bytes_raw()).text() == PETER


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        TEXT + "\n",
        TEXT + "\n" + PETER_LINE[:-1],
        "\x01" + TEXT + "\n" + PETER_LINE,
        TEXT + "\n" + "— Bad Name " + PETER_LINE.split(" ")[2],
        TEXT + "\n" + PETER_LINE + "Unexpected line.\n",
        TEXT + "\n" + PETER_LINE * 101,
    ],
)
def test_published_malformed_notes_are_refused(content: str) -> None:
    with pytest.raises(BadSignature):
        read_note(content)


def test_an_altered_signature_of_a_known_key_spoils_the_note_and_of_an_unknown_key_does_not() -> None:
    altered = TEXT + "\n" + PETER_LINE[:60] + "ABCD" + PETER_LINE[60:] + ENOCH_LINE
    with pytest.raises(BadSignature):
        verified_at(read_note(altered), [NoteKey.parse(PETER)])
    assert set(verified_at(read_note(altered), [NoteKey.parse(ENOCH)])) == {NoteKey.parse(ENOCH)}


def test_every_mangling_of_a_published_key_is_refused() -> None:
    mangled = [PETER[i:j] for i in range(len(PETER)) for j in range(i + 1, len(PETER) + 1) if j - i < len(PETER)]
    mangled += [PETER[:at] + chr(ord(PETER[at]) + 1) + PETER[at + 1 :] for at in range(len(PETER))]
    mangled += [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ]
    for text in mangled:
        with pytest.raises(BadSignature):
            NoteKey.parse(text)


def test_cosignatures_of_both_kinds_verify_in_a_second_library() -> None:
    """pycryptodome judges what cryptography signs: the layout of the message is written here once more."""
    keys, head = signer("witness.example/w"), Checkpoint("log.example", 7, hashlib.sha256(b"x").digest())
    note = read_note(head.body() + "\n" + cosign(head, head.body(), keys, 1_700_000_000))
    (_, first), (_, second) = note.signatures
    stamp = (1_700_000_000).to_bytes(8, "big")
    assert first[4:12] == second[4:12] == stamp
    public = eddsa.import_public_key(keys.ed25519.public_key().public_bytes_raw())
    eddsa.new(public, "rfc8032").verify(b"cosignature/v1\ntime 1700000000\n" + head.body().encode(), first[12:])
    message = (
        b"subtree/v1\n\0\x11witness.example/w"
        + stamp
        + b"\x0blog.example"
        + bytes(8)
        + (7).to_bytes(8, "big")
        + head.root
    )
    assert message == subtree_message(keys.name, 1_700_000_000, head)
    second_public = MLDSA.construct(param_set=MLDSA.ML_DSA_44, pk=keys.ml_dsa.public_key().public_bytes_raw())
    mldsa.new(second_public).verify(message, second[12:])
    assert set(verified_at(note, keys.witness_keys()).values()) == {1_700_000_000}


def test_tiles_have_their_published_names_and_widths() -> None:
    assert tile_name(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tile_name("entries", 0, 5) == "tile/entries/000.p/5"
    files = tile_files(0, [b""] * 70_000, [bytes(32)] * 70_000, [[]] * 8)
    level = lambda prefix: sorted(name for name in files if name.startswith(prefix))  # noqa: E731
    assert len(level("tile/0/")) == 274
    assert "tile/0/273.p/112" in files
    assert level("tile/1/") == ["tile/1/000", "tile/1/001.p/17"]
    assert level("tile/2/") == ["tile/2/000.p/1"]
    assert set(tile_files(0, [b""] * 256, [bytes(32)] * 256, [[]] * 8)) == {
        "tile/entries/000",
        "tile/0/000",
        "tile/1/000.p/1",
    }


def test_a_bundle_is_entries_behind_their_lengths() -> None:
    assert bundle_of([b"one", b""]) == b"\x00\x03one\x00\x00"
    assert entries_of(b"\x00\x03one\x00\x00") == [b"one", b""]
    for cut in (b"\x00", b"\x00\x03on"):
        with pytest.raises(LogInconsistent):
            entries_of(cut)


HEAD_NOTE = TESSERA["checkpoints"][15]
HASH = base64.b64encode(hashlib.sha256(b"hash1").digest()).decode()


def test_proofs_are_written_and_read_as_published() -> None:
    hashes = [leaf_hash(entry) for entry in entries_of(raw(TESSERA["bundle"]))]
    path = inclusion_proof(hashes, 5)
    text = write_proof(b"extra information", 5, path, HEAD_NOTE)
    assert text.startswith("c2sp.org/tlog-proof@v1\nextra ZXh0cmEgaW5mb3JtYXRpb24=\nindex 5\n")
    found = read_proof(text)
    assert (found.extra, found.index, found.path, found.note.content) == (b"extra information", 5, path, HEAD_NOTE)
    assert read_proof(f"c2sp.org/tlog-proof@v1\nindex 0\n\n{HEAD_NOTE}").path == ()


@pytest.mark.parametrize(
    "head",
    [
        "wrong-header\nindex 0",
        "c2sp.org/tlog-proof@v1\nextra !!notbase64!!\nindex 0",
        "c2sp.org/tlog-proof@v1\n",
        "c2sp.org/tlog-proof@v1\nindex notanumber",
        "c2sp.org/tlog-proof@v1\nindex -5",
        "c2sp.org/tlog-proof@v1\nindex 007",
        "c2sp.org/tlog-proof@v1\nindex 0\n!!notbase64!!",
        "c2sp.org/tlog-proof@v1\nindex 0\n" + base64.b64encode(bytes(64)).decode(),
        "c2sp.org/tlog-proof@v1\nindex 0\n" + "a" * 65 * 1024,
    ],
)
def test_published_malformed_proofs_are_refused(head: str) -> None:
    with pytest.raises(BadSignature):
        read_proof(f"{head}\n\n{HEAD_NOTE}")


def a_policy(witnesses: int) -> tuple[str, list[Any]]:
    keys = [signer(f"w{at}.example") for at in range(witnesses)]
    return "".join(f"witness W{at} {held.ml_dsa_key().text()}\n" for at, held in enumerate(keys)), keys


def test_the_example_of_the_policy_page_counts_as_it_says() -> None:
    """Two of three X and any Y: all 64 sets of six witnesses, held against the sentence of the page."""
    lines, keys = a_policy(6)
    log = signer("log.example").note_key().text()
    text = (
        f"log {log}\n{lines}group X-witnesses 2 W0 W1 W2\n\n  group\tY-witnesses any W3 W4 W5 \n# a comment\n"
        "group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
    )
    policy = read_policy(text)
    second = read_policy_in_one_file(text + f"release {log}\n")
    for mask in range(64):
        signed = [at for at in range(6) if mask >> at & 1]
        wanted = sum(at < 3 for at in signed) >= 2 and any(at >= 3 for at in signed)
        assert policy.is_met([keys[at].ml_dsa_key() for at in signed], 1) is wanted
        assert second.quorum_met({f"W{at}" for at in signed}) is wanted


W0, W1 = a_policy(2)[0].splitlines()


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{W0}\n",
        f"{W0}\nquorum W1\n",
        f"quorum W0\n{W0}\n",
        f"{W0}\n{W0}\nquorum W0\n",
        f"{W0}\n{W0.replace('W0', 'W1')}\nquorum W0\n",
        f"{W0}\n{W1}\ngroup g 3 W0 W1\nquorum g\n",
        f"{W0}\n{W1}\ngroup g 0 W0 W1\nquorum g\n",
        f"{W0}\n{W1}\ngroup g all\nquorum g\n",
        f"{W0}\n{W1}\ngroup g all W0 W0\nquorum g\n",
        f"{W0}\n{W1}\ngroup g all W0 none\nquorum g\n",
        f"{W0}\n{W1}\ngroup g any W0 W1\ngroup h any W0\nquorum g\n",
        f"{W0}\nquorum W0\nquorum W0\n",
        f"{W0.replace('W0', 'none')}\nquorum none\n",
        f"witness W0 {PETER}\nquorum W0\n",
        f"log {FOO[:-2]}\nquorum none\n",
        "quorum none\r\n",
        "sponsor none\nquorum none\n",
    ],
)
def test_a_policy_that_breaks_the_page_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        read_policy(text)


def test_all_proofs_of_small_trees_hold_and_every_flipped_bit_is_refused() -> None:
    dice = random.Random(5)
    leaves = [leaf_hash(bytes([at % 256, at // 256])) for at in range(300)]
    for newer in range(1, 300, 7):
        root = root_of(leaves[:newer])
        for older in range(1, newer + 1, 3):
            proof = list(consistency_proof(leaves[:newer], older))
            verify_consistency(older, root_of(leaves[:older]), newer, root, proof)
            if proof:
                at, bit = dice.randrange(len(proof)), dice.randrange(256)
                proof[at] = (int.from_bytes(proof[at], "big") ^ (1 << bit)).to_bytes(32, "big")
                with pytest.raises(LogInconsistent):
                    verify_consistency(older, root_of(leaves[:older]), newer, root, proof)
