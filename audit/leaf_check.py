"""Check leaves by themselves: canonical, in their place, not earlier than the one before unless they say so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from audit.fault import CLOCK, EDITED, OUT_OF_PLACE, Fault
from audit.journal import SET_BACK
from cld.canonical import canonical_bytes, parsed_lines
from cld.errors import CLDError

__all__ = ["LeafFindings", "check_leaves"]


@dataclass(slots=True)
class LeafFindings:
    """What a range of leaves says and gets wrong; ranges are joined in their order."""

    faults: list[Fault] = field(default_factory=list)
    logged: dict[str, int] = field(default_factory=dict)
    releases: list[str] = field(default_factory=list)
    set_back: list[int] = field(default_factory=list)
    said: dict[int, int] = field(default_factory=dict)
    first: tuple[int, str, bool] | None = None
    last_at: str = ""

    def join(self, later: LeafFindings) -> None:
        """Take what the next range found, and compare its first time with the last of this one."""
        if later.first is not None and later.first[1] < self.last_at:
            self.step_back(later.first[0], is_marked=later.first[2])
        self.faults += later.faults
        for digest, place in later.logged.items():
            self.logged.setdefault(digest, place)
        self.releases += later.releases
        self.set_back += later.set_back
        self.said |= later.said
        self.last_at = later.last_at or self.last_at

    def step_back(self, place: int, *, is_marked: bool) -> None:
        """Take note of a leaf earlier than the one before."""
        if is_marked:
            self.set_back.append(place)
        else:
            words = f"clock set back: leaf {place} is earlier than the one before and does not say so"
            self.faults.append(Fault(CLOCK, place, words))

    def judge(self, place: int, value: Any) -> None:  # noqa: ANN401
        """Take the value of one leaf."""
        try:
            seq, at_utc, document, action = value["seq"], value["at_utc"], value["document"], value["action"]
        except (TypeError, KeyError):
            seq = at_utc = document = action = None
        if type(seq) is not int or type(at_utc) is not str or type(document) is not str:
            self.faults.append(Fault(EDITED, place, f"edited row: leaf {place} is not canonical, or no leaf at all"))
            return
        if seq != place:
            self.said[place] = seq
            self.faults.append(Fault(OUT_OF_PLACE, place, f"leaf {place} says that it is leaf {seq}"))
        if self.first is None:
            self.first = place, at_utc, value.get("clock") == SET_BACK
        elif at_utc < self.last_at:
            self.step_back(place, is_marked=value.get("clock") == SET_BACK)
        self.last_at = at_utc
        if document:
            self.logged.setdefault(document, place)
            if action == "release":
                self.releases.append(document)


def check_leaves(rows: Sequence[tuple[int, bytes]]) -> LeafFindings:
    """Check a range of leaves, place and bytes."""
    found, leaves = LeafFindings(), [leaf for _, leaf in rows]
    held = parsed_lines(leaves)
    values = [_one(leaf) for leaf in leaves] if held is None else held
    for (place, _), value in zip(rows, values, strict=True):
        found.judge(place, value)
    return found


def _one(leaf: bytes) -> Any:  # noqa: ANN401
    """Return the value of a leaf if its bytes are canonical, else None."""
    try:
        value = json.loads(leaf)
        return value if canonical_bytes(value) == leaf else None
    except (ValueError, RecursionError, CLDError):
        return None
