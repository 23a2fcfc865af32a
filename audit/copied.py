"""The check of a copy of the log: all that ``fsck_export`` finds, and that its last head is over all that it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit.fsck import fsck_export
from audit.log import LogFolder
from audit.note import read_checkpoint
from cld.errors import BadSignature

__all__ = ["check_export"]


def check_export(log: LogFolder, seen: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the report of a copy; a copy ends where its last head ends."""
    report: dict[str, Any] = dict(fsck_export(log, seen))
    try:
        head = log.last_head()
        size = read_checkpoint(head.text).size if head is not None else 0
    except BadSignature:  # told by the report
        return report
    if report["faults"] or size >= report["n_leaves"]:
        return report
    words = f"unsigned end: the last head is over {size} entries, the copy holds {report['n_leaves']}"
    return {**report, "faults": [words], "kinds": ["unsigned end"]}
