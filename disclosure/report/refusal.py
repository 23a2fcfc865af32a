"""The report of a candidate that was refused: why, by how much, beside which releases, and what would mend it.

For the approver alone, as the report of one that passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from cld.errors import DisclosureRefused
from cld.pictures import table
from disclosure.report.page import named, report_parts

__all__ = ["refusal_parts", "told_refusal"]


def told_refusal(refusal: DisclosureRefused, body: Mapping[str, Any]) -> DisclosureRefused:
    """Return the refusal with all that was measured before it as its report; ``body`` is what the check had made so far."""
    kept = ("profile", "limits", "limits_held", "memory", "report", "not_checked")
    told = {
        "refused": {
            "why": refusal.message, "measures": list(refusal.measures), "what_to_change": refusal.remedy,
            "over_limit": [dict(line) for line in refusal.lines],
        },
        **{name: body[name] for name in kept if name in body},
    }  # fmt: skip
    return DisclosureRefused(refusal.message, refusal.measures, refusal.remedy, refusal.lines, told)


def refusal_parts(told: Mapping[str, Any]) -> list[str]:
    """Return the parts of the page of a refused candidate: the refusal, then what was measured before it."""
    refused = told["refused"]
    measures = "".join(f"<li>{escape(named(one))}</li>" for one in refused["measures"])
    parts = [
        f"<h2>Refused</h2><p>{escape(refused['why'])}</p><h3>Measures that failed</h3><ul>{measures}</ul>",
        f"<h3>What to change</h3><p>{escape(refused['what_to_change'])}</p>",
    ]
    lines = [(named(one["measure"]), f"{one['bound']} {one['limit']}", one["found"]) for one in refused["over_limit"]]
    if lines:
        parts.insert(1, table("Measures over their limits", ("measure", "limit", "found"), lines))
    return [*parts, *report_parts(told)]
