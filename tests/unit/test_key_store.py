"""The keystore: versions side by side, the five states, rotation on a full disk, and ends that are ends."""

from __future__ import annotations

import json
import shutil
from datetime import date
from itertools import product
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cld.canonical import canonical_bytes, digest_of_bytes
from cld.clock import SystemEntropy
from cld.errors import BadSignature, InputError, InvalidTransition, KeyDestroyed, KeyUnavailable
from keys.certificate import KeySigner, require_certificate, signed_certificate
from keys.derivation import PseudonymDomain, Secret
from keys.states import TRANSITIONS, KeyState, require_transition
from keys.store import KeyStore
from tests.lib.custodians import full_disk

ROOT = Secret(b"r" * 32)
DAY = date(2022, 3, 1)


def a_store(folder: Path, period: str = "2022", **places: Path) -> KeyStore:
    return KeyStore(folder, ROOT, SystemEntropy(), period, **places)


def domain(version: int = 1) -> PseudonymDomain:
    return PseudonymDomain("R", "A", "cld", "person", version)


def key_of(store: KeyStore, version: int = 1) -> bytes:
    return store.pseudonym_key("a", domain(version)).reveal()


def test_old_and_new_versions_live_side_by_side_and_make_different_pseudonyms(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.new_agreement("a")
    first = key_of(store)
    assert store.rotate("a", DAY, "a custodian") == 2
    assert store.active_version("a") == 2
    assert key_of(store) == first
    assert key_of(store, 2) != first
    assert [version.state for version in store.versions("a")] == [KeyState.DEACTIVATED, KeyState.ACTIVE]


def test_versions_do_not_follow_from_each_other_when_one_labels_the_other(tmp_path: Path) -> None:
    """Not only the label differs: each version has a random secret of its own, so the old one can end alone."""
    store = a_store(tmp_path)
    store.new_agreement("a")
    store.rotate("a", DAY, "a custodian")
    after = key_of(store, 2)
    store.destroy("a", DAY, version=1)
    with pytest.raises(KeyDestroyed):
        key_of(store)
    assert key_of(store, 2) == after
    assert not store.is_destroyed("a")


def test_an_unknown_version_and_an_unknown_key_are_clear_refusals(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.new_agreement("a")
    with pytest.raises(KeyUnavailable, match="no version 2"):
        key_of(store, 2)
    with pytest.raises(KeyUnavailable, match="not in the store"):
        store.pseudonym_key("b", domain())
    for name in ("../a", "", ".hidden", "a/b"):
        with pytest.raises(InputError):
            store.new_agreement(name)


def test_a_prepared_version_makes_and_recomputes_nothing_until_it_is_active(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.new_agreement("a")
    assert store.prepare_version("a") == 2
    assert store.active_version("a") == 1
    with pytest.raises(KeyUnavailable, match="not active yet"):
        key_of(store, 2)
    store.change_state("a", 2, KeyState.ACTIVE, DAY, "a custodian")
    assert store.active_version("a") == 2
    assert [version.state for version in store.versions("a")] == [KeyState.DEACTIVATED, KeyState.ACTIVE]


def test_a_compromised_key_recomputes_but_makes_nothing_new(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.new_agreement("a")
    store.change_state("a", 1, KeyState.COMPROMISED, DAY, "a custodian")
    key_of(store)
    with pytest.raises(KeyUnavailable, match="no active version"):
        store.active_version("a")
    with pytest.raises(KeyUnavailable, match="no active version"):
        store.new_agreement("a")
    assert store.rotate("a", DAY, "a custodian") == 2
    assert store.active_version("a") == 2


def test_the_ways_between_states_are_those_of_the_standard_and_no_others() -> None:
    """NIST SP 800-57 part 1, section 7, transitions 2 to 8 and those out of the deactivated and compromised states."""
    allowed = {
        ("pre-active", "destroyed"), ("pre-active", "compromised"), ("pre-active", "active"), ("active", "destroyed"),
        ("active", "compromised"), ("active", "deactivated"), ("deactivated", "compromised"),
        ("deactivated", "destroyed"), ("compromised", "destroyed"),
    }  # fmt: skip
    assert {(before.value, after.value) for before in TRANSITIONS for after in TRANSITIONS[before]} == allowed
    for before, after in product(KeyState, KeyState):
        if (before.value, after.value) not in allowed:
            with pytest.raises(InvalidTransition):
                require_transition(before, after)


def test_each_change_of_state_is_kept_with_its_day_and_who_made_it(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.new_agreement("a")
    store.change_state("a", 1, KeyState.DEACTIVATED, DAY, "one")
    store.destroy("a", date(2022, 4, 1), by="two")
    changes = store.versions("a")[0].changes
    assert [(change.state.value, change.on, change.by) for change in changes] == [
        ("deactivated", "2022-03-01", "one"),
        ("destroyed", "2022-04-01", "two"),
    ]


@pytest.mark.parametrize("room", [0, 10, 200])
def test_a_rotation_on_a_full_disk_loses_nothing_and_can_be_done_again(tmp_path: Path, room: int) -> None:
    store = a_store(tmp_path)
    store.new_agreement("a")
    before, first = (tmp_path / "wrapped" / "a.json").read_bytes(), key_of(store)
    with full_disk(room), pytest.raises(OSError, match="large"):
        store.rotate("a", DAY, "a custodian")
    assert (tmp_path / "wrapped" / "a.json").read_bytes() == before
    assert [path.name for path in tmp_path.rglob("*.part")] == []
    assert (store.active_version("a"), key_of(store)) == (1, first)
    assert store.rotate("a", DAY, "a custodian") == 2
    assert key_of(store) == first


def test_a_period_key_on_a_full_disk_is_not_half_written(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with full_disk(10), pytest.raises(OSError, match="large"):
        store.new_agreement("a")
    assert list((tmp_path / "periods").iterdir()) == []
    store.new_agreement("a")
    key_of(store)


def test_the_same_labels_give_other_keys_after_destruction(tmp_path: Path) -> None:
    """One root, one period key, the same labels: only the random secret differs, and with it every key."""
    store = a_store(tmp_path / "one", periods=tmp_path / "periods")
    store.new_agreement("a")
    first = key_of(store)
    store.destroy("a", DAY)
    again = a_store(tmp_path / "two", periods=tmp_path / "periods")
    again.new_agreement("a")
    assert key_of(again) != first
    assert store.rotate("a", DAY, "a custodian") == 2
    assert key_of(store, 2) not in (first, key_of(again))
    with pytest.raises(KeyDestroyed):
        key_of(store)


def test_an_old_backup_opens_while_its_period_key_lives_and_never_after(tmp_path: Path) -> None:
    """The control: with the period key the old backup does give the key, so it is the period key that ends it."""
    live, backup = tmp_path / "live", tmp_path / "backup"
    store = a_store(live, periods=tmp_path / "periods")
    store.new_agreement("a")
    store.new_agreement("b")
    first, other = key_of(store), store.pseudonym_key("b", domain()).reveal()
    shutil.copytree(live, backup)
    assert store.destroy("a", DAY)["versions"][0]["period_key"] == "kept for other keys"
    restored = a_store(backup, "later", periods=tmp_path / "periods")
    assert key_of(restored) == first
    later = a_store(live, "later", periods=tmp_path / "periods")
    assert later.retire_period("2022") == 1
    assert later.pseudonym_key("b", domain()).reveal() == other
    with pytest.raises(KeyUnavailable, match="period key is gone"):
        key_of(restored)
    with pytest.raises(KeyUnavailable, match="period key is gone"):
        a_store(backup, "2022", periods=tmp_path / "periods").new_agreement("c")
    assert later.destroy("a", DAY)["versions"][0]["period_key"] == "destroyed"


def test_a_secret_with_a_period_of_its_own_ends_at_once_in_every_backup(tmp_path: Path) -> None:
    store = a_store(tmp_path / "live", periods=tmp_path / "periods")
    store.new_agreement("a", of_one_release=True)
    store.rotate("a", DAY, "a custodian", of_its_own_period=True)
    shutil.copytree(tmp_path / "live", tmp_path / "backup")
    certified = store.destroy("a", DAY)["versions"]
    assert [version["period_key"] for version in certified] == ["destroyed", "destroyed"]
    restored = a_store(tmp_path / "backup", periods=tmp_path / "periods")
    for version in (1, 2):
        with pytest.raises(KeyUnavailable, match="period key is gone"):
            key_of(restored, version)


def test_own_periods_of_keys_whose_names_resemble_each_other_are_apart(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    for name in ("a", "a-2", "1-a"):
        store.new_agreement(name, of_one_release=True)
    before = [store.pseudonym_key(name, domain()).reveal() for name in ("a-2", "1-a")]
    store.rotate("a", DAY, "a custodian", of_its_own_period=True)
    store.destroy("a", DAY)
    assert [store.pseudonym_key(name, domain()).reveal() for name in ("a-2", "1-a")] == before


@pytest.mark.parametrize("fails_at", range(3))
def test_a_period_retired_half_way_loses_nothing_and_is_finished_by_asking_again(
    tmp_path: Path, fails_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = a_store(tmp_path)
    for name in "abc":
        store.new_agreement(name)
    before = [store.pseudonym_key(name, domain()).reveal() for name in "abc"]
    later = a_store(tmp_path, "2023")
    n_written, write = [0], __import__("keys.store").store.write_record

    def failing(*given: object) -> None:
        if n_written[0] == fails_at:
            raise OSError(28, "No space left on device")
        n_written[0] += 1
        write(*given)

    with monkeypatch.context() as broken:
        broken.setattr("keys.store.write_record", failing)
        with pytest.raises(OSError, match="No space"):
            later.retire_period("2022")
    assert [later.pseudonym_key(name, domain()).reveal() for name in "abc"] == before
    assert later.retire_period("2022") == 3 - fails_at
    assert [later.pseudonym_key(name, domain()).reveal() for name in "abc"] == before


def test_a_destruction_cut_off_half_way_is_finished_by_asking_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = a_store(tmp_path)
    store.new_agreement("a", of_one_release=True)
    with monkeypatch.context() as broken:
        broken.setattr("keys.store.write_record", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(OSError, match="No space"):
            store.destroy("a", DAY)
    with pytest.raises(KeyUnavailable):
        key_of(store)
    facts = store.destroy("a", DAY)
    assert store.is_destroyed("a")
    assert facts == store.destroy("a", date(2023, 1, 1))


def test_a_certificate_says_what_when_by_whom_and_holds_the_digest_of_the_wrapped_bytes(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.new_agreement("a")
    wrapped = bytes.fromhex(json.loads((tmp_path / "wrapped" / "a.json").read_bytes())["versions"][0]["wrapped"])
    facts = store.destroy("a", DAY, by="a custodian")
    assert wrapped.hex().encode() not in (tmp_path / "wrapped" / "a.json").read_bytes()
    assert facts["versions"][0]["wrapped_sha256"] == digest_of_bytes(wrapped)
    assert (facts["key_id"], facts["destroyed_on"], facts["by"]) == ("a", "2022-03-01", "a custodian")
    signer = KeySigner(Ed25519PrivateKey.generate())
    content = signed_certificate(facts, signer)
    assert require_certificate(content, signer.public_key()) == facts


def test_an_altered_certificate_and_another_signers_read_alike(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.new_agreement("a")
    signer = KeySigner(Ed25519PrivateKey.generate())
    content = signed_certificate(store.destroy("a", DAY), signer)
    held = json.loads(content)
    other = KeySigner(Ed25519PrivateKey.generate())
    altered = [held | {"certificate": held["certificate"] | {"by": "nobody"}}, held | {"signature": "00" * 64}, {}]
    answers = set()
    for tried, public in [(canonical_bytes(bad), signer.public_key()) for bad in altered] + [
        (content, other.public_key()),
        (b"not JSON", signer.public_key()),
        (content, "not hexadecimal"),
    ]:
        with pytest.raises(BadSignature) as refused:
            require_certificate(tried, public)
        answers.add(str(refused.value))
    assert len(answers) == 1


def test_another_root_opens_no_store(tmp_path: Path) -> None:
    a_store(tmp_path).new_agreement("a")
    with pytest.raises(KeyUnavailable, match="not the one that the keystore belongs to"):
        KeyStore(tmp_path, Secret(b"s" * 32), SystemEntropy(), "2022")


def test_an_altered_wrapped_secret_and_a_damaged_record_open_nothing(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.new_agreement("a")
    path = tmp_path / "wrapped" / "a.json"
    held = json.loads(path.read_bytes())
    wrapped = held["versions"][0]["wrapped"]
    held["versions"][0]["wrapped"] = format(int(wrapped, 16) ^ 1, "x").zfill(len(wrapped))
    path.write_bytes(canonical_bytes(held))
    with pytest.raises(KeyUnavailable, match="A key is not in the store"):
        store.pseudonym_key("a", PseudonymDomain("R", "A", "cld", "person"))
    held["versions"][0]["wrapped_sha256"] = digest_of_bytes(bytes.fromhex(held["versions"][0]["wrapped"]))
    path.write_bytes(canonical_bytes(held))
    with pytest.raises(KeyUnavailable, match="does not open"):
        key_of(store)
    for content in (b"", b"[]", b'{"key_id": "a", "versions": [{}]}'):
        path.write_bytes(content)
        with pytest.raises(KeyUnavailable, match="not in the store"):
            key_of(store)
