"""People at a ceremony, played: each has a passphrase, nothing is shown, and any question can be the last."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from keys.derivation import Secret
from keys.providers.shares import Share


class Interrupted(BaseException):
    """Somebody pulled the plug."""


@dataclass
class Played:
    """A dialogue that answers by rote and stops at the question ``stop_at`` (from 1)."""

    stop_at: int = 0
    said: list[str] = field(default_factory=list)
    n_asked: int = 0

    def say(self, words: str) -> None:
        self.said.append(words)

    def new_passphrase(self, whose: str) -> Secret:
        return self._answer(whose)

    def passphrase(self, whose: str) -> Secret:
        return self._answer(whose)

    def _answer(self, whose: str) -> Secret:
        self.n_asked += 1
        if self.n_asked == self.stop_at:
            raise Interrupted
        return passphrase_of(whose)


def passphrase_of(whose: str) -> Secret:
    return Secret(f"the words of {whose}".encode())


def altered(share: Share, place: int, bits: int = 1) -> Share:
    """Return a share with one byte altered."""
    content = bytearray(share.content.reveal())
    content[place] ^= bits
    return Share(share.index, Secret(bytes(content)))


def files_in(folder: Path) -> list[str]:
    """Name all files and folders below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@contextmanager
def full_disk(n_bytes: int = 0) -> Iterator[None]:
    """Let no file grow past ``n_bytes``: the system's own way to have no room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
