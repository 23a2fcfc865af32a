"""The root in a PKCS#11 token, on SoftHSM2: it stays inside, derives what is asked, and every failure reads alike."""

from __future__ import annotations

import hmac
from dataclasses import replace
from pathlib import Path

import pytest

from cld.clock import SystemEntropy
from cld.errors import Conflict, KeyUnavailable
from keys.ceremonies.token import token_ceremony
from keys.derivation import PseudonymDomain, Secret
from keys.judges import JUDGES
from keys.providers.choose import open_provider
from keys.providers.root import RootKind
from keys.providers.token import TokenPlace, counter_input, create_token_root, open_token_root, remove_token_root
from keys.store import KeyStore
from tests.lib.custodians import Played, files_in
from tests.lib.softhsm import PIN, module_path, start_token

pytestmark = pytest.mark.skipif(not module_path(), reason="SoftHSM2 or python-pkcs11 is not installed")
DOMAIN = PseudonymDomain("R", "A", "cld", "person")


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> TokenPlace:
    return start_token(tmp_path_factory.mktemp("softhsm"))


@pytest.fixture
def place(token: TokenPlace, request: pytest.FixtureRequest) -> TokenPlace:
    """A root's place of this test's own in the one token."""
    return replace(token, key=request.node.name[:60])


class AtTheToken(Played):
    """Somebody who types the PIN; opens keystores too."""

    def passphrase(self, whose: str = "") -> Secret:
        super()._answer(whose)
        return PIN

    def shares(self) -> tuple[tuple[Path, Secret], ...]:
        return ()

    def pin(self) -> Secret:
        return PIN


def test_the_token_derives_by_counter_mode_with_a_key_that_it_gives_to_nobody(place: TokenPlace) -> None:
    """Known answers for a root that nobody knows: imported once as an open key, the same bytes derive the same elsewhere."""
    import pkcs11  # noqa: PLC0415

    known = bytes(range(32))
    with pkcs11.lib(place.module).get_token(token_label=place.token).open(user_pin=PIN.reveal().decode()) as session:
        key = session.create_object(
            {
                pkcs11.Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY,
                pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.GENERIC_SECRET,
                pkcs11.Attribute.VALUE: known,
                pkcs11.Attribute.SIGN: True,
            }
        )
        made = key.sign(counter_input(b"caregate/kek/1", b"p" * 32), mechanism=pkcs11.Mechanism.SHA256_HMAC)
    asked = {"key": known.hex(), "label": b"caregate/kek/1".hex(), "context": (b"p" * 32).hex(), "length": "32"}
    assert [judge(asked) for judge in JUDGES["SP 800-108 counter mode"].values()] == [made, made]
    assert hmac.digest(known, b"\0\0\0\1caregate/kek/1\0" + b"p" * 32 + b"\0\0\1\0", "sha256") == made


def test_the_root_cannot_leave_the_token(place: TokenPlace) -> None:
    import pkcs11  # noqa: PLC0415

    create_token_root(place, PIN)
    with pkcs11.lib(place.module).get_token(token_label=place.token).open(user_pin=PIN.reveal().decode()) as session:
        key = session.get_key(label=place.key)
        with pytest.raises(pkcs11.AttributeSensitive):
            key[pkcs11.Attribute.VALUE]
        assert key[pkcs11.Attribute.NEVER_EXTRACTABLE]


def test_each_purpose_and_each_period_gives_another_key_and_each_opening_the_same(place: TokenPlace) -> None:
    root = create_token_root(place, PIN)
    derived = [root.key_encryption_key(Secret(b"1" * 32)), root.key_encryption_key(Secret(b"2" * 32)), root.pepper()]
    again = open_token_root(place, PIN)
    assert [key.reveal() for key in derived[1:]] == [
        again.key_encryption_key(Secret(b"2" * 32)).reveal(),
        again.pepper().reveal(),
    ]
    assert len({key.reveal() for key in derived}) == 3


def test_a_keystore_under_a_token_works_by_settings_alone(place: TokenPlace, tmp_path: Path) -> None:
    said = AtTheToken()
    made = token_ceremony(tmp_path, place, said, dry_run=False)
    root = open_provider(tmp_path, AtTheToken())
    assert (root.kind, root.root_id()) == (RootKind.TOKEN, made.root_id)
    store = KeyStore(tmp_path, root, SystemEntropy(), "2022")
    store.new_agreement("a")
    first = store.pseudonym_key("a", DOMAIN).reveal()
    again = KeyStore(tmp_path, open_provider(tmp_path, AtTheToken()), SystemEntropy(), "2022")
    assert again.pseudonym_key("a", DOMAIN).reveal() == first
    assert PIN.reveal() not in b"".join(path.read_bytes() for path in tmp_path.rglob("*.json"))
    with pytest.raises(Conflict):
        token_ceremony(tmp_path, place, AtTheToken(), dry_run=False)
    with pytest.raises(Conflict):
        token_ceremony(tmp_path / "other", place, AtTheToken(), dry_run=False)


def test_a_dry_run_and_a_ceremony_that_fails_leave_token_and_keystore_as_they_were(
    place: TokenPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = token_ceremony(tmp_path / "k", place, AtTheToken(), dry_run=True)
    assert made.root_id == ""
    assert files_in(tmp_path) == []
    said = AtTheToken()
    monkeypatch.setattr(
        "keys.ceremonies.token.settings_bytes", lambda _: (_ for _ in ()).throw(OSError(28, "No space"))
    )
    with pytest.raises(OSError, match="No space"):
        token_ceremony(tmp_path / "k", place, said, dry_run=False)
    assert "Nothing of it was kept" in said.said[-1]
    for key in (place.key, f"{place.key}-dry-run"):
        with pytest.raises(KeyUnavailable):
            open_token_root(replace(place, key=key), PIN)


def test_no_token_no_such_key_a_wrong_pin_and_no_library_read_alike(place: TokenPlace) -> None:
    create_token_root(place, PIN)
    answers = set()
    for tried, pin in (
        (replace(place, token="absent"), PIN),
        (replace(place, key="unknown"), PIN),
        (place, Secret(b"0000")),
        (place, Secret(b"\xff\xfe")),
        (replace(place, module="/absent.so"), PIN),
    ):
        with pytest.raises(KeyUnavailable) as refused:
            open_token_root(tried, pin)
        answers.add(str(refused.value))
        assert refused.value.__cause__ is None
        assert refused.value.__context__ is None
    assert len(answers) == 1


def test_a_key_that_could_leave_the_token_is_refused(place: TokenPlace) -> None:
    import pkcs11  # noqa: PLC0415

    with (
        pkcs11.lib(place.module).get_token(token_label=place.token).open(rw=True, user_pin=PIN.reveal().decode()) as at
    ):
        at.generate_key(
            pkcs11.KeyType.GENERIC_SECRET,
            256,
            label=place.key,
            store=True,
            template={pkcs11.Attribute.EXTRACTABLE: True, pkcs11.Attribute.SENSITIVE: False},
        )
    with pytest.raises(KeyUnavailable, match="could leave it"):
        open_token_root(place, PIN)
    remove_token_root(place, PIN)


def test_a_token_that_goes_away_while_it_is_open_is_a_clear_refusal(place: TokenPlace) -> None:
    root = create_token_root(place, PIN)
    remove_token_root(place, PIN)
    with pytest.raises(KeyUnavailable, match="token does not open"):
        root.pepper()
