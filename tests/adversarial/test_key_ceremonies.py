"""Half inputs as an outsider would give them: shares of other sets, files of other houses, cut, linked, closed. Each is a clear
refusal, nothing is lost, and in a house each is in the log."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from api.workspace.wiring import KEYSTORE, demo_workspace, open_demo_workspace
from cld.clock import SystemEntropy
from cld.errors import InputError, KeyUnavailable
from keys.ceremonies.custodians import replace_custodians
from keys.ceremonies.making import custody_ceremony, file_ceremony
from keys.ceremonies.moving import Destination, move_root
from keys.derivation import PseudonymDomain
from keys.plain_files import overwrite_and_remove
from keys.providers.choose import open_provider
from keys.providers.root import RootKind
from keys.store import KeyStore
from keys.watch import REFUSED
from tests.functional.test_command_line import run
from tests.lib.custodians import Played, passphrase_of
from tests.lib.in_process import run_here
from tests.unit.test_moving import Present, at, media

ENTROPY = SystemEntropy()
DOMAIN = PseudonymDomain("R", "A", "cld", "person")


@pytest.fixture(autouse=True)
def quick_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id with little memory: these tests open hundreds of seals."""
    monkeypatch.setattr("keys.wrapping.ARGON2_MEMORY_KIB", 64)
    monkeypatch.setattr("keys.wrapping.ARGON2_PASSES", 1)


def a_house(folder: Path, kind: RootKind) -> tuple[Path, tuple[Path, ...]]:
    """A keystore with two agreements' keys; its share files, if it has any."""
    keystore, files = folder / "keystore", ()
    if kind is RootKind.SHARES:
        files = custody_ceremony(keystore, media(folder, 3), 2, Played(), ENTROPY, dry_run=False).files
    else:
        file_ceremony(keystore, Played(), ENTROPY, dry_run=False)
    store = opened(keystore, *files[:2])
    store.new_agreement("a")
    store.new_agreement("b")
    return keystore, files


def opened(keystore: Path, *shares: Path) -> KeyStore:
    return KeyStore(keystore, open_provider(keystore, at(keystore, *shares)), ENTROPY, "2022")


def keys_of(keystore: Path, *shares: Path) -> list[bytes]:
    store = opened(keystore, *shares)
    return [store.pseudonym_key(key_id, DOMAIN).reveal() for key_id in ("a", "b")]


def every_file(keystore: Path) -> list[str]:
    return sorted(path.relative_to(keystore).as_posix() for path in keystore.rglob("*") if path.is_file())


def test_shares_swapped_between_sets_and_shares_of_a_custodian_who_was_replaced_open_nothing(tmp_path: Path) -> None:
    one, first = a_house(tmp_path / "one", RootKind.SHARES)
    two, second = a_house(tmp_path / "two", RootKind.SHARES)
    before = keys_of(one, *first[:2]), keys_of(two, *second[:2])
    for keystore, mixed in ((one, (first[0], second[1])), (two, (second[0], first[1])), (one, second[:2])):
        with pytest.raises(KeyUnavailable, match="is no share of this keystore"):
            opened(keystore, *mixed)
    disguised = json.loads(second[1].read_text()) | {"set": json.loads(first[1].read_text())["set"]}
    (tmp_path / "disguised.json").write_text(json.dumps(disguised))
    with pytest.raises(KeyUnavailable, match="Share 2 does not open"):
        opened(one, first[0], tmp_path / "disguised.json")
    leaver = shutil.copy(first[1], tmp_path / "kept by the leaver.json")
    made = replace_custodians(one, [first[0], first[2]], {2: tmp_path / "joiner"}, Played(), ENTROPY, dry_run=False)
    with pytest.raises(KeyUnavailable, match="is no share of this keystore"):
        opened(one, made.files[0], Path(leaver))
    assert (keys_of(one, *made.files[:2]), keys_of(two, *second[:2])) == before


def test_two_custodians_have_two_folders(tmp_path: Path) -> None:
    folders = [tmp_path / "m1", tmp_path / "m2", tmp_path / "x" / ".." / "m1"]
    with pytest.raises(InputError, match="Two custodians have one folder"):
        custody_ceremony(tmp_path / "k", folders, 2, Played(), ENTROPY, dry_run=False)
    assert not (tmp_path / "k").exists()


DAMAGES: dict[str, Callable[[dict[str, object]], object]] = {
    "no threshold": lambda held: {key: value for key, value in held.items() if key != "threshold"},
    "a threshold of nought": lambda held: held | {"threshold": 0},
    "a threshold of one": lambda held: held | {"threshold": 1},
    "a threshold below nought": lambda held: held | {"threshold": -2},
    "a threshold above all": lambda held: held | {"threshold": 17},
    "a threshold that is no number": lambda held: held | {"threshold": [2]},
    "commitments in one string": lambda held: held | {"shares": "abc"},
    "no commitments": lambda held: held | {"shares": []},
    "commitments swapped": lambda held: held | {"shares": list(reversed(held["shares"]))},  # type: ignore[call-overload]
    "another root's": lambda held: held | {"root": "0" * 64},
    "another set's name": lambda held: held | {"set": "0" * 32},
    "a list": lambda held: [held],
    "brackets without end": lambda _: None,
}


