"""The tree as the database gives it, computed anew, with every tile and bundle that differs from it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from audit.tiles import MOST_ENTRY_BYTES, TILE_LEVELS, TILE_WIDTH, bundle_files, level_files
from audit.tree import HASH_BYTES, root_of

__all__ = ["UNKNOWN_HASH", "Recomputed"]

UNKNOWN_HASH = b"\0" * HASH_BYTES
TILE_BYTES = TILE_WIDTH * HASH_BYTES


class Recomputed:
    """Hashes of every leaf, roots of every full tile, and the names of files that are not what they should be."""

    def __init__(self, folder: Path | None, n_in_tiles: int, start: int = 0) -> None:
        """Compare with the tiles of a folder as far as they reach, or with nothing; begin at a tile's first leaf."""
        self._folder, self._n_in_tiles, self._start = folder, n_in_tiles, start
        self._hashes = bytearray()
        self._tile_roots: list[bytes] = []
        self.n_leaves = start
        self.gone: set[int] = set()
        self.beyond: list[int] = []
        self.differing: list[str] = []

    def add(self, start: int, stop: int, rows: Sequence[tuple[int, bytes]]) -> None:
        """Take the leaves of the next range, whole tiles but for the last; what is gone has no hash."""
        sha256 = hashlib.sha256
        if len(rows) == stop - start:
            leaves = [leaf for _, leaf in rows]
            hashes = [sha256(b"\x00" + leaf).digest() for leaf in leaves]
        else:
            held = dict(rows)
            self.gone |= set(range(start, stop)) - held.keys()
            leaves = [held.get(place, b"") for place in range(start, stop)]
            hashes = [
                UNKNOWN_HASH if start + at in self.gone else sha256(b"\x00" + leaf).digest()
                for at, leaf in enumerate(leaves)
            ]
        tiles = self.add_hashes(hashes)
        self._compare_bottom(start, leaves, hashes, tiles)

    def add_hashes(self, hashes: Sequence[bytes]) -> dict[str, bytes]:
        """Take the hashes of the next range of leaves, whole tiles but for the last; return the tiles by name."""
        tiles, roots = level_files(0, self.n_leaves // TILE_WIDTH, hashes)
        self._hashes += b"".join(hashes)
        self._tile_roots += roots
        self.n_leaves += len(hashes)
        return tiles

    def join(self, later: Recomputed) -> None:
        """Take what was computed of the leaves behind these."""
        self._hashes += later._hashes  # noqa: SLF001 - another of this class
        self._tile_roots += later._tile_roots  # noqa: SLF001
        self.n_leaves = later.n_leaves
        self.gone |= later.gone
        self.differing += later.differing

    def _compare_bottom(
        self, start: int, leaves: Sequence[bytes], hashes: Sequence[bytes], tiles: dict[str, bytes]
    ) -> None:
        """Compare bundles and tiles of a range; the last tile of the folder may end before the range does."""
        first, n = start // TILE_WIDTH, self._n_in_tiles - start
        if self._folder is None or n <= 0:
            return
        self._compare(bundle_files(first, [leaf[:MOST_ENTRY_BYTES] for leaf in leaves[:n]]))
        self._compare(tiles if n >= len(hashes) else level_files(0, first, hashes[:n])[0])

    def compare_upper(self) -> None:
        """Compare the tiles of level 1 and above, once every leaf was taken."""
        rows = self._tile_roots[: self._n_in_tiles // TILE_WIDTH]
        for level in range(1, TILE_LEVELS):
            files, above = level_files(level, 0, rows)
            self._compare(files)
            rows = above

    def _compare(self, files: dict[str, bytes]) -> None:
        if self._folder is not None:
            self.differing += [name for name, content in files.items() if not self._is_kept(name, content)]

    def _is_kept(self, name: str, content: bytes) -> bool:
        try:
            return ((self._folder or Path()) / name).read_bytes() == content
        except OSError:
            return False

    def hash_at(self, place: int) -> bytes:
        """Return the hash of a leaf."""
        return self.hashes(place, place + 1)

    def hashes(self, start: int, end: int) -> bytes:
        """Return the hashes of a range of leaves, joined."""
        return bytes(self._hashes[start * HASH_BYTES : end * HASH_BYTES])

    def differ_from(self, other: Recomputed, end: int) -> list[int]:
        """Return the places before ``end`` at which two trees have other leaves."""
        ours, theirs = self._hashes[: end * HASH_BYTES], other._hashes[: end * HASH_BYTES]  # noqa: SLF001
        suspect = [
            at for at in range(0, len(ours), TILE_BYTES) if ours[at : at + TILE_BYTES] != theirs[at : at + TILE_BYTES]
        ]
        places = (at // HASH_BYTES + row for at in suspect for row in range(TILE_WIDTH))
        return [place for place in places if place < end and self.hash_at(place) != other.hash_at(place)]

    def root(self, size: int) -> bytes:
        """Return the root over the first leaves."""
        n_full = size // TILE_WIDTH
        rest = [self.hash_at(place) for place in range(n_full * TILE_WIDTH, size)]
        return root_of([*self._tile_roots[:n_full], *([root_of(rest)] if rest else [])])
