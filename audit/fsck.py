"""Recompute the whole log and trust nothing: leaves, documents, tiles, signed heads, and the ancestry of what left.

1. Every leaf is canonical, in its place, and not earlier than the one before unless it says so.  2. Every document named
is kept and gives its digest; every release rests on what it must.  3. Every tile and bundle is written again and compared.
4. Every head the log kept, its witnesses kept or somebody saw is held against the recomputed tree.  5. What differs is
named: an edited row, a removed leaf, a swapped pair, an older backup, a rewritten end, two histories under one key.

Source: Tessera's fsck, whose habit of trusting nothing this follows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from audit.ancestry import require_ancestry
from audit.compare import EDITED, REMOVED, Fault, compare_tiles, hold_heads
from audit.journal import SET_BACK, Journal
from audit.log import LeafRows, LogFolder
from audit.recompute import Recomputed
from audit.tiles import TILE_WIDTH
from cld.canonical import canonical_bytes, parsed_lines
from cld.errors import CLDError, NotSealed

__all__ = ["JournalRows", "fsck", "fsck_rows"]

LEAVES_AT_ONCE = 40 * TILE_WIDTH


class JournalRows(Journal, LeafRows, Protocol):
    """A journal whose leaves can be read by range."""


@dataclass(slots=True)
class _Scan:
    """What one pass over the leaves finds."""

    recomputed: Recomputed
    faults: list[Fault] = field(default_factory=list)
    logged: dict[str, int] = field(default_factory=dict)
    releases: list[str] = field(default_factory=list)
    set_back: list[int] = field(default_factory=list)
    last_at: str = ""

    def take(self, start: int, stop: int, rows: Sequence[tuple[int, bytes]]) -> None:
        """Check the leaves of a range and keep their hashes."""
        leaves = [leaf for _, leaf in rows]
        held = parsed_lines(leaves)
        values = [_one(leaf) for leaf in leaves] if held is None else held
        for (place, _), value in zip(rows, values, strict=True):
            self._judge(place, value)
        self.recomputed.add(start, stop, rows)

    def _judge(self, place: int, value: Any) -> None:  # noqa: ANN401
        try:
            seq, at_utc, document, action = value["seq"], value["at_utc"], value["document"], value["action"]
        except (TypeError, KeyError):
            self.faults.append(Fault(EDITED, place, f"edited row: leaf {place} is not canonical, or no leaf at all"))
            return
        if seq != place:
            self.faults.append(Fault("out of place", place, f"leaf {place} says that it is leaf {seq}"))
        if at_utc < self.last_at:
            self._earlier(place, value)
        self.last_at = at_utc
        if document:
            self.logged.setdefault(document, place)
            if action == "release":
                self.releases.append(document)

    def _earlier(self, place: int, value: Any) -> None:  # noqa: ANN401
        if value.get("clock") == SET_BACK:
            self.set_back.append(place)
        else:
            words = f"clock set back: leaf {place} is earlier than the one before and does not say so"
            self.faults.append(Fault("clock set back", place, words))


def _one(leaf: bytes) -> Any:  # noqa: ANN401
    """Return the value of a leaf if its bytes are canonical, else None."""
    try:
        value = json.loads(leaf)
        return value if canonical_bytes(value) == leaf else None
    except (ValueError, RecursionError, CLDError):
        return None


def fsck(journal: JournalRows, log: LogFolder | None = None, seen: Iterable[str] = ()) -> dict[str, object]:
    """Return the log's size, root and faults; no fault names anything but digests and places.

    ``seen`` are signed heads from elsewhere: a witness, a recipient's last package.
    """
    scan = _scan(journal, log)
    _check_documents(scan, journal)
    return _report(scan, log, seen)


def fsck_rows(rows: LeafRows, log: LogFolder, seen: Iterable[str] = ()) -> dict[str, object]:
    """Do the same for an exported log, which has no documents beside it."""
    return _report(_scan(rows, log), log, seen)


def _scan(rows: LeafRows, log: LogFolder | None) -> _Scan:
    folder, n_in_tiles = (log.tiles.folder, log.tiles.size) if log is not None else (None, 0)
    scan, n_leaves = _Scan(Recomputed(folder, n_in_tiles)), rows.n_leaves()
    for start in range(0, n_leaves, LEAVES_AT_ONCE):
        stop = min(n_leaves, start + LEAVES_AT_ONCE)
        scan.take(start, stop, rows.rows(start, stop))
    scan.recomputed.compare_upper()
    return scan


def _report(scan: _Scan, log: LogFolder | None, seen: Iterable[str]) -> dict[str, object]:
    """Compare what was scanned with tiles and heads; what the tiles explain is told once, as they explain it."""
    found, faults = scan.recomputed, scan.faults
    if log is None:
        faults = faults + [Fault(REMOVED, at, f"removed leaf: leaf {at} is not in the database") for at in found.gone]
    else:
        differing = compare_tiles(found, log)
        # a tampered leaf also makes the next one look earlier
        explained = {fault.place + step for fault in differing if fault.place >= 0 for step in (0, 1)}
        faults = [fault for fault in faults if fault.place not in explained] + differing
        faults += hold_heads(found, log, seen)
    return {
        "n_leaves": found.n_leaves,
        "n_in_tiles": log.tiles.size if log is not None else 0,
        "root": found.root(found.n_leaves).hex(),
        "faults": [fault.words for fault in faults],
        "kinds": sorted({fault.kind for fault in faults}),
        "clock_set_back": scan.set_back,
    }


def _check_documents(scan: _Scan, journal: JournalRows) -> None:
    for digest, place in scan.logged.items():
        document = journal.load(digest)
        if document is None or document.digest != digest:
            words = f"the document of leaf {place} is missing or altered"
            scan.faults.append(Fault("document", -1, words))
    for digest in scan.releases:
        try:
            require_ancestry(digest, journal, scan.logged)
        except NotSealed as fault:
            scan.faults.append(Fault("ancestry", -1, fault.message))
