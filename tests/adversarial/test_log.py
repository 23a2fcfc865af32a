"""A log that was tampered with: an older backup, a second history, an edited, removed or swapped leaf are found and named."""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from audit.fsck import fsck
from audit.note import Checkpoint, read_checkpoint, read_note, sign_head
from audit.proof import hold_last_seen
from audit.tiles import TileStore
from audit.tree import root_of
from audit.witness import Witness, add_checkpoint_request
from cld.errors import LogInconsistent, NotWitnessed
from tests.lib.small_log import ORIGIN, START, SmallLog, leaf, signer, small_log

N = 700


@pytest.fixture
def kept(tmp_path: Path) -> SmallLog:
    """A log with two signed heads."""
    made = small_log(tmp_path / "kept", 300)
    made.signed()
    made.rows.add(N - 300)
    made.signed()
    return made


def found(kept: SmallLog, *seen: str) -> set[str]:
    """Return the kinds of faults that a full check names."""
    heads = {f"head {number}": text for number, text in enumerate(seen)}
    return set(fsck(kept.rows, kept.log.folder, heads)["kinds"])  # type: ignore[arg-type, call-overload, no-any-return]


def test_a_whole_log_has_no_fault(kept: SmallLog) -> None:
    report = fsck(kept.rows, kept.log.folder, {"head": kept.signed()})  # type: ignore[arg-type]
    assert (report["faults"], report["n_leaves"], report["n_in_tiles"]) == ([], N, N)


def test_a_database_restored_from_an_older_backup_is_named_before_anything_is_added(kept: SmallLog) -> None:
    kept.rows.keep_first(N - 20)
    with pytest.raises(LogInconsistent, match="restored from an older backup"):
        kept.log.require_whole(kept.rows)
    assert found(kept) == {"older backup"}


def test_an_older_backup_that_was_written_to_again_is_named(kept: SmallLog) -> None:
    """The database is longer than the log by now, so its size alone says nothing."""
    kept.rows.keep_first(N - 20)
    kept.rows.add(50, "after the restore")
    with pytest.raises(LogInconsistent, match="another history"):
        kept.log.head(kept.rows)
    assert found(kept) == {"rewritten end"}


def test_database_and_folder_restored_together_are_caught_by_the_witness_and_by_who_saw_the_head(
    kept: SmallLog, tmp_path: Path
) -> None:
    before = small_log(tmp_path / "before", 300)
    before.signed()
    seen = kept.signed()
    kept.take_over(before)
    kept.rows.add(10, "after the restore")
    assert found(kept, seen) == {"older backup"}
    with pytest.raises(LogInconsistent, match="saw a longer log"):
        kept.signed()


def test_two_histories_signed_with_one_key_are_named_by_anyone_who_holds_a_head_of_the_other(
    kept: SmallLog, tmp_path: Path
) -> None:
    seen = kept.signed()
    other = kept.fork(tmp_path / "other", 650, 60, "told otherwise")
    other.signed()
    kept.take_over(other)
    assert found(kept) == set(), "whoever has both keys leaves no trace in what he holds himself"
    assert found(kept, seen) == {"two histories signed with one key"}
    with pytest.raises(LogInconsistent, match="history was rewritten"):
        kept.rows.add(1)
        kept.signed()


def test_two_heads_of_one_size_prove_two_histories_by_themselves() -> None:
    ours, theirs = Checkpoint(ORIGIN, 9, b"\1" * 32), Checkpoint(ORIGIN, 9, b"\2" * 32)
    with pytest.raises(LogInconsistent, match="Two histories are signed with one key"):
        hold_last_seen(ours, theirs, {})


def test_a_recipient_who_keeps_a_head_accepts_what_continues_it_and_nothing_else(
    kept: SmallLog, tmp_path: Path
) -> None:
    old = read_checkpoint(read_note(kept.signed()).text)
    kept.rows.add(100)
    new = read_checkpoint(read_note(kept.signed()).text)
    proof = {old.size: kept.log.consistency(old.size, new.size)}
    hold_last_seen(old, new, proof)
    other = kept.fork(tmp_path / "fork", 690, 200, "told otherwise")
    forged = read_checkpoint(read_note(other.signed()).text)
    for proofs in (proof, {old.size: other.log.consistency(old.size, forged.size)}):
        with pytest.raises(LogInconsistent, match="does not continue"):
            hold_last_seen(old, forged, proofs)
    with pytest.raises(LogInconsistent, match="older than the last one seen"):
        hold_last_seen(new, old, {})
    with pytest.raises(LogInconsistent, match="no proof"):
        hold_last_seen(old, new, {})


