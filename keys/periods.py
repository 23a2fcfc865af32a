"""Period keys: 32 random bytes each, outside every backup; when one is destroyed, all it wrapped has ended.

A destroyed period leaves a mark of its name, so that the name is never used again.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cld.clock import Entropy
from cld.errors import KeyUnavailable
from cld.shelf import atomic_write, sync_folder
from keys.derivation import KEY_BYTES, Secret
from keys.plain_files import is_there, overwrite_and_remove, read_plain

__all__ = ["Periods"]


@dataclass(frozen=True, slots=True)
class Periods:
    """The folder of period keys, which no backup may hold."""

    folder: Path
    entropy: Entropy

    def names(self) -> tuple[str, ...]:
        """Return the names of the periods whose keys are there."""
        found = self.folder.glob("[!.]*") if self.folder.is_dir() else ()
        return tuple(sorted(path.name for path in found if path.suffix != ".destroyed"))

    def key(self, name: str) -> Secret:
        """Return a period's key.

        Raises: KeyUnavailable if it is gone or damaged.
        """
        try:
            held = Secret(read_plain(self.folder / name))
        except OSError:
            held = Secret(b"")
        if len(held.reveal()) != KEY_BYTES:
            message = "The period key is gone."
            raise KeyUnavailable(message, "What it wrapped cannot be opened any more.")
        return held

    def make(self, name: str) -> Secret:
        """Return a period's key, made if the name is new.

        Raises: KeyUnavailable if the period was destroyed.
        """
        path = self.folder / name
        if not is_there(path) and not self.is_destroyed(name):
            self._write(path, Secret(self.entropy.secret_bytes(KEY_BYTES, f"period {name}")))
        return self.key(name)

    def destroy(self, name: str) -> None:
        """Overwrite and remove a period's key, and mark the name as used. What a disk keeps of it is the disk's."""
        overwrite_and_remove(self.folder / name)
        atomic_write(self._mark(name), b"")

    def is_destroyed(self, name: str) -> bool:
        """Say whether a period's key was destroyed."""
        return is_there(self._mark(name))

    def _mark(self, name: str) -> Path:
        return self.folder / f"{name}.destroyed"

    def _write(self, path: Path, key: Secret) -> None:
        """Write a key's bytes whole or not at all, without holding them in a variable that a traceback could show."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        staged = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
                stream.write(key.reveal())
                stream.flush()
                os.fsync(stream.fileno())
            staged.replace(path)
        except BaseException:
            staged.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
