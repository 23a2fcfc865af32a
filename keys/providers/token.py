"""The root in a PKCS#11 token: a key that the token made, will not give out, and uses itself.

SoftHSM and most tokens offer no HKDF over a key that stays inside, but all offer HMAC. So the token is the pseudorandom
function of the counter-mode key derivation of SP 800-108, whose 32 bytes are one call::

    K(purpose, context) = HMAC-SHA-256(root, 00000001 || purpose || 00 || context || 00000100)

Every failure to reach or open the token is one message: a wrong PIN is not told apart from an absent token.

Source: PKCS #11 v2.40; NIST SP 800-108 rev. 1, section 4.1 (counter mode).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any

from cld.errors import Conflict, KeyUnavailable
from keys.derivation import Secret
from keys.providers.root import ID_BYTES, RootKind

__all__ = [
    "TokenPlace",
    "TokenRoot",
    "bring_in",
    "counter_input",
    "create_token_root",
    "hmac_inside",
    "holds_key",
    "open_token_root",
    "remove_token_root",
]

KEY_BITS = 256
ONE_LOGIN = Lock()


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
    """A root in a token; this process never holds it. Each derivation logs in, asks and logs out again.

    A login holds for a whole process and token, so one derivation waits for the other.
    """

    __slots__ = ("_pin", "_place")

    def __init__(self, place: TokenPlace, pin: Secret) -> None:
        """Use a key in a token."""
        self._place = place
        self._pin = pin

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

    def _derive(self, purpose: bytes, context: Secret) -> Secret:
        return hmac_inside(self._place, self._pin, Secret(counter_input(purpose, context.reveal())))


def hmac_inside(place: TokenPlace, pin: Secret, message: Secret, *, came_in: bool = False) -> Secret:
    """Let a token's key make an HMAC-SHA-256; ``came_in`` allows a key that a ceremony brought in and cannot leave.

    Raises: KeyUnavailable.
    """
    from pkcs11 import Mechanism, PKCS11Error  # noqa: PLC0415

    derived = None
    with _session(place, pin, to_write=False) as session:
        key = _only_key(session, place.key, came_in=came_in)
        with suppress(PKCS11Error):  # the refusal comes below, so that no cause hangs on it
            derived = Secret(key.sign(message.reveal(), mechanism=Mechanism.SHA256_HMAC))
    if derived is None:
        raise _closed()
    return derived


def _closed() -> KeyUnavailable:
    message = "The token does not open."
    return KeyUnavailable(message, "Check that it is in its place, the names in the settings, and the PIN.")


@contextmanager
def _session(place: TokenPlace, pin: Secret, *, to_write: bool) -> Iterator[Any]:
    """Log in to a token, alone in this process, and log out again."""
    try:
        import pkcs11  # noqa: PLC0415
    except ImportError:
        message = "This installation speaks to no token."
        raise KeyUnavailable(message, "Install it with: pip install caregate[pkcs11].") from None
    with ONE_LOGIN:
        opened = None
        with suppress(pkcs11.PKCS11Error, UnicodeDecodeError):
            token = pkcs11.lib(place.module).get_token(token_label=place.token)
            opened = token.open(rw=to_write, user_pin=pin.reveal().decode())
        if opened is None:
            raise _closed()
        try:
            yield opened
        finally:
            opened.close()


def _keys_named(session: Any, label: str) -> list[Any]:  # noqa: ANN401 - objects of the token's library
    from pkcs11 import Attribute, ObjectClass  # noqa: PLC0415

    return list(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: label}))


def _only_key(session: Any, label: str, *, came_in: bool = False) -> Any:  # noqa: ANN401
    """Return the one key of a label, and refuse one that the token would give out, or once would have."""
    from pkcs11 import Attribute  # noqa: PLC0415

    found = _keys_named(session, label)
    if len(found) != 1:
        raise _closed()
    stays = found[0][Attribute.SENSITIVE] and not found[0][Attribute.EXTRACTABLE]
    was_made_here = found[0][Attribute.NEVER_EXTRACTABLE] and found[0][Attribute.ALWAYS_SENSITIVE]
    if not stays or not (came_in or was_made_here):
        message = "The token's key could leave it, or came from outside."
        raise KeyUnavailable(message, "Make a root in the token itself: caregate keys ceremony --provider pkcs11.")
    return found[0]


def create_token_root(place: TokenPlace, pin: Secret) -> TokenRoot:
    """Let the token make a root that it will not give out.

    Raises: Conflict if the token holds a key of that label; KeyUnavailable.
    """
    from pkcs11 import Attribute, KeyType, PKCS11Error  # noqa: PLC0415

    guarded = {Attribute.PRIVATE: True, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.SIGN: True}
    with _session(place, pin, to_write=True) as session:
        _require_free(session, place.key)
        with suppress(PKCS11Error):  # a token that cannot make it holds none: opening it below says so
            session.generate_key(KeyType.GENERIC_SECRET, KEY_BITS, label=place.key, store=True, template=guarded)
    return open_token_root(place, pin)


def _require_free(session: Any, label: str) -> None:  # noqa: ANN401
    if _keys_named(session, label):
        message = "The token holds a key of that name already."
        raise Conflict(message, "Open it, or choose another name.")


def bring_in(place: TokenPlace, pin: Secret, secret: Secret) -> None:
    """Give a token a secret that it will not give out again.

    Raises: Conflict if the token holds a key of that label; KeyUnavailable, where the token takes no secret from outside too.
    """
    from pkcs11 import Attribute, KeyType, ObjectClass, PKCS11Error  # noqa: PLC0415

    taken = False
    with _session(place, pin, to_write=True) as session:
        _require_free(session, place.key)
        with suppress(PKCS11Error):
            session.create_object({
                Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.GENERIC_SECRET,
                Attribute.LABEL: place.key, Attribute.VALUE: secret.reveal(), Attribute.TOKEN: True,
                Attribute.PRIVATE: True, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.SIGN: True,
            })  # fmt: skip
            taken = True
    if not taken:
        message = "The token takes no secret from outside."
        raise KeyUnavailable(message, "Use a token that does, or leave the root where it is.")


def holds_key(place: TokenPlace, pin: Secret) -> bool:
    """Say whether a token holds a key of a label.

    Raises: KeyUnavailable.
    """
    with _session(place, pin, to_write=False) as session:
        return bool(_keys_named(session, place.key))


def open_token_root(place: TokenPlace, pin: Secret) -> TokenRoot:
    """Open the root in a token.

    Raises: KeyUnavailable, with one message for an absent token, an unknown key and a wrong PIN alike.
    """
    with _session(place, pin, to_write=False) as session:
        _only_key(session, place.key)
    return TokenRoot(place, pin)


def remove_token_root(place: TokenPlace, pin: Secret) -> None:
    """Take a root made a moment ago out of the token again: a ceremony that failed leaves nothing."""
    with _session(place, pin, to_write=True) as session:
        for key in _keys_named(session, place.key):
            key.destroy()
