"""A root moved between providers: pseudonyms stay byte for byte, one provider works at every moment, the old one goes last."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cld.clock import SystemEntropy
from cld.errors import CLDError, Conflict, InputError, KeyUnavailable
from keys.ceremonies import moving
from keys.ceremonies.making import custody_ceremony, file_ceremony
from keys.ceremonies.moving import Destination, left_over, move_root
from keys.ceremonies.token import token_ceremony
from keys.derivation import PseudonymDomain, Secret
from keys.providers.choose import open_provider, read_settings
from keys.providers.custody import index_in, read_custody
from keys.providers.root import HeldRoot, RootKind
from keys.providers.token import TokenPlace, holds_key
from keys.store import KeyStore
from tests.lib.custodians import Interrupted, Played, files_in, full_disk, passphrase_of
from tests.lib.softhsm import PIN, module_path, start_token

ENTROPY = SystemEntropy()
DOMAIN = PseudonymDomain("R", "A", "cld", "person")
OLD_WORDS, NEW_WORDS = passphrase_of("the root"), passphrase_of("the root, where it goes")
needs_token = pytest.mark.skipif(not module_path(), reason="SoftHSM2 or python-pkcs11 is not installed")


@pytest.fixture(autouse=True)
def quick_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id with little memory: these tests open hundreds of seals."""
    monkeypatch.setattr("keys.wrapping.ARGON2_MEMORY_KIB", 64)
    monkeypatch.setattr("keys.wrapping.ARGON2_PASSES", 1)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> TokenPlace:
    return start_token(tmp_path_factory.mktemp("softhsm"))


@pytest.fixture
def place(token: TokenPlace, request: pytest.FixtureRequest) -> TokenPlace:
    """A root's place of this test's own in the one token."""
    return replace(token, key=request.node.name[:60])


class Present(Played):
    """Everybody who is asked: at the root's file, with share files, at the token."""

    def __init__(self, *shares: Path, words: Secret = OLD_WORDS) -> None:
        super().__init__()
        self.files, self.words, self.keystore = shares, words, Path()

    def passphrase(self, whose: str = "") -> Secret:
        return PIN if "PIN" in whose else super().passphrase(whose) if whose else self.words

    def shares(self) -> list[tuple[Path, Secret]]:
        commitments = read_custody(self.keystore)
        return [(path, passphrase_of(f"custodian {index_in(path, commitments)}")) for path in self.files]

    def pin(self) -> Secret:
        return PIN


def at(keystore: Path, *shares: Path, words: Secret = OLD_WORDS) -> Present:
    present = Present(*shares, words=words)
    present.keystore = keystore
    return present


def media(folder: Path, n: int = 5) -> tuple[Path, ...]:
    return tuple(folder / f"m{index}" for index in range(1, n + 1))


def share_files(folder: Path) -> list[Path]:
    return sorted(path for medium in media(folder) for path in medium.glob("caregate-share-*.json"))


def a_house(folder: Path, kind: RootKind) -> tuple[Path, Present]:
    """A keystore under a provider with secrets of several kinds in it, and whoever opens it."""
    keystore = folder / "keystore"
    if kind is RootKind.FILE:
        file_ceremony(keystore, Played(), ENTROPY, dry_run=False)
        present = at(keystore)
    else:
        made = custody_ceremony(keystore, media(folder), 3, Played(), ENTROPY, dry_run=False)
        present = at(keystore, *made.files[1:4])
    store = KeyStore(keystore, open_provider(keystore, present), ENTROPY, "2022")
    store.new_agreement("a")
    store.new_agreement("b", of_one_release=True)
    store.new_data_key()
    return keystore, present


def keys_of(keystore: Path, present: Present) -> tuple[str, list[bytes]]:
    """Return the root's public name and what every secret gives: the same keys make the same pseudonyms."""
    root = open_provider(keystore, present)
    store = KeyStore(keystore, root, ENTROPY, "2022")
    data = [key_id for key_id in store.key_ids() if key_id.startswith("d")]
    found = [store.pseudonym_key(key_id, DOMAIN).reveal() for key_id in ("a", "b")]
    return root.root_id(), found + [store.open_data_key(key_id).reveal() for key_id in data]