@pytest.mark.parametrize("case", sorted(DAMAGES))
def test_a_damaged_commitments_file_is_refused_and_named_and_restoring_it_is_enough(tmp_path: Path, case: str) -> None:
    keystore, files = a_house(tmp_path, RootKind.SHARES)
    before, custody = keys_of(keystore, *files[:2]), keystore / "custody.json"
    good = custody.read_bytes()
    made = DAMAGES[case](json.loads(good))
    custody.write_text("[" * 100_000 if made is None else json.dumps(made))
    with pytest.raises(KeyUnavailable) as refused:
        opened(keystore, *files[:2])
    assert refused.value.remedy
    for act in (
        lambda: move_root(
            keystore, Destination(RootKind.FILE), at(keystore, *files[:2]), Present(), ENTROPY, dry_run=False
        ),
        lambda: replace_custodians(
            keystore, [files[0], files[2]], {2: tmp_path / "joiner"}, Played(), ENTROPY, dry_run=False
        ),
    ):
        with pytest.raises(KeyUnavailable):
            act()
    custody.write_bytes(good)
    assert keys_of(keystore, *files[:2]) == before


@pytest.mark.parametrize("kind", [RootKind.FILE, RootKind.SHARES])
def test_files_swapped_between_two_houses_open_nothing_and_back_in_their_places_all_is_there(
    tmp_path: Path, kind: RootKind
) -> None:
    one, first = a_house(tmp_path / "one", kind)
    two, second = a_house(tmp_path / "two", kind)
    before = keys_of(one, *first[:2]), keys_of(two, *second[:2])
    for name in every_file(one):
        if (one / name).read_bytes() == (two / name).read_bytes():
            continue
        for _ in range(2):  # there and back
            shutil.copy(one / name, tmp_path / "hand")
            shutil.copy(two / name, one / name)
            shutil.copy(tmp_path / "hand", two / name)
            if _ == 0:
                for keystore, shares in ((one, first), (two, second)):
                    with pytest.raises(KeyUnavailable):
                        keys_of(keystore, *shares[:2])
        assert (keys_of(one, *first[:2]), keys_of(two, *second[:2])) == before


def test_two_keys_records_swapped_within_a_house_do_not_pass_for_each_other(tmp_path: Path) -> None:
    keystore, _ = a_house(tmp_path, RootKind.FILE)
    first, second = keystore / "wrapped" / "a.json", keystore / "wrapped" / "b.json"
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    with pytest.raises(KeyUnavailable):
        keys_of(keystore)
    with pytest.raises(KeyUnavailable):
        opened(keystore).new_agreement("a")


