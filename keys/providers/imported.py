"""A root that was moved into a PKCS#11 token: brought in once, given out never again, and the same root as before.

A token offers HMAC and no HKDF. What goes in is the extract step of HKDF over the root, so that one HMAC inside gives the
root's public name and the pepper, byte for byte, as they were. A key-encryption key has the period key as HKDF's salt and
the root as its message, which no token's HMAC over a key inside can make; so new ones are derived by counter mode, as in
:mod:`keys.providers.token`, and each one of the periods alive at the move is *carried*: wrapped under the new one of its
period. What it opened still opens, and still ends with its period key.

Source: RFC 5869, sections 2.2 and 2.3; RFC 3394; NIST SP 800-108 rev. 1, section 4.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cld.errors import KeyUnavailable
from keys.derivation import Secret, expand_input, extracted_root, label_of
from keys.providers.root import ID_BYTES, HeldRoot, RootKind
from keys.providers.token import TokenPlace, bring_in, counter_input, hmac_inside
from keys.wrapping import unwrap, wrap

__all__ = ["ImportedRoot", "carry", "import_root", "open_imported_root"]


class ImportedRoot:
    """A root that a token was given; this process holds it no more."""

    __slots__ = ("_carried", "_pin", "_place")

    def __init__(self, place: TokenPlace, pin: Secret, carried: Mapping[str, bytes]) -> None:
        """Use a key in a token; ``carried`` holds wrapped key-encryption keys by label."""
        self._place, self._pin, self._carried = place, pin, carried

    @property
    def kind(self) -> RootKind:
        """Say where the root is kept."""
        return RootKind.TOKEN

    def root_id(self) -> str:
        """Return the root's public name, as it was before the move."""
        return self._hmac(Secret(expand_input("caregate/root-id"))).reveal()[:ID_BYTES].hex()

    def key_encryption_key(self, period: Secret) -> Secret:
        """Return the key that wraps secrets under a period key: the one carried over, or for a newer period a derived one."""
        made = self.new_key_encryption_key(period)
        held = self._carried.get(carried_label(made))
        if held is None:
            return made
        carried = unwrap(made, held)
        if carried is None:
            message = "A key does not open."
            raise KeyUnavailable(message, "Restore the keystore's settings from the backup.")
        return carried

    def new_key_encryption_key(self, period: Secret) -> Secret:
        """Let the token derive a key-encryption key by counter mode."""
        return self._hmac(Secret(counter_input(b"caregate/kek/1", period.reveal())))

    def pepper(self) -> Secret:
        """Let the token derive the pepper, as it was before the move."""
        return self._hmac(Secret(expand_input("caregate/pepper")))

    def _hmac(self, message: Secret) -> Secret:
        return hmac_inside(self._place, self._pin, message, came_in=True)


def carried_label(made: Secret) -> str:
    """Return the name under which the key of a period was carried over; it says nothing of either key."""
    return label_of("caregate/carried-kek", made.reveal())


def import_root(place: TokenPlace, pin: Secret, root: Secret) -> None:
    """Bring a root into a token.

    Raises: Conflict if the token holds a key of that label; KeyUnavailable.
    """
    bring_in(place, pin, extracted_root(root))


def carry(root: HeldRoot, inside: ImportedRoot, periods: Iterable[Secret]) -> dict[str, bytes]:
    """Wrap the key-encryption key of each living period under the one that the token makes for it."""
    carried = {}
    for period in periods:
        made = inside.new_key_encryption_key(period)
        carried[carried_label(made)] = wrap(made, root.key_encryption_key(period))
    return carried


def open_imported_root(place: TokenPlace, pin: Secret, carried: Mapping[str, bytes]) -> ImportedRoot:
    """Open a root that was moved into a token.

    Raises: KeyUnavailable, with one message for an absent token, an unknown key and a wrong PIN alike.
    """
    root = ImportedRoot(place, pin, carried)
    root.root_id()
    return root
