"""A copy of the log that was tampered with on the way to its auditor: each found by the command, and named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from audit.export import export_log
from tests.lib.commands import run_here
from tests.lib.small_log import ORIGIN, SmallLog, leaf, signer, small_log

N = 600
Tamper = Callable[[Path, SmallLog, Path], object]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallLog, Path]:
    """A log of 600 leaves with an earlier head, and its copy."""
    folder = tmp_path_factory.mktemp("log")
    made = small_log(folder / "kept", 300)
    made.signed()
    made.rows.add(N - 300)
    made.signed()
    export_log(made.log.folder, "", folder / "export")
    return made, folder / "export"


def trust_of(made: SmallLog) -> str:
    """Return a whole trust policy for the small log, got by another road."""
    policy = made.log.policy
    release = signer("release").note_key()
    lines = [f"release {release.text()}", *(f"log {one.key.text()}" for one in policy.logs)]
    lines += [f"witness {one.name} {one.key.text()}" for one in policy.witnesses]
    lines += [f"group {one.name} {one.least} {' '.join(one.members)}" for one in policy.groups]
    return "".join(f"{line}\n" for line in [*lines, f"quorum {policy.quorum}"])


def checked(export: Path, made: SmallLog, scratch: Path, *seen: Path) -> tuple[int, list[str]]:
    trust = scratch / "policy"
    trust.write_text(trust_of(made))
    asked = [part for path in seen for part in ("--seen", str(path))]
    found = run_here("log", "fsck", "--export", str(export), "--trust", str(trust), *asked, "--json")
    told = json.loads(found.stdout) if found.stdout.startswith("{") else {"kinds": [found.stderr]}
    return found.returncode, told["kinds"]


def swap(one: Path, other: Path) -> None:
    held = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(held)


def entry_dropped(export: Path, made: SmallLog, scratch: Path) -> None:
    """Take one entry out of a bundle, its length with it."""
    bundle = export / "tile" / "entries" / "000"
    content, gone = bundle.read_bytes(), leaf(7)
    assert gone in content
    bundle.write_bytes(content.replace(len(gone).to_bytes(2, "big") + gone, b"", 1))


def other_log(export: Path, made: SmallLog, scratch: Path) -> None:
    """Put the checkpoint of another log beside, of the same size and signed well by its own keys."""
    other = small_log(scratch / "other", N)
    other.rows.held[3] = leaf(3, "told otherwise")
    (export / "checkpoint").write_text(other.signed())


def other_origin(export: Path, made: SmallLog, scratch: Path) -> None:
    path = export / "checkpoint"
    path.write_text(path.read_text().replace(ORIGIN, "log.example/other", 1))


def cut_to_older(export: Path, made: SmallLog, scratch: Path) -> None:
    """Give the copy as it was at the earlier head: whole, and older."""
    older = small_log(scratch / "older", 300)
    older.signed()
    shutil.rmtree(export)
    export_log(older.log.folder, "", export)


def unsigned_entries(export: Path, made: SmallLog, scratch: Path) -> None:
    """Take the newest head away altogether: half of the entries then stand under no signature."""
    (export / "checkpoints/300").replace(export / "checkpoint")
    (export / "checkpoints/600").unlink()


TAMPERS: list[tuple[str, Tamper, str]] = [
    ("an entry edited", lambda e, m, s: (e / "tile/entries/001").write_bytes((e / "tile/entries/001").read_bytes().replace(b'"n":300', b'"n":301')), "edited row"),
    ("an entry dropped", entry_dropped, "altered tile"),
    ("a bundle dropped", lambda e, m, s: (e / "tile/entries/001").unlink(), "missing"),
    ("two bundles swapped", lambda e, m, s: swap(e / "tile/entries/000", e / "tile/entries/001"), "swapped leaves"),
    ("two tiles swapped", lambda e, m, s: swap(e / "tile/0/000", e / "tile/0/001"), "altered tile"),
    ("bundles and tiles swapped", lambda e, m, s: (swap(e / "tile/0/000", e / "tile/0/001"), swap(e / "tile/entries/000", e / "tile/entries/001")), "rewritten end"),
    ("a tile dropped", lambda e, m, s: (e / "tile/0/000").unlink(), "missing"),
    ("the checkpoint of another log", other_log, "two histories signed with one key"),
    ("a checkpoint under another origin", other_origin, "altered head"),
    ("the checkpoint dropped", lambda e, m, s: (e / "checkpoint").unlink(), "missing"),
    ("the earlier checkpoint as the last", lambda e, m, s: shutil.copy(e / "checkpoints/300", e / "checkpoint"), "unsigned end"),
    ("entries after the last signed head", unsigned_entries, "unsigned end"),
    ("the last tile dropped", lambda e, m, s: shutil.rmtree(e / "tile/0/002.p"), "missing"),
]  # fmt: skip


def test_the_copy_as_it_was_made_is_whole(original: tuple[SmallLog, Path], tmp_path: Path) -> None:
    made, export = original
    assert checked(export, made, tmp_path) == (0, [])


@pytest.mark.parametrize("case", TAMPERS, ids=lambda case: case[0])
def test_a_copy_that_was_tampered_with_is_refused(
    case: tuple[str, Tamper, str], original: tuple[SmallLog, Path], tmp_path: Path
) -> None:
    _, tamper, kind = case
    made, export = original
    copy = tmp_path / "export"
    shutil.copytree(export, copy)
    tamper(copy, made, tmp_path)
    status, kinds = checked(copy, made, tmp_path)
    assert status == 6, kinds
    assert any(kind in found for found in kinds), kinds


def test_an_older_copy_is_whole_and_a_newer_head_from_elsewhere_shows_it(
    original: tuple[SmallLog, Path], tmp_path: Path
) -> None:
    made, export = original
    copy, seen = tmp_path / "export", tmp_path / "seen"
    shutil.copytree(export, copy)
    seen.write_text((export / "checkpoint").read_text())
    cut_to_older(copy, made, tmp_path)
    assert checked(copy, made, tmp_path) == (0, []), "nothing in it shows that there is more"
    assert checked(copy, made, tmp_path, seen) == (6, ["older backup"])


def test_a_policy_that_travels_in_the_copy_is_not_read(original: tuple[SmallLog, Path], tmp_path: Path) -> None:
    made, export = original
    copy = tmp_path / "export"
    shutil.copytree(export, copy)
    (copy / "policy").write_text("quorum none\n")
    assert checked(copy, made, tmp_path) == (0, [])
    missing = run_here("log", "fsck", "--export", str(copy))
    assert missing.returncode == 2
