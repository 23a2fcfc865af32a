"""What the report tells of memory: which releases a candidate was weighed beside, what was judged and how.

For the approver alone: it names what others hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from disclosure.memory.changes import overlapping
from disclosure.memory.sheet import FactSheet, sheet_from
from disclosure.memory.verdict import Memory

__all__ = ["weighed_beside"]

Report = dict[str, Any]
JUDGED = (
    "groups of the common refinement of all categories, and their sums over whole dimensions",
    "every number of this candidate and of each release beside it",
    "what a number of one release leaves of a number of another",
    "groups that would be told to have gained or lost a small number since an earlier delivery",
)
METHODS = (
    "propagation in whole numbers along all that is known, exact",
    "linear programmes over the reals, rounded inward: bounds that nothing can pass",
    "whole-number answers at hand, and moves between them, which prove that a count can be another",
    "integer programmes where neither settles a bound",
)
NOT_PROVEN = (
    "Nothing was left unproven: what the work limit leaves open is refused.",
    "Sums of unrelated groups, and what people know from outside these releases, are not judged.",
)


class WeighingRules(Protocol):
    """The rules of memory in force, handed in from the policies."""

    @property
    def smallest_shown(self) -> int: ...  # noqa: D102
    @property
    def least_width(self) -> int: ...  # noqa: D102
    @property
    def memory_units(self) -> int: ...  # noqa: D102
    def coalitions_with(self, body_code: str) -> tuple[tuple[str, tuple[str, ...]], ...]: ...  # noqa: D102


def weighed_beside(sheet: FactSheet, memory: Memory, rules: WeighingRules, body_code: str) -> Report:
    """Return the releases beside which a candidate is weighed, by whom each is held, and what is asked of them together.

    Raises: NotSealed if a release cannot be read whole.
    """
    groups = [("the recipient", (body_code,)), *rules.coalitions_with(body_code)]
    codes = dict.fromkeys(code for _, members in groups for code in members)
    return {
        "groups": [{"name": name, "members": list(members)} for name, members in groups],
        "releases": [_line(code, one.name, one.digest, one.body, sheet) for code in codes for one in memory.held_by(code)],
        "n_numbers": len(sheet.rows),
        "judged": list(JUDGED),
        "small": f"1 to {rules.smallest_shown - 1}, told more narrowly than a star: fewer than {max(rules.least_width, 2)} numbers",
        "methods": list(METHODS),
        "work_limit": rules.memory_units,
        "not_proven": list(NOT_PROVEN),
    }  # fmt: skip


def _line(holder: str, name: str, digest: str, body: Mapping[str, Any], sheet: FactSheet) -> Report:
    """Tell of one release; one that cannot share a person with the candidate has nothing to subtract."""
    held = sheet_from(body.get("facts"), name)
    return {
        "holder": holder, "name": name, "digest": digest, "n_numbers": len(held.rows),
        "can_be_subtracted": overlapping(sheet, held),
    }  # fmt: skip
