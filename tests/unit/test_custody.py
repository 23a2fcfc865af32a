"""Custodians' shares: any quorum opens, none short of one ever, each damaged share named; and the ceremonies around them."""

from __future__ import annotations

import json
import random
from itertools import combinations
from pathlib import Path

import pytest
from Crypto.Protocol.SecretSharing import Shamir

from cld.clock import SystemEntropy
from cld.errors import Conflict, InputError, KeyUnavailable
from keys.ceremonies.custodians import replace_custodians
from keys.ceremonies.making import custody_ceremony, file_ceremony
from keys.derivation import PseudonymDomain, Secret
from keys.providers import custody
from keys.providers.choose import RootKind, open_provider, read_settings
from keys.providers.custody import read_custody, root_of_shares
from keys.providers.file import open_root
from keys.providers.root import HeldRoot
from keys.providers.shares import Commitments, Share, combine, split
from keys.store import KeyStore
from tests.lib.custodians import Interrupted, Played, altered, files_in, full_disk, passphrase_of

ENTROPY = SystemEntropy()


def a_split(threshold: int = 3, n_shares: int = 5) -> tuple[Secret, tuple[Share, ...], Commitments]:
    root = Secret(ENTROPY.secret_bytes(32, "root"))
    shares, commitments = split(root, threshold, n_shares, "a set")
    return root, shares, commitments


