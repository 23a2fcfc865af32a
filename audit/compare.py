"""Hold the recomputed tree against tiles and signed heads, and name what differs.

Where database and tiles disagree, the signed head says which of the two was changed: the one whose root it does not have.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from audit.log import LogFolder
from audit.note import Checkpoint, read_note
from audit.proof import require_signed, require_witnessed
from audit.recompute import Recomputed
from audit.tiles import TILE_WIDTH, TileStore
from cld.errors import CLDError, LogInconsistent

__all__ = [
    "CLOCK", "EDITED", "OUT_OF_PLACE", "REMOVED", "Fault", "compare_tiles", "hold_heads",
]  # fmt: skip

EDITED = "edited row"
REMOVED = "removed leaf"
SWAPPED = "swapped leaves"
OLDER_BACKUP = "older backup"
REWRITTEN = "rewritten end"
TILE = "altered tile"
HEAD = "altered head"
CLOCK = "clock set back"
OUT_OF_PLACE = "out of place"
TWO_HISTORIES = "two histories signed with one key"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: its kind, the leaf it concerns (-1 for none), and words without a value."""

    kind: str
    place: int
    words: str


def compare_tiles(found: Recomputed, log: LogFolder) -> list[Fault]:
    """Name what differs between the database and the log's folder."""
    size, faults = log.tiles.size, []
    if found.n_leaves < size:
        words = f"older backup: the database holds {found.n_leaves} leaves, the log {size}"
        faults.append(Fault(OLDER_BACKUP, found.n_leaves, words))
    if not found.differing and not found.gone:
        return faults
    if _tiles_are_signed(log):
        return faults + _name_leaves(found, log.tiles, min(size, found.n_leaves))
    return faults + [Fault(TILE, -1, f"altered tile: {name}") for name in found.differing]


def _tiles_are_signed(log: LogFolder) -> bool:
    """Say whether the tiles alone, whatever the database holds, lead to the head that was signed last."""
    try:
        last = log.last_head()
        if last is None:
            return True
        head = require_signed(last, log.policy, log.origin)
        hashes = log.tiles.hashes(0, head.size)
        fresh = Recomputed(None, 0)
        fresh.add_hashes(hashes)
        return fresh.root(head.size) == head.root
    except CLDError:
        return False


def _name_leaves(found: Recomputed, tiles: TileStore, end: int) -> list[Fault]:
    """Name the leaves of the database that the signed tiles do not have: removed, swapped, edited, or a rewritten end."""
    there: dict[int, bytes] = {}
    for tile in sorted(found.suspect_tiles | {place // TILE_WIDTH for place in found.gone}):
        first, stop = tile * TILE_WIDTH, min(end, (tile + 1) * TILE_WIDTH)
        there |= dict(zip(range(first, stop), tiles.hashes(first, stop), strict=True))
    wrong = [place for place, known in there.items() if place not in found.gone and found.hash_at(place) != known]
    faults = [Fault(REMOVED, at, f"removed leaf: leaf {at} is not in the database") for at in sorted(found.gone)]
    by_hash = {there[place]: place for place in wrong}
    swapped = {place: by_hash[found.hash_at(place)] for place in wrong if found.hash_at(place) in by_hash}
    for place, other in swapped.items():
        if swapped.get(other) == place and place < other:
            faults.append(Fault(SWAPPED, place, f"swapped leaves: {place} and {other} stand in each other's place"))
            faults.append(Fault(SWAPPED, other, f"swapped leaves: {other} and {place} stand in each other's place"))
    rest = [place for place in wrong if swapped.get(swapped.get(place, -1)) != place]
    if not wrong and not found.gone and found.n_leaves >= tiles.size:
        return [Fault(TILE, -1, f"altered tile: {name}") for name in found.differing]
    return faults + _edited(rest, end)


def _edited(places: list[int], end: int) -> list[Fault]:
    """Tell one rewritten end from single edits: every leaf from some place to the last one differs."""
    start = end - len(places)
    if len(places) > 1 and places == list(range(start, end)):
        words = f"rewritten end: from leaf {start} on the database tells another history than the log"
        return [Fault(REWRITTEN, start, words)]
    return [Fault(EDITED, at, f"edited row: leaf {at} is not the one in the log") for at in places]


def hold_heads(found: Recomputed, log: LogFolder, seen: Iterable[str]) -> list[Fault]:
    """Hold every head that was kept or seen against the tree: its signatures, its witnesses, its root."""
    faults: list[Fault] = []
    reference = log.tiles if _tiles_are_signed(log) else None
    for where, text, ours in _heads(log, seen):
        try:
            note = read_note(text)
            head = require_signed(note, log.policy, log.origin)
            if ours:
                require_witnessed(note, log.policy)
        except CLDError:
            faults.append(Fault(HEAD, -1, f"altered head: {where} is not signed as it must be"))
            continue
        faults += _against_tree(where, head, found, reference)
    return faults


def _heads(log: LogFolder, seen: Iterable[str]) -> Iterable[tuple[str, str, bool]]:
    """Yield every head: where it is from, its text, and whether the log itself kept it."""
    folder = log.tiles.folder
    kept = sorted((folder / "checkpoints").glob("[0-9]*"), key=lambda path: int(path.name))
    for path in [*kept, folder / "checkpoint"]:
        if path.is_file():
            yield f"the kept head {path.name}", path.read_text("utf-8", "replace"), True
    if log.tiles.size and not (folder / "checkpoint").is_file() and kept:
        yield "the last head", "", True
    for number, text in enumerate(seen, start=1):
        yield f"head {number} from elsewhere", text, False


def _against_tree(where: str, head: Checkpoint, found: Recomputed, reference: TileStore | None) -> list[Fault]:
    if head.size > max(found.n_leaves, reference.size if reference is not None else 0):
        words = f"older backup: {where} is of {head.size} entries, the log holds {found.n_leaves}"
        return [Fault(OLDER_BACKUP, found.n_leaves, words)]
    try:
        root = (
            reference.root(head.size)
            if reference is not None and head.size <= reference.size
            else found.root(head.size)
        )
    except LogInconsistent as fault:
        return [Fault(TILE, -1, f"altered tile: {fault.message}")]
    if root != head.root:
        words = f"two histories signed with one key: {where}, of {head.size} entries, is not of this log"
        return [Fault(TWO_HISTORIES, -1, words)]
    return []
