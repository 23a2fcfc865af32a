"""Recompute the whole log and trust nothing: leaves, documents, tiles, signed heads, and the ancestry of what left.

1. Every leaf is canonical, in its place, and not earlier than the one before unless it says so.  2. Every document named
is kept and gives its digest; every release rests on what it must.  3. Every tile and bundle is written again and compared.
4. Every head the log kept, its witnesses kept or somebody saw is held against the recomputed tree.  5. What differs is
named: an edited row, a removed leaf, a swapped pair, an older backup, a rewritten end, two histories under one key.

Source: Tessera's fsck, whose habit of trusting nothing this follows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, Protocol

from audit.ancestry import require_ancestry
from audit.compare import REMOVED, Fault, compare_tiles, hold_heads
from audit.journal import Journal
from audit.leaf_check import LeafFindings, check_leaves
from audit.log import LeafRows, LogFolder
from audit.recompute import Recomputed
from audit.tiles import TILE_WIDTH
from cld.errors import NotSealed

__all__ = ["JournalRows", "fsck", "fsck_rows"]

LEAVES_AT_ONCE = 40 * TILE_WIDTH
TWO_PROCESSES_FROM = 200_000
MOST_WAITING = 8
Rows = Sequence[tuple[int, bytes]]


class JournalRows(Journal, LeafRows, Protocol):
    """A journal whose leaves can be read by range."""


def fsck(journal: JournalRows, log: LogFolder | None = None, seen: Iterable[str] = ()) -> dict[str, object]:
    """Return the log's size, root and faults; no fault names anything but digests and places.

    ``seen`` are signed heads from elsewhere: a witness, a recipient's last package.
    """
    found, tree = _scan(journal, log)
    _check_documents(found, journal)
    return _report(found, tree, log, seen)


def fsck_rows(rows: LeafRows, log: LogFolder, seen: Iterable[str] = ()) -> dict[str, Any]:
    """Do the same for an exported log, which has no documents beside it."""
    found, tree = _scan(rows, log)
    return _report(found, tree, log, seen)


def _scan(rows: LeafRows, log: LogFolder | None) -> tuple[LeafFindings, Recomputed]:
    """Read every leaf once: what it says is checked, and its hash goes into the tree; in two processes if there are many."""
    n_leaves = rows.n_leaves()
    folder, n_in_tiles = (log.tiles.folder, log.tiles.size) if log is not None else (None, 0)
    tree, found = Recomputed(folder, n_in_tiles), LeafFindings()
    ranges = _ranges(rows, n_leaves)
    if n_leaves < TWO_PROCESSES_FROM:
        for start, stop, held in ranges:
            found.join(check_leaves(held))
            tree.add(start, stop, held)
    else:
        _scan_beside(ranges, tree, found)
    tree.compare_upper()
    return found, tree


def _ranges(rows: LeafRows, n_leaves: int) -> Iterator[tuple[int, int, Rows]]:
    for start in range(0, n_leaves, LEAVES_AT_ONCE):
        stop = min(n_leaves, start + LEAVES_AT_ONCE)
        yield start, stop, rows.rows(start, stop)


def _scan_beside(ranges: Iterable[tuple[int, int, Rows]], tree: Recomputed, found: LeafFindings) -> None:
    """Check leaves in a second process while this one reads and hashes; so many wait at most."""
    waiting: deque[Future[LeafFindings]] = deque()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        for start, stop, held in ranges:
            waiting.append(pool.submit(check_leaves, held))
            tree.add(start, stop, held)
            if len(waiting) > MOST_WAITING:
                found.join(waiting.popleft().result())
        for future in waiting:
            found.join(future.result())


def _report(leaves: LeafFindings, tree: Recomputed, log: LogFolder | None, seen: Iterable[str]) -> dict[str, Any]:
    """Compare what was scanned with tiles and heads; what the tiles explain is told once, as they explain it."""
    faults = leaves.faults
    if log is None:
        faults = faults + [Fault(REMOVED, at, f"removed leaf: leaf {at} is not in the database") for at in tree.gone]
    else:
        differing = compare_tiles(tree, log)
        # a tampered leaf also makes the next one look earlier
        explained = {fault.place + step for fault in differing if fault.place >= 0 for step in (0, 1)}
        faults = [fault for fault in faults if fault.place not in explained] + differing
        faults += hold_heads(tree, log, seen)
    return {
        "n_leaves": tree.n_leaves,
        "n_in_tiles": log.tiles.size if log is not None else 0,
        "root": tree.root(tree.n_leaves).hex(),
        "faults": [fault.words for fault in faults],
        "kinds": sorted({fault.kind for fault in faults}),
        "clock_set_back": leaves.set_back,
    }


def _check_documents(found: LeafFindings, journal: JournalRows) -> None:
    for digest, place in found.logged.items():
        document = journal.load(digest)
        if document is None or document.digest != digest:
            words = f"the document of leaf {place} is missing or altered"
            found.faults.append(Fault("document", -1, words))
    for digest in found.releases:
        try:
            require_ancestry(digest, journal, found.logged)
        except NotSealed as fault:
            found.faults.append(Fault("ancestry", -1, fault.message))
