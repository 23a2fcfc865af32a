"""What the report tells of a table of counts: how much is hidden, and how narrow the intervals are that stars leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from disclosure.report.rows import as_text
from disclosure.tables.stars import TOTAL, ProtectedTable

__all__ = ["report_of_table"]

STAR = "*"


def report_of_table(
    counts: Mapping[tuple[str, str], int],
    made: ProtectedTable,
    shown: Mapping[tuple[str, str], str],
    smallest_shown: int,
) -> dict[str, Any]:
    """Report a protected table; ``counts`` are the true inner cells, ``shown`` what is released, totals included.

    Shape:  ``grid`` has a line a cell: row, column, what is shown, and of a hidden cell what it can be, for the approver.
    """
    widths = [high - low + 1 for low, high in made.intervals.values()]
    inner = [cell for cell in shown if TOTAL not in cell]
    n_hidden = sum(shown[cell] == STAR for cell in inner)
    hidden_persons = sum(counts.get(cell, 0) for cell in inner if shown[cell] == STAR)
    after: dict[str, Any] = {"n_cells": len(shown), "n_primary": len(made.primary), "n_secondary": len(made.secondary)}
    if widths:
        after["narrowest_interval"] = min(widths)
    return {
        "before": {"n_cells": len(counts), "n_small": sum(0 < n < smallest_shown for n in counts.values())},
        "after": after,
        "utility_lost": {
            "cells hidden": as_text(n_hidden / max(len(inner), 1)),
            "persons in hidden cells": as_text(hidden_persons / max(sum(counts.values()), 1)),
        },
        "grid": [[*cell, text, *made.intervals.get(cell, ())] for cell, text in sorted(shown.items())],
    }
