"""Words that a person wrote freely: they may name someone, so the log holds only a salted commitment to them."""

from __future__ import annotations

__all__ = ["FreeText"]


class FreeText(str):
    """Text that a person wrote. It is a string everywhere but in the log, which never holds it."""

    __slots__ = ()
