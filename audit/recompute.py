"""The tree as the database gives it, computed anew, with every tile and bundle that differs from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audit.tiles import MOST_ENTRY_BYTES, TILE_LEVELS, TILE_WIDTH, bundle_files, level_files
from audit.tree import HASH_BYTES, leaf_hash, root_of

__all__ = ["UNKNOWN_HASH", "Recomputed"]

UNKNOWN_HASH = b"\0" * HASH_BYTES


class Recomputed:
    """Hashes of every leaf, roots of every full tile, and the names of files that are not what they should be."""

    def __init__(self, folder: Path | None, n_in_tiles: int) -> None:
        """Compare with the tiles of a folder as far as they reach, or with nothing."""
        self._folder, self._n_in_tiles = folder, n_in_tiles
        self._hashes = bytearray()
        self._tile_roots: list[bytes] = []
        self.n_leaves = 0
        self.gone: set[int] = set()
        self.differing: list[str] = []
        self.suspect_tiles: set[int] = set()

    def add(self, start: int, stop: int, rows: Sequence[tuple[int, bytes]]) -> None:
        """Take the leaves of the next range, whole tiles but for the last; what is gone has no hash."""
        held = dict(rows)
        self.gone |= set(range(start, stop)) - held.keys()
        leaves = [held.get(place, b"") for place in range(start, stop)]
        hashes = [UNKNOWN_HASH if start + at in self.gone else leaf_hash(leaf) for at, leaf in enumerate(leaves)]
        self.add_hashes(hashes)
        self._compare_bottom(start, leaves, hashes)

    def add_hashes(self, hashes: Sequence[bytes]) -> None:
        """Take the hashes of the next range of leaves, whole tiles but for the last."""
        self._hashes += b"".join(hashes)
        self._tile_roots += level_files(0, self.n_leaves // TILE_WIDTH, hashes)[1]
        self.n_leaves += len(hashes)

    def _compare_bottom(self, start: int, leaves: Sequence[bytes], hashes: Sequence[bytes]) -> None:
        first, n = start // TILE_WIDTH, self._n_in_tiles - start
        if self._folder is None or n <= 0:
            return
        short = [leaf[:MOST_ENTRY_BYTES] for leaf in leaves[:n]]
        for files in (bundle_files(first, short), level_files(0, first, hashes[:n])[0]):
            for place, (name, content) in enumerate(files.items()):
                if not self._is_kept(name, content):
                    self.differing.append(name)
                    self.suspect_tiles.add(first + place)

    def compare_upper(self) -> None:
        """Compare the tiles of level 1 and above, once every leaf was taken."""
        rows = self._tile_roots[: self._n_in_tiles // TILE_WIDTH]
        for level in range(1, TILE_LEVELS):
            files, above = level_files(level, 0, rows)
            if self._folder is not None:
                self.differing += [name for name, content in files.items() if not self._is_kept(name, content)]
            rows = above

    def _is_kept(self, name: str, content: bytes) -> bool:
        path = (self._folder or Path()) / name
        return path.is_file() and path.read_bytes() == content

    def hash_at(self, place: int) -> bytes:
        """Return the hash of a leaf."""
        return bytes(self._hashes[place * HASH_BYTES : (place + 1) * HASH_BYTES])

    def root(self, size: int) -> bytes:
        """Return the root over the first leaves."""
        n_full = size // TILE_WIDTH
        rest = [self.hash_at(place) for place in range(n_full * TILE_WIDTH, size)]
        return root_of([*self._tile_roots[:n_full], *([root_of(rest)] if rest else [])])
