"""Several files that appear together or not at all: each is staged and flushed, then all are renamed, the deciding one last."""

from __future__ import annotations

import os
from pathlib import Path

from cld.errors import Conflict
from cld.shelf import sync_folder

__all__ = ["Together"]


class Together:
    """Files on their way. Until the last file staged has its name, nothing that was staged counts."""

    def __init__(self) -> None:
        """Begin with none."""
        self._staged: list[tuple[Path, Path]] = []

    def stage(self, path: Path, content: bytes, *, replacing: bool = False) -> Path:
        """Write a file beside its final place, for its owner's eyes alone, and return where it lies until then.

        Raises: Conflict if the final place is taken and not to be replaced.
        """
        if path.exists() and not replacing:
            message = f"{path.name} is there already."
            raise Conflict(message, "Choose another folder, or take it away.")
        path.parent.mkdir(parents=True, exist_ok=True)
        waiting = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._staged.append((waiting, path))
        with os.fdopen(os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        return waiting

    def commit(self) -> None:
        """Give every file its name, in the order staged; if one cannot have it, take the earlier ones away again."""
        named: list[Path] = []
        try:
            for waiting, path in self._staged:
                waiting.replace(path)
                named.append(path)
        except BaseException:
            for path in named:
                path.unlink(missing_ok=True)
            raise
        for folder in {path.parent for path in named}:
            sync_folder(folder)
        self._staged.clear()

    def abandon(self) -> None:
        """Take every staged file away."""
        for waiting, _ in self._staged:
            waiting.unlink(missing_ok=True)
        self._staged.clear()
