"""The root in a PKCS#11 token: a key that the token made, will not give out, and uses itself.

SoftHSM and most tokens offer no HKDF over a key that stays inside, but all offer HMAC. So the token is the pseudorandom
function of the counter-mode key derivation of SP 800-108, whose 32 bytes are one call::

    K(purpose, context) = HMAC-SHA-256(root, 00000001 || purpose || 00 || context || 00000100)

Every failure to reach or open the token is one message: a wrong PIN is not told apart from an absent token.

Source: PKCS #11 v2.40; NIST SP 800-108 rev. 1, section 4.1 (counter mode).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cld.errors import Conflict, KeyUnavailable
from keys.derivation import Secret
from keys.providers.root import ID_BYTES, RootKind

__all__ = ["TokenPlace", "TokenRoot", "counter_input", "create_token_root", "open_token_root", "remove_token_root"]

KEY_BITS = 256


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Where a token's key is: the vendor's library, the token's label and the key's label."""

    module: str
    token: str
    key: str


def counter_input(purpose: bytes, context: bytes) -> bytes:
    """Return the one message of the counter mode that gives 32 bytes. Source: NIST SP 800-108 rev. 1, section 4.1."""
    return (1).to_bytes(4, "big") + purpose + b"\0" + context + KEY_BITS.to_bytes(4, "big")


class TokenRoot:
    """A root in an open token; this process never holds it."""

    def __init__(self, session: Any, key: Any) -> None:  # noqa: ANN401 - objects of the token's library
        """Use a key in an open session."""
        self._session = session
        self._key = key

    @property
    def kind(self) -> RootKind:
        """Say where the root is kept."""
        return RootKind.TOKEN

    def root_id(self) -> str:
        """Return the root's public name."""
        return self._derive(b"caregate/root-id/1", Secret(b"")).reveal()[:ID_BYTES].hex()

    def key_encryption_key(self, period: Secret) -> Secret:
        """Let the token derive the key that wraps secrets under a period key."""
        return self._derive(b"caregate/kek/1", period)

    def pepper(self) -> Secret:
        """Let the token derive the pepper."""
        return self._derive(b"caregate/pepper/1", Secret(b""))

    def close(self) -> None:
        """Log out of the token."""
        self._session.close()

    def _derive(self, purpose: bytes, context: Secret) -> Secret:
        from pkcs11 import Mechanism, PKCS11Error  # noqa: PLC0415

        derived = None
        with suppress(PKCS11Error):  # the refusal comes below, so that no cause hangs on it: it says which step failed
            derived = Secret(self._key.sign(counter_input(purpose, context.reveal()), mechanism=Mechanism.SHA256_HMAC))
        if derived is None:
            raise _closed()
        return derived


def _closed() -> KeyUnavailable:
    message = "The token does not open."
    return KeyUnavailable(message, "Check that it is in its place, the names in the settings, and the PIN.")


def _session(place: TokenPlace, pin: Secret, *, to_write: bool) -> Any:  # noqa: ANN401
    try:
        import pkcs11  # noqa: PLC0415
    except ImportError:
        message = "This installation speaks to no token."
        raise KeyUnavailable(message, "Install it with: pip install caregate[pkcs11].") from None
    opened = None
    with suppress(pkcs11.PKCS11Error, UnicodeDecodeError):
        token = pkcs11.lib(place.module).get_token(token_label=place.token)
        opened = token.open(rw=to_write, user_pin=pin.reveal().decode())
    if opened is None:
        raise _closed()
    return opened


def _keys_named(session: Any, label: str) -> list[Any]:  # noqa: ANN401
    from pkcs11 import Attribute, ObjectClass  # noqa: PLC0415

    return list(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: label}))


def create_token_root(place: TokenPlace, pin: Secret) -> TokenRoot:
    """Let the token make a root that it will not give out.

    Raises: Conflict if the token holds a key of that label; KeyUnavailable.
    """
    from pkcs11 import Attribute, KeyType  # noqa: PLC0415

    session = _session(place, pin, to_write=True)
    if _keys_named(session, place.key):
        session.close()
        message = "The token holds a key of that name already."
        raise Conflict(message, "Open it, or choose another name.")
    guarded = {Attribute.PRIVATE: True, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.SIGN: True}
    key = session.generate_key(KeyType.GENERIC_SECRET, KEY_BITS, label=place.key, store=True, template=guarded)
    return _guarded(session, key)


def open_token_root(place: TokenPlace, pin: Secret) -> TokenRoot:
    """Open the root in a token.

    Raises: KeyUnavailable, with one message for an absent token, an unknown key and a wrong PIN alike.
    """
    session = _session(place, pin, to_write=False)
    found = _keys_named(session, place.key)
    if len(found) != 1:
        session.close()
        raise _closed()
    return _guarded(session, found[0])


def _guarded(session: Any, key: Any) -> TokenRoot:  # noqa: ANN401
    """Refuse a key that the token would give out, or once would have."""
    from pkcs11 import Attribute  # noqa: PLC0415

    if not key[Attribute.NEVER_EXTRACTABLE] or not key[Attribute.ALWAYS_SENSITIVE]:
        session.close()
        message = "The token's key could leave it, or came from outside."
        raise KeyUnavailable(message, "Make a root in the token itself: caregate keys ceremony --provider pkcs11.")
    return TokenRoot(session, key)


def remove_token_root(place: TokenPlace, pin: Secret) -> None:
    """Take a root made a moment ago out of the token again: a ceremony that failed leaves nothing."""
    session = _session(place, pin, to_write=True)
    for key in _keys_named(session, place.key):
        key.destroy()
    session.close()