def move(keystore: Path, to: Destination, present: Present, *, dry_run: bool = False) -> Played:
    said = Present()
    move_root(keystore, to, present, said, ENTROPY, dry_run=dry_run)
    return said


def test_from_a_file_to_custodians_and_back_every_pseudonym_key_stays(tmp_path: Path) -> None:
    keystore, present = a_house(tmp_path, RootKind.FILE)
    before = keys_of(keystore, present)
    said = move(keystore, Destination(RootKind.SHARES, media(tmp_path)), present)
    assert read_settings(keystore).kind is RootKind.SHARES
    assert not (keystore / "root.json").exists()
    assert "Destroy every copy" in said.said[-1]
    shares = share_files(tmp_path)
    custodians = at(keystore, *shares[:3])
    assert keys_of(keystore, custodians) == before
    with pytest.raises(KeyUnavailable, match="2 shares were given; 3 open"):
        open_provider(keystore, at(keystore, *shares[:2]))
    said = move(keystore, Destination(RootKind.FILE), custodians)
    assert "2 of the old set are with their custodians. Any 3 of that set" in said.said[-1]
    assert [path.exists() for path in shares] == [False, False, False, True, True]
    assert not (keystore / "custody.json").exists()
    assert keys_of(keystore, at(keystore, words=NEW_WORDS)) == before
    with pytest.raises(KeyUnavailable):
        open_provider(keystore, at(keystore))


@needs_token
@pytest.mark.parametrize("kind", [RootKind.FILE, RootKind.SHARES])
def test_a_root_moves_into_a_token_that_gives_it_to_nobody_and_new_periods_live_and_end_there(
    tmp_path: Path, token: TokenPlace, kind: RootKind
) -> None:
    import pkcs11  # noqa: PLC0415

    place = replace(token, key=f"moved-from-{kind}")
    keystore, present = a_house(tmp_path, kind)
    before = keys_of(keystore, present)
    move(keystore, Destination(RootKind.TOKEN, place=place), present)
    at_token = at(keystore)
    assert open_provider(keystore, at_token).kind is RootKind.TOKEN
    assert keys_of(keystore, at_token) == before
    assert not {"root.json", "custody.json"} & set(files_in(keystore))
    with pkcs11.lib(place.module).get_token(token_label=place.token).open(user_pin=PIN.reveal().decode()) as session:
        key = session.get_key(label=place.key)
        with pytest.raises(pkcs11.AttributeSensitive):
            key[pkcs11.Attribute.VALUE]
    store = KeyStore(keystore, open_provider(keystore, at_token), ENTROPY, "2022")
    store.begin_period("2023")
    assert store.retire_earlier_periods() > 0
    assert keys_of(keystore, at_token) == before
    store.destroy_period("own1-b")
    with pytest.raises(KeyUnavailable, match="period key is gone"):
        store.pseudonym_key("b", DOMAIN)
    for to in (Destination(RootKind.FILE), Destination(RootKind.SHARES, media(tmp_path))):
        with pytest.raises(Conflict, match="gives it to nobody: it cannot be moved. Make a new keystore"):
            move(keystore, to, at_token)


@needs_token
def test_a_root_that_a_token_made_cannot_move_and_a_foreign_key_is_not_taken_for_the_root(
    tmp_path: Path, place: TokenPlace
) -> None:
    keystore, present = a_house(tmp_path / "one", RootKind.FILE)
    token_ceremony(tmp_path / "two", place, Present(), dry_run=False)
    with pytest.raises(Conflict, match="cannot be moved"):
        move(tmp_path / "two", Destination(RootKind.FILE), at(tmp_path / "two"))
    before = files_in(tmp_path)
    with pytest.raises(CLDError):
        move(keystore, Destination(RootKind.TOKEN, place=place), present)
    assert files_in(tmp_path) == before
    assert holds_key(place, PIN)
    keys_of(keystore, present)


