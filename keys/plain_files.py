"""The files of a keystore: read as plain files alone, and overwritten before they are taken away.

A link in the place of a keystore's file would let whoever put it there choose what is read, or what is overwritten; a pipe
would let a command wait for ever. Folders may be links: period keys often lie on a volume of their own.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

from cld.errors import KeyUnavailable
from cld.shelf import sync_folder

__all__ = ["is_there", "json_in", "overwrite_and_remove", "read_plain"]


def _refuse(path: Path) -> KeyUnavailable:
    message = f"{path.name} is no plain file."
    return KeyUnavailable(message, "The files of a keystore are no links: put the file itself in its place.")


def _open_plain(path: Path, flags: int) -> int:
    """Open a file that is no link, pipe or folder.

    Raises: KeyUnavailable for what is none; OSError as the system does.
    """
    try:
        handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as fault:
        if fault.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise _refuse(path) from None
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _refuse(path)
    return handle


def read_plain(path: Path) -> bytes:
    """Return the bytes of a plain file.

    Raises: KeyUnavailable for a link, a pipe or a folder; OSError as the system does.
    """
    with os.fdopen(_open_plain(path, os.O_RDONLY), "rb") as stream:
        return stream.read()


def json_in(content: bytes) -> Any:  # noqa: ANN401
    """Read JSON.

    Raises: ValueError for whatever is none, brackets without end too.
    """
    try:
        return json.loads(content)
    except RecursionError:
        message = "too deep"
        raise ValueError(message) from None


def is_there(path: Path) -> bool:
    """Say whether a name is taken, by a link that leads nowhere too."""
    return os.path.lexists(path)


def overwrite_and_remove(path: Path) -> None:
    """Overwrite a file with noughts and remove it, or do nothing where there is none. What a disk keeps of it is the disk's.

    Raises: KeyUnavailable for a link, a pipe or a folder, which stays as it is.
    """
    if not is_there(path):
        return
    with os.fdopen(_open_plain(path, os.O_RDWR), "r+b") as stream:
        stream.write(bytes(os.fstat(stream.fileno()).st_size))
        stream.flush()
        os.fsync(stream.fileno())
    path.unlink()
    sync_folder(path.parent)
