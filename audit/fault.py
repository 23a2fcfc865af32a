"""The words for what can be wrong with a log, in the order in which they are told: causes before what follows from them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "ANCESTRY", "CLOCK", "DOCUMENT", "EDITED", "HEAD", "INSERTED", "MISSING", "OLDER_BACKUP", "OUT_OF_PLACE", "REMOVED", "REWRITTEN",
    "STATE", "SWAPPED", "TILE", "TWO_HISTORIES", "Fault", "in_order",
]  # fmt: skip

REMOVED = "removed leaf"
INSERTED = "inserted row"
SWAPPED = "swapped leaves"
EDITED = "edited row"
OLDER_BACKUP = "older backup"
REWRITTEN = "rewritten end"
TWO_HISTORIES = "two histories signed with one key"
MISSING = "missing"
STATE = "altered state"
HEAD = "altered head"
TILE = "altered tile"
OUT_OF_PLACE = "out of place"
CLOCK = "clock set back"
DOCUMENT = "document"
ANCESTRY = "ancestry"
ORDER = (
    REMOVED, INSERTED, SWAPPED, EDITED, OLDER_BACKUP, REWRITTEN, TWO_HISTORIES, MISSING, STATE, HEAD, TILE, OUT_OF_PLACE, CLOCK,
    DOCUMENT, ANCESTRY,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: its kind, the leaf it concerns (-1 for none), and words without a value."""

    kind: str
    place: int
    words: str


def in_order(faults: list[Fault]) -> list[Fault]:
    """Return faults in the order of telling, each once."""
    return sorted(dict.fromkeys(faults), key=lambda fault: (ORDER.index(fault.kind), fault.place))
