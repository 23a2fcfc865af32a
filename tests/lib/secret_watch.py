"""Every secret that is made in the tests' own process is remembered, and looked for at the end in all that the run left.

``watch_secrets`` stands in front of the two ways in which the house comes by a secret: the object that holds one, and the
sources of randomness, from which signing keys are made too. ``traces`` then looks for each secret's bytes as they are, in
hexadecimal and in base64. What tests say (captured output, logs, tracebacks with their locals) is kept by ``Heard``.

What it does not see: secrets of commands that tests ran in processes of their own, files that were removed before the end,
and hexadecimal digits inside compressed blocks.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from cld.clock import SeededEntropy, SystemEntropy
from cld.secret import Secret

__all__ = ["Heard", "files_of", "forms_of", "is_random", "traces", "watch_secrets"]

KEY_BYTES = 32
LEAST_DIFFERENT = 16
"""Of 32 random bytes, and of the steps between them, fewer than 16 are different in no run; keys written by hand have few."""
PREFIX = 8
MOST_BYTES = 64 << 20
HOLDERS = ("periods",)
"""Folders whose purpose is to hold secrets: period keys, outside every backup."""
PUBLIC = ("free text", "share set")
"""Labels of random bytes that are no secrets: salts that the database keeps beside the words, and the name of a share set."""
_held: set[bytes] = set()


def is_random(content: bytes) -> bool:
    """Say whether bytes are a key's, and no word, constant or row of numbers that a test wrote and files hold by nature."""
    if len(content) != KEY_BYTES or content.isascii():
        return False
    steps = {(later - earlier) % 256 for earlier, later in pairwise(content)}
    return min(len(set(content)), len(steps)) >= LEAST_DIFFERENT


def remember(content: bytes) -> None:
    """Keep a secret; the key of an HMAC is written as hexadecimal digits, and both writings are one secret."""
    if len(content) == 2 * KEY_BYTES:
        try:
            content = bytes.fromhex(content.decode("ascii"))
        except ValueError:
            return
    if is_random(content):
        _held.add(content)


def watch_secrets() -> Collection[bytes]:
    """Remember every secret from now on; return what is remembered, which grows."""
    hold: Callable[[Secret, bytes], None] = Secret.__init__

    def holding(secret: Secret, content: bytes) -> None:
        hold(secret, content)
        remember(content)

    Secret.__init__ = holding  # type: ignore[assignment, method-assign]
    for source in (SeededEntropy, SystemEntropy):
        source.secret_bytes = _drawn(source.secret_bytes)  # type: ignore[method-assign]
    return _held


def _drawn(draw: Callable[..., bytes]) -> Callable[..., bytes]:
    def drawing(source: Any, n_bytes: int, label: str) -> bytes:
        made = draw(source, n_bytes, label)
        if not label.startswith(PUBLIC):
            remember(made)
        return made

    return drawing


@dataclass
class Heard:
    """What tests said, each text once."""

    texts: dict[str, str] = field(default_factory=dict)

    def hear(self, name: str, text: str) -> None:
        """Keep what a test said."""
        if text:
            self.texts.setdefault(text, name)

    def parts(self) -> Iterator[tuple[str, bytes]]:
        """Yield the name of each test and what it said."""
        for text, name in self.texts.items():
            yield f"what {name} said", text.encode("utf-8", "surrogatepass")


def forms_of(secret: bytes) -> tuple[bytes, ...]:
    """Return a secret as it is usually written: as it is, in hexadecimal, in base64 at each of three places, as Python shows it.

    In base64 the first and the last characters depend on what stands beside, and are left out.
    """
    shifted = (base64.b64encode(bytes(place) + secret)[4 if place else 0 : -4] for place in range(3))
    plain = [form for one in shifted for form in (one, one.translate(bytes.maketrans(b"+/", b"-_")))]
    shown = repr(secret)[2:-1].encode()
    return tuple(dict.fromkeys((secret, secret.hex().encode(), secret.hex().upper().encode(), *plain, shown)))


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of every file that is not there to hold secrets, up to a size."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file() or HOLDERS[0] in path.relative_to(folder).parts:
            continue
        try:
            if path.stat().st_size <= MOST_BYTES:
                yield str(path.relative_to(folder)), path.read_bytes()
        except OSError:
            continue  # a file that its test made unreadable


def traces(secrets: Iterable[bytes], parts: Iterable[tuple[str, bytes]]) -> list[str]:
    """Return the names of the parts in which a secret stands, never the secret.

    Every eight bytes of a part are held against the first eight of every form: 24 bits of them in a table first. Tests
    leave many copies of one workspace: the same content is looked through once.
    """
    by_prefix: dict[bytes, list[bytes]] = {}
    for secret in secrets:
        for form in forms_of(secret):
            by_prefix.setdefault(form[:PREFIX], []).append(form)
    known = np.frombuffer(b"".join(sorted(by_prefix)), dtype="<u8") if by_prefix else np.zeros(0, dtype="<u8")
    table = np.zeros(1 << 24, dtype=bool)
    table[known & np.uint64(0xFFFFFF)] = True
    found, known_parts = [], dict[bytes, bool]()
    for name, content in parts:
        digest = hashlib.sha256(content).digest()
        if digest not in known_parts:
            known_parts[digest] = _stands_in(content, table, by_prefix)
        if known_parts[digest]:
            found.append(name)
    return found


def _stands_in(content: bytes, table: np.ndarray, by_prefix: dict[bytes, list[bytes]]) -> bool:
    letters = np.frombuffer(content, dtype=np.uint8)
    if len(letters) < PREFIX:
        return False
    first = letters[:-2].astype(np.uint32)
    first |= letters[1:-1].astype(np.uint32) << 8
    first |= letters[2:].astype(np.uint32) << 16
    for place in np.flatnonzero(table[first]).tolist():
        if any(content.startswith(form, place) for form in by_prefix.get(content[place : place + PREFIX], ())):
            return True
    return False
