"""The log as files: tiles of 256 hashes and bundles of 256 entries, readable by any tool that knows the format.

Full tiles never change; the last of each level is partial and stands under its width. Files are written beside their
final name, flushed to the disk, then renamed; ``.state/tree`` names the size and root that all of them together hold and
is written last, so a stop at any moment leaves the tree before or the tree after.

Source: C2SP tlog-tiles; the order of writing is that of Tessera's POSIX storage.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from audit.tree import EMPTY_ROOT, HASH_BYTES, consistency_path, hash_pairs, inclusion_path, leaf_hash, range_hash
from cld.canonical import canonical_bytes
from cld.errors import InvariantBroken, LogInconsistent
from cld.shelf import atomic_write, sync_folder

__all__ = [
    "ENTRIES", "MOST_ENTRY_BYTES", "STATE", "TILE_LEVELS", "TILE_WIDTH", "TileStore", "bundle_files", "bundle_of", "entries_of", "level_files",
    "tile_files", "tile_name",
]  # fmt: skip

TILE_WIDTH = 256
TILE_LEVELS = 8
FLUSHES_AT_ONCE = 32
MOST_ENTRY_BYTES = 65_535
ENTRIES = "entries"
STATE = ".state/tree"
LENGTH = struct.Struct(">H")


def tile_name(level: int | str, index: int, width: int = TILE_WIDTH) -> str:
    """Return a tile's place below the log's folder; ``level`` is a number or ``entries``."""
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    named = "/".join([f"x{part}" for part in parts[:-1]] + parts[-1:])
    return f"tile/{level}/{named}" + (f".p/{width}" if width < TILE_WIDTH else "")


def bundle_of(entries: Sequence[bytes]) -> bytes:
    """Join entries, each behind its length in two bytes.

    Raises: InvariantBroken if one is longer than 65,535 bytes.
    """
    if any(len(entry) > MOST_ENTRY_BYTES for entry in entries):
        message = "An entry of the log is longer than 65,535 bytes."
        raise InvariantBroken(message, "Seal what is long as a document and log its digest.")
    return b"".join([LENGTH.pack(len(entry)) + entry for entry in entries])


def entries_of(bundle: bytes) -> list[bytes]:
    """Cut a bundle into its entries.

    Raises: LogInconsistent if it is cut short.
    """
    found, at = [], 0
    while at < len(bundle):
        end = at + 2 + int.from_bytes(bundle[at : at + 2], "big")
        if end > len(bundle):
            message = "An entry bundle is cut short."
            raise LogInconsistent(message)
        found.append(bundle[at + 2 : end])
        at = end
    return found


def _cut(level: int | str, first: int, rows: Sequence[bytes]) -> Iterator[tuple[str, Sequence[bytes]]]:
    """Cut the rows of a level, beginning with the first of tile ``first``, into named tiles."""
    for at in range(0, len(rows), TILE_WIDTH):
        held = rows[at : at + TILE_WIDTH]
        yield tile_name(level, first + at // TILE_WIDTH, len(held)), held


def _tile_root(tile: bytes) -> bytes:
    while len(tile) > HASH_BYTES:
        tile = hash_pairs(tile)
    return tile


def tile_files(
    start: int, entries: Sequence[bytes], hashes: Sequence[bytes], tails: Sequence[Sequence[bytes]]
) -> dict[str, bytes]:
    """Return every file that the entries from ``start`` on make or change, by name.

    ``start`` is a multiple of 256 or stands behind the entries of a partial bundle that ``entries`` and ``hashes`` repeat;
    ``tails`` are the hashes of the partial tiles of levels 1 and above before that, level by level.
    """
    first = start // TILE_WIDTH
    files = bundle_files(first, entries)
    rows: list[bytes] = list(hashes)
    for level in range(TILE_LEVELS):
        made, above = level_files(level, first, rows)
        files |= made
        if not above:
            break
        first, rows = first // TILE_WIDTH, [*tails[level], *above]
    return files


def bundle_files(first: int, entries: Sequence[bytes]) -> dict[str, bytes]:
    """Return the bundles of these entries by name, beginning with tile ``first``."""
    return {name: bundle_of(held) for name, held in _cut(ENTRIES, first, entries)}


def level_files(level: int, first: int, rows: Sequence[bytes]) -> tuple[dict[str, bytes], list[bytes]]:
    """Return the tiles of one level by name, beginning with tile ``first``, and the root of each full one."""
    files = {name: b"".join(held) for name, held in _cut(level, first, rows)}
    return files, [_tile_root(tile) for tile in files.values() if len(tile) == TILE_WIDTH * HASH_BYTES]


class TileStore:
    """A folder of tiles: appended to, read back by range, never rewritten."""

    def __init__(self, folder: Path, size: int | None = None) -> None:
        """Use a folder; it may not exist yet. A check that does not believe the folder's state gives the size itself."""
        self.folder = folder
        self._size = size
        self._read = lru_cache(maxsize=256)(self._read_tile)

    def __reduce__(self) -> tuple[type[TileStore], tuple[Path, int | None]]:
        """Let another process read the same folder."""
        return TileStore, (self.folder, self._size)

    @property
    def size(self) -> int:
        """How many entries the tiles hold."""
        return self.state()[0] if self._size is None else self._size

    def state(self) -> tuple[int, bytes]:
        """Return the size and the root that the folder states; of an empty tree where it states nothing.

        Raises: LogInconsistent if the statement cannot be read.
        """
        try:
            held = json.loads((self.folder / STATE).read_bytes())
            return int(held["size"]), bytes.fromhex(held["root"])
        except FileNotFoundError:
            return 0, EMPTY_ROOT
        except (OSError, ValueError, KeyError, TypeError) as fault:
            message = "The state of the log's tiles cannot be read."
            raise LogInconsistent(message, "Restore the log's folder from its backup.") from fault

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder against other processes and threads that would write."""
        place = self.folder / ".state"
        place.mkdir(parents=True, exist_ok=True)
        with (place / "lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def append(self, entries: Sequence[bytes], start: int) -> None:
        """Write the tiles that these entries make, the first being entry ``start``.

        Raises: InvariantBroken if ``start`` is not where the tiles end.
        """
        size = self.size
        if start != size:
            message = "Entries were appended out of place."
            raise InvariantBroken(message)
        if not entries:
            return
        width = size % TILE_WIDTH
        again = self.entries(size - width, size) if width else []
        held = [*again, *entries]
        tails = [self._tail(level, size) for level in range(1, TILE_LEVELS)]
        files = tile_files(size - width, held, [leaf_hash(entry) for entry in held], tails)
        self._write(files)
        self._read.cache_clear()
        new_size = size + len(entries)
        root = self.range_hash(0, new_size, size=new_size)
        atomic_write(self.folder / STATE, canonical_bytes({"size": new_size, "root": root.hex()}))

    def _write(self, files: dict[str, bytes]) -> None:
        """Write all, flush all, rename all, then flush the folders: nothing half-written has its final name."""
        staged: list[tuple[Path, Path]] = []
        handles: list[int] = []
        try:
            for name, content in files.items():
                path = self.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                part = path.with_name(f".{path.name}.{os.getpid()}.part")
                staged.append((part, path))
                handles.append(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644))
                _write_whole(handles[-1], content)
                if len(handles) == TILE_WIDTH:
                    _flush(handles)
            _flush(handles)
            for part, path in staged:
                part.replace(path)
        except BaseException:
            _flush(handles, sync=False)
            for part, _ in staged:
                part.unlink(missing_ok=True)
            raise
        self._sync_folders({path.parent for _, path in staged})

    def _sync_folders(self, folders: set[Path]) -> None:
        """Flush the folders that changed and those above them, once each."""
        above = {upper for folder in folders for upper in folder.parents if upper.is_relative_to(self.folder)}
        for folder in sorted(folders | above, reverse=True):
            sync_folder(folder)

    def _tail(self, level: int, size: int) -> list[bytes]:
        rows = size >> (8 * level)
        width = rows % TILE_WIDTH
        tile = self._read_tile(level, rows // TILE_WIDTH, width) if width else b""
        return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]

    def _read_tile(self, level: int, index: int, width: int) -> bytes:
        """Read the first hashes of a tile, from its full form or from the partial of this width."""
        for name in (tile_name(level, index), tile_name(level, index, width)):
            path = self.folder / name
            if path.is_file() and len(content := path.read_bytes()) >= width * HASH_BYTES:
                return content[: width * HASH_BYTES]
        message = f"A tile of the log is missing or cut short: {tile_name(level, index, width)}."
        raise LogInconsistent(message, "Restore the log's folder from its backup.")

    def _node(self, level: int, index: int, size: int) -> bytes:
        """Return the hash of a whole subtree of 2^level leaves."""
        tile_level, height = divmod(level, 8)
        first = index << height
        rows = size >> (8 * tile_level)
        tile = first // TILE_WIDTH
        held = self._read(tile_level, tile, min(TILE_WIDTH, rows - tile * TILE_WIDTH))
        at = first % TILE_WIDTH * HASH_BYTES
        return _tile_root(held[at : at + (HASH_BYTES << height)])

    def range_hash(self, start: int, end: int, *, size: int | None = None) -> bytes:
        """Return the hash of the tree over entries ``start`` to ``end``.

        Raises: LogInconsistent if a tile is missing, or the range reaches beyond the tiles.
        """
        held = self.size if size is None else size
        if not 0 <= start <= end <= held:
            message = "The log's tiles do not reach that far."
            raise LogInconsistent(message)
        if start == end:
            return EMPTY_ROOT
        return range_hash(start, end, lambda level, index: self._node(level, index, held))

    def root(self, size: int | None = None) -> bytes:
        """Return the root at a size, by default the whole."""
        held = self.size
        return self.range_hash(0, held if size is None else size, size=held)

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Return the path of an entry in the tree of ``size``, leaf end first."""
        held = self.size
        return inclusion_path(index, size, lambda start, end: self.range_hash(start, end, size=held))

    def consistency(self, older: int, size: int) -> tuple[bytes, ...]:
        """Return the proof that the tree of ``older`` entries is the start of the tree of ``size``."""
        held = self.size
        return consistency_path(older, size, lambda start, end: self.range_hash(start, end, size=held))

    def hashes(self, start: int, end: int) -> list[bytes]:
        """Return leaf hashes of a range."""
        size, found = self.size, []
        for tile in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
            first = tile * TILE_WIDTH
            held = self._read_tile(0, tile, min(TILE_WIDTH, size - first))
            rows = range(max(start - first, 0), min(end - first, TILE_WIDTH))
            found += [held[at * HASH_BYTES : (at + 1) * HASH_BYTES] for at in rows]
        return found

    def entries(self, start: int, end: int) -> list[bytes]:
        """Return entries of a range.

        Raises: LogInconsistent if a bundle is missing or cut short.
        """
        size, found = self.size, []
        for tile in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
            first = tile * TILE_WIDTH
            held = self._bundle(tile, min(TILE_WIDTH, size - first))
            found += held[max(start - first, 0) : end - first]
        return found

    def _bundle(self, tile: int, width: int) -> list[bytes]:
        for name in (tile_name(ENTRIES, tile), tile_name(ENTRIES, tile, width)):
            path = self.folder / name
            if path.is_file() and len(held := entries_of(path.read_bytes())) >= width:
                return held[:width]
        message = f"An entry bundle of the log is missing or cut short: {tile_name(ENTRIES, tile, width)}."
        raise LogInconsistent(message, "Restore the log's folder from its backup.")


def _write_whole(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _flush(handles: list[int], *, sync: bool = True) -> None:
    """Flush and close files; side by side, since a disk takes many flushes in the time of one."""
    held = list(handles)
    handles.clear()
    try:
        if sync and held:
            with ThreadPoolExecutor(min(len(held), FLUSHES_AT_ONCE)) as pool:
                list(pool.map(os.fsync, held))
    finally:
        for handle in held:
            os.close(handle)