@pytest.mark.parametrize("kind", [RootKind.FILE, RootKind.SHARES])
def test_a_keystore_file_cut_short_linked_or_a_pipe_is_refused_and_never_written_over(
    tmp_path: Path, kind: RootKind
) -> None:
    keystore, files = a_house(tmp_path, kind)
    before = keys_of(keystore, *files[:2])

    def cut(path: Path, good: bytes) -> None:
        path.write_bytes(good[: len(good) // 2])

    def emptied(path: Path, good: bytes) -> None:
        path.write_bytes(b"")

    def linked(path: Path, good: bytes) -> None:
        (tmp_path / "elsewhere").write_bytes(good)
        path.unlink()
        path.symlink_to(tmp_path / "elsewhere")

    def led_nowhere(path: Path, good: bytes) -> None:
        path.unlink()
        path.symlink_to(tmp_path / "nowhere")

    def piped(path: Path, good: bytes) -> None:
        path.unlink()
        os.mkfifo(path)

    for name in every_file(keystore):
        path = keystore / name
        good = path.read_bytes()
        for spoil in (cut, emptied, linked, led_nowhere, piped):
            spoil(path, good)
            with pytest.raises(KeyUnavailable) as refused:
                keys_of(keystore, *files[:2])
            assert refused.value.remedy, (name, spoil.__name__)
            if spoil is linked:
                assert (tmp_path / "elsewhere").read_bytes() == good
                assert path.is_symlink()
            path.unlink(missing_ok=True)
            path.write_bytes(good)
        assert not (tmp_path / "nowhere").exists()
    assert keys_of(keystore, *files[:2]) == before


def test_what_a_link_leads_to_is_not_overwritten(tmp_path: Path) -> None:
    keystore, _ = a_house(tmp_path, RootKind.FILE)
    (tmp_path / "precious").write_bytes(b"precious")
    for name in ("root.json", "periods/2022"):
        path = keystore / name
        path.rename(path.with_name("aside"))
        path.symlink_to(tmp_path / "precious")
        with pytest.raises(KeyUnavailable, match="is no plain file"):
            overwrite_and_remove(path)
        path.unlink()
        path.with_name("aside").rename(path)
    period = keystore / "periods" / "2022"
    store = opened(keystore)
    period.rename(tmp_path / "aside")
    period.symlink_to(tmp_path / "precious")
    with pytest.raises(KeyUnavailable, match="is no plain file"):
        store.destroy_period("2022")
    assert (tmp_path / "precious").read_bytes() == b"precious"
    (tmp_path / "aside").unlink()


def test_a_folder_that_may_not_be_written_is_a_clear_refusal_of_each_ceremony(tmp_path: Path) -> None:
    """The system's own folders let nobody make a keystore, root included."""
    (tmp_path / "words").write_text("the long words of nobody\n")
    words = ["--passphrase-file", str(tmp_path / "words")]
    made = run("keys", "ceremony", "--keystore", "/sys/kernel/caregate", *words)
    assert (made.returncode, "may not be read or written here" in made.stderr) == (5, True), made.stderr
    assert "Nothing of it was kept" in made.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_keystore_stays_as_it_is(tmp_path: Path) -> None:
    keystore, files = a_house(tmp_path, RootKind.SHARES)
    keystore.chmod(0o500)
    with pytest.raises(PermissionError):
        move_root(keystore, Destination(RootKind.FILE), at(keystore, *files[:2]), Present(), ENTROPY, dry_run=False)
    keystore.chmod(0o700)
    keys_of(keystore, *files[:2])


def test_a_read_only_keystore_refuses_a_move_and_the_old_provider_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a volume mounted read-only answers, whoever asks."""
    keystore, files = a_house(tmp_path, RootKind.SHARES)
    before, real = keys_of(keystore, *files[:2]), os.open

    def closed(path: object, flags: int, *rest: int, **named: int) -> int:
        if flags & (os.O_CREAT | os.O_RDWR) and str(path).startswith(str(keystore)):
            raise OSError(30, "Read-only file system")
        return real(path, flags, *rest, **named)  # type: ignore[call-overload,no-any-return]

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", closed)
        with pytest.raises(OSError, match="Read-only"):
            move_root(keystore, Destination(RootKind.FILE), at(keystore, *files[:2]), Present(), ENTROPY, dry_run=False)
        with pytest.raises(OSError, match="Read-only"):
            replace_custodians(
                keystore, [files[0], files[2]], {2: tmp_path / "joiner"}, Played(), ENTROPY, dry_run=False
            )
    assert keys_of(keystore, *files[:2]) == before


def test_in_a_house_each_such_refusal_is_in_the_log_and_tells_no_secret(tmp_path: Path) -> None:
    folder, other = tmp_path / "house", tmp_path / "other"
    for place, seed in ((folder, 3), (other, 4)):
        demo_workspace(place, seed=seed, n_threads=1).journal.close()
    keystore = folder / KEYSTORE
    good = {name: (keystore / name).read_bytes() for name in every_file(keystore)}
    (tmp_path / "words").write_text("the long words of nobody\n")
    words = ["--passphrase-file", str(tmp_path / "words")]
    n_refused = 0
    for act in (
        lambda: shutil.copy(other / KEYSTORE / "root.json", keystore / "root.json"),
        lambda: (keystore / "root.json").write_bytes(good["root.json"][:60]),
        lambda: (keystore / "provider.json").write_text('{"kind": "shares"}'),
        lambda: (keystore / "provider.json").write_text("{"),
        lambda: (
            (keystore / "root.json").unlink(),
            (keystore / "root.json").symlink_to(other / KEYSTORE / "root.json"),
        ),
    ):
        act()
        for command in (
            ["keys", "try", "--keystore", str(keystore), *words],
            ["keys", "move", "--keystore", str(keystore), "--provider", "file", *words],
            ["keys", "list", "--workspace", str(folder), *words],
        ):
            found = run_here(*command)
            assert found.returncode in (5, 6), found.stderr
            n_refused += 1
        (keystore / "provider.json").unlink(missing_ok=True)
        (keystore / "root.json").unlink(missing_ok=True)
        (keystore / "root.json").write_bytes(good["root.json"])
    space = open_demo_workspace(folder)
    try:
        held = [json.loads(leaf) for leaf in space.journal.leaves()]
    finally:
        space.journal.close()
    refused = [leaf for leaf in held if leaf["action"] == REFUSED]
    assert len(refused) == n_refused
    assert {frozenset(leaf["details"]) for leaf in refused} == {frozenset({"act", "refusal"})}


def test_a_wrong_secret_of_every_kind_reads_the_same_however_near_it_is(tmp_path: Path) -> None:
    """No oracle: the answer to a passphrase does not depend on which part of it is right."""
    keystore, _ = a_house(tmp_path, RootKind.FILE)
    right = passphrase_of("the root").reveal()
    said = set()
    for guess in (right[:-1], right + b"x", right.upper(), b"", b"\xff" * 40):
        (tmp_path / "guess").write_bytes(guess)
        found = run_here("keys", "try", "--keystore", str(keystore), "--passphrase-file", str(tmp_path / "guess"))
        said.add((found.returncode, found.stdout, found.stderr))
    assert len(said) == 1
