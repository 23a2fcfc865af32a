"""The verdict on a candidate beside what its recipient, and each coalition it belongs to, holds already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cld.errors import DisclosureRefused, InputError
from disclosure.memory.changes import overlapping, small_changes
from disclosure.memory.judge import Conflict, Held, NotProven, SmallCounts, Story, conflicts_in, settled, story_of
from disclosure.memory.probes import Work
from disclosure.memory.reduce import Contradiction
from disclosure.memory.remedy import least_withheld, releases_behind
from disclosure.memory.sheet import FactSheet, OwnPeople

__all__ = ["Memory", "PastRelease", "require_nothing_worked_out"]

MOST_EXPLAINED = 5
MOST_NAMED = 10
COARSER = "Ask for coarser categories, or fewer of them."


@dataclass(frozen=True, slots=True)
class PastRelease:
    """A release that someone holds: its name, its recipient's code, the body of its CheckedExtract and its own digest."""

    name: str
    body_code: str
    body: Mapping[str, Any]
    digest: str = ""


class Memory(Protocol):
    """Every release that was ever made, by who holds it."""

    def held_by(self, body_code: str) -> tuple[PastRelease, ...]:
        """Return what a recipient holds, oldest first.

        Raises: NotSealed if any of it cannot be read whole.
        """
        ...


def require_nothing_worked_out(
    candidate: FactSheet, held: Sequence[Held], own: Sequence[OwnPeople], small: SmallCounts, *, most_units: int,
    holders: str,
) -> None:  # fmt: skip
    """Refuse a candidate from which, with what is held, a small count or a person can be worked out.

    holders:  who holds it, for the message.
    Raises: DisclosureRefused, naming the earlier releases that do it together and the least change that prevents it;
            also where safety is not proven within the work limit.
    """
    beside = [one for one in held if overlapping(candidate, one.sheet)]
    if not beside and not (own and candidate.rows):
        return
    work = Work(most_units=most_units)
    try:
        story = settled(story_of(candidate, beside, own), work)
        conflicts = conflicts_in(story, small, work)
        _refuse_unproven(conflicts, holders)
        if conflicts:
            raise _refusal(story, candidate, conflicts, small, Work(most_units=most_units), holders)
        changes = small_changes(candidate, beside, own, small, work)
    except (NotProven, Contradiction, InputError) as fault:
        raise _not_proven(holders) from fault
    if changes:
        names = tuple(dict.fromkeys(name for name, _ in changes))
        message = f"Against {_and(names)}, {holders} could work out that a small number came or went in {len(changes)} groups."
        measures = tuple(f"differencing against {name}" for name in names)
        raise DisclosureRefused(message, measures, f"Release it on the data of {names[-1]}, or in coarser categories.")


def _refuse_unproven(conflicts: Sequence[Conflict], holders: str) -> None:
    if any(not one.proven for one in conflicts):
        raise _not_proven(holders)


def _not_proven(holders: str) -> DisclosureRefused:
    message = (
        f"It is not proven within the work limit that {holders} can work out no small count from all that they hold."
    )
    return DisclosureRefused(message, ("differencing, not proven safe",), COARSER)


def _refusal(
    story: Story, candidate: FactSheet, conflicts: Sequence[Conflict], small: SmallCounts, work: Work, holders: str
) -> DisclosureRefused:
    """Say what could be worked out and with which earlier releases; ``work`` is for the explanation alone."""
    behind = dict.fromkeys(releases_behind(story, one, small, work) for one in conflicts[:MOST_EXPLAINED])
    named = [names for names in behind if names]
    against = "; or ".join(map(_and, named)) or "what is known of own people"
    message = f"Small counts that {holders} could work out by setting this against {against}: {len(conflicts)}."
    measures = tuple(f"differencing against {_and(names)}" for names in named) or ("own people subtracted",)
    return DisclosureRefused(message, measures, _remedy(story, candidate, conflicts, small, work, named))


def _remedy(
    story: Story, candidate: FactSheet, conflicts: Sequence[Conflict], small: SmallCounts, work: Work,
    named: Sequence[tuple[str, ...]],
) -> str:  # fmt: skip
    """Say the least change that was found and judged, or that what an earlier release told tells nothing new."""
    offered = frozenset(number for number, row in enumerate(candidate.rows) if row.can_be_withheld)
    withheld = least_withheld(story, conflicts, offered, small, work)
    if withheld is None:
        held = named[0][-1] if named else ""
        return f"Ask for the people and categories of {held}: they tell nothing new." if held else COARSER
    cells = sorted(candidate.rows[number].labels for number in withheld)
    shown = "; ".join(" / ".join(labels) for labels in cells[:MOST_NAMED])
    more = f" and {len(cells) - MOST_NAMED} more" if len(cells) > MOST_NAMED else ""
    return f"Withhold {len(cells)} of {len(offered)} cells: {shown}{more}."


def _and(names: Sequence[str]) -> str:
    return " and ".join(names)
