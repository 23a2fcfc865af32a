"""The Protocol of a root that never leaves its provider in clear, and the root that a process holds itself.

What leaves is derived: the key-encryption key of a period, the pepper, and a public name.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from keys.derivation import Secret, expand_root, key_encryption_key, pepper_of

__all__ = ["HeldRoot", "RootKind", "RootProvider"]

ID_BYTES = 16


class RootKind(StrEnum):
    """Where a root is kept."""

    FILE = "file"
    SHARES = "shares"
    TOKEN = "pkcs11"  # noqa: S105 - a kind, not a secret


class RootProvider(Protocol):
    """What the keystore asks of a root; nothing here gives the root itself."""

    @property
    def kind(self) -> RootKind:
        """Say where the root is kept."""
        ...

    def root_id(self) -> str:
        """Return the root's public name: the same for the same root, and no help in finding it."""
        ...

    def key_encryption_key(self, period: Secret) -> Secret:
        """Derive the key that wraps secrets under a period key."""
        ...

    def pepper(self) -> Secret:
        """Derive the pepper that every pseudonym key also needs."""
        ...


class HeldRoot:
    """A root in this process's memory, opened from a file or from shares: HKDF-SHA-256 makes what leaves it.

    Source: RFC 5869; construction CLD-P1.
    """

    __slots__ = ("_kind", "_root")

    def __init__(self, root: Secret, kind: RootKind = RootKind.FILE) -> None:
        """Hold the root."""
        self._root = root
        self._kind = kind

    @property
    def kind(self) -> RootKind:
        """Say where the root is kept."""
        return self._kind

    def root_id(self) -> str:
        """Return the root's public name."""
        return expand_root(self._root, "caregate/root-id").reveal()[:ID_BYTES].hex()

    def key_encryption_key(self, period: Secret) -> Secret:
        """Derive the key that wraps secrets under a period key."""
        return key_encryption_key(self._root, period)

    def pepper(self) -> Secret:
        """Derive the pepper."""
        return pepper_of(self._root)
