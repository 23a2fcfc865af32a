"""What a log's folder says of itself: the heads that hold, the size that can be believed, and what is missing or altered.

Nothing here stops at a fault: a head that is no signed note, or a state that is gone, is named, and the rest is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from audit.fault import HEAD, MISSING, STATE, Fault
from audit.log import DISOWNED, GIVEN, LogFolder
from audit.note import Checkpoint, read_checkpoint, read_note
from audit.proof import require_signed, require_witnessed
from audit.tiles import ENTRIES, TILE_WIDTH, TileStore, tile_name
from audit.tiles import STATE as STATE_FILE
from cld.errors import BadSignature, CLDError, LogInconsistent

__all__ = ["Head", "Survey", "survey"]

LAST, KEPT = "checkpoint", "checkpoints"


@dataclass(frozen=True, slots=True)
class Head:
    """A head whose signatures hold, or that was handed out before its key was found stolen: where it is from, what it says,
    whether the log itself keeps it."""

    where: str
    checkpoint: Checkpoint
    ours: bool


@dataclass(frozen=True, slots=True)
class Survey:
    """The tiles with the size to check them at, what the state says (None: nothing to believe), heads, and faults."""

    tiles: TileStore
    stated: tuple[int, bytes] | None
    heads: tuple[Head, ...]
    faults: tuple[Fault, ...]

    def newest(self) -> Checkpoint | None:
        """Return the largest head that the log kept, or else that was seen elsewhere."""
        return _newest(self.heads)


def survey(log: LogFolder, seen: Mapping[str, str]) -> Survey:
    """Read every head and the state; ``seen`` are heads from elsewhere, by where they are from."""
    folder, heads, faults = log.tiles.folder, list[Head](), list[Fault]()
    sources = [*_own_heads(folder), *((f"the {where}", text, -1) for where, text in seen.items())]
    for at, (where, text, size) in enumerate(sources):
        put_aside = where.startswith(GIVEN) and (folder / DISOWNED / str(size)).is_file()
        ours = at < len(sources) - len(seen) and not put_aside
        try:
            found = _disowned(log, text, size) if put_aside else _held(log, text, size, ours=ours)
            heads.append(Head(where, found, ours))
        except CLDError as fault:
            faults.append(Fault(HEAD, -1, f"altered head: {where} {_why(fault)}"))
    faults += _missing_heads(folder)
    faults += _put_back(folder, heads)
    stated, wrong = _stated(log.tiles, heads)
    newest = _newest(heads)
    size = stated[0] if stated is not None else newest.size if newest is not None else 0
    return Survey(TileStore(folder, size), stated, tuple(heads), (*faults, *wrong))


def _newest(heads: Sequence[Head]) -> Checkpoint | None:
    ranked = sorted(heads, key=lambda head: (head.ours, head.checkpoint.size))
    return ranked[-1].checkpoint if ranked else None


def _own_heads(folder: Path) -> Iterator[tuple[str, str, int]]:
    """Yield every head in the folder: where, its text, and the size that its name gives (-1: none)."""
    for part in (KEPT, GIVEN):
        for size in _sizes(folder / part):
            yield f"{part}/{size}", _text(folder / part / str(size)), size
    if (folder / LAST).is_file():
        yield LAST, _text(folder / LAST), -1


def _text(path: Path) -> str:
    return path.read_text("utf-8", "replace")


def _sizes(folder: Path) -> list[int]:
    names = [path.name for path in folder.glob("*") if path.is_file()]
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def _why(fault: CLDError) -> str:
    return fault.message if isinstance(fault, LogInconsistent) else "is not signed as it must be"


def _held(log: LogFolder, text: str, size: int, *, ours: bool) -> Checkpoint:
    """Return what a head says.

    Raises: BadSignature; LogInconsistent if it is not of the size that its name gives.
    """
    note = read_note(text)
    head = require_signed(note, log.policy, log.origin)
    if ours:
        require_witnessed(note, log.policy)
    _require_size(head, size)
    return head


def _disowned(log: LogFolder, text: str, size: int) -> Checkpoint:
    """Return what a head says that was handed out under a key found stolen since: its signatures say nothing any more, but a
    recipient has it, so the log must continue it all the same.

    Raises: BadSignature if it is no head of this log; LogInconsistent if it is not of the size that its name gives.
    """
    head = read_checkpoint(read_note(text).text)
    if head.origin != log.origin:
        message = "The head is of another log."
        raise BadSignature(message)
    _require_size(head, size)
    return head


def _require_size(head: Checkpoint, size: int) -> None:
    if size not in (-1, head.size):
        message = f"is of {head.size} entries"
        raise LogInconsistent(message)


def _missing_heads(folder: Path) -> list[Fault]:
    """Name heads that must be there: a head is kept under its size, then as the last one, then as handed out."""
    kept, given = _sizes(folder / KEPT), _sizes(folder / GIVEN)
    if (folder / LAST).is_file() and not (folder / KEPT).is_dir():
        return [Fault(MISSING, -1, f"missing: {KEPT}, the folder of the heads that were kept")]
    if not (folder / LAST).is_file() and (given or len(kept) > 1):
        return [Fault(MISSING, -1, f"missing: {LAST}, the last head")]
    return []


def _put_back(folder: Path, heads: Sequence[Head]) -> list[Fault]:
    """Name a last head in whose place an earlier one was put; only the newest kept one may still be without its copy."""
    last = [head.checkpoint.size for head in heads if head.where == LAST]
    later = max([*_sizes(folder / KEPT)[:-1], *_sizes(folder / GIVEN)], default=0)
    if not last or last[0] >= later:
        return []
    return [Fault(HEAD, -1, f"altered head: {LAST} is of {last[0]} entries, and a later one of {later} was kept")]


def _stated(tiles: TileStore, heads: Sequence[Head]) -> tuple[tuple[int, bytes] | None, list[Fault]]:
    """Return what the state says if it can be believed so far, and what is wrong with it."""
    if not (tiles.folder / STATE_FILE).is_file():
        words = f"missing: {STATE_FILE}, the size and root of the tiles"
        return None, [Fault(MISSING, -1, words)] if any(head.checkpoint.size for head in heads) else []
    least = max((head.checkpoint.size for head in heads if head.ours), default=0)
    try:
        size, root = tiles.state()
    except LogInconsistent:
        return None, [Fault(STATE, -1, f"altered state: {STATE_FILE} cannot be read")]
    if size < least:
        return None, [Fault(STATE, -1, f"altered state: {STATE_FILE} counts {size} entries, a head {least}")]
    backed = any((head.checkpoint.size, head.checkpoint.root) == (size, root) for head in heads)
    if not backed and not _reaches(tiles.folder, size):
        return None, [Fault(STATE, -1, f"altered state: {STATE_FILE} counts {size} entries, which no tile holds")]
    return (size, root), []


def _reaches(folder: Path, size: int) -> bool:
    """Say whether there is a last tile or bundle for a tree of this size."""
    index, width = divmod(size, TILE_WIDTH)
    names = [tile_name(level, index if width else index - 1, width or TILE_WIDTH) for level in (0, ENTRIES)]
    return size == 0 or any((folder / name).is_file() for name in names)
