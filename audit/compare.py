"""Hold the recomputed tree against tiles and signed heads, and name what differs.

Where database and tiles disagree, the newest signed head says which of the two was changed: the one whose root it does not
have. Where two signed heads disagree, one key signed two histories.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from audit.fault import (
    EDITED,
    INSERTED,
    MISSING,
    OLDER_BACKUP,
    REMOVED,
    REWRITTEN,
    STATE,
    SWAPPED,
    TILE,
    TWO_HISTORIES,
    Fault,
)
from audit.log import Extent
from audit.note import Checkpoint
from audit.recompute import Recomputed
from audit.survey import Head, Survey
from cld.errors import CLDError

__all__ = ["Named", "hold_against", "name_file"]


class Named:
    """Faults, and which places of the database they explain: what a leaf there says of itself needs no second telling."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        """Begin with some faults; each explains its own place and the next, which it may make look earlier."""
        self.faults: list[Fault] = []
        self._places: set[int] = set()
        self._from = -1
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault, *, to_the_end: bool = False) -> None:
        """Take a fault; with ``to_the_end`` it explains every later place too."""
        self.faults.append(fault)
        self._places |= {fault.place, fault.place + 1} if fault.place >= 0 else set()
        if to_the_end:
            self._from = fault.place

    def explains(self, fault: Fault) -> bool:
        """Say whether a fault of a leaf by itself follows from what was named."""
        return fault.place in self._places or 0 <= self._from <= fault.place


def hold_against(found: Recomputed, ground: Survey, extent: Extent, said: dict[int, int]) -> Named:
    """Name what differs between the database, the log's folder and every head.

    ``said`` gives, for leaves that do not stand where they say, the place that they say.
    """
    known, size = _signed_tiles(found, ground), ground.tiles.size
    named = Named()
    if known is not None:
        _name_leaves(named, found, known, size)
    _name_ends(named, found, size, extent, said)
    if known is None or not any(0 <= fault.place < size for fault in named.faults):
        for name in found.differing:
            named.add(name_file(name, ground.tiles.folder))
    reference = found if known is None else known
    for fault in (*_wrong_state(ground, found, known), *_hold_heads(ground.heads, reference, found)):
        named.add(fault)
    return named


def _signed_tiles(found: Recomputed, ground: Survey) -> Recomputed | None:
    """Return the tree of the tiles alone, whatever the database holds, if it has the root of the newest head.

    None where there are no tiles to speak of, or they do not lead to that head.
    """
    size, newest = ground.tiles.size, ground.newest()
    if not found.differing and not found.gone and found.n_leaves >= size:
        return found if size else None
    try:
        fresh = Recomputed(None, 0)
        fresh.add_hashes(ground.tiles.hashes(0, size))
    except CLDError:
        return None
    held = newest is None or (newest.size <= size and fresh.root(newest.size) == newest.root)
    stated = ground.stated is None or fresh.root(size) == ground.stated[1]
    return fresh if held and stated else None


def _name_leaves(named: Named, found: Recomputed, known: Recomputed, size: int) -> None:
    """Name the leaves of the database that the signed tiles do not have."""
    end = min(size, found.n_leaves)
    wrong = [place for place in known.differ_from(found, end) if place not in found.gone]
    by_hash = {known.hash_at(place): place for place in wrong}
    moved = {place: by_hash[found.hash_at(place)] for place in wrong if found.hash_at(place) in by_hash}
    swapped = {place: other for place, other in moved.items() if moved.get(other) == place}
    rest = [place for place in wrong if place not in swapped]
    if rest and _named_as_moved(named, found, known, size, wrong):
        return
    for place, other in swapped.items():
        words = f"swapped leaves: {place} and {other} stand in each other's place"
        named.add(Fault(SWAPPED, place, words))
    _name_edited(named, rest, end)


def _name_edited(named: Named, places: list[int], end: int) -> None:
    """Tell one rewritten end from single edits: every leaf from some place to the last one differs."""
    start = end - len(places)
    if len(places) > 1 and places == list(range(start, end)):
        words = f"rewritten end: from leaf {start} on the database tells another history than the log"
        named.add(Fault(REWRITTEN, start, words), to_the_end=True)
        return
    for place in places:
        named.add(Fault(EDITED, place, f"edited row: leaf {place} is not the one in the log"))


def _named_as_moved(named: Named, found: Recomputed, known: Recomputed, size: int, wrong: list[int]) -> bool:
    """Name rows put between others, or taken out from between them, where those behind were given other places."""
    start, end = wrong[0], min(size, found.n_leaves)
    if wrong != list(range(start, end)):
        return False
    first = known.hash_at(start)
    later = next((place for place in range(start + 1, found.n_leaves) if found.hash_at(place) == first), None)
    if later is not None:
        n, reach = later - start, min(found.n_leaves, size + later - start)
        if found.hashes(later, reach) == known.hashes(start, reach - n):
            words = "inserted row: leaf {} of the database is not in the log, and those behind it were moved"
            _name_run(named, INSERTED, words, start, n)
            return True
    first = found.hash_at(start)
    later = next((place for place in range(start + 1, size) if known.hash_at(place) == first), None)
    if later is not None:
        n, reach = later - start, min(size, found.n_leaves + later - start)
        if found.hashes(start, reach - n) == known.hashes(later, reach):
            words = "removed leaf: leaf {} is not in the database, and those behind it were moved"
            _name_run(named, REMOVED, words, start, n)
            return True
    return False


def _name_run(named: Named, kind: str, words: str, start: int, n: int) -> None:
    for place in range(start, start + n):
        named.add(Fault(kind, place, words.format(place)), to_the_end=place == start)


def _name_ends(named: Named, found: Recomputed, size: int, extent: Extent, said: dict[int, int]) -> None:
    """Name what is gone, or too much behind the last place and before the first.

    The rows' keeper counts leaves apart from the rows, so a removed end is told from an older backup, which has its count.
    """
    if any("moved" in fault.words for fault in named.faults):
        return
    lacking = extent.n_counted - extent.end
    shifted = [place for place, told in sorted(said.items()) if place >= size and told == place + lacking != place]
    if shifted and lacking < 0:
        words = "inserted row: leaf {} of the database is one too many, and those behind it were moved"
        _name_run(named, INSERTED, words, shifted[0] + lacking, -lacking)
    elif shifted:
        words = "removed leaf: leaf {} is not in the database, and those behind it were moved"
        _name_run(named, REMOVED, words, shifted[0], lacking)
    else:
        for place in found.beyond:
            words = f"inserted row: a row stands at place {place}, where nothing was ever logged"
            named.add(Fault(INSERTED, place, words))
        _name_gone(named, found.gone, max(extent.n_counted, size))
        if extent.end < extent.n_counted:
            _name_run_gone(named, extent.end, extent.n_counted)
    if max(extent.end, extent.n_counted) < size:
        words = f"older backup: the database holds {extent.end} leaves, the log {size}"
        named.add(Fault(OLDER_BACKUP, extent.end, words), to_the_end=True)


def _name_gone(named: Named, gone: set[int], end: int) -> None:
    """Name leaves that are not there, run by run."""
    places = sorted(place for place in gone if place < end)
    starts = [place for place in places if place - 1 not in gone]
    ends = [place + 1 for place in places if place + 1 not in gone or place + 1 == end]
    for start, stop in zip(starts, ends, strict=True):
        _name_run_gone(named, start, stop)


def _name_run_gone(named: Named, start: int, end: int) -> None:
    which = f"leaf {start} is" if end - start == 1 else f"leaves {start} to {end - 1} are"
    named.add(Fault(REMOVED, start, f"removed leaf: {which} not in the database"))


def name_file(name: str, folder: Path) -> Fault:
    """Name a tile or bundle that is not what it should be; in a folder that is gone, the folder."""
    if (folder / name).exists():
        return Fault(TILE, -1, f"altered tile: {name}")
    path = Path(name)
    gone = [part for part in (path, *path.parents[:-1]) if not (folder / part).exists()]
    return Fault(MISSING, -1, f"missing: {gone[-1].as_posix()}")


def _wrong_state(ground: Survey, found: Recomputed, known: Recomputed | None) -> list[Fault]:
    """Name a state whose root is that of neither tree nor of a head."""
    if ground.stated is None:
        return []
    size, root = ground.stated
    trees = [tree.root(size) for tree in (known, found) if tree is not None and tree.n_leaves >= size]
    signed = [head.checkpoint.root for head in ground.heads if head.checkpoint.size == size]
    if root in (*trees, *signed):
        return []
    return [Fault(STATE, -1, f"altered state: its root of {size} entries is not that of the tiles")]


def _hold_heads(heads: tuple[Head, ...], tree: Recomputed, found: Recomputed) -> list[Fault]:
    """Hold every signed head against the tree: of a longer log, of another history, or of this one."""
    longest = max(tree.n_leaves, found.n_leaves)
    faults, failing, holding = list[Fault](), list[Head](), 0
    for head in heads:
        if head.checkpoint.size > longest:
            words = f"older backup: {head.where} is of {head.checkpoint.size} entries, the log holds {longest}"
            faults.append(Fault(OLDER_BACKUP, longest, words))
        elif _root(head.checkpoint, tree, found) != head.checkpoint.root:
            failing.append(head)
        else:
            holding = max(holding, head.checkpoint.size)
    roots: dict[int, set[bytes]] = {}
    for head in heads:
        roots.setdefault(head.checkpoint.size, set()).add(head.checkpoint.root)
    for head in failing:
        size = head.checkpoint.size
        if size <= holding or len(roots[size]) > 1:
            words = f"two histories signed with one key: {head.where}, of {size} entries, is not of this log"
            faults.append(Fault(TWO_HISTORIES, -1, words))
        else:
            words = f"rewritten end: from leaf {holding} on database and tiles tell another history than {head.where}, of {size} entries"
            faults.append(Fault(REWRITTEN, holding, words))
    return faults


def _root(head: Checkpoint, tree: Recomputed, found: Recomputed) -> bytes:
    return (tree if head.size <= tree.n_leaves else found).root(head.size)
