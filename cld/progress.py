"""How a long step tells where it is, without ever telling a value."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "Silent"]


class Progress(Protocol):
    """Be told of steps."""

    def expect(self, n_steps: int) -> None:
        """Be told how many steps there will be."""
        ...

    def step(self, words: str) -> None:
        """Say that a step begins; the words hold names of steps, councils and bodies alone."""
        ...


class Silent:
    """Tell nobody."""

    def expect(self, n_steps: int) -> None:
        """Say nothing."""
        del n_steps

    def step(self, words: str) -> None:
        """Say nothing."""
        del words
