"""A copy of the log for somebody else: tiles, bundles and every head, readable without a database or this program.

The copy stops at the last signed head; what was written since is not in it. Documents and the words behind commitments
stay in the house.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from audit.log import Extent, LogFolder
from audit.note import read_checkpoint
from audit.tiles import TILE_WIDTH, TileStore
from cld.errors import Conflict, LogInconsistent
from cld.shelf import atomic_write

__all__ = ["POLICY", "ExportedRows", "export_log"]

POLICY = "policy"


class ExportedRows:
    """The leaves of a copy, read from its bundles."""

    def __init__(self, tiles: TileStore) -> None:
        """Read these tiles."""
        self._tiles = tiles

    def n_leaves(self) -> int:
        """Return how many entries the tiles hold."""
        return self._tiles.size

    def extent(self) -> Extent:
        """Return that they go from the first to the last: a copy has no other count."""
        n_leaves = self.n_leaves()
        return Extent(0, n_leaves, n_leaves, n_leaves)

    def apart(self) -> ExportedRows:
        """Return these, which any process can read."""
        return self

    def rows(self, start: int, stop: int) -> list[tuple[int, bytes]]:
        """Return place and bytes of a range of leaves; those of a bundle that is missing or cut short are left out."""
        found: list[tuple[int, bytes]] = []
        for first in range(start - start % TILE_WIDTH, stop, TILE_WIDTH):
            places = range(max(start, first), min(stop, first + TILE_WIDTH))
            with suppress(LogInconsistent):
                found += zip(places, self._tiles.entries(places.start, places.stop), strict=True)
        return found


def export_log(log: LogFolder, policy: str, out: Path) -> int:
    """Copy a log up to its last head and return its size; the folder appears when it is complete.

    Raises: LogInconsistent if no head was signed yet; Conflict if the folder is there already.
    """
    head = log.last_head()
    if head is None:
        message = "The log has no signed head yet."
        raise LogInconsistent(message, "Sign one first: caregate log checkpoint.")
    if out.exists():
        message = "The folder is there already."
        raise Conflict(message, "Give the name of a new folder with --out.")
    checkpoint = read_checkpoint(head.text)
    staged = out.with_name(f".{out.name}.part")
    shutil.rmtree(staged, ignore_errors=True)
    try:
        _copy(log.tiles, TileStore(staged), checkpoint.size)
        for name in ("checkpoint", *_heads_until(log.tiles.folder, checkpoint.size)):
            atomic_write(staged / name, (log.tiles.folder / name).read_bytes())
        atomic_write(staged / POLICY, policy.encode())
        staged.rename(out)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return checkpoint.size


def _copy(source: TileStore, target: TileStore, size: int) -> None:
    step = 1 << 14
    for start in range(0, size, step):
        target.append(source.entries(start, min(size, start + step)), start)


def _heads_until(folder: Path, size: int) -> list[str]:
    sizes = sorted(int(path.name) for path in (folder / "checkpoints").glob("[0-9]*"))
    return [f"checkpoints/{kept}" for kept in sizes if kept <= size]
