"""The limits in force held against what was measured: the worst table of an extract for each measure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from cld.errors import DisclosureRefused
from disclosure.intruder.stated import STATED

__all__ = ["ReportLimit", "hold_limits", "over_limit", "require_within"]

HOLDS_ALL = STATED[-1].name
COARSER = "Ask for coarser or fewer columns."
REMEDIES = {
    "highest_prosecutor_risk": "Let the quasi-identifiers be coarser, or allow more people to be left out.",
    "n_uniques": "Let the quasi-identifiers be coarser, or allow more people to be left out.",
    "distinct_l": "Leave the sensitive column out, or let the quasi-identifiers be coarser.",
    "t": "Leave the sensitive column out, or let the quasi-identifiers be coarser.",
    "delta": "Leave the sensitive column out, or let the quasi-identifiers be coarser.",
    "k_on_all_columns": "Ask for fewer columns outside k.",
    "n_alone_to_another_recipient": "Ask for fewer columns outside k.",
    "unicity": "Cut dates to months, quarters or years, or ask for services by group.",
    "narrowest_interval": "Ask for coarser categories, or fewer of them.",
}


class ReportLimit(Protocol):
    """A limit in force, handed in from the policies."""

    @property
    def measure(self) -> str: ...  # noqa: D102
    @property
    def bound(self) -> str: ...  # noqa: D102
    @property
    def value(self) -> Decimal | None: ...  # noqa: D102
    @property
    def set_by(self) -> str: ...  # noqa: D102
    @property
    def why(self) -> str: ...  # noqa: D102
    @property
    def answers(self) -> str: ...  # noqa: D102
    def allows(self, found: Decimal) -> bool: ...  # noqa: D102


def hold_limits(report: Mapping[str, Any], limits: Sequence[ReportLimit]) -> list[dict[str, Any]]:
    """Return each limit with what was found and whether that is within it.

    Where a measure has several values, the one nearest to breaking the limit stands. ``within`` is none where there is no
    number in force or nothing was measured.
    """
    lines = []
    for limit in limits:
        values = [Decimal(str(value)) for table in report.values() for value in _values(limit.measure, table)]
        found = None if not values else min(values) if limit.bound == "at least" else max(values)
        lines.append(
            {
                "measure": limit.measure, "bound": limit.bound, "limit": None if limit.value is None else str(limit.value),
                "found": None if found is None else str(found), "set_by": limit.set_by, "why": limit.why,
                "answers": limit.answers, "within": None if found is None or limit.value is None else limit.allows(found),
            }
        )  # fmt: skip
    return lines


def require_within(lines: Sequence[Mapping[str, Any]]) -> None:
    """Hold that every limit is kept.

    Raises: DisclosureRefused, naming every measure outside its limit with its value, the limit and what to change.
    """
    broken = [line for line in lines if line["within"] is False]
    if broken:
        words = ", ".join(
            f"{one['measure']} is {one['found']}, {one['bound']} {one['limit']} is asked" for one in broken
        )
        message = f"What was measured is outside the limits in force: {words}."
        measures = tuple(one["measure"] for one in broken)
        remedies = dict.fromkeys(REMEDIES.get(measure, COARSER) for measure in measures)
        raise DisclosureRefused(message, measures, " ".join(remedies), broken)


def over_limit(measure: str, bound: str, limit: int, found: int) -> dict[str, Any]:
    """Return the line of a measure that is outside a parameter of the profile or the plan."""
    return {"measure": measure, "bound": bound, "limit": str(limit), "found": str(found), "within": False}


def _values(measure: str, table: Mapping[str, Any]) -> Iterable[Any]:
    """Return the values of a measure that a table's report holds."""
    after = table.get("after", {})
    if measure in after:
        return [after[measure]]
    if measure == "unicity":
        return [one["share_alone"] for one in table.get("unicity", [])]
    if measure == "n_alone_to_another_recipient":
        return [one["n_alone"] for one in table.get("intruders", []) if one["name"] == HOLDS_ALL]
    return [told[measure] for told in table.get("sensitive", {}).values() if measure in told]
