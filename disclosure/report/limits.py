"""The limits in force held against what was measured: the worst table of an extract for each measure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from cld.errors import DisclosureRefused
from disclosure.intruder.stated import STATED

__all__ = ["ReportLimit", "hold_limits"]

HOLDS_ALL = STATED[-1].name


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
    """Return each limit with what was found; where a measure has several values, the one nearest to breaking it.

    Raises: DisclosureRefused, naming every measure that is outside its limit.
    """
    lines, broken = [], []
    for limit in limits:
        values = [Decimal(str(value)) for table in report.values() for value in _values(limit.measure, table)]
        found = None if not values else min(values) if limit.bound == "at least" else max(values)
        if found is not None and not limit.allows(found):
            broken.append(limit)
        lines.append(
            {
                "measure": limit.measure, "bound": limit.bound, "limit": None if limit.value is None else str(limit.value),
                "found": None if found is None else str(found), "set_by": limit.set_by, "why": limit.why,
                "answers": limit.answers,
            }
        )  # fmt: skip
    if broken:
        words = ", ".join(f"{one.measure} must be {one.bound} {one.value}" for one in broken)
        message = f"What was measured is outside the limits in force: {words}."
        raise DisclosureRefused(message, tuple(one.measure for one in broken), "Ask for coarser or fewer columns.")
    return lines


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