@pytest.fixture(autouse=True)
def quick_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id with little memory: these tests open hundreds of seals."""
    monkeypatch.setattr("keys.wrapping.ARGON2_MEMORY_KIB", 64)
    monkeypatch.setattr("keys.wrapping.ARGON2_PASSES", 1)


@pytest.mark.parametrize(("threshold", "n_shares"), [(3, 5), (2, 2), (2, 3), (4, 7)])
def test_any_quorum_opens_in_any_order_and_none_short_of_one_does(threshold: int, n_shares: int) -> None:
    root, shares, commitments = a_split(threshold, n_shares)
    for quorum in combinations(shares, threshold):
        assert combine(quorum[::-1], commitments).reveal() == root.reveal()
    for short in combinations(shares, threshold - 1):
        with pytest.raises(KeyUnavailable, match=f"{threshold} open this root"):
            combine(short, commitments)


def test_two_shares_of_three_are_the_shares_of_any_root_at_all() -> None:
    """No two ever: for a wrong root too there is a third share that fits the two, so they say nothing of the right one."""
    _, shares, _ = a_split()
    for first, second in combinations(shares, 2):
        half = [(share.index, share.content.reveal()[:16]) for share in (first, second)]
        assert len({Shamir.combine([*half, (9, bytes([guess]) * 16)]) for guess in range(16)}) == 16


def test_what_two_shares_combine_to_without_our_checks_is_never_the_root() -> None:
    for _ in range(20):
        root, shares, _ = a_split()
        for pair in combinations(shares, 2):
            got = [Shamir.combine([(s.index, s.content.reveal()[at : at + 16]) for s in pair]) for at in (0, 16)]
            assert got[0] != root.reveal()[:16]
            assert got[1] != root.reveal()[16:]


def test_every_single_damaged_share_is_named_whatever_byte_it_is() -> None:
    _, shares, commitments = a_split()
    n_named = 0
    for quorum in combinations(shares, 3):
        for bad in quorum:
            for place in range(32):
                given = [altered(share, place) if share is bad else share for share in quorum]
                with pytest.raises(KeyUnavailable, match=f"^Share {bad.index}: altered"):
                    combine(given, commitments)
                n_named += 1
    assert n_named == 10 * 3 * 32


def test_two_damaged_shares_are_both_named_and_a_good_quorum_beside_a_bad_share_is_still_refused() -> None:
    _, shares, commitments = a_split()
    with pytest.raises(KeyUnavailable, match="^Shares 1, 4: altered"):
        combine([altered(shares[0], 3), shares[1], altered(shares[3], 31)], commitments)
    with pytest.raises(KeyUnavailable, match="^Share 5: altered"):
        combine([*shares[:3], altered(shares[4], 0)], commitments)


def test_a_share_given_twice_of_another_set_or_of_no_custodian_is_refused() -> None:
    _, shares, commitments = a_split()
    _, strange, _ = a_split()
    with pytest.raises(KeyUnavailable, match="^Share 2: given twice"):
        combine([shares[0], shares[1], shares[1]], commitments)
    with pytest.raises(KeyUnavailable, match="^Share 3: altered, or of another root"):
        combine([shares[0], shares[1], strange[2]], commitments)
    with pytest.raises(KeyUnavailable, match="^Share 9: altered"):
        combine([shares[0], shares[1], Share(9, shares[2].content)], commitments)
    with pytest.raises(KeyUnavailable, match="^Share 3: altered"):
        combine([shares[0], shares[1], Share(3, Secret(b"short"))], commitments)


def test_a_custody_file_of_another_root_does_not_pass_its_shares_off_as_ours() -> None:
    _, shares, commitments = a_split()
    forged = Commitments(commitments.set_id, 2, commitments.shares, commitments.root)
    with pytest.raises(KeyUnavailable, match="do not give this keystore's root"):
        combine(shares[:2], forged)


@pytest.mark.parametrize(("threshold", "n_shares"), [(1, 5), (6, 5), (0, 0), (3, 17)])
def test_a_senseless_plan_is_refused(threshold: int, n_shares: int) -> None:
    with pytest.raises(InputError):
        split(Secret(bytes(32)), threshold, n_shares, "a set")


def a_custody(folder: Path, **how: bool) -> tuple[Path, list[Path]]:
    """Hold a ceremony of five custodians and return keystore and share files."""
    keystore = folder / "keystore"
    made = custody_ceremony(
        keystore, [folder / f"medium-{n}" for n in range(1, 6)], 3, Played(), ENTROPY, dry_run=how.get("dry_run", False)
    )
    return keystore, list(made.files)


def given(files: list[Path], *indexes: int) -> list[tuple[Path, Secret]]:
    return [(files[index - 1], passphrase_of(f"custodian {index}")) for index in indexes]


class Unlocked:
    """Opens with the shares given."""

    def __init__(self, shares: list[tuple[Path, Secret]]) -> None:
        self._shares = shares

    def shares(self) -> list[tuple[Path, Secret]]:
        return self._shares

    def passphrase(self) -> Secret:
        return passphrase_of("the root")

    def pin(self) -> Secret:
        return Secret(b"")


def test_a_ceremony_leaves_shares_that_open_by_settings_alone_and_nothing_in_clear(tmp_path: Path) -> None:
    keystore, files = a_custody(tmp_path)
    assert read_settings(keystore).kind is RootKind.SHARES
    roots = {open_provider(keystore, Unlocked(given(files, *quorum))).root_id() for quorum in ((1, 2, 3), (5, 3, 1))}
    assert len(roots) == 1
    root = root_of_shares(given(files, 1, 2, 3), read_custody(keystore))
    for path in tmp_path.rglob("*.json"):
        content = path.read_bytes()
        assert root.reveal() not in content
        assert root.reveal().hex().encode() not in content
        assert path.stat().st_mode & 0o077 == 0


def test_a_dry_run_does_it_all_and_keeps_nothing(tmp_path: Path) -> None:
    said = Played()
    made = custody_ceremony(tmp_path / "k", [tmp_path / f"m{n}" for n in range(5)], 3, said, ENTROPY, dry_run=True)
    assert (made.root_id, made.n_opened, made.n_refused) == ("", 10, 10)
    assert said.n_asked == 5
    assert "dry run" in said.said[-1]
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("stop_at", [1, 2, 3, 4, 5])
def test_half_a_ceremony_leaves_nothing_and_says_so(tmp_path: Path, stop_at: int) -> None:
    said = Played(stop_at=stop_at)
    with pytest.raises(Interrupted):
        custody_ceremony(tmp_path / "k", [tmp_path / f"m{n}" for n in range(5)], 3, said, ENTROPY, dry_run=False)
    assert said.said[-1] == "The ceremony stopped. Nothing of it was kept. There is no root."
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("n_renamed", range(7))
def test_a_ceremony_that_fails_while_it_names_its_files_leaves_nothing(
    tmp_path: Path, n_renamed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[Path] = []
    replace = Path.replace

    def failing(self: Path, target: Path) -> Path:
        if len(named) == n_renamed:
            raise OSError(28, "No space left on device")
        named.append(target)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(OSError, match="No space"):
        custody_ceremony(tmp_path / "k", [tmp_path / f"m{n}" for n in range(5)], 3, Played(), ENTROPY, dry_run=False)
    assert files_in(tmp_path) == []


def test_a_ceremony_on_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    with full_disk(100), pytest.raises(OSError, match="large"):
        a_custody(tmp_path)
    assert files_in(tmp_path) == []


def test_what_a_ceremony_that_was_cut_off_by_a_crash_left_counts_for_nothing(tmp_path: Path) -> None:
    """Shares and commitments without the deciding settings: no root, and the next ceremony is not in their way."""
    keystore, _ = a_custody(tmp_path)
    (keystore / "provider.json").unlink()
    with pytest.raises(KeyUnavailable, match="There is no root here"):
        open_provider(keystore, Unlocked([]))
    again, files = a_custody(tmp_path)
    assert open_provider(again, Unlocked(given(files, 1, 2, 3))).kind is RootKind.SHARES


def test_no_second_root_and_no_short_passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_custody(tmp_path)
    with pytest.raises(Conflict):
        a_custody(tmp_path)
    with pytest.raises(Conflict):
        file_ceremony(tmp_path / "keystore", Played(), ENTROPY, dry_run=False)
    monkeypatch.setattr("tests.lib.custodians.passphrase_of", lambda whose: Secret(whose.encode()[:5]))
    with pytest.raises(InputError, match="12 characters"):
        file_ceremony(tmp_path / "other", Played(), ENTROPY, dry_run=False)
    assert not (tmp_path / "other").exists()


def test_a_file_ceremony_makes_a_root_that_opens(tmp_path: Path) -> None:
    made = file_ceremony(tmp_path, Played(), ENTROPY, dry_run=False)
    assert open_root(tmp_path / "root.json", passphrase_of("the root")).root_id() == made.root_id
    assert open_provider(tmp_path, Unlocked([])).kind is RootKind.FILE


@pytest.mark.parametrize("kind", [RootKind.FILE, RootKind.SHARES])
def test_a_keystore_lives_alike_under_each_provider_and_its_settings_alone_choose(
    tmp_path: Path, kind: RootKind
) -> None:
    keystore, files = tmp_path / "keystore", []
    if kind is RootKind.SHARES:
        keystore, files = a_custody(tmp_path)
    else:
        file_ceremony(keystore, Played(), ENTROPY, dry_run=False)
    unlocked = Unlocked(given(files, 4, 2, 5) if files else [])
    domain = PseudonymDomain("R", "A", "cld", "person")
    store = KeyStore(keystore, open_provider(keystore, unlocked), ENTROPY, "2022")
    store.new_agreement("a")
    again = KeyStore(keystore, open_provider(keystore, unlocked), ENTROPY, "2022")
    assert again.pseudonym_key("a", domain).reveal() == store.pseudonym_key("a", domain).reveal()


def test_a_wrong_passphrase_and_a_damaged_share_file_read_alike_and_name_the_share(tmp_path: Path) -> None:
    keystore, files = a_custody(tmp_path)
    commitments = read_custody(keystore)
    answers = set()
    with pytest.raises(KeyUnavailable, match="^Share 2 does not open") as wrong:
        root_of_shares([*given(files, 1, 3), (files[1], Secret(b"not hers"))], commitments)
    answers.add(str(wrong.value))
    held = json.loads(files[1].read_text())
    for name in ("salt", "nonce", "sealed"):
        damaged = held | {name: format(int(held[name], 16) ^ 1, "x").zfill(len(held[name]))}
        files[1].write_text(json.dumps(damaged))
        with pytest.raises(KeyUnavailable, match="^Share 2 does not open") as broken:
            root_of_shares(given(files, 1, 2, 3), commitments)
        answers.add(str(broken.value))
    assert len(answers) == 1


def test_a_file_that_is_no_share_or_says_another_index_opens_nothing(tmp_path: Path) -> None:
    keystore, files = a_custody(tmp_path)
    commitments = read_custody(keystore)
    held = json.loads(files[1].read_text())
    files[1].write_text(json.dumps(held | {"index": 4}))
    with pytest.raises(KeyUnavailable, match="^Share 4 does not open"):
        root_of_shares(given(files, 1, 2, 3), commitments)
    for content in ("{}", "[]", "not JSON", json.dumps(held | {"set": "another"}), json.dumps(held | {"index": 6})):
        files[1].write_text(content)
        with pytest.raises(KeyUnavailable, match="is no share of this keystore"):
            root_of_shares(given(files, 1, 2, 3), commitments)


def test_a_share_file_given_twice_is_named_before_any_passphrase_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keystore, files = a_custody(tmp_path)
    monkeypatch.setattr(custody, "unseal", lambda *_: pytest.fail("a seal was opened"))
    with pytest.raises(KeyUnavailable, match="^Share 1: given twice"):
        root_of_shares(given(files, 1, 1, 3), read_custody(keystore))


def test_a_custodian_is_replaced_and_the_root_stays(tmp_path: Path) -> None:
    keystore, files = a_custody(tmp_path)
    before = HeldRoot(root_of_shares(given(files, 1, 2, 3), read_custody(keystore))).root_id()
    staying = [files[index] for index in (0, 2, 3, 4)]
    said = Played()
    made = replace_custodians(keystore, staying, {2: tmp_path / "joiner"}, said, ENTROPY, dry_run=False)
    assert made.root_id == before
    commitments = read_custody(keystore)
    fresh = list(made.files)
    for quorum in combinations(range(1, 6), 3):
        assert HeldRoot(root_of_shares(given(fresh, *quorum), commitments)).root_id() == before
    with pytest.raises(KeyUnavailable, match="is no share of this keystore"):
        root_of_shares([*given(fresh, 1, 3), *given(files, 2)], commitments)
    assert [path.exists() for path in files] == [False, True, False, False, False]


def test_a_replaced_custodians_share_mixed_into_the_new_ones_gives_no_root_even_without_our_checks(
    tmp_path: Path,
) -> None:
    keystore, files = a_custody(tmp_path)
    old = read_custody(keystore)
    leaver = custody.open_share(files[1], passphrase_of("custodian 2"), old)
    root = root_of_shares(given(files, 1, 2, 3), old)
    made = replace_custodians(
        keystore, [files[i] for i in (0, 2, 3, 4)], {2: tmp_path / "joiner"}, Played(), ENTROPY, dry_run=False
    )
    new = read_custody(keystore)
    others = [custody.open_share(made.files[i], passphrase_of(f"custodian {i + 1}"), new) for i in (0, 4)]
    mixed = b"".join(
        Shamir.combine([(s.index, s.content.reveal()[at : at + 16]) for s in (leaver, *others)]) for at in (0, 16)
    )
    assert mixed[:16] != root.reveal()[:16]
    assert mixed[16:] != root.reveal()[16:]


@pytest.mark.parametrize("stop_at", [1, 4, 5])
def test_half_a_replacement_leaves_the_old_shares_in_force(tmp_path: Path, stop_at: int) -> None:
    keystore, files = a_custody(tmp_path)
    before = files_in(tmp_path)
    said = Played(stop_at=stop_at)
    with pytest.raises(Interrupted):
        replace_custodians(
            keystore, [files[i] for i in (0, 2, 3, 4)], {2: tmp_path / "joiner"}, said, ENTROPY, dry_run=False
        )
    assert "The shares in force are the old ones." in said.said[-1]
    assert files_in(tmp_path) == before
    root_of_shares(given(files, 3, 2, 1), read_custody(keystore))


def test_a_replacement_says_who_is_missing_and_takes_nobody_twice(tmp_path: Path) -> None:
    keystore, files = a_custody(tmp_path)
    joiner = {2: tmp_path / "joiner"}
    with pytest.raises(InputError, match="Custodian 5 neither stays"):
        replace_custodians(keystore, [files[i] for i in (0, 2, 3)], joiner, Played(), ENTROPY, dry_run=False)
    for staying, joining in (
        ([files[i] for i in (0, 1, 2, 3, 4)], joiner),
        ([files[i] for i in (0, 2, 3, 4, 4)], joiner),
        ([files[i] for i in (0, 1, 2, 3, 4)], {}),
        ([files[i] for i in (0, 2, 3, 4)], joiner | {7: tmp_path}),
    ):
        with pytest.raises(InputError):
            replace_custodians(keystore, staying, joining, Played(), ENTROPY, dry_run=False)
    with pytest.raises(KeyUnavailable, match="2 shares were given; 3 open"):
        replace_custodians(
            keystore, files[:2], {n: tmp_path / f"j{n}" for n in (3, 4, 5)}, Played(), ENTROPY, dry_run=False
        )


def test_a_dry_run_of_a_replacement_changes_nothing(tmp_path: Path) -> None:
    keystore, files = a_custody(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    made = replace_custodians(
        keystore, [files[i] for i in (0, 2, 3, 4)], {2: tmp_path / "joiner"}, Played(), ENTROPY, dry_run=True
    )
    assert made.root_id == ""
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == before


def test_random_sets_of_shares_open_exactly_when_they_are_a_whole_quorum() -> None:
    """Any plan, any choice of shares with some altered: an oracle of three lines against the code."""
    choose = random.Random(6)
    for _ in range(60):
        threshold = choose.randint(2, 5)
        root, shares, commitments = a_split(threshold, choose.randint(threshold, 8))
        chosen = choose.sample(shares, choose.randint(1, len(shares)))
        broken = {share.index for share in chosen if choose.random() < 0.15}
        tried = [altered(share, choose.randrange(32)) if share.index in broken else share for share in chosen]
        if broken or len(chosen) < threshold:
            with pytest.raises(KeyUnavailable):
                combine(tried, commitments)
        else:
            assert combine(tried, commitments).reveal() == root.reveal()
