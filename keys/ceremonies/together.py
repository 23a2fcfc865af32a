"""Several files that appear together or not at all: each is staged and flushed, then all are renamed, the deciding one last."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from cld.errors import Conflict
from cld.shelf import sync_folder

__all__ = ["Together"]


class Together:
    """Files on their way. Until the last file staged has its name, nothing that was staged counts."""

    def __init__(self) -> None:
        """Begin with none."""
        self._staged: list[tuple[Path, Path]] = []
        self._folders: list[Path] = []
        self._undo: list[Callable[[], None]] = []

    def on_abandon(self, undo: Callable[[], None]) -> None:
        """Undo something else too, such as a key made in a token, if these files never get their names."""
        self._undo.append(undo)

    def stage(self, path: Path, content: bytes, *, replacing: bool = False) -> Path:
        """Write a file beside its final place, for its owner's eyes alone, and return where it lies until then.

        Raises: Conflict if the final place is taken and not to be replaced.
        """
        if path.exists() and not replacing:
            message = f"{path.name} is there already."
            raise Conflict(message, "Choose another folder, or take it away.")
        self._make_folder(path.parent)
        for left in path.parent.glob(f".{path.name}.*.part"):
            left.unlink()  # of a process that was killed
        waiting = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._staged.append((waiting, path))
        with os.fdopen(os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        return waiting

    def _make_folder(self, folder: Path) -> None:
        """Make a folder and those above it, and remember which, so that they too can be taken away again."""
        missing = [place for place in (folder, *folder.parents) if not place.exists()]
        for place in reversed(missing):
            place.mkdir(mode=0o700)
            self._folders.append(place)

    def commit(self) -> None:
        """Give every file its name, in the order staged; if one cannot have it, take the earlier ones away again."""
        named: list[Path] = []
        try:
            for waiting, path in self._staged[:-1]:
                waiting.replace(path)
                named.append(path)
            _sync_all(named)  # the deciding file may lie on another medium: it is named once the others are safe
            for waiting, path in self._staged[-1:]:
                waiting.replace(path)
                named.append(path)
        except BaseException:
            for path in named:
                path.unlink(missing_ok=True)
            raise
        _sync_all(named[-1:])
        self._staged.clear()
        self._folders.clear()
        self._undo.clear()

    def abandon(self) -> None:
        """Take every staged file away, and every folder that was made for one, and undo what else was to be undone."""
        for waiting, _ in self._staged:
            waiting.unlink(missing_ok=True)
        for folder in reversed(self._folders):
            with suppress(OSError):  # somebody else put something there meanwhile
                folder.rmdir()
        self._staged.clear()
        self._folders.clear()
        to_undo, self._undo = self._undo, []
        for undo in to_undo:
            undo()


def _sync_all(paths: Iterable[Path]) -> None:
    for folder in {path.parent for path in paths}:
        sync_folder(folder)
