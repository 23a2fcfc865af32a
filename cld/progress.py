"""How a long step tells where it is, without ever telling a value."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "Silent"]


class Progress(Protocol):
    """Be told of steps."""

    def step(self, words: str) -> None:
        """Say that a step begins; the words hold names of steps, councils and bodies alone."""
        ...


class Silent:
    """Tell nobody."""

    def step(self, words: str) -> None:
        """Say nothing."""
        del words
