"""Where a review stands, read from the log alone: who decided which item, what is still open to whom, what it came to.

The leaf of a decision does not hold the answer, so that the log can be shown to people who still have to decide.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from audit.journal import Journal
from cld.journey import Document, ReviewQueue, SettledReview

__all__ = [
    "DECIDED",
    "DRAWN",
    "SETTLED",
    "Made",
    "Standing",
    "last_review",
    "review_reasons",
    "reviews_of",
    "standing_of",
]

DRAWN, DECIDED, SETTLED = "review drawn", "review decided", "review settled"
"""The log's words for the three doors of linkage/review."""


@cache
def review_reasons() -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """Return the reasons that a decision may give: by code, their words and the answers that they fit."""
    rows = csv.DictReader(files("linkage").joinpath("review-reasons.csv").read_text("utf-8").splitlines())
    return {row["code"]: (row["title"], tuple(row["answers"].split())) for row in rows}


@dataclass(frozen=True, slots=True)
class Made:
    """That a person decided an item, as the log says it: not what the answer was, but whether two answers differ."""

    item: int
    reviewer: str
    digest: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a queue stands: its decisions in the order in which they were made, and what it was settled as."""

    queue: ReviewQueue
    decisions: tuple[Made, ...]
    settled: SettledReview | None

    def on(self, item: int) -> tuple[Made, ...]:
        """Return the decisions on one item."""
        return tuple(one for one in self.decisions if one.item == item)

    def is_open_to(self, item: int, reviewer: str) -> bool:
        """Say whether a person may still decide an item."""
        return self.settled is None and _is_open(self.on(item), item in self.queue.asked_twice, reviewer)

    def open_to(self, reviewer: str) -> tuple[int, ...]:
        """Return the items that a person may still decide, in order."""
        if self.settled is not None:
            return ()
        twice, held = self.queue.asked_twice, self._by_item()
        return tuple(
            item for item in range(1, self.queue.n_items + 1) if _is_open(held.get(item, ()), item in twice, reviewer)
        )

    @property
    def n_to_decide(self) -> int:
        """Decisions that must still be made before the queue can be settled; a third on an item may be left away."""
        asked = self.queue.n_items + len(self.queue.asked_twice)
        return asked - sum(min(len(held), 2) for held in self._by_item().values())

    def _by_item(self) -> dict[int, tuple[Made, ...]]:
        held: dict[int, tuple[Made, ...]] = {}
        for one in self.decisions:
            held[one.item] = (*held.get(one.item, ()), one)
        return held


def _is_open(held: Sequence[Made], twice: bool, reviewer: str) -> bool:  # noqa: FBT001
    """One person decides an item, or two, or a third where two differ; nobody twice."""
    asked = 3 if any(one.differs for one in held) else 2 if twice else 1
    return len(held) < asked and all(one.reviewer != reviewer for one in held)


def reviews_of(journal: Journal) -> tuple[ReviewQueue, ...]:
    """Return every queue of the log, in its order."""
    return tuple(ReviewQueue(document) for _, document in _sealed(journal, DRAWN))


def standing_of(queue: ReviewQueue, journal: Journal) -> Standing:
    """Return where a queue stands, from the log alone."""
    digest = queue.document.digest  # made anew each time it is asked for
    decisions = tuple(
        Made(int(leaf["details"]["item"]), leaf["actor"], leaf["document"], bool(leaf["details"]["differs"]))
        for leaf in _leaves(journal, DECIDED)
        if leaf["details"]["queue"] == digest
    )
    settled = [document for details, document in _sealed(journal, SETTLED) if details["queue"] == digest]
    return Standing(queue, decisions, SettledReview(settled[-1]) if settled else None)


def last_review(journal: Journal, linked: str | None = None) -> dict[str, Any] | None:
    """Return what the last settled review of the log, or of these linked data, found; None where there is none."""
    found = None
    for details, document in _sealed(journal, SETTLED):
        queue = journal.load(details["queue"])
        if queue is not None and linked in (None, queue.parents[0]):
            found = {"linked": queue.parents[0], "outcome": document.body["outcome"]}
    return found


def _leaves(journal: Journal, action: str) -> list[dict[str, Any]]:
    """Return the leaves of an action; others are not parsed."""
    mark = json.dumps(action).encode()
    held = [json.loads(leaf) for leaf in journal.leaves() if mark in leaf]
    return [leaf for leaf in held if leaf["action"] == action]


def _sealed(journal: Journal, action: str) -> list[tuple[Mapping[str, Any], Document]]:
    """Return the details and the document of every leaf of an action."""
    found = [(leaf["details"], journal.load(leaf["document"])) for leaf in _leaves(journal, action)]
    return [(details, document) for details, document in found if document is not None]
