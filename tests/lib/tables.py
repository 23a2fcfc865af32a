"""Small tables drawn in text: columns parted by bars, a blank cell meaning nothing."""

from __future__ import annotations

import pyarrow as pa


def rows_of(drawn: str) -> list[dict[str, str | None]]:
    """Read a drawn table as rows."""
    lines = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in drawn.strip().splitlines()
        if "---" not in line
    ]
    head = lines[0]
    return [{name: cell or None for name, cell in zip(head, line, strict=True)} for line in lines[1:]]


def arrow_of(drawn: str) -> pa.Table:
    """Read a drawn table as text columns."""
    rows = rows_of(drawn)
    names = list(rows[0])
    return pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in names})