def test_an_edited_row_a_removed_leaf_and_a_swapped_pair_are_named_with_their_places(kept: SmallLog) -> None:
    whole = dict(kept.rows.held)
    kept.rows.held[40] = leaf(40, "edited")
    assert fsck(kept.rows, kept.log.folder)["faults"] == ["edited row: leaf 40 is not the one in the log"]  # type: ignore[arg-type]
    kept.rows.held = {place: held for place, held in whole.items() if place != 41}
    assert fsck(kept.rows, kept.log.folder)["faults"] == ["removed leaf: leaf 41 is not in the database"]  # type: ignore[arg-type]
    kept.rows.held = {**whole, 42: whole[600], 600: whole[42]}
    assert fsck(kept.rows, kept.log.folder)["faults"] == [  # type: ignore[arg-type]
        "swapped leaves: 42 and 600 stand in each other's place",
        "swapped leaves: 600 and 42 stand in each other's place",
    ]


def test_a_swap_of_the_last_two_is_no_insertion(kept: SmallLog) -> None:
    kept.rows.held |= {N - 1: kept.rows.held[N - 2], N - 2: kept.rows.held[N - 1]}
    assert found(kept) == {"swapped leaves"}


def test_an_edit_without_tiles_is_still_seen_where_it_breaks_the_form(kept: SmallLog) -> None:
    """Without tiles and heads an edit that keeps the form cannot be seen: the log alone proves nothing to itself."""
    kept.rows.held[40] = leaf(40, "edited").replace(b'"n":40', b'"n": 40')
    assert fsck(kept.rows)["kinds"] == ["edited row"]  # type: ignore[arg-type]
    kept.rows.held[40] = leaf(40, "edited")
    assert fsck(kept.rows)["kinds"] == []  # type: ignore[arg-type]


def test_every_file_of_the_log_that_is_altered_or_gone_is_named(kept: SmallLog) -> None:
    """An older head may be thrown away: it says nothing that the newest does not."""
    folder = kept.folder / "log"
    last = [f"tile/0/002.p/{N % 256}", f"tile/entries/002.p/{N % 256}", "tile/1/000.p/2"]
    for name in ["tile/0/000", "tile/0/001", "tile/entries/000", *last, "checkpoint", "checkpoints/300"]:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
        assert found(kept) == {"altered head" if "checkpoint" in name else "altered tile"}, name
        (folder / name).unlink()
        assert found(kept) == (set() if name == "checkpoints/300" else {"missing"}), name
        (folder / name).write_bytes(content)
    assert found(kept) == set()


def test_a_head_signed_by_the_log_alone_is_refused(kept: SmallLog) -> None:
    size = kept.log.tiles.size
    alone = sign_head(Checkpoint(ORIGIN, size, kept.log.tiles.root()), signer(ORIGIN), int(START.timestamp()))
    (kept.folder / "log" / "checkpoint").write_text(alone)
    assert found(kept) == {"altered head"}


def test_without_its_witness_the_log_signs_nothing(kept: SmallLog, tmp_path: Path) -> None:
    stranger = Witness(signer("witness.example/two"), tmp_path / "two", {ORIGIN: signer(ORIGIN).log_keys()}, kept.clock)
    lonely = type(kept.log)(kept.log.tiles, kept.log.signer, (stranger,), kept.log.policy, kept.clock)
    kept.rows.add(1)
    kept.clock.now = START + timedelta(seconds=N + 1)
    with pytest.raises(NotWitnessed):
        lonely.head(kept.rows)
    assert read_checkpoint(read_note((kept.folder / "log" / "checkpoint").read_text()).text).size == N


def test_a_witness_will_not_go_back_nor_across(kept: SmallLog, tmp_path: Path) -> None:
    other = kept.fork(tmp_path / "other", 690, 100, "told otherwise")
    forged = other.signed()
    for old, proof in ((N, other.log.consistency(N, 790)), (N, ()), (0, ())):
        answer = kept.witness.add_checkpoint(add_checkpoint_request(old, proof, forged))
        assert answer.status in (409, 422)
    held = kept.witness.latest(hashlib.sha256(ORIGIN.encode()).hexdigest())
    assert held is not None
    assert read_checkpoint(read_note(held).text).size == N


def test_a_clock_set_back_stops_signing_and_an_unmarked_step_back_is_named(kept: SmallLog) -> None:
    later = leaf(N).replace(b"2026-01-05T", b"2026-01-06T")
    kept.rows.add(2)
    kept.rows.held[N] = later
    assert found(kept) == {"clock set back"}
    marked = leaf(N + 1).replace(b'"details"', b'"clock":"set back","details"')
    kept.rows.held[N + 1] = marked
    report = fsck(kept.rows, kept.log.folder)  # type: ignore[arg-type]
    assert (report["faults"], report["clock_set_back"]) == ([], [N + 1])
    kept.clock.now = START
    with pytest.raises(LogInconsistent, match="set back"):
        kept.log.head(kept.rows)


