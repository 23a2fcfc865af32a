"""A passphrase that tests give again and again is stretched once: Argon2id gives the same for the same words and salt."""

from __future__ import annotations

import hashlib
from functools import partial

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

import keys.wrapping

__all__ = ["stretch_once"]

_stretched: dict[bytes, bytes] = {}


class _Remembered:
    """Argon2id as the house asks for it, answering from before what was asked before; words are remembered as a digest."""

    def __init__(self, stretch: type[Argon2id], *, salt: bytes, **cost: int) -> None:
        self._derive = stretch(salt=salt, **cost).derive  # type: ignore[arg-type]
        self._asked = repr((salt, sorted(cost.items()))).encode()

    def derive(self, words: bytes) -> bytes:
        """Return what Argon2id derives."""
        asked = hashlib.sha256(self._asked + words).digest()
        if asked not in _stretched:
            _stretched[asked] = self._derive(words)
        return _stretched[asked]


def stretch_once() -> None:
    """Remember what passphrases come to, from now on and in the tests' own process alone."""
    keys.wrapping.Argon2id = partial(_Remembered, Argon2id)  # type: ignore[misc, assignment]
