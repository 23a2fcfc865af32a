"""Recompute the whole log and trust nothing: leaves, documents, tiles, signed heads, and the ancestry of what left.

1. Every leaf is canonical, in its place, and not earlier than the one before unless it says so.  2. Every document named
is kept and gives its digest; every release rests on what it must.  3. Every tile and bundle is written again and compared.
4. Every head the log kept, its witnesses kept or somebody saw is held against the recomputed tree.  5. What differs is
named, causes first: an edited, inserted or swapped row, a removed leaf, an older backup, a rewritten end, two histories
under one key, a file that is missing or altered. No fault stops the check.

Source: Tessera's fsck, whose habit of trusting nothing this follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

from audit.ancestry import Outline, outline_of, walk_ancestry
from audit.compare import Named, hold_against, name_file
from audit.export import ExportedRows
from audit.fault import ANCESTRY, DOCUMENT, MISSING, Fault, in_order
from audit.journal import Journal
from audit.leaf_check import LeafFindings, check_leaves
from audit.log import GIVEN, Extent, LeafReader, LeafRows, LogFolder
from audit.recompute import Recomputed
from audit.survey import Survey, survey
from audit.tiles import ENTRIES, TILE_WIDTH, TileStore, tile_name
from cld.errors import CLDError, NotSealed

__all__ = ["JournalRows", "fsck", "fsck_export"]

LEAVES_AT_ONCE = 8 * TILE_WIDTH
TWO_PROCESSES_FROM = 200_000
MOST_HOLES = 1_000
Scanned = tuple[LeafFindings, Recomputed]


class JournalRows(Journal, LeafRows, Protocol):
    """A journal whose leaves can be read by range."""


def fsck(
    journal: JournalRows, log: LogFolder | None = None, seen: Mapping[str, str] | None = None
) -> dict[str, object]:
    """Return the log's size, root and faults; no fault names anything but digests and places.

    ``seen`` are signed heads from elsewhere, by where they are from: a witness, a recipient's last package.
    """
    ground = survey(log, seen or {}) if log is not None else None
    extent, (leaves, tree) = _scan(journal, ground)
    _check_documents(leaves, journal)
    nothing = Survey(TileStore(Path(), 0), None, (), ())
    named = hold_against(tree, ground or nothing, extent, leaves.said)
    if ground is not None and _should_be_given(leaves, ground):
        named.add(Fault(MISSING, -1, f"missing: {GIVEN}, the folder of the heads that were handed out"))
    return _report(leaves, tree, named, ground)


def fsck_export(log: LogFolder, seen: Mapping[str, str] | None = None) -> dict[str, object]:
    """Do the same for an exported log, whose leaves are those of its bundles and which has no documents beside it."""
    ground = survey(log, seen or {})
    extent, (leaves, tree) = _scan(ExportedRows(ground.tiles), ground)
    lost = [tile_name(ENTRIES, tile, min(TILE_WIDTH, extent.end - tile * TILE_WIDTH)) for tile in _tiles_of(tree.gone)]
    if lost:
        named = Named(name_file(name, ground.tiles.folder) for name in lost)
    else:
        named = hold_against(tree, ground, extent, leaves.said)
    return _report(leaves, tree, named, ground)


def _tiles_of(places: set[int]) -> list[int]:
    return sorted({place // TILE_WIDTH for place in places})


def _scan(rows: LeafRows, ground: Survey | None) -> tuple[Extent, Scanned]:
    """Read every leaf once: what it says is checked, and its hash goes into the tree; in two processes if there are many."""
    extent = rows.extent()
    folder, size = (ground.tiles.folder, ground.tiles.size) if ground is not None else (None, 0)
    bound = max(size, extent.n_counted if extent.n_counted <= extent.n_rows + MOST_HOLES else 0)
    end = min(extent.end, max(bound, extent.n_rows) + MOST_HOLES)
    if end < TWO_PROCESSES_FROM:
        scanned = scan_range(rows, folder, size, 0, end)
    else:
        scanned = _scan_beside(rows, folder, size, end)
    tree = scanned[1]
    tree.compare_upper()
    for start, stop in ((extent.first, 0), (max(bound, 0), extent.end)):
        tree.beyond += [place for place, _ in rows.rows(start, stop)] if start < stop else []
    return extent, scanned


def _scan_beside(rows: LeafRows, folder: Path | None, size: int, end: int) -> Scanned:
    """Scan one half here and the other in a second process, which reads it by itself."""
    middle = end // (2 * TILE_WIDTH) * TILE_WIDTH
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        later = pool.submit(scan_range, rows.apart(), folder, size, middle, end)
        found, tree = scan_range(rows, folder, size, 0, middle)
        found_later, tree_later = later.result()
    found.join(found_later)
    tree.join(tree_later)
    return found, tree


def scan_range(rows: LeafReader, folder: Path | None, size: int, start: int, end: int) -> Scanned:
    """Check and hash the leaves of a range, which begins with a tile."""
    tree, found = Recomputed(folder, size, start), LeafFindings()
    for first in range(start, end, LEAVES_AT_ONCE):
        stop = min(end, first + LEAVES_AT_ONCE)
        held = rows.rows(first, stop)
        found.join(check_leaves(held))
        tree.add(first, stop, held)
    return found, tree


def _report(leaves: LeafFindings, tree: Recomputed, named: Named, ground: Survey | None) -> dict[str, object]:
    """Tell causes first; what a leaf says of itself is told only where nothing else explains it."""
    faults = [fault for fault in leaves.faults if not named.explains(fault)] + named.faults
    faults = in_order(faults + list(ground.faults if ground is not None else ()))
    return {
        "n_leaves": tree.n_leaves,
        "n_in_tiles": ground.tiles.size if ground is not None else 0,
        "root": tree.root(tree.n_leaves).hex(),
        "faults": [fault.words for fault in faults],
        "kinds": sorted({fault.kind for fault in faults}),
        "clock_set_back": leaves.set_back,
    }


def _should_be_given(leaves: LeafFindings, ground: Survey) -> bool:
    """Say whether heads that were handed out are gone: a release stands under a head that is not the newest."""
    sizes = sorted({head.checkpoint.size for head in ground.heads if head.ours})
    released = min((leaves.logged[digest] for digest in leaves.releases), default=-1)
    under_earlier = len(sizes) > 1 and 0 <= released < sizes[-2]
    return under_earlier and not (ground.tiles.folder / GIVEN).is_dir()


def _check_documents(found: LeafFindings, journal: JournalRows) -> None:
    """Read every document once: that it gives its digest, and that every release rests on what it must."""

    @cache
    def look(digest: str) -> Outline | None:
        try:
            return outline_of(journal, digest)
        except (ValueError, KeyError, TypeError, CLDError):
            return None  # bytes that are no document

    for digest, place in found.logged.items():
        if look(digest) is None:
            found.faults.append(Fault(DOCUMENT, -1, f"the document of leaf {place} is missing or altered"))
    for digest in found.releases:
        try:
            walk_ancestry(digest, look, found.logged)
        except NotSealed as fault:
            found.faults.append(Fault(ANCESTRY, -1, fault.message))