def test_a_check_in_two_processes_finds_what_one_finds(kept: SmallLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large logs are checked so; a range ends inside the log, and the clock steps back at its seam."""
    monkeypatch.setattr("audit.fsck.LEAVES_AT_ONCE", 256)
    kept.rows.held[511] = leaf(511).replace(b"2026-01-05T", b"2026-01-06T")
    kept.rows.held[40] = leaf(40, "edited")
    alone = fsck(kept.rows, kept.log.folder)  # type: ignore[arg-type]
    monkeypatch.setattr("audit.fsck.TWO_PROCESSES_FROM", 1)
    assert fsck(kept.rows, kept.log.folder) == alone  # type: ignore[arg-type]
    assert alone["kinds"] == ["edited row"]
    assert fsck(kept.rows)["kinds"] == ["clock set back"]  # type: ignore[arg-type]


Tamper = Callable[[SmallLog, random.Random, Path], set[str]]


def _edit(kept: SmallLog, dice: random.Random, folder: Path) -> set[str]:
    del folder
    place = dice.randrange(N)
    kept.rows.held[place] = leaf(place, f"edited {dice.random()}")
    return {"edited row"}


def _remove(kept: SmallLog, dice: random.Random, folder: Path) -> set[str]:
    del folder
    place = dice.randrange(N)
    del kept.rows.held[place]
    return {"removed leaf"}


def _swap(kept: SmallLog, dice: random.Random, folder: Path) -> set[str]:
    del folder
    left, right = dice.sample(range(N), 2)
    kept.rows.held[left], kept.rows.held[right] = kept.rows.held[right], kept.rows.held[left]
    return {"swapped leaves"}


def _insert(kept: SmallLog, dice: random.Random, folder: Path) -> set[str]:
    """Put a row between two others, or behind the last; those behind it take other places."""
    del folder
    place = dice.randrange(N + 1)
    later = {at + 1: held for at, held in kept.rows.held.items() if at >= place}
    kept.rows.held |= {**later, place: leaf(place, f"inserted {dice.random()}")}
    return {"inserted row"}


def _close_up(kept: SmallLog, dice: random.Random, folder: Path) -> set[str]:
    """Remove a leaf and let those behind it take other places, so that no gap is left."""
    del folder
    place = dice.randrange(N)
    kept.rows.held |= {at - 1: held for at, held in kept.rows.held.items() if at > place}
    del kept.rows.held[N - 1]
    return {"removed leaf"}


def _put_back(kept: SmallLog, dice: random.Random, folder: Path) -> set[str]:
    """Put an older backup of the database in its place."""
    del folder
    kept.rows.keep_first(dice.randrange(N))
    return {"older backup"}


def _fork(kept: SmallLog, dice: random.Random, folder: Path) -> set[str]:
    """Rewrite from a random leaf on, tiles and all, signed with the log's own keys and an obliging witness's."""
    start = dice.randrange(N)
    other = kept.fork(folder, start, N - start + dice.randrange(3), f"told otherwise {dice.random()}")
    other.signed()
    kept.take_over(other)
    return {"two histories signed with one key"}


def test_every_random_tampering_is_found_and_named(kept: SmallLog, tmp_path: Path, is_long: bool) -> None:
    """1,000 in the long form, 100 in the ordinary; a recipient's head is at hand, as a fork alone leaves no trace."""
    dice, seen = random.Random(17), kept.signed()
    whole, n = dict(kept.rows.held), 1_000 if is_long else 100
    saved = tmp_path / "saved"
    kept_folder = kept.folder / "log"
    tampers: tuple[Tamper, ...] = (_edit, _remove, _swap, _fork, _insert, _close_up, _put_back)
    n_found = 0
    shutil.copytree(kept_folder, saved)
    for number in range(n):
        tamper = tampers[number % len(tampers)]
        expected = tamper(kept, dice, tmp_path / f"fork{number}")
        kinds = found(kept, seen)
        assert kinds == expected, (number, tamper.__name__, kinds)
        n_found += 1
        kept.rows.held, kept.rows.n_counted = dict(whole), N
        if tamper is _fork:
            shutil.rmtree(kept_folder)
            shutil.copytree(saved, kept_folder)
            shutil.rmtree(tmp_path / f"fork{number}")
    assert n_found == n
    assert found(kept, seen) == set()


def test_a_root_is_that_of_all_leaves_however_the_tiles_were_grown(tmp_path: Path) -> None:
    made, dice = small_log(tmp_path / "grown"), random.Random(3)
    while made.rows.n_leaves() < 1_500:
        made.rows.add(dice.randrange(1, 300))
        made.signed()
    hashes = [hashlib.sha256(b"\0" + one).digest() for one in made.rows.leaves()]
    assert TileStore(tmp_path / "grown" / "log").root() == root_of(hashes)
