"""Key bytes as an object that has no way out: the shelf and the keys room hold their keys in it."""

from __future__ import annotations

from typing import NoReturn

__all__ = ["Secret"]


class Secret:
    """Key bytes that do not show, compare by value, copy or pickle; ``reveal`` is the one way to them.

    Hold raw bytes in no local variable of a function that can fail: a traceback with locals would show them. Python
    cannot promise to wipe memory, and this class does not claim to.
    """

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        """Hold the bytes."""
        self._content = content

    def __repr__(self) -> str:
        """Show nothing."""
        return "Secret(...)"

    def __copy__(self) -> Secret:
        """Refuse to be copied: one secret, one object."""
        return self._refuse()

    def __deepcopy__(self, memo: object) -> Secret:
        """Refuse to be copied, within another object too."""
        return self._refuse()

    def __reduce__(self) -> str:
        """Refuse to be pickled."""
        return self._refuse()

    def __getstate__(self) -> object:
        """Refuse to hand out what it holds to whatever saves objects."""
        return self._refuse()

    def _refuse(self) -> NoReturn:
        message = "a secret is not written down"
        raise TypeError(message)

    def reveal(self) -> bytes:
        """Return the bytes, for the one call that needs them."""
        return self._content