@needs_token
def test_a_token_move_that_fails_takes_the_root_out_again_and_one_cut_off_is_finished_by_asking_again(
    tmp_path: Path, place: TokenPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    keystore, present = a_house(tmp_path, RootKind.FILE)
    before = keys_of(keystore, present)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space")))
        with pytest.raises(OSError, match="No space"):
            move(keystore, Destination(RootKind.TOKEN, place=place), present)
    assert not holds_key(place, PIN)
    assert keys_of(keystore, present) == before
    with monkeypatch.context() as patched:
        patched.setattr(moving, "whole_or_nothing", _cut_off)
        with pytest.raises(Interrupted):
            move(keystore, Destination(RootKind.TOKEN, place=place), present)
    assert holds_key(place, PIN)
    assert keys_of(keystore, present) == before
    move(keystore, Destination(RootKind.TOKEN, place=place), present)
    assert keys_of(keystore, at(keystore)) == before


class _cut_off:  # noqa: N801 - stands for a function
    """The power goes as the settings are about to be replaced: nobody cleans up."""

    def __init__(self, *_: object, **__: object) -> None:
        self.together = moving.Together()

    def __enter__(self) -> moving.Together:
        return self.together

    def __exit__(self, *_: object) -> None:
        raise Interrupted


DESTINATIONS: dict[str, tuple[RootKind, Callable[[Path], Destination]]] = {
    "file to shares": (RootKind.FILE, lambda folder: Destination(RootKind.SHARES, media(folder, 3), 2)),
    "shares to file": (RootKind.SHARES, lambda _: Destination(RootKind.FILE)),
}


@pytest.mark.parametrize("case", sorted(DESTINATIONS))
def test_a_dry_run_opens_proves_and_leaves_every_file_as_it_was(tmp_path: Path, case: str) -> None:
    kind, to = DESTINATIONS[case]
    keystore, present = a_house(tmp_path, kind)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    made = move_root(keystore, to(tmp_path), present, Present(), ENTROPY, dry_run=True)
    assert (made.root_id, made.n_opened > 0, made.n_refused > 0) == ("", True, True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@needs_token
def test_a_dry_run_into_a_token_leaves_nothing_there_nor_does_it_bring_the_real_root_in(
    tmp_path: Path, place: TokenPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    keystore, present = a_house(tmp_path, RootKind.FILE)
    root_id = open_provider(keystore, present).root_id()
    brought: list[str] = []
    real = moving.import_root
    monkeypatch.setattr(
        moving, "import_root", lambda p, pin, root: (brought.append(HeldRoot(root).root_id()), real(p, pin, root))
    )
    for _ in range(2):
        move(keystore, Destination(RootKind.TOKEN, place=place), present, dry_run=True)
    assert len(brought) == 2
    assert root_id not in brought
    assert not holds_key(place, PIN)
    assert not holds_key(replace(place, key=f"{place.key}-dry-run"), PIN)
    keys_of(keystore, present)


def whoever_opens(folder: Path, keystore: Path) -> Present:
    """Whoever opens the keystore by the provider that is in force."""
    kind = read_settings(keystore).kind
    words = OLD_WORDS if not (keystore / "provider.json").exists() else NEW_WORDS
    if kind is RootKind.FILE:
        return at(keystore, words=words)
    commitments = read_custody(keystore)
    good = [path for path in share_files(folder) if commitments.set_id[:8] in path.name]
    return at(keystore, *good[:3])


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do the work in a process that dies at its nth write, rename or removal; say whether it did."""
    child = os.fork()
    if child == 0:
        try:
            counted = [0]

            def dying(real: Callable[..., object]) -> Callable[..., object]:
                def act(*given: object, **named: object) -> object:
                    counted[0] += 1
                    if counted[0] == step:
                        os._exit(9)
                    return real(*given, **named)

                return act

            os.fsync = dying(os.fsync)  # type: ignore[assignment]
            Path.replace = dying(Path.replace)  # type: ignore[method-assign,assignment]
            Path.unlink = dying(Path.unlink)  # type: ignore[method-assign,assignment]
            work()
        except BaseException:  # noqa: BLE001 - the child ends here whatever happens
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9)
    return status == 9


@pytest.mark.parametrize("case", sorted(DESTINATIONS))
def test_killed_at_any_write_rename_or_removal_one_provider_works_and_asking_again_finishes(
    tmp_path: Path, case: str
) -> None:
    kind, to = DESTINATIONS[case]
    step, kinds = 1, set()
    while True:
        folder = tmp_path / str(step)
        keystore, present = a_house(folder, kind)
        before = keys_of(keystore, present)
        killed = killed_at(step, lambda: move(keystore, to(folder), present))  # noqa: B023 - done within the turn
        opener = whoever_opens(folder, keystore)
        assert keys_of(keystore, opener) == before
        kinds.add(read_settings(keystore).kind)
        if not killed:
            break
        destination = to(folder)
        if destination.kind is RootKind.SHARES:
            destination = replace(destination, folders=tuple(folder / f"again{n}" for n in range(3)))
        if read_settings(keystore).kind is not destination.kind or left_over(keystore):
            move(keystore, destination, opener)
        assert read_settings(keystore).kind is destination.kind
        assert not left_over(keystore)
        step += 1
    assert kinds == {RootKind.FILE, RootKind.SHARES}
    assert step > 8


@pytest.mark.parametrize("case", sorted(DESTINATIONS))
@pytest.mark.parametrize("room", [0, 60, 150])
def test_a_move_on_a_full_disk_leaves_the_old_provider_in_force(tmp_path: Path, case: str, room: int) -> None:
    kind, to = DESTINATIONS[case]
    keystore, present = a_house(tmp_path, kind)
    before, files = keys_of(keystore, present), files_in(tmp_path)
    with full_disk(room), pytest.raises(OSError, match="File too large"):
        move(keystore, to(tmp_path), present)
    assert files_in(tmp_path) == files
    assert keys_of(keystore, present) == before
    move(keystore, to(tmp_path), present)


def test_a_new_provider_that_does_not_open_in_its_place_puts_the_old_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A medium pulled out between the rename and the last look."""
    keystore, present = a_house(tmp_path, RootKind.FILE)
    before = keys_of(keystore, present)

    def pulled_out(*_: object) -> Secret:
        for path in share_files(tmp_path):
            path.unlink()
        raise OSError(5, "gone")

    with monkeypatch.context() as patched:
        patched.setattr(moving, "root_of_shares", pulled_out)
        with pytest.raises(KeyUnavailable, match="the old one is in force"):
            move(keystore, Destination(RootKind.SHARES, media(tmp_path)), present)
    assert keys_of(keystore, present) == before


def test_what_an_interrupted_clearing_left_is_named_and_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keystore, present = a_house(tmp_path, RootKind.FILE)
    with monkeypatch.context() as patched:
        patched.setattr(moving, "overwrite_and_remove", lambda _: (_ for _ in ()).throw(Interrupted))
        with pytest.raises(Interrupted):
            move(keystore, Destination(RootKind.SHARES, media(tmp_path)), present)
    assert [path.name for path in left_over(keystore)] == ["root.json"]
    custodians = at(keystore, *share_files(tmp_path)[:3])
    for _ in range(2):
        move(keystore, Destination(RootKind.SHARES, media(tmp_path)), custodians, dry_run=True)
    assert left_over(keystore)
    move(keystore, Destination(RootKind.SHARES, media(tmp_path)), custodians)
    assert not left_over(keystore)
    with pytest.raises(Conflict, match="The root is there already"):
        move(keystore, Destination(RootKind.SHARES, media(tmp_path)), custodians)


def test_the_old_root_file_is_overwritten_before_it_is_removed(tmp_path: Path) -> None:
    keystore, present = a_house(tmp_path, RootKind.FILE)
    os.link(keystore / "root.json", tmp_path / "the same bytes on disk")
    move(keystore, Destination(RootKind.SHARES, media(tmp_path)), present)
    held = (tmp_path / "the same bytes on disk").read_bytes()
    assert held == bytes(len(held))
    assert held


def test_a_wrong_passphrase_a_senseless_plan_and_a_token_without_a_name_move_nothing(tmp_path: Path) -> None:
    keystore, present = a_house(tmp_path, RootKind.FILE)
    files = files_in(tmp_path)
    with pytest.raises(KeyUnavailable):
        move(keystore, Destination(RootKind.SHARES, media(tmp_path)), at(keystore, words=NEW_WORDS))
    with pytest.raises(InputError):
        move(keystore, Destination(RootKind.SHARES, media(tmp_path, 2)), present)
    with pytest.raises(InputError):
        move(keystore, Destination(RootKind.TOKEN, place=TokenPlace("", "t", "k")), present)
    (keystore / "root-id").write_text("of another house")
    with pytest.raises(KeyUnavailable, match="not the one that the keystore belongs to"):
        move(keystore, Destination(RootKind.SHARES, media(tmp_path)), present)
    assert files_in(tmp_path) == files
